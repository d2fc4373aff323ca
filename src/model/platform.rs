//! Operating system and processor, as image indexes name them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `os/architecture[/variant]` in Go's names, as in OCI image-spec image-index.md.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`, `windows`, …
    #[serde(default)]
    pub os: String,
    /// `amd64`, `arm64`, …
    #[serde(default)]
    pub architecture: String,
    /// `v8`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// A platform that was not understood.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is no platform: expected os/architecture or os/architecture/variant, such as linux/arm64/v8")]
pub struct PlatformError {
    /// What was given.
    pub text: String,
}

impl Platform {
    /// Linux on this machine's processor.
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            "powerpc64" => "ppc64le",
            "loongarch64" => "loong64",
            other => other,
        };
        Self { os: "linux".into(), architecture: architecture.into(), variant: None }
    }

    /// How well `self`, from an index, serves what is `wanted`: `None` not at all, else the higher the better.
    /// No variant is wanted: any will do, the plain one or the oldest usual one (`arm64/v8`) first.
    pub fn serves(&self, wanted: &Self) -> Option<u8> {
        if (&self.os, &self.architecture) != (&wanted.os, &wanted.architecture) {
            return None;
        }
        match (&wanted.variant, &self.variant) {
            (wanted, own) if wanted == own => Some(3),
            (None, Some(own)) if own == "v8" || own == "v7" || own == "v1" => Some(2),
            (None, Some(_)) => Some(1),
            (Some(wanted), None) if wanted == "v8" && self.architecture == "arm64" => Some(2),
            _ => None,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let mut parts = text.split('/').map(str::to_ascii_lowercase);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(os), Some(architecture), variant, None) if !os.is_empty() && !architecture.is_empty() => {
                let architecture = match architecture.as_str() {
                    "x86_64" | "x86-64" => "amd64".into(),
                    "aarch64" => "arm64".into(),
                    _ => architecture,
                };
                Ok(Self { os, architecture, variant })
            }
            _ => Err(PlatformError { text: text.into() }),
        }
    }
}
