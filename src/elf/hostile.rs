//! Bytes that were made or broken to take a reader in.
