//! Real files, made by `fixtures/elf/build`.

use super::{Collector, Elf, Loadable, MOST, Names, hash};

const HELLO: &[u8] = include_bytes!("../../fixtures/elf/hello");
const LAZY: &[u8] = include_bytes!("../../fixtures/elf/hello-lazy");
const MUSL: &[u8] = include_bytes!("../../fixtures/elf/hello-musl");
const GREET: &[u8] = include_bytes!("../../fixtures/elf/libgreet.so.2");
const MODULE: &[u8] = include_bytes!("../../fixtures/elf/module.so");

fn collected(bytes: &[u8], piece: usize) -> Option<Loadable> {
    let mut collector = Collector::new(bytes.len() as u64, false);
    bytes.chunks(piece).for_each(|piece| collector.data(piece));
    collector.finish()
}

fn read(bytes: &[u8]) -> Elf {
    match collected(bytes, 700) {
        Some(Loadable::Elf(elf)) => *elf,
        other => panic!("no ELF file: {other:?}"),
    }
}

fn names(names: &Names) -> Vec<String> {
    names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

fn text(text: &Option<Box<[u8]>>) -> Option<&str> {
    text.as_deref().map(|text| std::str::from_utf8(text).unwrap())
}

#[test]
fn a_program_says_what_it_needs() {
    let elf = read(HELLO);
    assert_eq!((elf.target.name().as_str(), elf.kind, elf.bind_now), ("x86_64", 3, true));
    assert_eq!(text(&elf.interpreter), Some("/lib64/ld-linux-x86-64.so.2"));
    assert_eq!(names(&elf.needed), ["libgreet.so.2", "libm.so.6", "libc.so.6"]);
    assert_eq!((text(&elf.rpath), text(&elf.runpath)), (None, Some("$ORIGIN/../lib")));
    let required = |library: &str| {
        let required = elf.requires.iter().find(|required| *required.library == *library.as_bytes());
        required.map(|required| names(&required.versions))
    };
    assert_eq!(required("libgreet.so.2"), Some(vec!["GREET_2.0".to_owned()]));
    assert_eq!(required("libm.so.6"), Some(vec!["GLIBC_2.29".to_owned()]));
    let mut undefined = names(&elf.symbols.as_ref().unwrap().undefined);
    undefined.sort();
    assert_eq!(undefined, ["__libc_start_main", "greet", "pow", "printf"]);
}

#[test]
fn forms_of_linking_differ() {
    let (lazy, musl) = (read(LAZY), read(MUSL));
    assert_eq!((text(&lazy.rpath), text(&lazy.runpath), lazy.bind_now), (Some("/opt/lib"), None, false));
    assert_eq!(text(&musl.interpreter), Some("/lib/ld-musl-x86_64.so.1"));
    assert_eq!(names(&musl.needed), ["libgreet.so.2", "libc.so"]);
}

#[test]
fn a_library_says_what_it_offers() {
    let elf = read(GREET);
    assert_eq!((text(&elf.soname), text(&elf.interpreter)), (Some("libgreet.so.2"), None));
    assert_eq!(names(&elf.provides), ["GREET_1.0", "GREET_2.0"]);
    let exports = &elf.symbols.as_ref().unwrap().exports;
    assert!(exports.contains(hash(b"greet")) && exports.contains(hash(b"greet_old")));
    assert!(!exports.contains(hash(b"main")));
    let module = read(MODULE).symbols.unwrap();
    assert!(module.undefined.contains(b"PyModule_Create2") && module.exports.contains(hash(b"PyInit_module")));
    assert!(!module.undefined.contains(b"__cxa_finalize"), "it is weak");
}

/// Debian 11's C library has its older hash table behind the code, far from all else that is read.
#[test]
fn a_hash_table_out_of_reach_is_not_missed_where_there_is_another() {
    let mut library = GREET.to_vec();
    let size_of_a_symbol = [11_u64.to_le_bytes(), 24_u64.to_le_bytes()].concat();
    let at = library.windows(16).position(|entry| entry == size_of_a_symbol).unwrap();
    library[at..at + 16].copy_from_slice(&[4_u64.to_le_bytes(), 0x7fff_0000_u64.to_le_bytes()].concat());
    assert_eq!(read(&library).symbols, read(GREET).symbols);
}

#[test]
fn pieces_of_any_length_give_the_same() {
    let whole = collected(HELLO, usize::MAX);
    for piece in [1, 63, 64, 4096] {
        assert_eq!(collected(HELLO, piece), whole, "in pieces of {piece}");
    }
}

/// A library moved behind a gap, as tools do that append what they change; its headers stay at the beginning.
fn appended(gap: usize, flags: u8) -> Vec<u8> {
    let mut bytes = GREET.to_vec();
    bytes.resize(gap, 0);
    bytes.extend_from_slice(GREET);
    for header in 0..usize::from(bytes[56]) {
        let at = 64 + 56 * header;
        let offset = u64::from_le_bytes(bytes[at + 8..at + 16].try_into().unwrap()) + gap as u64;
        bytes[at + 8..at + 16].copy_from_slice(&offset.to_le_bytes());
        bytes[at + 4] = flags;
    }
    bytes
}

#[test]
fn of_a_large_file_what_headers_name_is_kept() {
    let expected = Some(Loadable::Elf(Box::new(read(GREET))));
    for (gap, behind) in [(600 << 10, 0), (MOST as usize - 100, 0), (3 << 23, 5 << 20)] {
        let mut bytes = appended(gap, 6);
        bytes.resize(bytes.len() + behind, 0);
        assert_eq!(collected(&bytes, 100_000), expected, "{gap} {behind}");
        assert_eq!(collected(&bytes, usize::MAX), expected, "{gap} {behind}");
    }
}

#[test]
fn what_was_not_kept_is_said() {
    let Some(Loadable::Unread(why)) = collected(&appended(600 << 10, 5), 100_000) else { panic!("it can't be read") };
    assert_eq!(&*why, "its table of names lies outside of what is read of it");
}

#[test]
fn headers_at_the_end_are_found() {
    let mut bytes = GREET.to_vec();
    bytes.resize(1 << 20, 0);
    let headers = bytes[64..64 + 56 * usize::from(bytes[56])].to_vec();
    bytes[32..40].copy_from_slice(&(1_u64 << 20).to_le_bytes());
    bytes.extend(headers);
    assert_eq!(collected(&bytes, 5000), Some(Loadable::Elf(Box::new(read(GREET)))));
}

#[test]
fn objects_to_be_linked_are_not_loaded() {
    let mut object = HELLO.to_vec();
    object[16] = 1;
    assert_eq!(collected(&object, 100), None);
    let Some(Loadable::Unread(why)) = collected(&HELLO[..200], 100) else { panic!("it is cut") };
    assert_eq!(&*why, "its table of program headers lies outside of what is read of it");
}
