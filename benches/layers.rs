//! What a layer costs from blob to table, and a tall image from tables to tree. `cargo bench`.
#![expect(clippy::expect_used, reason = "a bench that cannot go on stops")]

use std::hint::black_box;
use std::io::{Cursor, Write};
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use layerscope::blob::{Claims, Pool, Verify};
use layerscope::index::{self, Code, LayerIndex};
use layerscope::model::{ContentId, DiffId, Digest, Entry, EntryKind, LayerPath, Meta};
use layerscope::tree::Tree;

/// A tar of files that compress about as well as programs do.
fn tar(files: usize, size: usize) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut state = 1_u64;
    for file in 0..files {
        let data: Vec<u8> = std::iter::from_fn(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            Some(((state >> 60) as u8) * 3)
        })
        .take(size)
        .collect();
        let mut header = tar::Header::new_gnu();
        header.set_size(size as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("usr/lib/d{}/f{file}", file % 97), &data[..]).expect("in memory");
    }
    builder.into_inner().expect("in memory")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

fn claims(blob: &[u8], tar: &[u8]) -> Claims {
    let digest = |bytes| {
        use sha2::Digest as _;
        Digest::Sha256(sha2::Sha256::digest(bytes).into())
    };
    Claims { digest: digest(blob), size: blob.len() as u64, diff_id: DiffId(digest(tar)) }
}

fn blob_to_table(c: &mut Criterion) {
    let tar = tar(2000, 32 << 10);
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let pool = Pool::new(processors);
    let mut group = c.benchmark_group("blob to table, everything verified");
    group.throughput(Throughput::Bytes(tar.len() as u64)).sample_size(10);
    let blobs =
        [("tar", tar.clone()), ("gzip", gzip(&tar)), ("zstd", zstd::encode_all(&tar[..], 3).expect("in memory"))];
    for (name, blob) in blobs {
        let claims = claims(&blob, &tar);
        group.bench_function(name, |b| {
            b.iter(|| {
                let blob = Box::new(Cursor::new(blob.clone()));
                index::read_layer(&pool, blob, &claims, Verify::Full, false, &|_| {}).expect("sound")
            });
        });
    }
}

fn entry(path: String, kind: EntryKind) -> Entry {
    Entry { path: LayerPath::from(&*path), kind, meta: Meta::default(), download_bytes: 0 }
}

fn layer(entries: Vec<Entry>) -> Arc<LayerIndex> {
    let digest = Digest::Sha256([0; 32]);
    let (captured, notes) = Default::default();
    let index = LayerIndex {
        digest,
        stored_bytes: 0,
        diff_id: DiffId(digest),
        tar_bytes: 0,
        entries,
        captured,
        packages: Vec::new(),
        code: Code::default(),
        notes,
    };
    Arc::new(index)
}

/// The image on which dive gives no answer within a minute: 60,000 files, then 38 layers of 1,000 whiteouts.
fn tables_to_tree(c: &mut Criterion) {
    let file = |n: usize| {
        let kind =
            EntryKind::File { size: 1, apparent_size: 1, content: ContentId::Blake3([n as u8; 32]), sha256: None };
        entry(format!("d{}/e{}/f{n}", n % 60, n % 7), kind)
    };
    let whiteout = |n: usize| entry(format!("d{}/e{}/f{n}", n % 60, n % 7), EntryKind::Whiteout);
    let mut layers = vec![layer((0..60_000).map(file).collect())];
    layers.extend((0..38).map(|step| layer((step * 1000..(step + 1) * 1000).map(whiteout).collect())));
    c.bench_function("60,000 files under 38 layers of 1,000 whiteouts", |b| {
        b.iter(|| Tree::new(black_box(layers.clone())))
    });
}

criterion_group!(benches, blob_to_table, tables_to_tree);
criterion_main!(benches);
