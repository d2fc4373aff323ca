//! What is known of how each engine pulls.

/// More layers than overlayfs stacks (Docker's `maxDepth` is 128): as good as all.
const MOST_LAYERS: usize = 128;

/// An engine that pulls and runs images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Engine {
    /// podman: six blobs at once, inflated while they come for the diff ID, unpacked afterwards from a file.
    Podman,
    /// Docker with its own overlay2 store: three blobs at once, unpacked in order while later ones come.
    Docker,
    /// containerd 1.x: all blobs at once; `ctr` unpacks in order once all are there.
    Containerd,
    /// nerdctl: containerd, under another command.
    Nerdctl,
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Podman, Self::Docker, Self::Containerd, Self::Nerdctl];

    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Podman => "podman",
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::Nerdctl => "nerdctl",
        }
    }

    /// The engine of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.name() == name)
    }

    /// How many blobs it downloads at once (containers/image `copy.go`, Docker's `max-concurrent-downloads`).
    pub(super) fn at_once(self) -> usize {
        match self {
            Self::Podman => 6,
            Self::Docker => 3,
            Self::Containerd | Self::Nerdctl => MOST_LAYERS,
        }
    }

    /// Whether it unpacks the first layers while the last ones still come.
    pub(super) fn overlaps(self) -> bool {
        matches!(self, Self::Podman | Self::Docker)
    }
}
