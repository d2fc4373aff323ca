//! From names to analysed images: sources are opened, layers come out of the cache or are read in parallel, trees are
//! built.

mod error;
mod instead;
mod room;
mod toc;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use crate::analyze::Subject;
use crate::blob::{Claims, Pool, Verify};
use crate::index::toc::{Needs, Places, Toc};
use crate::index::{self, Cache, IndexError, LayerIndex};
use crate::model::{
    ArchiveFormat, Descriptor, DiffId, Digest, EntryId, EntryKind, Image, ImageRef, Layer, LayerPath, Manifest,
    Platform, instructions,
};
use crate::parallel::{self, lock, processors};
use crate::source::{self, ImageIndex, Source, SourceError};
use crate::tree::Tree;

use room::Room;

pub use error::ScanError;

/// An image, read to its last byte, or as far as was needed.
pub struct Scanned {
    /// Manifest, config and layers.
    pub image: Image,
    /// Its merged tree.
    pub tree: Tree,
    source: Option<Arc<dyn Source>>,
    /// Of each layer that was indexed from its table of contents: where its files are.
    places: Vec<Option<Arc<Places>>>,
    /// As [`Options::ranges`].
    ranges: bool,
}

impl Scanned {
    /// What is analysed.
    pub fn subject(&self) -> Subject<'_> {
        Subject { image: &self.image, tree: &self.tree }
    }

    /// A layer's blob once more, not verified: whoever reads it compares it with the layer's digest.
    pub fn blob(&self, layer: usize) -> Result<Box<dyn Read + Send>, ScanError> {
        let manifest = &self.image.manifest;
        let found = self.source.as_ref().zip(manifest.layers.get(layer));
        let (source, descriptor) =
            found.ok_or_else(|| ScanError::OfflineContents { reference: manifest.reference.clone() })?;
        Ok(source.blob(descriptor)?)
    }

    /// Reads a layer once more: `read` is given its blob, and what it must turn out to be.
    pub fn reread<T>(
        &self,
        layer: usize,
        read: impl FnOnce(Box<dyn Read + Send>, &Claims) -> Result<T, IndexError>,
    ) -> Result<T, ScanError> {
        let blob = self.blob(layer)?;
        read(blob, &self.claims(layer)).map_err(|source| self.failed(source))
    }

    /// What a layer must turn out to be.
    fn claims(&self, layer: usize) -> Claims {
        let it = &self.image.layers[layer];
        Claims { digest: it.digest, size: it.stored_bytes, diff_id: it.diff_id }
    }

    /// That one of its layers could not be read.
    fn failed(&self, source: IndexError) -> ScanError {
        ScanError::Layer { reference: self.image.manifest.reference.clone(), source }
    }

    /// What its builder attests of its provenance; nothing where its source was not to be asked.
    pub fn statements(&self) -> Result<Vec<Vec<u8>>, SourceError> {
        self.source.as_ref().map_or(Ok(Vec::new()), |source| source.statements(&self.image.manifest))
    }
}

/// How to scan.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which of an index's images to take.
    pub platform: Platform,
    /// How much to check of layers that are read whole.
    pub verify: Verify,
    /// What is wanted of layers. Where that is not everything, a layer that has a table of contents is indexed from it:
    /// verified is then the table, against the manifest, and not the layer's blob and diff ID.
    ///
    /// Such tables tell files' contents by SHA-256. So where a layer of a scan has one, the contents of all files of all
    /// its layers are told by SHA-256 ([`ContentId`](crate::model::ContentId)); else by BLAKE3, and always so where
    /// everything is wanted. That depends on manifests alone: what is printed is the same whether a registry gives ranges
    /// or not, and whatever is cached.
    pub needs: Needs,
    /// Whether layers may be read in parts: to index them from their tables of contents, and to fetch a file alone.
    pub ranges: bool,
    /// Where earlier results are, if they may be used.
    pub cache: Option<Cache>,
    /// Whether registries must not be asked.
    pub offline: bool,
    /// Whether each file's SHA-256 is wanted.
    pub sha256: bool,
    /// What sources need to know.
    pub source: source::Options,
    /// Layers that some image in memory has: they are not read again.
    pub held: Held,
}

/// Layers that some image in memory has. Clones know of the same ones.
#[derive(Clone, Debug, Default)]
pub struct Held(Arc<Mutex<HashMap<LayerKey, Weak<LayerIndex>>>>);

impl Held {
    fn get(&self, key: &LayerKey) -> Option<Arc<LayerIndex>> {
        lock(&self.0).get(key)?.upgrade()
    }

    fn put(&self, key: LayerKey, layer: &Arc<LayerIndex>) {
        let mut held = lock(&self.0);
        held.retain(|_, layer| layer.strong_count() > 0);
        held.insert(key, Arc::downgrade(layer));
    }
}

