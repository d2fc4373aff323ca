//! What a layer's programs and modules need, which only a proof asks for: in the cache's files it is packed by itself, read
//! for who needs everything, and unpacked when somebody asks.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::elf::Loadable;
use crate::pkgdb::Import;

/// What files that are started or loaded need, and what Python source imports; by row.
#[derive(Clone, Debug, Default)]
pub struct Code {
    packed: Vec<u8>,
    /// `None` where it was not read, or can't be unpacked.
    parts: OnceLock<Option<Parts>>,
}

/// In order of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Parts {
    loadables: Vec<(u32, Loadable)>,
    imports: Vec<(u32, Option<Vec<Import>>)>,
}

impl Code {
    /// Files of ELF's form, and scripts that someone may run; what Python source imports, `None` where there was no room
    /// to keep it. Both in order of rows.
    pub fn new(loadables: Vec<(u32, Loadable)>, imports: Vec<(u32, Option<Vec<Import>>)>) -> Self {
        Self { packed: Vec::new(), parts: Some(Parts { loadables, imports }).into() }
    }

    /// What a row is when it is started or loaded; `None` if it is neither ELF nor a script that someone may run.
    pub(super) fn loadable(&self, row: u32) -> Option<&Loadable> {
        // A proof must not take what is lost for a file that needs nothing.
        let Some(parts) = self.parts() else { return Some(&Loadable::NotKept) };
        let at = parts.loadables.binary_search_by_key(&row, |(row, _)| *row).ok()?;
        Some(&parts.loadables[at].1)
    }

    /// What a row imports, if it is Python source: the inner `None` where that was not kept.
    pub(super) fn imports(&self, row: u32) -> Option<Option<&[Import]>> {
        let Some(parts) = self.parts() else { return Some(None) };
        let at = parts.imports.binary_search_by_key(&row, |(row, _)| *row).ok()?;
        Some(parts.imports[at].1.as_deref())
    }

    /// Bytes that it takes: packed ones while nobody has asked for it.
    pub(super) fn size(&self) -> usize {
        let Some(Some(Parts { loadables, imports })) = self.parts.get() else { return self.packed.len() };
        let imports = imports.iter().flat_map(|(_, imports)| imports.iter().flatten());
        loadables.iter().map(|(_, loadable)| loadable.size()).sum::<usize>() + imports.map(Import::size).sum::<usize>()
    }

    /// What [`Code::encode`] gave, compressed by zstd; it is unpacked when it is asked for.
    pub(super) fn packed(packed: Vec<u8>) -> Self {
        Self { packed, parts: OnceLock::new() }
    }

    /// Of a layer whose code nobody was to ask for.
    pub(super) fn unread() -> Self {
        Self { packed: Vec::new(), parts: None.into() }
    }

    /// Its bytes. An error where it is not known: that must not be written down as nothing.
    pub(super) fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_stdvec(self.parts().ok_or(postcard::Error::DeserializeBadEncoding)?)
    }

    fn parts(&self) -> Option<&Parts> {
        let unpack = || match &self.packed[..] {
            [] => Some(Parts::default()),
            packed => postcard::from_bytes(&zstd::decode_all(packed).ok()?).ok(),
        };
        self.parts.get_or_init(unpack).as_ref()
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Code {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_unpacked_is_not_taken_for_nothing() {
        let lost = Code::packed(b"no zstd".to_vec());
        assert!(lost.encode().is_err());
        assert_eq!((lost.loadable(3), lost.imports(3)), (Some(&Loadable::NotKept), Some(None)));
        let none = Code::default();
        assert_eq!((none.loadable(3), none.imports(3)), (None, None));
        let code = Code::new(vec![(3, Loadable::NotKept)], vec![(4, Some(Vec::new()))]);
        let again = Code::packed(zstd::encode_all(&code.encode().unwrap()[..], 1).unwrap());
        assert_eq!(again, code);
        assert_ne!(lost, code);
    }
}
