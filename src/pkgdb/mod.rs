//! Readers of what an image says of its packages: databases of package managers, records of languages, and what programs
//! say of themselves. Pure: bytes in, packages out.
//!
//! Everything is hostile input. A reader may fail; it may not panic, loop, or take more memory than a few times its
//! input.

mod apk;
mod dpkg;
mod golang;
mod imports;
mod npm;
mod python;
mod rpm;
mod rust;

use serde::{Deserialize, Serialize};

use crate::model::LayerPath;

pub use golang::BuildInfoFinder;
pub use imports::{Import, ImportScanner};
pub use rust::rust_packages;

/// All of Debian has less than half as many. A package takes more memory than the shortest text that names one.
const MOST_PACKAGES: usize = 200_000;

/// A package, as its own record names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Where it comes from.
    pub ecosystem: Ecosystem,
    /// Its name.
    pub name: String,
    /// Its version; rpm's as `[EPOCH:]VERSION-RELEASE`.
    pub version: String,
}

impl Package {
    /// Bytes that it takes.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.version.len()
    }
}

/// Whose package it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Ecosystem {
    /// Debian and its kin.
    Deb,
    /// Alpine, Wolfi.
    Apk,
    /// Fedora, Red Hat, SUSE and their kin.
    Rpm,
    /// Python distributions.
    Python,
    /// npm packages.
    Npm,
    /// Go modules that a program was built of.
    Go,
    /// Crates that a program was built of.
    Rust,
}

/// A file that tells of packages, by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// dpkg's `status`: all packages in one file.
    Dpkg,
    /// A file of `status.d`, as distroless images have it: one package each, without a status.
    DpkgPart,
    /// apk's `installed`.
    Apk,
    /// An rpm database, of any of its three forms.
    Rpm,
    /// The core metadata of a Python distribution.
    Python,
    /// A `package.json` of an installed npm package.
    Npm,
}

/// Why a database could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PkgdbError {
    /// JSON.
    #[error("it is no {form}: {source}")]
    Json {
        /// What it should be.
        form: &'static str,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A number or pointer that leads nowhere.
    #[error("it is no {form}: {reason}")]
    Broken {
        /// What it should be.
        form: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// What a Rust program says of its crates.
    #[error("its list of crates cannot be inflated: {0}")]
    Inflate(std::io::Error),
    /// More packages than any image has.
    #[error("it names more than {MOST_PACKAGES} packages")]
    TooMany,
}

impl Ecosystem {
    /// Every one.
    pub const ALL: [Self; 7] = [Self::Deb, Self::Apk, Self::Rpm, Self::Python, Self::Npm, Self::Go, Self::Rust];

    /// Its name in JSON and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
            Self::Python => "python",
            Self::Npm => "npm",
            Self::Go => "go",
            Self::Rust => "rust",
        }
    }
}

impl Kind {
    /// What a path is by its name.
    pub fn of(path: &LayerPath) -> Option<Self> {
        match path.as_bytes() {
            b"var/lib/dpkg/status" => Some(Self::Dpkg),
            b"lib/apk/db/installed" | b"usr/lib/apk/db/installed" => Some(Self::Apk),
            other if rpm::is_database(other) => Some(Self::Rpm),
            other if other.starts_with(b"var/lib/dpkg/status.d/") => {
                (!other.ends_with(b".md5sums")).then_some(Self::DpkgPart)
            }
            _ if python::is_metadata(path) => Some(Self::Python),
            _ if npm::is_manifest(path) => Some(Self::Npm),
            _ => None,
        }
    }

    /// The largest that is read, in bytes.
    pub fn limit(self) -> u64 {
        match self {
            Self::Rpm => 64 << 20,
            Self::Dpkg | Self::Apk => 32 << 20,
            Self::DpkgPart | Self::Python | Self::Npm => 1 << 20,
        }
    }

    /// Reads a file of this kind.
    pub fn parse(self, bytes: &[u8]) -> Result<Vec<Package>, PkgdbError> {
        match self {
            Self::Dpkg => gather(dpkg::status(bytes)),
            Self::DpkgPart => gather(dpkg::part(bytes)),
            Self::Apk => gather(apk::installed(bytes)),
            Self::Rpm => rpm::packages(bytes),
            Self::Python => Ok(python::metadata(bytes).into_iter().collect()),
            Self::Npm => Ok(npm::manifest(bytes)?.into_iter().collect()),
        }
    }
}

/// Packages of one file, if there are not too many.
fn gather(found: impl Iterator<Item = Package>) -> Result<Vec<Package>, PkgdbError> {
    let packages: Vec<Package> = found.take(MOST_PACKAGES + 1).collect();
    if packages.len() > MOST_PACKAGES { Err(PkgdbError::TooMany) } else { Ok(packages) }
}

/// The lines of a text, decoded one by one.
fn lines(bytes: &[u8]) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
    bytes.split(|&byte| byte == b'\n').map(|line| String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)))
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
