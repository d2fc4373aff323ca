//! Which distribution an image is of (os-release(5)).

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::model::LayerPath;
use crate::tree::Tree;

/// Where os-release stands, the first that is there counts.
const PLACES: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];

/// What os-release says. Empty where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// `ID`: `debian`.
    pub id: String,
    /// `ID_LIKE`: `rhel centos`.
    pub like: String,
    /// `VERSION_ID`: `12`.
    pub version: String,
    /// `PRETTY_NAME`.
    pub name: String,
}

impl Distribution {
    /// Whether it is one of these, or made of one.
    pub fn is_like(&self, names: &[&str]) -> bool {
        let mut all = std::iter::once(self.id.as_str()).chain(self.like.split(' '));
        all.any(|word| names.contains(&word))
    }
}

/// The distribution of an image; `None` where its os-release is not there, or was not kept.
pub fn distribution(tree: &Tree) -> Option<Distribution> {
    let text = PLACES.iter().find_map(|path| content(tree, path))?;
    let fields: BTreeMap<&str, String> = text.lines().filter_map(|line| line.split_once('=')).map(unquoted).collect();
    let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
    Some(Distribution {
        id: field("ID"),
        like: field("ID_LIKE"),
        version: field("VERSION_ID"),
        name: field("PRETTY_NAME"),
    })
}

fn unquoted<'t>((key, value): (&'t str, &str)) -> (&'t str, String) {
    let value = value.trim();
    let inner = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    (key.trim(), inner.unwrap_or(value).to_owned())
}

/// A small system file that was kept while its layer was read.
pub(super) fn content<'t>(tree: &'t Tree, path: &str) -> Option<Cow<'t, str>> {
    let (_, node) = tree.follow(&LayerPath::from(path), true).ok()?;
    let id = tree.data(tree.node(node))?;
    let bytes = tree.layers()[id.layer as usize].captured(id.row)?;
    Some(String::from_utf8_lossy(bytes))
}
