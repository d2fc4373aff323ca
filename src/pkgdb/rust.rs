//! What Rust programs built by `cargo auditable` say of the crates they were built of.

use auditable_info::{Error, audit_info_from_slice};

use super::{Ecosystem, Package, PkgdbError};

/// The largest program that is read, in bytes: it is needed whole, since its sections are listed at its end.
pub const LARGEST_PROGRAM: u64 = 16 << 20;
/// The largest list of crates that is read, in bytes.
const LARGEST_LIST: usize = 4 << 20;

/// The crates of a program; none where it says nothing, or is no program that can be read.
pub fn rust_packages(program: &[u8]) -> Result<Vec<Package>, PkgdbError> {
    match audit_info_from_slice(program, LARGEST_LIST) {
        Ok(info) => {
            let crates = info.packages.into_iter();
            Ok(crates
                .map(|krate| Package {
                    ecosystem: Ecosystem::Rust,
                    name: krate.name,
                    version: krate.version.to_string(),
                })
                .collect())
        }
        Err(Error::NoAuditData | Error::BinaryParsing(_)) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
