//! Finding a path the way a process in the container would: symbolic links followed, the image's root as `/`.

use super::{NodeId, Tree};
use crate::model::{EntryKind, LayerPath};

/// Links that Linux follows before it gives up (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Why a path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// Nothing is there.
    #[error("{path} is not in the image")]
    Missing {
        /// The path that was looked for, after the links that were followed.
        path: String,
    },
    /// Too many links.
    #[error("{path} leads through more than {MAX_LINKS} symbolic links")]
    Loop {
        /// The path that was asked for.
        path: String,
    },
}

impl Tree {
    /// The node that `path` leads to, with its own path. `last` says whether a link at the end is followed too.
    pub fn follow(&self, path: &LayerPath, last: bool) -> Result<(LayerPath, NodeId), FollowError> {
        let mut todo: Vec<Box<[u8]>> = path.components().rev().map(Into::into).collect();
        let (mut at, mut links) = (LayerPath::root(), 0);
        while let Some(name) = todo.pop() {
            if &*name == b".." {
                at = at.parent();
                continue;
            }
            let next = at.join(&name);
            let id = self.get(&next).ok_or_else(|| FollowError::Missing { path: next.display() })?;
            let Some(target) = self.link_target(id).filter(|_| last || !todo.is_empty()) else {
                at = next;
                continue;
            };
            links += 1;
            if links > MAX_LINKS {
                return Err(FollowError::Loop { path: path.display() });
            }
            if target.starts_with(b"/") {
                at = LayerPath::root();
            }
            let parts = target.split(|&b| b == b'/').filter(|part| !part.is_empty() && *part != b".");
            todo.extend(parts.rev().map(Box::from));
        }
        let id = self.get(&at).ok_or_else(|| FollowError::Missing { path: at.display() })?;
        Ok((at, id))
    }

    fn link_target(&self, id: NodeId) -> Option<&[u8]> {
        match &self.entry(self.data(self.node(id))?).kind {
            EntryKind::Symlink { target } => Some(target),
            _ => None,
        }
    }
}
