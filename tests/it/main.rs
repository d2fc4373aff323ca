//! The one test binary: end-to-end tests drive the real program, helpers are in `support`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    unused_imports,
    reason = "a test that cannot go on stops; not every helper is used in every build"
)]

mod support;

mod check;
mod cli;
mod corpus;
mod dive;
mod fixtures;
mod harness;
mod hostile;
mod html;
mod layering;
mod messages;
mod patch;
mod properties;
mod readme;
mod recommend;
mod recommend_compose;
mod recommend_remote;
mod recommend_try;
mod registry;
mod registry_real;
mod registry_trouble;
mod rewrite;
mod schema;
mod serve;
mod sources;
mod start;
mod toc;
mod union;
