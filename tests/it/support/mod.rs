//! What the tests share: images from text, tars from bytes, and the binary in a room of its own.

pub(crate) mod compress;
pub(crate) mod docker_registry;
pub(crate) mod elf;
pub(crate) mod fake_registry;
pub(crate) mod http_server;
pub(crate) mod image;
pub(crate) mod layout;
pub(crate) mod need;
pub(crate) mod podman;
pub(crate) mod recipe;
pub(crate) mod run;
pub(crate) mod svg;
pub(crate) mod tar_writer;
pub(crate) mod toc;

pub(crate) use docker_registry::DockerRegistry;
pub(crate) use image::{ImageSpec, LayerSpec};
pub(crate) use layout::Layout;
pub(crate) use need::{need, need_corpus, need_corpus_registry};
pub(crate) use recipe::{image, images};
pub(crate) use run::{Output, Sandbox};
pub(crate) use tar_writer::{Header, Tar};

/// SHA-256 as images write it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&<sha2::Sha256 as sha2::Digest>::digest(bytes))
}

/// … of a file's contents.
pub(crate) fn sha256_file(path: &std::path::Path) -> String {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    let mut file = std::fs::File::open(path).unwrap();
    let mut piece = vec![0; 256 << 10];
    loop {
        match std::io::Read::read(&mut file, &mut piece).unwrap() {
            0 => return hex(&hasher.finalize()),
            read => hasher.update(&piece[..read]),
        }
    }
}

/// A SHA-256 as images write it.
pub(crate) fn hex(hash: &[u8]) -> String {
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}
