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

pub mod analyze;
pub mod blob;
pub mod cli;
pub mod index;
pub mod model;
pub mod pkgdb;
pub mod report;
pub mod scan;
pub mod serve;
pub mod source;
pub mod tree;
