//! ELF files that say what they need and offer, and do nothing: for images as text.
//!
//! `elf="interp=/lib64/ld-linux-x86-64.so.2 needed=libc.so.6,libm.so.6 soname=libx.so.1 runpath=/opt/lib rpath=…
//! requires=libc.so.6:GLIBC_2.34 provides=GLIBC_2.34,GLIBC_2.36 undefined=puts exports=main now machine=183"`

/// x86-64 (System V ABI, AMD64 supplement).
const X86_64: u16 = 62;
const BASE: u64 = 0;
const HEADER: usize = 64;
const SEGMENT: usize = 56;

/// One file, with `payload` behind what the loader reads.
pub(crate) fn elf(text: &str, payload: &[u8]) -> Vec<u8> {
    let mut file = File { names: vec![0], ..File::default() };
    let values = |key: &str| -> Vec<String> {
        let value = text.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        value.map_or_else(Vec::new, |value| value.split(',').map(str::to_owned).collect())
    };
    let flag = |key: &str| text.split_whitespace().any(|word| word == key);
    let machine = values("machine").first().map_or(X86_64, |number| number.parse().unwrap());
    let interp = values("interp").first().cloned();
    for (tag, key) in [(1, "needed"), (14, "soname"), (15, "rpath"), (29, "runpath")] {
        for value in values(key) {
            let at = file.name(&value);
            file.dynamic.push((tag, at));
        }
    }
    if flag("now") {
        file.dynamic.push((24, 0));
    }
    file.symbols(&values("undefined"), &values("exports"));
    file.versions(&values("requires"), &values("provides"), values("soname").first().map_or("self", String::as_str));
    file.finish(machine, interp.as_deref(), payload)
}

#[derive(Default)]
struct File {
    /// The string table.
    names: Vec<u8>,
    dynamic: Vec<(u64, u64)>,
    symbols: Vec<u8>,
    needs: Vec<u8>,
    needs_count: u64,
    offers: Vec<u8>,
    offers_count: u64,
}

impl File {
    fn name(&mut self, name: &str) -> u64 {
        let at = self.names.len() as u64;
        self.names.extend(name.bytes().chain([0]));
        at
    }

    /// A symbol table (`Elf64_Sym`), all of them global functions.
    fn symbols(&mut self, undefined: &[String], exports: &[String]) {
        self.symbols = vec![0; 24];
        let all = undefined.iter().map(|name| (name, 0_u16)).chain(exports.iter().map(|name| (name, 1)));
        for (name, section) in all {
            let name = self.name(name) as u32;
            self.symbols.extend(name.to_le_bytes());
            self.symbols.extend([0x12, 0]);
            self.symbols.extend(section.to_le_bytes());
            self.symbols.extend(u64::from(section).to_le_bytes());
            self.symbols.extend(0_u64.to_le_bytes());
        }
    }

    /// `Elf64_Verneed` and `Elf64_Verdef`, each with what hangs on it.
    fn versions(&mut self, requires: &[String], provides: &[String], soname: &str) {
        for (at, one) in requires.iter().enumerate() {
            let (library, version) = one.split_once(':').expect("LIBRARY:VERSION");
            let (library, name) = (self.name(library) as u32, self.name(version) as u32);
            let next = if at + 1 < requires.len() { 32_u32 } else { 0 };
            self.needs.extend([1_u16, 1].iter().flat_map(|half| half.to_le_bytes()));
            self.needs.extend([library, 16, next, hash(version)].iter().flat_map(|word| word.to_le_bytes()));
            self.needs.extend([0_u16, 2 + at as u16].iter().flat_map(|half| half.to_le_bytes()));
            self.needs.extend([name, 0].iter().flat_map(|word| word.to_le_bytes()));
        }
        self.needs_count = requires.len() as u64;
        let own = (!provides.is_empty()).then_some(soname);
        let all: Vec<&str> = own.into_iter().chain(provides.iter().map(String::as_str)).collect();
        for (at, version) in all.iter().enumerate() {
            let name = self.name(version) as u32;
            let next = if at + 1 < all.len() { 28_u32 } else { 0 };
            let halves = [1_u16, u16::from(at == 0), 1 + at as u16, 1];
            self.offers.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
            self.offers.extend([hash(version), 20, next, name, 0].iter().flat_map(|word| word.to_le_bytes()));
        }
        self.offers_count = all.len() as u64;
    }

