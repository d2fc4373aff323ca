//! Where a loader looks for a library: glibc's ld.so(8) and `dl-load.c`, musl's `dynlink.c`.

use std::collections::HashMap;

use super::world::{Text, World};
use crate::elf::{Elf, Target};
use crate::model::LayerPath;

/// Whose loader it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Libc {
    Glibc,
    Musl,
    /// Another, or one that only imitates glibc's.
    Other,
}

impl Libc {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Glibc => "glibc",
            Self::Musl => "musl",
            Self::Other => "another C library",
        }
    }

    /// Of a loader's own file, or of the name by which programs ask for it.
    pub(super) fn of_loader(path: &LayerPath) -> Self {
        let name = path.file_name();
        let begins = |prefix: &[u8]| name.starts_with(prefix);
        if begins(b"ld-musl-") || name == b"libc.so" || begins(b"libc.musl-") {
            Self::Musl
        } else if begins(b"ld-linux") || begins(b"ld64.so") || begins(b"ld.so") || begins(b"ld-2.") {
            Self::Glibc
        } else {
            Self::Other
        }
    }

    /// Which one a file was made for, by the libraries it needs; `None` where it needs no C library.
    pub(super) fn made_for(elf: &Elf) -> Option<Self> {
        elf.needed.iter().find_map(|name| match name {
            b"libc.so.6" | b"libpthread.so.0" | b"libm.so.6" | b"libdl.so.2" => Some(Self::Glibc),
            _ if name.starts_with(b"libc.musl-") || name == b"libc.so" => Some(Self::Musl),
            _ => None,
        })
    }
}

/// Folders and names that a loader knows by itself.
pub(super) struct Places {
    pub(super) libc: Libc,
    /// The folders of LD_LIBRARY_PATH.
    pub(super) environment: Vec<LayerPath>,
    /// Of glibc: what `ld.so.cache` says, by name.
    pub(super) cache: HashMap<Vec<u8>, Vec<LayerPath>>,
    pub(super) default: Vec<LayerPath>,
    /// Why it is not known where it looks.
    pub(super) unknown: Option<&'static str>,
    /// Where a process of it starts, for relative paths.
    lib: &'static str,
}

impl Places {
    /// Of the loader that lies at a path, links followed.
    pub(super) fn of(world: &World<'_>, loader: &LayerPath, target: Target) -> Self {
        let libc = Libc::of_loader(loader);
        let environment = world.folders(world.env("LD_LIBRARY_PATH").unwrap_or_default(), &[':', ';']);
        let mut places = Self {
            libc,
            environment,
            cache: HashMap::new(),
            default: Vec::new(),
            unknown: None,
            lib: if target.wide { "lib64" } else { "lib" },
        };
        match libc {
            Libc::Musl => places.musl(world, target),
            Libc::Glibc | Libc::Other => places.glibc(world, loader, target),
        }
        places
    }

    fn musl(&mut self, world: &World<'_>, target: Target) {
        let file = LayerPath::clean(format!("etc/ld-musl-{}.path", target.name()).as_bytes());
        let usual = "/lib:/usr/local/lib:/usr/lib";
        self.default = match world.text(&file) {
            Text::Missing => world.folders(usual, &[':']),
            Text::Known(text) => world.folders(&text, &[':', '\n']),
            Text::Unknown => {
                self.unknown = Some("the loader's list of folders could not be kept");
                world.folders(usual, &[':'])
            }
        };
    }

    /// Debian's loader has its architecture's folder before the usual ones; others have `lib64` where there is one.
    fn glibc(&mut self, world: &World<'_>, loader: &LayerPath, target: Target) {
        let folder = loader.parent();
        let architecture = folder.file_name();
        let folders: Vec<String> = if architecture.windows(7).any(|part| part == b"-linux-") {
            let name = String::from_utf8_lossy(architecture);
            vec![format!("/lib/{name}"), format!("/usr/lib/{name}"), "/lib".into(), "/usr/lib".into()]
        } else if target.wide {
            ["/lib64", "/usr/lib64", "/lib", "/usr/lib"].map(String::from).into()
        } else {
            ["/lib", "/usr/lib"].map(String::from).into()
        };
        self.default = folders.iter().map(|folder| LayerPath::from(folder.as_str())).collect();
        match world.bytes(&"etc/ld.so.cache".into()) {
            Ok(Some(bytes)) => match read_cache(bytes) {
                Some(cache) => self.cache = cache,
                None => self.unknown = Some("/etc/ld.so.cache can't be read"),
            },
            Ok(None) => {}
            Err(()) => self.unknown = Some("/etc/ld.so.cache could not be kept"),
        }
    }

    /// Folders of an RPATH or RUNPATH, of a file that lies in `origin`.
    pub(super) fn expand(&self, world: &World<'_>, paths: &[u8], origin: &LayerPath) -> Vec<LayerPath> {
        let paths = String::from_utf8_lossy(paths);
        let origin = origin.display();
        let expanded = |path: &str| {
            let path = path.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin);
            path.replace("${LIB}", self.lib).replace("$LIB", self.lib)
        };
        paths.split(':').filter(|path| !path.is_empty()).map(|path| world.absolute(expanded(path).as_bytes())).collect()
    }

    /// Names that musl takes for itself, whatever version is asked for.
    pub(super) fn is_reserved(&self, name: &[u8]) -> bool {
        const RESERVED: [&[u8]; 7] =
            [b"libc.", b"libpthread.", b"librt.", b"libm.", b"libdl.", b"libutil.", b"libxnet."];
        self.libc == Libc::Musl && RESERVED.iter().any(|prefix| name.starts_with(prefix))
    }
}

/// glibc's cache (`dl-cache.h`, `struct cache_file_new`): a header of 48 bytes, then 24 for each library, which point
/// at its name and its path, counted from the header. It may stand behind a cache of the older form.
fn read_cache(bytes: &[u8]) -> Option<HashMap<Vec<u8>, Vec<LayerPath>>> {
    const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
    let (header, entry) = (48, 24);
    let start = memchr::memmem::find(bytes, MAGIC)?;
    let bytes = &bytes[start..];
    // Who writes a cache writes it in its machine's order; the number of libraries tells which that is.
    let count: [u8; 4] = bytes.get(MAGIC.len()..)?.get(..4)?.try_into().ok()?;
    let room = bytes.len() / entry;
    let little = usize::try_from(u32::from_le_bytes(count)).ok()? <= room;
    let number = |at: usize| {
        let bytes: [u8; 4] = bytes.get(at..)?.get(..4)?.try_into().ok()?;
        usize::try_from(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }).ok()
    };
    let string = |at: usize| {
        let rest = bytes.get(at..)?;
        rest.get(..memchr::memchr(0, &rest[..rest.len().min(4096)])?)
    };
    let mut cache: HashMap<Vec<u8>, Vec<LayerPath>> = HashMap::new();
    for index in 0..number(MAGIC.len())?.min(room) {
        let at = header + index * entry;
        let (name, path) = (string(number(at + 4)?)?, string(number(at + 8)?)?);
        cache.entry(name.to_vec()).or_default().push(LayerPath::clean(path));
    }
    Some(cache)
}
