//! Files that were made or broken to take a reader in: each is refused, or read within bounds.

use proptest::prelude::*;

use super::{Collector, Loadable};

const HELLO: &[u8] = include_bytes!("../../fixtures/elf/hello");
const GREET: &[u8] = include_bytes!("../../fixtures/elf/libgreet.so.2");

fn collected(bytes: &[u8]) -> Option<Loadable> {
    let mut collector = Collector::new(bytes.len() as u64, false);
    bytes.chunks(999).for_each(|piece| collector.data(piece));
    collector.finish()
}

/// A header of 64 bits with one segment that maps the file as it is, and is its dynamic section from `dynamic` on.
fn made(dynamic: u64, entries: &[(u64, u64)], rest: &[u8]) -> Vec<u8> {
    let mut bytes = HELLO[..64].to_vec();
    bytes[32..40].copy_from_slice(&64_u64.to_le_bytes());
    bytes[56..58].copy_from_slice(&2_u16.to_le_bytes());
    let size = 176 + 16 * (entries.len() as u64 + 1) + rest.len() as u64;
    for (kind, offset, length) in [(1_u32, 0, size), (2, dynamic, 16 * entries.len() as u64)] {
        bytes.extend(kind.to_le_bytes());
        bytes.extend([0; 4]);
        [offset, offset, offset, length, length, 0].iter().for_each(|word: &u64| bytes.extend(word.to_le_bytes()));
    }
    entries.iter().chain(&[(0, 0)]).for_each(|(tag, value)| {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    });
    bytes.extend(rest);
    bytes
}

#[test]
fn symbols_that_all_have_one_long_name_are_too_many() {
    let names_at = 176 + 16 * 5;
    let mut rest = vec![b'x'; 60_000];
    rest[0] = 0;
    rest.push(0);
    let symbols_at = names_at + rest.len() as u64;
    for defined in [0_u16, 1] {
        let mut rest = rest.clone();
        for _ in 0..300_000 {
            let mut symbol = [0; 24];
            symbol[0] = 1;
            symbol[4] = 1 << 4;
            symbol[6..8].copy_from_slice(&defined.to_le_bytes());
            rest.extend(symbol);
        }
        let hash_at = names_at + rest.len() as u64;
        rest.extend([0, 0, 0, 0].into_iter().chain(300_000_u32.to_le_bytes()));
        let entries = [(5, names_at), (6, symbols_at), (4, hash_at), (10, 60_001)];
        let Some(Loadable::Elf(elf)) = collected(&made(176, &entries, &rest)) else { panic!("it can be read") };
        assert_eq!(&*elf.symbols.unwrap_err(), "its names are too long together");
    }
}

#[test]
fn libraries_that_all_have_one_long_name_are_too_many() {
    let names = [&vec![b'x'; 60_000][..], b"\0"].concat();
    let mut entries = vec![(1, 0); 10_000];
    entries.push((5, 176 + 16 * 10_002));
    let Some(Loadable::Unread(why)) = collected(&made(176, &entries, &names)) else { panic!("it is refused") };
    assert_eq!(&*why, "it needs too many libraries");
}

#[test]
fn a_hash_table_that_promises_much_is_no_trouble() {
    for (tag, table) in [(4, [u32::MAX; 4]), (0x6fff_fef5, [u32::MAX; 4]), (0x6fff_fef5, [1, 0, 0, u32::MAX])] {
        let at = 176 + 16 * 4;
        let rest: Vec<u8> = table.iter().flat_map(|word| word.to_le_bytes()).collect();
        let Some(Loadable::Elf(elf)) = collected(&made(176, &[(5, at), (6, at), (tag, at)], &rest)) else {
            panic!("its head can be read")
        };
        assert!(elf.symbols.is_err());
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        collected(&bytes);
        let mut with_head = HELLO[..64.min(HELLO.len())].to_vec();
        with_head.extend(bytes);
        collected(&with_head);
    }

    #[test]
    fn no_change_of_a_real_file_panics(
        of_library in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        at_head in proptest::collection::vec((0_usize..600, any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut bytes = if of_library { GREET.to_vec() } else { HELLO.to_vec() };
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        for (at, byte) in at_head {
            bytes[at] = byte;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Some(Loadable::Elf(elf)) = collected(&bytes) {
            prop_assert!(elf.size() < 1 << 20);
        }
    }
}
