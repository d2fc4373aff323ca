//! dpkg's status file: stanzas of fields, as deb-control(5) and Debian Policy, chapter 5, have them.

use super::{Ecosystem, Package, lines};

/// Packages whose state is `installed` (dpkg(1), "Package states"): the third word of `Status`.
pub(super) fn status(bytes: &[u8]) -> impl Iterator<Item = Package> {
    stanzas(bytes).filter(|stanza| stanza.status.as_deref().is_some_and(is_installed)).filter_map(Stanza::package)
}

/// A file of `status.d`: what is there is installed.
pub(super) fn part(bytes: &[u8]) -> impl Iterator<Item = Package> {
    stanzas(bytes).filter_map(Stanza::package)
}

fn is_installed(status: &str) -> bool {
    status.split_whitespace().nth(2) == Some("installed")
}

#[derive(Default)]
struct Stanza {
    name: Option<String>,
    version: Option<String>,
    status: Option<String>,
}

impl Stanza {
    fn package(self) -> Option<Package> {
        Some(Package { ecosystem: Ecosystem::Deb, name: self.name?, version: self.version? })
    }
}

/// Stanzas end at a line of blanks; lines that begin with one continue the field above.
fn stanzas(bytes: &[u8]) -> impl Iterator<Item = Stanza> {
    let mut lines = lines(bytes).peekable();
    std::iter::from_fn(move || {
        lines.peek()?;
        let mut stanza = Stanza::default();
        for line in lines.by_ref().take_while(|line| !line.trim().is_empty()) {
            let Some((field, value)) = line.split_once(':').filter(|(field, _)| !field.starts_with([' ', '\t'])) else {
                continue;
            };
            let slot = match field.to_ascii_lowercase().as_str() {
                "package" => &mut stanza.name,
                "version" => &mut stanza.version,
                "status" => &mut stanza.status,
                _ => continue,
            };
            *slot = Some(value.trim().to_owned());
        }
        Some(stanza)
    })
}
