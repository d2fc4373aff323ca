//! The shipped fixtures are what their recipes say. `UPDATE_FIXTURES=1 cargo test --test it fixtures` writes them anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::{Layout, images};

/// More than this is no fixture to be cloned by everyone.
const LARGEST: usize = 1 << 20;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// Every file below a folder, by its path in it.
fn files_in(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn digest_list(files: &BTreeMap<String, Vec<u8>>) -> String {
    files.iter().map(|(name, bytes)| format!("{} {name}\n", crate::support::sha256(bytes))).collect()
}

#[test]
fn fixtures_are_what_their_recipes_say() {
    let text = std::fs::read_to_string(folder().join("workshop.recipe")).unwrap();
    let layout = Layout::of(&images(&text));
    let dir = folder().join("workshop");
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::remove_dir_all(&dir).ok();
        layout.write_dir(&dir);
    }
    let (wanted, found) = (layout.files(), files_in(&dir));
    let hint = "fixtures/workshop is not what its recipe says: UPDATE_FIXTURES=1 cargo test --test it fixtures";
    assert_eq!(digest_list(&found), digest_list(&wanted), "{hint}");
    let total: usize = found.values().map(Vec::len).sum();
    assert!(total < LARGEST, "{total} bytes are too many for a fixture");
}