/// What happens during a scan. `image` and `layer` count from 0; a layer that several images share is told of once,
/// with the first.
#[derive(Clone, Copy, Debug)]
pub enum ScanEvent<'a> {
    /// An image's documents are there.
    Resolved {
        /// The image.
        image: usize,
        /// They.
        manifest: &'a Manifest,
    },
    /// A layer is being read.
    Started {
        /// The image.
        image: usize,
        /// The layer.
        layer: usize,
        /// Its digest.
        digest: &'a Digest,
        /// Bytes of its blob.
        bytes: u64,
    },
    /// A layer was indexed from its table of contents.
    Told {
        /// The image.
        image: usize,
        /// The layer.
        layer: usize,
        /// Its digest.
        digest: &'a Digest,
        /// Bytes of its blob.
        bytes: u64,
        /// … of which so many were read.
        read: u64,
    },
    /// More of a layer has arrived.
    Read {
        /// The image.
        image: usize,
        /// The layer.
        layer: usize,
        /// Bytes since the last event.
        bytes: u64,
    },
    /// A layer is complete.
    Done {
        /// The image.
        image: usize,
        /// The layer.
        layer: usize,
        /// Whether it was known before.
        cached: bool,
    },
    /// The cache could not keep something; the scan goes on.
    CacheFailed {
        /// What went wrong.
        error: &'a index::CacheError,
    },
}

/// Hears what happens.
pub type OnEvent<'a> = &'a (dyn Fn(ScanEvent<'_>) + Sync);

/// Scans images together: a layer that several of them have is read once.
pub fn scan(refs: &[ImageRef], options: &Options, on_event: OnEvent<'_>) -> Result<Vec<Scanned>, ScanError> {
    scan_and(refs, options, on_event, |_| ()).map(|(scanned, ())| scanned)
}

/// An image's layers, lowest first.
pub type Layers = Vec<Arc<LayerIndex>>;

/// … and asks something of the images' layers, while their trees are made of them.
pub fn scan_and<T: Send>(
    refs: &[ImageRef],
    options: &Options,
    on_event: OnEvent<'_>,
    ask: impl FnOnce(&[Layers]) -> T + Send,
) -> Result<(Vec<Scanned>, T), ScanError> {
    let found = parallel::try_map(refs, asked_at_once(), |reference| find(reference, options))?;
    for (image, (manifest, _)) in found.iter().enumerate() {
        on_event(ScanEvent::Resolved { image, manifest });
    }
    let by_sha256 = options.needs != Needs::Everything
        && found.iter().any(|(manifest, _)| manifest.layers.iter().any(|layer| Toc::of(layer).is_some()));
    let tables = Reading { found: &found, options, by_sha256, on_event, stop: Arc::default(), room: Room::default() }
        .layers()?;
    if let Some(cache) = &options.cache {
        cache.tidy();
    }
    let index = |table: &Table| Arc::clone(&table.index);
    let layers: Vec<Layers> = tables.iter().map(|tables| tables.iter().map(index).collect()).collect();
    let trees = || parallel::map(&layers, processors(), |layers| Tree::new(layers.clone()));
    let (answer, trees) = parallel::both(|| ask(&layers), trees);
    let read = found.into_iter().zip(tables).zip(trees);
    let scanned = read.map(|((found, tables), tree)| assemble(found, options.ranges, tables, tree));
    Ok((scanned.collect(), answer))
}

/// The documents of images, nothing of their layers. An image that can't be had spoils nothing for the others.
pub fn documents(refs: &[ImageRef], options: &Options) -> Vec<Result<Manifest, ScanError>> {
    let found = parallel::map(refs, asked_at_once(), |reference| find(reference, options));
    found.into_iter().map(|found| found.map(|(manifest, _)| manifest)).collect()
}

/// The index that a name stands for; `None` where it stands for one image, can be read once only, or may not be asked for.
pub fn index(reference: &ImageRef, options: &Options) -> Result<Option<ImageIndex>, ScanError> {
    match reference {
        ImageRef::Registry(_) if options.offline => Ok(None),
        ImageRef::Archive { format: ArchiveFormat::Docker, .. } => Ok(None),
        ImageRef::Registry(_) | ImageRef::OciLayout { .. } | ImageRef::Archive { .. } => {
            let index = source::open(reference, &options.source)?.index();
            index.map_err(|error| instead::or_else(reference, options, error))
        }
        ImageRef::DockerDaemon(_) | ImageRef::Podman(_) | ImageRef::Stdin => Ok(None),
    }
}

type Found = (Manifest, Option<Arc<dyn Source>>);

/// An image's documents: from the source, or, where the network is forbidden, as they were last seen.
fn find(reference: &ImageRef, options: &Options) -> Result<Found, ScanError> {
    if let (true, ImageRef::Registry(name)) = (options.offline, reference) {
        return Ok((instead::offline(name, options)?, None));
    }
    let source: Arc<dyn Source> = source::open(reference, &options.source)?.into();
    let manifest = source.resolve(&options.platform).map_err(|error| instead::or_else(reference, options, error))?;
    if let (Some(cache), ImageRef::Registry(_)) = (&options.cache, reference) {
        // Kept for --offline; a cache that can't be written is reported with the layers.
        cache.put_manifest(&manifest, &options.platform).ok();
    }
    Ok((manifest, Some(source)))
}

/// What makes two layers the same piece of work.
type LayerKey = (Digest, DiffId);

fn key(claims: &Claims) -> LayerKey {
    (claims.digest, claims.diff_id)
}

struct Job<'a> {
    image: usize,
    layer: usize,
    descriptor: &'a Descriptor,
    claims: Claims,
}

/// A layer's table, and, if it was made from its table of contents, where its files are.
#[derive(Clone)]
struct Table {
    index: Arc<LayerIndex>,
    places: Option<Arc<Places>>,
}

struct Reading<'a> {
    found: &'a [Found],
    options: &'a Options,
    /// Whether contents are told by SHA-256: see [`Options::needs`].
    by_sha256: bool,
    on_event: OnEvent<'a>,
    stop: Arc<AtomicBool>,
    room: Room,
}

