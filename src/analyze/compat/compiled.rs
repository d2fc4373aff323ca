//! Python packages that were compiled where they were installed, for want of a wheel.

use std::collections::BTreeSet;

use crate::elf::Loadable;
use crate::model::LayerPath;
use crate::tree::{Node, Tree};

/// Names of the application's packages that pip compiled. A wheel of an index is for `manylinux` or `musllinux`, one that
/// was built on the spot for `linux`; what was installed without a wheel has an `egg-info` and modules of its own.
/// The folders of a distribution's packages are left out, since these come compiled.
pub fn compiled(tree: &Tree, base_layers: usize) -> Vec<String> {
    let native = native(tree);
    let mut found = BTreeSet::new();
    let own = tree.walk().filter(|item| item.node.layer() as usize >= base_layers && !of_distribution(&item.path()));
    for item in own {
        let record = item.path().parent();
        let (Some(name), Some(text)) = (name(&record), text(tree, item.node)) else { continue };
        let compiled = match item.name() {
            b"WHEEL" => text.lines().any(is_local_tag),
            b"top_level.txt" => text.lines().any(|top| native.contains(&record.parent().join(top.trim().as_bytes()))),
            _ => false,
        };
        if compiled {
            found.insert(name);
        }
    }
    found.into_iter().collect()
}

fn of_distribution(path: &LayerPath) -> bool {
    [&b"usr/lib/"[..], b"usr/lib64/"].iter().any(|folder| path.as_bytes().starts_with(folder))
}

/// `markupsafe` of `MarkupSafe-2.1.5.dist-info`.
fn name(record: &LayerPath) -> Option<String> {
    let folder = String::from_utf8_lossy(record.file_name()).into_owned();
    let record = folder.strip_suffix(".dist-info").or_else(|| folder.strip_suffix(".egg-info"))?;
    Some(record.split('-').next().unwrap_or(record).to_lowercase())
}

fn text(tree: &Tree, node: &Node) -> Option<String> {
    let id = tree.data(node)?;
    let bytes = tree.layers()[id.layer as usize].captured(id.row)?;
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// `Tag: cp311-cp311-linux_x86_64`.
fn is_local_tag(line: &str) -> bool {
    let platform = line.strip_prefix("Tag:").and_then(|tag| tag.trim().rsplit('-').next());
    platform.is_some_and(|platform| platform.starts_with("linux_"))
}

/// Top-level modules with libraries in them: `…/site-packages/yaml`, and `…/site-packages/_yaml` of
/// `_yaml.cpython-311-x86_64-linux-gnu.so`.
fn native(tree: &Tree) -> BTreeSet<LayerPath> {
    let modules = tree.walk().filter(|item| {
        let elf = tree.data(item.node).and_then(|id| tree.layers()[id.layer as usize].loadable(id.row));
        item.name().ends_with(b".so") && matches!(elf, Some(Loadable::Elf(_)))
    });
    modules.filter_map(|item| top_level(&item.path())).collect()
}

fn top_level(module: &LayerPath) -> Option<LayerPath> {
    let names: Vec<&[u8]> = module.components().collect();
    let site = names.iter().rposition(|name| matches!(*name, b"site-packages" | b"dist-packages"))?;
    let top = names.get(site + 1)?.split(|&byte| byte == b'.').next()?;
    Some(LayerPath::clean(&[&names[..=site], &[top]].concat().join(&b'/')))
}
