//! layerscope: reads container images, layer by layer, and tells where their bytes go.
//!
//! The way of the data is the way through the folders:
//!
//! ```text
//! ImageRef → source ──blob──▶ blob (verify, decode) ──tar──▶ index ⇄ cache
//!                                                              │ one table per layer
//!                                                     tree: union, and the fate of every entry
//!                                                              │
//!      report {terminal, json, markdown, …} ◀── analyze ───────┘
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | [`model`] | the nouns: digest, reference, image, layer, path, entry; imports nothing of ours |
//! | [`parallel`] | work on several processors |
//! | [`source`] | images from registries, layouts, archives, engines: documents verified, blobs as plain `Read`s |
//! | [`blob`] | a layer's bytes: decoded, hashed, checked, drained to the end |
//! | [`pkgdb`] | readers of package databases |
//! | `shell` | the commands of a shell text, and where their words stand |
//! | [`dockerfile`] | a Dockerfile's stages, what they make of a base's config, and the change to another base |
//! | [`compose`] | a compose file's services |
//! | [`elf`] | what a program or library needs and offers |
//! | [`index`] | a layer's tar, or its table of contents, as one table, and the cache of tables |
//! | [`tree`] | the union of an image's layers, and what became of every file |
//! | [`analyze`] | pure functions of an image and its tree: waste, duplicates, sharing, differences, findings |
//! | [`budget`] | limits for an image, read and judged: pure too |
//! | [`scan`] | source → cache or index → tree, layers side by side |
//! | [`rewrite`] | new images, of layers that are there |
//! | [`recommend`] | the base under an image, slimmer ones, and what each would mean |
//! | [`measure`] | pulling and starting images for real, timed |
//! | [`report`] | documents, and the forms that they are written in |
//! | [`serve`] | the read-only registry |
//! | [`cli`] | arguments, what they mean, one file for each command |
//!
//! Who may import whom is held by a test, `tests/it/layering.rs`.

pub mod analyze;
pub mod blob;
pub mod budget;
pub mod cli;
pub mod compose;
pub mod dockerfile;
pub mod elf;
pub mod index;
pub mod measure;
pub mod model;
pub mod parallel;
pub mod pkgdb;
pub mod recommend;
pub mod report;
pub mod rewrite;
pub mod scan;
pub mod serve;
mod shell;
pub mod source;
pub mod tree;