impl Reading<'_> {
    /// The tables of each image's layers, lowest first.
    fn layers(&self) -> Result<Vec<Vec<Table>>, ScanError> {
        let jobs = self.jobs();
        let pool = Pool::new(processors());
        let indexes = parallel::try_map(&jobs, self.at_once(), |job| {
            let result = self.layer(&pool, job).and_then(|table| self.has_room(job, table));
            if result.is_err() {
                self.stop.store(true, Ordering::Relaxed);
            }
            result
        })?;
        let read: HashMap<LayerKey, Table> = jobs.iter().map(|job| key(&job.claims)).zip(indexes).collect();
        let tables = |manifest| keys(manifest).filter_map(|key| read.get(&key).cloned()).collect();
        Ok(self.found.iter().map(|(manifest, _)| tables(manifest)).collect())
    }

    fn has_room(&self, job: &Job<'_>, table: Table) -> Result<Table, ScanError> {
        let (manifest, _) = &self.found[job.image];
        let full = || ScanError::Room { reference: manifest.reference.clone(), digest: job.claims.digest };
        self.room.take(&table.index).then_some(table).ok_or_else(full)
    }

    /// How many layers are read at once. From this machine no more than there are processors: of two layers that share
    /// one, the larger comes to its end late, and then keeps one processor busy alone.
    fn at_once(&self) -> usize {
        let far = self.found.iter().any(|(_, source)| source.as_ref().is_some_and(|source| source.is_far()));
        if far { asked_at_once() } else { processors() }
    }

    /// Each layer once, the largest first, so that no processor is left with it at the end.
    fn jobs(&self) -> Vec<Job<'_>> {
        let mut seen = HashSet::new();
        let mut jobs = Vec::new();
        for (image, (manifest, _)) in self.found.iter().enumerate() {
            for (layer, (descriptor, diff_id)) in
                manifest.layers.iter().zip(&manifest.config.rootfs.diff_ids).enumerate()
            {
                let claims = Claims { digest: descriptor.digest, size: descriptor.size, diff_id: *diff_id };
                if seen.insert(key(&claims)) {
                    jobs.push(Job { image, layer, descriptor, claims });
                }
            }
        }
        jobs.sort_by_key(|job| std::cmp::Reverse(job.claims.size));
        jobs
    }

    fn layer(&self, pool: &Pool, job: &Job<'_>) -> Result<Table, ScanError> {
        let &Job { image, layer, claims, .. } = job;
        let key = key(&claims);
        // Held are whole layers, whose contents are told by BLAKE3.
        let held = Some(&self.options.held).filter(|_| self.options.needs == Needs::Everything);
        if let Some(index) = held.and_then(|held| held.get(&key)).filter(|index| index.stored_bytes == claims.size) {
            (self.on_event)(ScanEvent::Done { image, layer, cached: true });
            return Ok(Table { index, places: None });
        }
        let needs = self.options.needs;
        let known = self.options.cache.as_ref().and_then(|cache| cache.layer(&claims.digest, self.sha256(), needs));
        // A layer of which this image claims something else is read again, and refused.
        let known = known.filter(|index| (index.diff_id, index.stored_bytes) == (claims.diff_id, claims.size));
        let cached = known.is_some();
        let mut index = match known {
            Some(index) => index,
            None => match self.by_toc(job) {
                Some(table) => return Ok(table),
                None => self.read(pool, job)?,
            },
        };
        if self.by_sha256 {
            index.tell_by_sha256();
        }
        (self.on_event)(ScanEvent::Done { image, layer, cached });
        let index = Arc::new(index);
        if let Some(held) = held {
            held.put(key, &index);
        }
        Ok(Table { index, places: None })
    }

    /// Whether each file's SHA-256 is computed.
    fn sha256(&self) -> bool {
        self.options.sha256 || self.by_sha256
    }

    fn read(&self, pool: &Pool, job: &Job<'_>) -> Result<LayerIndex, ScanError> {
        let &Job { image, layer, descriptor, claims } = job;
        let (manifest, source) = &self.found[image];
        let reference = || manifest.reference.clone();
        let source = source.as_ref().ok_or_else(|| ScanError::Offline { reference: reference() })?;
        (self.on_event)(ScanEvent::Started { image, layer, digest: &claims.digest, bytes: claims.size });
        let blob = Box::new(Stoppable { blob: source.blob(descriptor)?, stop: Arc::clone(&self.stop) });
        let (verify, sha256) = (self.options.verify, self.sha256());
        let on_read = |bytes| (self.on_event)(ScanEvent::Read { image, layer, bytes });
        let index = index::read_layer(pool, blob, &claims, verify, sha256, &on_read)
            .map_err(|source| ScanError::Layer { reference: reference(), source })?;
        if let (Some(cache), Verify::Full) = (&self.options.cache, verify)
            && let Err(error) = cache.put_layer(&index, sha256)
        {
            (self.on_event)(ScanEvent::CacheFailed { error: &error });
        }
        Ok(index)
    }
}

