//! The binary: one call.

fn main() {}
