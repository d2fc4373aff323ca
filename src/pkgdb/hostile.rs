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

fn sqlite(statements: &str) -> Vec<u8> {
    let mut connection = rusqlite::Connection::open_in_memory().unwrap();
    connection.execute_batch(statements).unwrap();
    connection.serialize("main").unwrap().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn sqlite_is_asked_for_a_plain_table_only() {
    let blob = hex(&rpm_header(1000));
    let view = format!(
        "CREATE VIEW Packages AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
         SELECT x'{blob}' AS blob FROM n;"
    );
    let generated = "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob AS (zeroblob(100000000)));
         INSERT INTO Packages (hnum) VALUES (1);";
    for statements in [&view, generated] {
        assert!(Kind::Rpm.parse(&sqlite(statements)).is_err(), "{statements}");
    }
}

/// A table whose inner page leads to one leaf again and again.
#[test]
fn shared_branches_of_sqlite_are_given_up() {
    let blob = hex(&rpm_header(100));
    let insert = format!("INSERT INTO Packages (blob) VALUES (x'{blob}');").repeat(200);
    let mut bytes = sqlite(&format!(
        "PRAGMA page_size = 4096; CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL);{insert}"
    ));
    let inner = (1..bytes.len() / 4096).find(|page| bytes[page * 4096] == 5).unwrap() * 4096;
    let cells = usize::from(u16::from_be_bytes([bytes[inner + 3], bytes[inner + 4]]));
    let cell = |bytes: &[u8], nth: usize| {
        let at = inner + 12 + 2 * nth;
        inner + usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]))
    };
    let first: [u8; 4] = bytes[cell(&bytes, 0)..][..4].try_into().unwrap();
    for nth in 1..cells {
        let at = cell(&bytes, nth);
        bytes[at..at + 4].copy_from_slice(&first);
    }
    // Cells may share their place too: as many as the page has room for.
    let place: [u8; 2] = bytes[inner + 12..][..2].try_into().unwrap();
    let many = 600_u16;
    bytes[inner + 3..inner + 5].copy_from_slice(&many.to_be_bytes());
    (0..usize::from(many)).for_each(|nth| bytes[inner + 12 + 2 * nth..][..2].copy_from_slice(&place));
    assert_eq!(
        Kind::Rpm.parse(&bytes).unwrap_err().to_string(),
        "it is no rpm database in SQLite form: its rows are longer than it"
    );
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