/// A blob that ends in an error once another layer has failed.
struct Stoppable {
    blob: Box<dyn Read + Send>,
    stop: Arc<AtomicBool>,
}

impl Read for Stoppable {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("stopped: another layer could not be read"));
        }
        self.blob.read(into)
    }
}

/// What is asked of a network at once: more than a small machine has processors, since it has its waits.
fn asked_at_once() -> usize {
    processors().max(4)
}

/// What makes each of an image's layers the piece of work that it is, lowest first.
fn keys(manifest: &Manifest) -> impl Iterator<Item = LayerKey> {
    manifest.layers.iter().zip(&manifest.config.rootfs.diff_ids).map(|(layer, diff_id)| (layer.digest, *diff_id))
}

/// Puts the image together from what was read.
fn assemble((manifest, source): Found, ranges: bool, tables: Vec<Table>, tree: Tree) -> Scanned {
    let steps = instructions(&manifest.config.history, manifest.layers.len());
    let described = manifest.layers.iter().zip(&tables).zip(steps);
    let layers = described.map(|((descriptor, Table { index, .. }), step)| Layer {
        digest: index.digest,
        diff_id: index.diff_id,
        media_type: descriptor.media_type.clone(),
        stored_bytes: index.stored_bytes,
        created_by: step.map(|step| manifest.config.history[step].created_by.clone()),
    });
    let layers = layers.collect();
    let places = tables.into_iter().map(|table| table.places).collect();
    Scanned { image: Image { manifest, layers }, tree, source, places, ranges }
}

/// The contents of a regular file of a scanned image, links followed as in the container. It is verified before anything
/// is given: where its layer has a table of contents it is fetched alone and has the digest that the table tells; else
/// the layer that holds it is read and verified to its end.
pub fn read_file(scanned: &Scanned, path: &LayerPath) -> Result<File, ScanError> {
    let reference = || scanned.image.manifest.reference.clone();
    let tree = &scanned.tree;
    let (at, node) = tree.follow(path, true).map_err(|source| ScanError::Path { reference: reference(), source })?;
    let entry = tree.data(tree.node(node)).filter(|id| matches!(tree.entry(*id).kind, EntryKind::File { .. }));
    let shown = if at == *path { at.display() } else { format!("{} ({})", path.display(), at.display()) };
    read_entry(scanned, entry.ok_or_else(|| ScanError::NotAFile { reference: reference(), path: shown })?)
}

/// The contents of a regular file's entry, whatever became of it: verified as with [`read_file`].
pub fn read_entry(scanned: &Scanned, id: EntryId) -> Result<File, ScanError> {
    if let Some(file) = toc::fetch(scanned, id)? {
        return Ok(file);
    }
    let EntryId { layer, row } = id;
    let file = scanned.reread(layer as usize, |blob, claims| index::read_file(&Pool::new(1), blob, claims, row))?;
    toc::verify(scanned, id, file)
}
