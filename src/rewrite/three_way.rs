//! Three-way merges of lists: what the application added to the old base's, took from it, or changed in it, is done to the
//! new base's.

use std::collections::HashMap;

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A line for each user or group: name, password, number, … (passwd(5), group(5)). No number may be two's.
    Accounts,
    /// A line for each thing, whose name ends at the first colon (shadow(5)).
    Lines,
    /// A line for each range of numbers: whose, the first, how many (subuid(5)). One may have several; none may begin twice.
    Ranges,
    /// A paragraph for each thing, with its name and architecture in fields of it (dpkg's status, deb-control(5)).
    Stanzas,
}

impl Format {
    /// The things, with their names.
    fn items(self, text: &str) -> Vec<(String, &str)> {
        match self {
            Self::Accounts | Self::Lines => {
                let lines = text.lines().filter(|line| !line.trim().is_empty());
                lines.map(|line| (line.split(':').next().unwrap_or_default().to_owned(), line)).collect()
            }
            Self::Ranges => text.lines().filter(|line| !line.trim().is_empty()).map(|it| (it.to_owned(), it)).collect(),
            Self::Stanzas => {
                let stanzas = text.split("\n\n").map(|stanza| stanza.trim_matches('\n')).filter(|it| !it.is_empty());
                let field = |stanza: &str, name: &str| {
                    stanza.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned())).unwrap_or_default()
                };
                stanzas.map(|it| (format!("{}:{}", field(it, "Package:"), field(it, "Architecture:")), it)).collect()
            }
        }
    }

    /// The number of which there may be one.
    fn number(self, item: &str) -> Option<&str> {
        match self {
            Self::Accounts => item.split(':').nth(2),
            Self::Ranges => item.split(':').nth(1),
            Self::Lines | Self::Stanzas => None,
        }
    }

    fn written(self, items: &[&str]) -> String {
        let end = if self == Self::Stanzas { "\n\n" } else { "\n" };
        items.iter().map(|item| format!("{item}{end}")).collect()
    }
}

/// The new list with the application's changes. What both changed can't be merged: it says which.
pub(super) fn merge(format: Format, old: &str, own: &str, new: &str) -> Result<String, String> {
    let [old, own, new] = [old, own, new].map(|text| format.items(text));
    let known = |items: &[(String, &str)]| -> HashMap<String, String> {
        items.iter().map(|(name, item)| (name.clone(), (*item).to_owned())).collect()
    };
    let (before, after) = (known(&old), known(&own));
    let mut merged = Vec::new();
    for (name, item) in &new {
        match (before.get(name), after.get(name)) {
            // The application took it away.
            (Some(_), None) => {}
            // It is the new base's alone, or the application left it as it was.
            (_, None) => merged.push(*item),
            (Some(old), Some(own)) if old == own => merged.push(*item),
            (_, Some(own)) if own == item => merged.push(*item),
            // The new base has what the old one had.
            (Some(old), Some(_)) if old == item => {
                merged.extend(own.iter().find(|(it, _)| it == name).map(|(_, it)| *it))
            }
            (_, Some(_)) => return Err(format!("both the application and the new base have their own {name:?}")),
        }
    }
    let there: Vec<&String> = new.iter().map(|(name, _)| name).collect();
    // What only the old base had is gone with it.
    let added =
        own.iter().filter(|(name, item)| !there.contains(&name) && before.get(name).is_none_or(|old| old != item));
    for (name, item) in added {
        let number = format.number(item);
        let taken = merged.iter().find(|other| format.number(other) == number);
        if let (Some(number), Some(other)) = (number, taken) {
            let other = other.split(':').next().unwrap_or_default();
            return Err(format!(
                "the application's {name:?} has the number {number}, which is {other:?} in the new base"
            ));
        }
        merged.push(*item);
    }
    Ok(format.written(&merged))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "root:x:0:0::/root:/bin/bash\ngames:x:5:60::/:/no\nmail:x:8:8::/:/no\n";

    #[test]
    fn users_are_added_changed_and_taken() {
        let own = "root:x:0:0::/root:/bin/zsh\ngames:x:5:60::/:/no\napp:x:1000:1000::/app:/bin/sh\n";
        let new = "root:x:0:0::/root:/bin/bash\nmail:x:8:8::/:/no\nnobody:x:65534:65534::/:/no\n";
        insta::assert_snapshot!(merge(Format::Lines, OLD, own, new).unwrap(), @"
        root:x:0:0::/root:/bin/zsh
        nobody:x:65534:65534::/:/no
        app:x:1000:1000::/app:/bin/sh
        ");
    }

    #[test]
    fn what_both_changed_is_refused() {
        let own = OLD.replace("/bin/bash", "/bin/zsh");
        let new = OLD.replace("/bin/bash", "/bin/sh");
        assert_eq!(
            merge(Format::Lines, OLD, &own, &new).unwrap_err(),
            "both the application and the new base have their own \"root\""
        );
        assert_eq!(merge(Format::Lines, OLD, &own, &own).unwrap(), own, "the same change twice is one");
        let (own, new) = (format!("{OLD}app:x:1::/a:\n"), format!("{OLD}app:x:2::/a:\n"));
        assert!(merge(Format::Lines, OLD, &own, &new).is_err());
    }

    #[test]
    fn a_number_is_one_users() {
        let own = format!("{OLD}app:x:1000:1000::/app:/bin/sh\n");
        let new = format!("{OLD}web:x:1000:1000::/web:/bin/sh\n");
        let why = "the application's \"app\" has the number 1000, which is \"web\" in the new base";
        assert_eq!(merge(Format::Accounts, OLD, &own, &new).unwrap_err(), why);
        assert!(merge(Format::Lines, "", "app:!:19000\n", "web:!:19000\n").is_ok(), "days are no numbers of users");
    }

    #[test]
    fn ranges_of_one_user_are_several() {
        let (old, web) = ("app:100000:65536\n", "web:200000:65536\n");
        let own = format!("{old}app:300000:65536\n");
        let merged = |own: &str, new: &str| merge(Format::Ranges, old, own, new);
        assert_eq!(merged(&own, &format!("{old}{web}")).unwrap(), format!("{old}{web}app:300000:65536\n"));
        assert_eq!(merged("", &format!("{old}{web}")).unwrap(), web);
        let why = "the application's \"app:200000:9\" has the number 200000, which is \"web\" in the new base";
        assert_eq!(merged("app:200000:9\n", web).unwrap_err(), why);
    }

    #[test]
    fn packages_are_stanzas() {
        let stanza =
            |name: &str, version: &str| format!("Package: {name}\nArchitecture: amd64\nVersion: {version}\n\n");
        let old = stanza("libc6", "1") + &stanza("gcc", "1");
        let own = old.clone() + &stanza("vim", "1");
        let new = stanza("libc6", "2");
        assert_eq!(merge(Format::Stanzas, &old, &own, &new).unwrap(), stanza("libc6", "2") + &stanza("vim", "1"));
    }
}
