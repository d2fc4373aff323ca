//! What a person typed: a file or folder that is there, else a name.

use std::path::Path;

use super::SourceError;
use crate::model::{ArchiveFormat, ImageRef};

/// Endings of archives that need no scheme before them.
const ENDINGS: [&str; 5] = [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst"];

/// Finds what a person typed: a file or folder that is there, else a name.
///
/// A path to a folder with `oci-layout` in it, or to an existing file with the ending of an archive, is recognised,
/// also with a tag, name or `@digest` after it. What can only be a path, and is not there, is an error of its own
/// instead of a question to a registry.
pub fn locate(text: &str) -> Result<ImageRef, SourceError> {
    if has_scheme(text) {
        return Ok(text.parse()?);
    }
    if let Some(found) = splits(text).into_iter().find_map(|(path, select)| at(path, select)) {
        return Ok(found);
    }
    match splits(text).into_iter().find(|(path, _)| is_path(path)) {
        Some((path, _)) => {
            let (found, path) = (Path::new(path).exists(), path.to_owned());
            Err(if found { SourceError::NotAnImage { path } } else { SourceError::NoSuchFile { path } })
        }
        None => Ok(text.parse()?),
    }
}

/// A path alone, and with everything from a colon or `@sha` on as the selection.
fn splits(text: &str) -> Vec<(&str, Option<&str>)> {
    let digest = text.find("@sha").map(|at| (&text[..at], Some(&text[at..])));
    let colons = text.match_indices(':').map(|(at, _)| (&text[..at], Some(&text[at + 1..])));
    std::iter::once((text, None)).chain(digest).chain(colons).collect()
}

fn at(path: &str, select: Option<&str>) -> Option<ImageRef> {
    let select = select.filter(|select| !select.is_empty()).map(str::to_owned);
    if path.is_empty() {
        return None;
    }
    is_there(Path::new(path)).then(|| match Path::new(path).is_dir() {
        true => ImageRef::OciLayout { dir: path.into(), select },
        false => ImageRef::Archive { file: path.into(), select, format: ArchiveFormat::Any },
    })
}

/// Whether there is a folder with `oci-layout`, or a file that ends as archives do.
pub(super) fn is_there(path: &Path) -> bool {
    if path.is_dir() {
        return path.join("oci-layout").is_file();
    }
    path.exists() && path.to_str().is_some_and(is_archive)
}

/// Whether it can be nothing but a path. A folder's tag is not told from its name where the folder is missing.
fn is_path(text: &str) -> bool {
    let starts = ["./", "../", "/", "~/"].iter().any(|start| text.starts_with(start));
    starts || matches!(text, "." | "..") || is_archive(text)
}

fn is_archive(path: &str) -> bool {
    ENDINGS.iter().any(|ending| path.len() > ending.len() && path.ends_with(ending))
}

/// Whether a scheme says what it is, whatever the rest looks like, and whatever folders there are.
fn has_scheme(text: &str) -> bool {
    let schemes = ["oci:", "oci-archive:", "docker-archive:", "docker-daemon:", "podman:", "docker://"];
    schemes.iter().any(|scheme| text.starts_with(scheme))
}
