//! One folder or archive, as a registry sees it: names, manifests, blobs.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use crate::model::{Descriptor, Digest};
use crate::source::{
    DockerArchive, FilesError, Layout, MAX_MANIFEST, Part, SourceError, Stored, names, sha256, verify,
};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// A manifest or index as it is served.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
}

/// An image of a place: the names it has there, and what they stand for.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) names: Vec<String>,
    pub(super) digest: Digest,
}

/// A folder or archive.
pub(super) struct Place {
    /// For messages.
    pub(super) path: String,
    /// The images in it.
    pub(super) entries: Vec<Entry>,
    stored: Stored,
    /// Documents that were made for it.
    made: HashMap<Digest, Document>,
    /// Of a docker-archive: the members that its made manifests speak of.
    members: HashMap<Digest, String>,
}

/// What is made of a place when it is opened.
#[derive(Default)]
struct Made {
    entries: Vec<Entry>,
    documents: HashMap<Digest, Document>,
    members: HashMap<Digest, String>,
}

impl Place {
    /// Reads what is in it; no layer is read, but for the compressed ones of a docker-archive.
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        let stored = Stored::open(path)?;
        let mut made = Made::default();
        match &stored {
            Stored::Layout(layout) => made.layout(layout),
            Stored::Archive(archive) => made.archive(archive)?,
        }
        let Made { entries, documents, members } = made;
        Ok(Self { path: path.display().to_string(), entries, stored, made: documents, members })
    }

    /// A blob, not verified: whoever pulls it does that. `None` where it is not here.
    pub(super) fn blob(&self, digest: &Digest) -> Result<Option<Part>, FilesError> {
        let part = match &self.stored {
            Stored::Layout(layout) => layout.blob(digest),
            Stored::Archive(archive) => match self.members.get(digest) {
                Some(member) => archive.member(member),
                None => return Ok(None),
            },
        };
        match part {
            Err(FilesError::Missing { .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// A manifest or index, verified. `None` where it is not here, or is something else.
    pub(super) fn manifest(&self, digest: &Digest) -> Result<Option<Document>, SourceError> {
        if let Some(made) = self.made.get(digest) {
            return Ok(Some(made.clone()));
        }
        let Stored::Layout(layout) = &self.stored else { return Ok(None) };
        let Some(part) = self.blob(digest)?.filter(|part| part.len() <= MAX_MANIFEST) else { return Ok(None) };
        let bytes = part.read_whole(MAX_MANIFEST)?;
        let listed = layout.descriptors().iter().find(|child| child.digest == *digest);
        let Some(media_type) = media_type(&bytes, listed) else { return Ok(None) };
        verify("manifest", &bytes, digest)?;
        Ok(Some(Document { media_type, bytes }))
    }
}

impl Made {
    /// Descriptors of one name are one image for several platforms: they get an index.
    fn layout(&mut self, layout: &Layout) {
        let mut groups: Vec<Vec<&Descriptor>> = Vec::new();
        for child in layout.descriptors() {
            let same =
                |group: &&mut Vec<&Descriptor>| names(group[0]).next().is_some() && names(group[0]).eq(names(child));
            match groups.iter_mut().find(same) {
                Some(group) if group.iter().any(|known| known.digest == child.digest) => {}
                Some(group) => group.push(child),
                None => groups.push(vec![child]),
            }
        }
        for group in groups {
            let digest = match group.as_slice() {
                [only] => only.digest,
                several => self.document(INDEX, &json!({ "manifests": several })),
            };
            self.entries.push(Entry { names: names(group[0]).map(str::to_owned).collect(), digest });
        }
    }

    /// Each image gets a manifest over its config and its layers as they are stored.
    fn archive(&mut self, archive: &DockerArchive) -> Result<(), SourceError> {
        for item in archive.items() {
            let image = archive.image(item)?;
            let config = json!({ "mediaType": CONFIG, "digest": image.config_digest, "size": image.config.len() });
            let layers: Vec<&Descriptor> = image.layers.iter().map(|layer| &layer.descriptor).collect();
            let digest = self.document(MANIFEST, &json!({ "config": config, "layers": layers }));
            self.members.insert(image.config_digest, item.config().to_owned());
            let layers = image.layers.iter().map(|layer| (layer.descriptor.digest, layer.member.clone()));
            self.members.extend(layers);
            self.entries.push(Entry { names: item.names().to_vec(), digest });
        }
        Ok(())
    }

    fn document(&mut self, media_type: &str, content: &serde_json::Value) -> Digest {
        let mut document = json!({ "schemaVersion": 2, "mediaType": media_type });
        if let (Some(document), Some(content)) = (document.as_object_mut(), content.as_object()) {
            document.extend(content.clone());
        }
        let bytes = document.to_string().into_bytes();
        let digest = sha256(&bytes);
        self.documents.insert(digest, Document { media_type: media_type.to_owned(), bytes });
        digest
    }
}

/// What a document says that it is; else what the index says; else what it looks like. `None` for what is neither a
/// manifest nor an index.
fn media_type(bytes: &[u8], listed: Option<&Descriptor>) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Shape {
        media_type: Option<String>,
        manifests: Option<serde::de::IgnoredAny>,
        layers: Option<serde::de::IgnoredAny>,
    }
    let shape: Shape = serde_json::from_slice(bytes).ok()?;
    let looks_like = match (shape.manifests, shape.layers) {
        (Some(_), _) => INDEX,
        (None, Some(_)) => MANIFEST,
        (None, None) => return None,
    };
    let said = shape.media_type.or_else(|| listed.map(|child| child.media_type.clone()));
    Some(said.filter(|said| !said.is_empty()).unwrap_or_else(|| looks_like.to_owned()))
}
