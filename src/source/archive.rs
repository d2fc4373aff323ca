//! An image in one file: which of the two formats it is read as.

use super::archive_tar::TarFile;
use super::docker_archive::{ArchiveImage, DockerArchive};
use super::files::Files;
use super::oci_layout::{Layout, OciLayout};
use super::{Source, SourceError};
use crate::model::ArchiveFormat;

/// Opens an image of an archive.
///
/// What Docker has written since version 25 is both at once. Where nothing says which is meant, it is read as an OCI
/// layout, since there every document and layer has a digest that is checked, if the layout knows the image that was
/// asked for; else as a docker-archive. Both describe the same layers.
pub(super) fn open(
    tar: TarFile,
    reference: String,
    select: Option<String>,
    format: ArchiveFormat,
) -> Result<Box<dyn Source>, SourceError> {
    let (oci, docker) = (tar.has("index.json"), tar.has("manifest.json") || tar.has("repositories"));
    let place = tar.place().to_owned();
    let both = format == ArchiveFormat::Any && oci && docker;
    if format == ArchiveFormat::Any && !oci && !docker {
        return Err(SourceError::NoImage { place });
    }
    if format == ArchiveFormat::Docker || !oci && format == ArchiveFormat::Any {
        return as_docker(tar, reference, select);
    }
    match Layout::open(Files::Tar(tar.clone())) {
        Ok(layout) if !both || layout.has(select.as_deref()) => Ok(Box::new(OciLayout::new(layout, reference, select))),
        Err(error) if !both => Err(error.into()),
        _ => as_docker(tar, reference, select),
    }
}

fn as_docker(tar: TarFile, reference: String, select: Option<String>) -> Result<Box<dyn Source>, SourceError> {
    let archive = DockerArchive::open(tar)?;
    Ok(Box::new(ArchiveImage::new(archive, reference, select)))
}

/// An archive that an engine was asked for by one name: where it gave several images, the one of that name.
pub(super) fn of_engine(tar: TarFile, reference: String, image: &str) -> Result<Box<dyn Source>, SourceError> {
    let archive = DockerArchive::open(tar)?;
    let select = (archive.items().len() > 1).then(|| image.to_owned());
    Ok(Box::new(ArchiveImage::new(archive, reference, select)))
}
