//! What the tests share: images from text, tars from bytes, and the binary in a room of its own.

pub(crate) mod compress;
pub(crate) mod fake_registry;
pub(crate) mod http_server;
pub(crate) mod image;
pub(crate) mod layout;
pub(crate) mod need;
pub(crate) mod recipe;
pub(crate) mod run;
pub(crate) mod tar_writer;

pub(crate) use image::{ImageSpec, LayerSpec};
pub(crate) use layout::Layout;
pub(crate) use need::{need, need_corpus, need_corpus_registry};
pub(crate) use recipe::{image, images};
pub(crate) use run::{Output, Sandbox};
pub(crate) use tar_writer::{Header, Tar};

/// SHA-256 as images write it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let hash = <sha2::Sha256 as sha2::Digest>::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
