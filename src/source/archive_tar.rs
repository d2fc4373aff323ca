//! The members of a tar: found once, links between them followed, then read where they stand. Nothing is unpacked, so
//! that no name can do harm.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use tar::{Archive, Entry, EntryType};

use super::files::{FilesError, Part};
use super::names::shown;
use super::spool;
use crate::blob::Compression;
use crate::model::LayerPath;

/// An archive with more members is no image: one has two or three a layer.
const MAX_MEMBERS: usize = 1 << 16;
/// Headers of one member, its PAX records and long names among them.
const MAX_HEADER: u64 = 1 << 20;
/// Longer names are of no file that an image has.
const MAX_NAME: usize = 1024;
/// Links that lead to links that lead …
const MAX_LINKS: usize = 8;

/// A tar whose members are known by their cleaned names.
#[derive(Clone)]
pub(crate) struct TarFile {
    place: String,
    file: Arc<File>,
    members: Arc<HashMap<LayerPath, Member>>,
}

enum Member {
    Data { offset: u64, size: u64 },
    Link(LayerPath),
}

impl TarFile {
    /// Opens an archive. A compressed one is unpacked into an unnamed temporary file first.
    pub(crate) fn open(path: &Path) -> Result<Self, FilesError> {
        let place = path.display().to_string();
        let failed = |source| FilesError::Io { path: place.clone(), source };
        if path.metadata().map_err(failed)?.is_dir() {
            return Err(FilesError::NotAFile { path: place });
        }
        let mut file = File::open(path).map_err(failed)?;
        // A pipe (`<(docker save x)`) can be read only once.
        if !file.metadata().map_err(failed)?.is_file() {
            return Self::spool(place, file);
        }
        let mut head = [0; 4];
        let got = (&mut file).take(4).read(&mut head).map_err(failed)?;
        file.rewind().map_err(failed)?;
        match Compression::of(&head[..got]) {
            Compression::None => Self::index(place, file),
            _ => Self::spool(place, file),
        }
    }

    /// Takes an archive from a stream, compressed or not.
    pub(crate) fn spool(place: String, stream: impl Read) -> Result<Self, FilesError> {
        let file = spool::spool(&place, stream)?;
        Self::index(place, file)
    }

    /// What it is called in messages.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Whether a member of that name has data.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The data of a member, links followed; `None` where there is no such member, or a link leads nowhere.
    pub(crate) fn member(&self, name: &str) -> Option<Part> {
        let (offset, size) = self.find(name)?;
        Some(Part::new(format!("{} in {}", shown(name), self.place), Arc::clone(&self.file), offset, size))
    }

    fn find(&self, name: &str) -> Option<(u64, u64)> {
        let mut path = LayerPath::clean(name.as_bytes());
        for _ in 0..=MAX_LINKS {
            match self.members.get(&path)? {
                Member::Data { offset, size } => return Some((*offset, *size)),
                Member::Link(target) => path = target.clone(),
            }
        }
        None
    }

    fn index(place: String, mut file: File) -> Result<Self, FilesError> {
        let failed = |source| FilesError::Io { path: place.clone(), source };
        let broken = |error: io::Error| FilesError::Tar { path: place.clone(), reason: shown(error.to_string()) };
        let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
        file.rewind().map_err(failed)?;
        let mut members = HashMap::new();
        let mut archive = Archive::new(Headers { file: &file, left: MAX_HEADER });
        for entry in archive.entries_with_seek().map_err(broken)? {
            let entry = entry.map_err(broken)?;
            let (start, size) = (entry.raw_file_position(), entry.size());
            if start.checked_add(size).is_none_or(|end| end > length) {
                let name = shown(LayerPath::clean(&entry.path_bytes()).lossy());
                return Err(FilesError::Truncated { path: place, name });
            }
            if members.len() >= MAX_MEMBERS {
                return Err(FilesError::Members { path: place, limit: MAX_MEMBERS });
            }
            // As in a tar that is unpacked, the last member of a name counts.
            members.extend(member(&entry));
        }
        Ok(Self { place, file: Arc::new(file), members: Arc::new(members) })
    }
}

/// What is kept of an entry: files and links. Sparse files are passed over, no program writes an image with them.
fn member<R: Read>(entry: &Entry<'_, R>) -> Option<(LayerPath, Member)> {
    let (name, link) = (entry.path_bytes(), entry.link_name_bytes().unwrap_or_default());
    if name.len() > MAX_NAME || link.len() > MAX_NAME {
        return None;
    }
    let path = LayerPath::clean(&name);
    let member = match entry.header().entry_type() {
        EntryType::Regular | EntryType::Continuous => {
            Member::Data { offset: entry.raw_file_position(), size: entry.size() }
        }
        EntryType::Link => Member::Link(LayerPath::clean(&link)),
        EntryType::Symlink => Member::Link(LayerPath::clean(&[path.parent().as_bytes(), b"/", &link].concat())),
        _ => return None,
    };
    Some((path, member))
}

/// Reads headers, skips data, and does not let the headers of one member grow without end.
struct Headers<'f> {
    file: &'f File,
    left: u64,
}

impl Read for Headers<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other(format!("the headers of a member have more than {MAX_HEADER} bytes")));
        }
        let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let got = self.file.read(&mut into[..want])?;
        self.left -= got as u64;
        Ok(got)
    }
}

impl Seek for Headers<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        // Data is sought over: what follows is the next member's header.
        self.left = MAX_HEADER;
        self.file.seek(to)
    }
}
