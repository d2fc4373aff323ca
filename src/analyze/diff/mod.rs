//! What differs between two images: files, packages and configuration.

mod config;
mod files;
mod moved;
mod packages;
mod pair;
mod rollup;
#[cfg(test)]
mod tests;

pub use config::{ConfigChange, config_changes};
pub use files::{Changed, FileDiff, FileDiffTotals, Filter, Moved, Present, Tally, What, diff_files};
pub use packages::{PackageChange, package_changes};
pub use rollup::{Folder, roll_up};