    fn finish(mut self, machine: u16, interp: Option<&str>, payload: &[u8]) -> Vec<u8> {
        let segments = 2 + usize::from(interp.is_some());
        let mut bytes = vec![0; HEADER + SEGMENT * segments];
        let mut put = |part: &[u8]| {
            bytes.resize(bytes.len().next_multiple_of(8), 0);
            let at = bytes.len() as u64;
            bytes.extend_from_slice(part);
            (at, part.len() as u64)
        };
        let count = (self.symbols.len() / 24) as u32;
        let chains = (0..count).map(|_| 0_u32);
        let table: Vec<u8> = [1, count, 0].into_iter().chain(chains).flat_map(u32::to_le_bytes).collect();
        let interp = interp.map(|interp| put(&[interp.as_bytes(), &[0]].concat()));
        let (names, names_size) = put(&self.names);
        let places = [(5, names), (10, names_size), (6, put(&self.symbols).0), (11, 24), (4, put(&table).0)];
        self.dynamic.extend(places.map(|(tag, value)| (tag, BASE + value)));
        if self.needs_count > 0 {
            self.dynamic.extend([(0x6fff_fffe, put(&self.needs).0), (0x6fff_ffff, self.needs_count)]);
        }
        if self.offers_count > 0 {
            self.dynamic.extend([(0x6fff_fffc, put(&self.offers).0), (0x6fff_fffd, self.offers_count)]);
        }
        self.dynamic.push((0, 0));
        let dynamic: Vec<u8> =
            self.dynamic.iter().flat_map(|(tag, value)| [*tag, *value]).flat_map(u64::to_le_bytes).collect();
        let dynamic = put(&dynamic);
        put(payload);
        let end = bytes.len() as u64;
        let all = interp.map(|part| (3, part)).into_iter().chain([(1, (0, end)), (2, dynamic)]);
        let segments: Vec<u8> = all.flat_map(|(kind, (at, size))| segment(kind, at, size)).collect();
        bytes[HEADER..HEADER + segments.len()].copy_from_slice(&segments);
        bytes[..HEADER].copy_from_slice(&header(machine, segments.len() / SEGMENT));
        bytes
    }
}

/// `Elf64_Ehdr` of a shared object.
fn header(machine: u16, segments: usize) -> Vec<u8> {
    let mut out = b"\x7fELF\x02\x01\x01".to_vec();
    out.resize(16, 0);
    out.extend([3_u16, machine].iter().flat_map(|half| half.to_le_bytes()));
    out.extend(1_u32.to_le_bytes());
    out.extend([0_u64, HEADER as u64, 0].iter().flat_map(|long| long.to_le_bytes()));
    out.extend(0_u32.to_le_bytes());
    out.extend([64_u16, SEGMENT as u16, segments as u16, 64, 0, 0].iter().flat_map(|half| half.to_le_bytes()));
    out
}

/// `Elf64_Phdr`; the file is mapped as it is.
fn segment(kind: u32, at: u64, size: u64) -> Vec<u8> {
    let flags = if kind == 1 { 7_u32 } else { 4 };
    let head = [kind, flags].into_iter().flat_map(u32::to_le_bytes);
    head.chain([at, BASE + at, BASE + at, size, size, 8].into_iter().flat_map(u64::to_le_bytes)).collect()
}

/// The hash of a version's name (System V ABI, "Hash Table").
fn hash(name: &str) -> u32 {
    name.bytes().fold(0_u32, |hash, byte| {
        let hash = (hash << 4).wrapping_add(u32::from(byte));
        let high = hash & 0xf000_0000;
        (hash ^ (high >> 24)) & !high
    })
}
