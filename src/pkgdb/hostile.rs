//! Databases and programs that were made to take a reader's time or memory: each is refused, or read at once. A reader
//! that falls for one keeps its test from ending.

use super::*;

/// A header of rpm's with a name of that length.
fn rpm_header(name: usize) -> Vec<u8> {
    let tag = |tag: u32, offset: u32| [tag, 6, offset, 1].map(u32::to_be_bytes).concat();
    let data = name as u32 + 3;
    let mut blob = [3_u32, data].map(u32::to_be_bytes).concat();
    blob.extend([tag(1000, 0), tag(1001, name as u32 + 1), tag(1002, name as u32 + 1)].concat());
    blob.extend(vec![b'n'; name]);
    blob.extend(*b"\x001\0");
    blob
}

/// Two pages: the file's own, and one of items that all are the same bytes.
fn overlapping_items() -> Vec<u8> {
    let size = 65536;
    let mut bytes = vec![0; 2 * size];
    bytes[12..16].copy_from_slice(&0x0006_1561_u32.to_le_bytes());
    bytes[20..24].copy_from_slice(&(size as u32).to_le_bytes());
    let page = &mut bytes[size..];
    let item = [&[1][..], &rpm_header(40_000)].concat();
    let (pairs, end) = (5_000_u16, size - 2);
    page[25] = 13;
    page[20..22].copy_from_slice(&(2 * pairs).to_le_bytes());
    for pair in 0..usize::from(pairs) {
        let at = 26 + 4 * pair;
        page[at..at + 2].copy_from_slice(&(end as u16).to_le_bytes());
        page[at + 2..at + 4].copy_from_slice(&((end - item.len()) as u16).to_le_bytes());
    }
    page[end - item.len()..end].copy_from_slice(&item);
    bytes
}

#[test]
fn items_of_berkeley_db_do_not_overlap() {
    assert!(Kind::Rpm.parse(&overlapping_items()).is_err());
}

const DEEP: &[u8] = include_bytes!("../../fixtures/packages/rpm-deep.sqlite");
/// Bytes of its pages.
const DEEP_PAGE: usize = 512;

/// The first of its pages of a kind: 5 leads to others, 13 has rows. No other page begins so.
fn deep_page(kind: u8) -> usize {
    (1..DEEP.len() / DEEP_PAGE).map(|page| page * DEEP_PAGE).find(|&at| DEEP[at] == kind).unwrap()
}

fn reason(bytes: &[u8]) -> String {
    let text = Kind::Rpm.parse(bytes).unwrap_err().to_string();
    text.strip_prefix("it is no rpm database in SQLite form: ").unwrap_or(&text).to_owned()
}

/// Every cell of the page is its first one, as often as there is room before it.
fn one_cell(mut bytes: Vec<u8>, page: usize, cells: usize) -> Vec<u8> {
    let place: [u8; 2] = bytes[page + cells..][..2].try_into().unwrap();
    let many = (u16::from_be_bytes(place) - cells as u16) / 2;
    bytes[page + 3..page + 5].copy_from_slice(&many.to_be_bytes());
    (0..usize::from(many)).for_each(|nth| bytes[page + cells + 2 * nth..][..2].copy_from_slice(&place));
    bytes
}

#[test]
fn shared_branches_of_sqlite_are_given_up() {
    assert_eq!(reason(&one_cell(DEEP.to_vec(), deep_page(5), 12)), "its pages go in circles");
}

#[test]
fn a_row_of_sqlite_is_not_given_again_and_again() {
    let mut bytes = DEEP.to_vec();
    for page in (1..DEEP.len() / DEEP_PAGE).map(|page| page * DEEP_PAGE).filter(|&at| DEEP[at] == 13) {
        bytes = one_cell(bytes, page, 8);
    }
    assert_eq!(reason(&bytes), "its rows are longer than it");
}

#[test]
fn trees_of_sqlite_have_a_bottom() {
    let inner = deep_page(5);
    let mut circle = DEEP.to_vec();
    let own = (inner / DEEP_PAGE + 1) as u32;
    circle[inner + 3..inner + 5].fill(0);
    circle[inner + 8..inner + 12].copy_from_slice(&own.to_be_bytes());
    assert_eq!(reason(&circle), "its trees are too deep");
}

#[test]
fn sqlite_of_something_else() {
    let mut other = DEEP.to_vec();
    for at in memchr::memmem::find_iter(DEEP, b"Packages") {
        other[at] = b'p';
    }
    assert_eq!(reason(&other), "it has no table of packages");
    assert_eq!(reason(&DEEP[..100]), "it lacks a page");
    assert_eq!(reason(&DEEP[..DEEP.len() / 2]), "it lacks a page");
}

/// A program with as many sections as there can be, whose names don't end.
fn endless_section_names() -> Vec<u8> {
    let (sections, names) = (65_535_usize, 8 << 20);
    let mut elf = vec![0; 64];
    elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    elf[40..48].copy_from_slice(&64_u64.to_le_bytes());
    elf[58..60].copy_from_slice(&64_u16.to_le_bytes());
    elf[60..62].copy_from_slice(&(sections as u16).to_le_bytes());
    let strings = 64 + 64 * sections;
    for section in 0..sections {
        let mut header = [0; 64];
        if section == 0 {
            header[24..32].copy_from_slice(&(strings as u64).to_le_bytes());
            header[32..40].copy_from_slice(&(names as u64).to_le_bytes());
        }
        elf.extend(header);
    }
    elf.extend(vec![b'.'; names]);
    elf
}

#[test]
fn names_of_sections_are_not_followed_to_their_end() {
    assert!(rust_packages(&endless_section_names()).unwrap().is_empty());
}

#[test]
fn a_decoy_hides_no_build_information() {
    let real = include_bytes!("../../fixtures/packages/go-buildinfo");
    let decoy = b"\xff Go buildinf:no";
    for piece in [1, 7, 16, 64, usize::MAX] {
        let mut finder = BuildInfoFinder::default();
        [&decoy[..], &[0; 64], real].concat().chunks(piece).for_each(|piece| finder.data(piece));
        assert_eq!(finder.finish().len(), 7, "in pieces of {piece}");
    }
}

#[test]
fn more_packages_than_there_are_is_an_error() {
    for (kind, stanza) in [(Kind::Apk, "P:a\nV:1\n\n"), (Kind::DpkgPart, "Package:a\nVersion:1\n\n")] {
        let many = stanza.repeat(300_000);
        assert!(kind.parse(many.as_bytes()).is_err(), "{kind:?}");
    }
}
