//! The files of an image layout or archive by name: in a folder, or in a tar that is read where it stands.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, openat};

use super::archive_tar::TarFile;

/// Where an image's files are.
pub(crate) enum Files {
    /// A folder. Symbolic links in it are followed: it is the person's own.
    Dir(PathBuf),
    /// A folder whose files are given to others. No symbolic link in it is followed: whoever made it could link to any
    /// file of this machine.
    Published(PathBuf),
    /// A tar. Links in it lead to members of it, and nowhere else.
    Tar(TarFile),
}

/// A file of an image could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The system said no.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// It is not there.
    #[error("{place} has no {name}: the image is incomplete, save or copy it again")]
    Missing {
        /// The folder or archive.
        place: String,
        /// What is missing.
        name: String,
    },
    /// A pipe, a device, a folder.
    #[error("{path} is no regular file")]
    NotAFile {
        /// What it is.
        path: String,
    },
    /// A file where a folder is expected.
    #[error("{path} is no folder; an archive is named oci-archive:{path} or docker-archive:{path}")]
    NotADirectory {
        /// What it is.
        path: String,
    },
    /// A document that is too large to be honest.
    #[error("{name} has {size} bytes: more than {limit} are refused")]
    TooLarge {
        /// The file, and where it is.
        name: String,
        /// Its size in bytes.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The archive can't be taken apart.
    #[error("{path} is no tar, or a broken one: {reason}")]
    Tar {
        /// The archive.
        path: String,
        /// What is wrong; it may repeat what stands in the archive, so it is not the error itself.
        reason: String,
    },
    /// The archive ends too early.
    #[error("{path} is cut off: it ends within {name}")]
    Truncated {
        /// The archive.
        path: String,
        /// The member that is not complete.
        name: String,
    },
    /// The archive has too many members.
    #[error("{path} has more than {limit} members: it is no image")]
    Members {
        /// The archive.
        path: String,
        /// What is allowed.
        limit: usize,
    },
    /// Unpacking a compressed archive, or keeping a stream, went wrong.
    #[error("cannot keep {place} in {dir}: {source}; TMPDIR may name a folder with more room")]
    Spool {
        /// What was read.
        place: String,
        /// The folder for temporary files.
        dir: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Files {
    /// A folder that must be there.
    pub(crate) fn folder(dir: &Path) -> Result<Self, FilesError> {
        let failed = |source| FilesError::Io { path: dir.display().to_string(), source };
        match dir.metadata().map_err(failed)?.is_dir() {
            true => Ok(Self::Dir(dir.to_owned())),
            false => Err(FilesError::NotADirectory { path: dir.display().to_string() }),
        }
    }

    /// The folder or archive, for messages.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Dir(dir) | Self::Published(dir) => dir.display().to_string(),
            Self::Tar(tar) => tar.place().to_owned(),
        }
    }

    /// Whether a file is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::Dir(dir) | Self::Published(dir) => dir.join(name).is_file(),
            Self::Tar(tar) => tar.has(name),
        }
    }

    /// Opens a file. `name` is fixed or made from a digest, so none leads out of a folder.
    pub(crate) fn open(&self, name: &str) -> Result<Part, FilesError> {
        match self {
            Self::Dir(dir) => {
                let path = dir.join(name);
                open_file(&path, path.metadata(), || File::open(&path))?.ok_or_else(|| self.missing(name))
            }
            Self::Published(dir) => {
                let path = dir.join(name);
                let open = || open_without_links(dir, name);
                open_file(&path, path.symlink_metadata(), open)?.ok_or_else(|| self.missing(name))
            }
            Self::Tar(tar) => tar.member(name).ok_or_else(|| self.missing(name)),
        }
    }

    /// Reads a document whole.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>, FilesError> {
        self.open(name)?.read_whole(limit)
    }

    fn missing(&self, name: &str) -> FilesError {
        FilesError::Missing { place: self.place(), name: name.to_owned() }
    }
}

/// A file of a folder; `None` where there is none. It is looked at before it is opened: to open a pipe would wait for
/// its other end.
fn open_file(
    path: &Path,
    looked_at: io::Result<Metadata>,
    open: impl FnOnce() -> io::Result<File>,
) -> Result<Option<Part>, FilesError> {
    let name = path.display().to_string();
    let opened = looked_at.and_then(|metadata| if metadata.is_file() { open().map(Some) } else { Ok(None) });
    // Something else may be there by now.
    let opened = opened.and_then(|file| file.map(|file| Ok((file.metadata()?, file))).transpose());
    match opened {
        Ok(Some((metadata, file))) if metadata.is_file() => {
            Ok(Some(Part::new(name, Arc::new(file), 0, metadata.len())))
        }
        Ok(_) => Err(FilesError::NotAFile { path: name }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FilesError::Io { path: name, source }),
    }
}

/// Opens a file of a folder, with no symbolic link on the way from there; the folder itself may be one.
fn open_without_links(dir: &Path, name: &str) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    name.split('/').try_fold(File::open(dir)?, |at, part| Ok(openat(&at, part, flags, Mode::empty())?.into()))
}

/// A piece of a file, from its first byte on. Others may read other pieces, or the same, at the same time.
pub(crate) struct Part {
    name: String,
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Part {
    /// `name` is for messages.
    pub(super) fn new(name: String, file: Arc<File>, at: u64, size: u64) -> Self {
        Self { name, file, at, end: at.saturating_add(size) }
    }

    /// Bytes that are still to be read.
    pub(crate) fn len(&self) -> u64 {
        self.end - self.at
    }

    /// The bytes from `start` to before `end`, as far as there are any.
    pub(crate) fn slice(mut self, start: u64, end: u64) -> Self {
        self.end = self.at.saturating_add(end).min(self.end);
        self.at = self.at.saturating_add(start).min(self.end);
        self
    }

    /// Reads a document to its end.
    pub(crate) fn read_whole(mut self, limit: u64) -> Result<Vec<u8>, FilesError> {
        if self.len() > limit {
            return Err(FilesError::TooLarge { size: self.len(), name: self.name, limit });
        }
        let mut bytes = Vec::new();
        match self.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(source) => Err(FilesError::Io { path: self.name, source }),
        }
    }

    /// The first bytes, without reading past them.
    pub(crate) fn peek(&self, into: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.len()).unwrap_or(usize::MAX).min(into.len());
        self.file.read_at(&mut into[..want], self.at)
    }
}

impl Read for Part {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.peek(into).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.name)))?;
        if got == 0 && !into.is_empty() && self.len() > 0 {
            let message = format!("{} ends {} bytes early", self.name, self.len());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        self.at += got as u64;
        Ok(got)
    }
}
