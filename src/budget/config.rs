//! A budget out of a `layerscope.toml`.
//!
//! ```toml
//! base = "ignore"                         # only the application's layers count
//! exclude = ["/usr/share/doc"]            # files that do not count
//! [rules]
//! stored-size = "120MB"                   # a limit alone …
//! layers = { limit = 20, severity = "warning", reason = "every layer is a request" }
//! [[rules.path-size]]                     # … or a table; several of a kind, with ids
//! id = "static files"
//! paths = "/app/static"
//! limit = "5MB"
//! ```

use toml::de::{DeTable, DeValue};

use super::amount::Amount;
use super::error::{BudgetError, hint};
use super::fields::{
    Fields, Text, Value, count, flag, globs, names, names_of, packages, part, part_of_whole, seconds, size, text, texts,
};
use super::rule::{Budget, Figure, Grows, Limit, Names, Rule, Severity};
use crate::analyze::finding;
use crate::analyze::startup::{Engine, Profile};

type Result<T> = std::result::Result<T, BudgetError>;
type Own<'t, 'd> = Fields<'t, 'd>;

impl Budget {
    /// Reads a `layerscope.toml`. `place` is how the user named it.
    pub fn parse(place: &str, toml: &str) -> Result<Self> {
        let text = Text { place, text: toml };
        let syntax = |error: toml::de::Error| {
            text.error(error.span().map_or(0, |span| span.start), format!("this is no TOML: {}", error.message()))
        };
        let table = DeTable::parse(toml).map_err(syntax)?;
        let mut top = Fields::of(text, "a budget", 0, table.get_ref());
        let ignore_base = top.maybe("base", base)?.unwrap_or(false);
        let exclude = top.maybe("exclude", globs)?.map(|(_, globs)| globs);
        let baseline = top.maybe("baseline", self::text)?;
        let rules = top.take("rules");
        top.end()?;
        let rules = rules.map_or(Ok(Vec::new()), |rules| all_rules(text, rules))?;
        if rules.is_empty() {
            return Err(text.error(0, "there is no rule: give at least one below [rules], as stored-size = \"120MB\""));
        }
        Ok(Self { place: place.into(), ignore_base, exclude, baseline, rules })
    }
}

fn base(value: &DeValue<'_>) -> std::result::Result<bool, String> {
    match value.as_str() {
        Some("ignore") => Ok(true),
        Some("count") => Ok(false),
        _ => Err("expected \"ignore\" or \"count\"".into()),
    }
}

fn all_rules(text: Text<'_>, rules: &Value<'_>) -> Result<Vec<Rule>> {
    let at = rules.span().start;
    let table = rules.get_ref().as_table().ok_or_else(|| text.error(at, "expected a table [rules]"))?;
    let mut found = Vec::new();
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        let kind = READERS.iter().find(|kind| kind.name == name).ok_or_else(|| {
            let hint = hint(name, READERS.iter().map(|kind| kind.name));
            text.error(key.span().start, format!("there is no rule `{name}`: {hint}"))
        })?;
        found.extend(rules_of(text, kind, key.span().start, value)?);
    }
    found.sort_by_key(|(at, _)| *at);
    let rules: Vec<Rule> = found.iter().map(|(_, rule)| rule.clone()).collect();
    for (n, (at, rule)) in found.iter().enumerate() {
        if let Some(same) = rules[..n].iter().find(|other| other.id == rule.id) {
            let told =
                format!("the rule of line {} has the id {:?} too: give each an `id` of its own", same.line, rule.id);
            return Err(text.error(*at, told));
        }
    }
    Ok(rules)
}

/// The rules of one kind, each with where it begins: a bare limit, a table, or several tables.
fn rules_of(text: Text<'_>, kind: &Reader, at: usize, value: &Value<'_>) -> Result<Vec<(usize, Rule)>> {
    let what = format!("rule {}", kind.name);
    let tables = value.get_ref().as_array().filter(|items| items.iter().any(|item| item.get_ref().is_table()));
    if let Some(items) = tables {
        let rule = |item: &Value<'_>| {
            let at = item.span().start;
            let table = item.get_ref().as_table().ok_or_else(|| text.error(at, format!("{what}: expected tables")))?;
            Ok((at, rule(kind, Fields::of(text, what.as_str(), at, table))?))
        };
        return items.iter().map(rule).collect();
    }
    let fields = match value.get_ref() {
        DeValue::Table(table) => Fields::of(text, what, at, table),
        _ => Fields::bare(text, what, kind.bare, value),
    };
    Ok(vec![(at, rule(kind, fields)?)])
}

fn rule(kind: &Reader, mut fields: Fields<'_, '_>) -> Result<Rule> {
    let line = fields.line();
    let id = fields.maybe("id", text)?.unwrap_or_else(|| kind.name.into());
    let severity = fields.maybe("severity", severity)?.unwrap_or(Severity::Error);
    let reason = fields.maybe("reason", text)?;
    let limit = (kind.read)(&mut fields)?;
    fields.end()?;
    Ok(Rule { id, kind: kind.name, limit, severity, reason, line })
}

fn severity(value: &DeValue<'_>) -> std::result::Result<Severity, String> {
    let all = [Severity::Error, Severity::Warning];
    let named = all.into_iter().find(|severity| Some(severity.name()) == value.as_str());
    named.ok_or_else(|| "expected \"error\" or \"warning\"".into())
}

/// A kind of rule: the key that a bare value stands for, and what it asks.
struct Reader {
    name: &'static str,
    bare: &'static str,
    read: fn(&mut Own<'_, '_>) -> Result<Limit>,
}

const fn limited(name: &'static str, read: fn(&mut Own<'_, '_>) -> Result<Limit>) -> Reader {
    Reader { name, bare: "limit", read }
}

static READERS: &[Reader] = &[
    limited("stored-size", |own| bytes(own, Figure::Stored)),
    limited("file-size", |own| bytes(own, Figure::Files)),
    limited("layers", |own| Ok(Limit::Figure(Figure::Layers, Amount::Count(own.need("limit", count)?)))),
    limited("layer-size", |own| bytes(own, Figure::Layer)),
    limited("wasted-size", |own| bytes(own, Figure::Wasted)),
    limited("wasted-percent", |own| fraction(own, Figure::WastedPart)),
    limited("efficiency", |own| fraction(own, Figure::Efficiency)),
    limited("duplicate-size", |own| bytes(own, Figure::Duplicates)),
    limited("stored-growth", |own| growth(own, Grows::Stored)),
    limited("stored-growth-percent", |own| growth_part(own, Grows::Stored)),
    limited("file-growth", |own| growth(own, Grows::Files)),
    limited("file-growth-percent", |own| growth_part(own, Grows::Files)),
    limited("path-size", |own| {
        let ((written, paths), limit) = (own.need("paths", globs)?, own.need("limit", size)?);
        Ok(Limit::Paths { paths, written, limit })
    }),
    Reader {
        name: "forbidden-paths",
        bare: "paths",
        read: |own| {
            let (written, paths) = own.need("paths", globs)?;
            Ok(Limit::Forbidden { paths, written })
        },
    },
    limited("new-file-size", |own| Ok(Limit::NewFile(own.need("limit", size)?))),
    Reader {
        name: "forbidden-packages",
        bare: "packages",
        read: |own| Ok(Limit::Packages { packages: own.need("packages", packages)? }),
    },
    limited("added-packages", |own| {
        let except = own.maybe("except", packages)?;
        let none = || names_of(Vec::new()).map_err(|reason| own.error(reason));
        let except = except.map_or_else(none, Ok)?;
        Ok(Limit::Added { limit: own.need("limit", count)?, except })
    }),
    limited("findings", findings),
    Reader { name: "base-image", bare: "allowed", read: base_image },
    limited("start-time", start),
    Reader { name: "labels", bare: "names", read: |own| Ok(Limit::Labels(own.need("names", labels)?)) },
    Reader { name: "user", bare: "allowed", read: |own| Ok(Limit::User(own.need("allowed", texts)?)) },
];

fn bytes(own: &mut Own<'_, '_>, figure: Figure) -> Result<Limit> {
    Ok(Limit::Figure(figure, Amount::Bytes(own.need("limit", size)?)))
}

fn fraction(own: &mut Own<'_, '_>, figure: Figure) -> Result<Limit> {
    Ok(Limit::Figure(figure, Amount::Fraction(own.need("limit", part_of_whole)?)))
}

fn growth(own: &mut Own<'_, '_>, of: Grows) -> Result<Limit> {
    let limit = Amount::Bytes(own.need("limit", size)?);
    Ok(Limit::Growth { of, limit, floor: own.maybe("floor", size)?.unwrap_or_default() })
}

fn growth_part(own: &mut Own<'_, '_>, of: Grows) -> Result<Limit> {
    let limit = Amount::Fraction(own.need("limit", part)?);
    Ok(Limit::Growth { of, limit, floor: own.maybe("floor", size)?.unwrap_or_default() })
}

fn findings(own: &mut Own<'_, '_>) -> Result<Limit> {
    Ok(Limit::Findings {
        limit: own.maybe("limit", count)?.unwrap_or_default(),
        ids: own.maybe("ids", finding_ids)?.unwrap_or_default(),
        except: own.maybe("except", finding_ids)?.unwrap_or_default(),
        at_least: own.maybe("at-least", at_least)?.unwrap_or(finding::Severity::Warning),
    })
}

fn finding_ids(value: &DeValue<'_>) -> std::result::Result<Vec<String>, String> {
    let ids = texts(value)?;
    let known = || finding::RULES.iter().map(|rule| rule.id);
    match ids.iter().find(|id| known().all(|known| known != id.as_str())) {
        Some(wrong) => Err(format!("no finding is called {wrong:?}: {}", hint(wrong, known()))),
        None => Ok(ids),
    }
}

fn at_least(value: &DeValue<'_>) -> std::result::Result<finding::Severity, String> {
    use finding::Severity::{Error, Info, Warning};
    let named = [Error, Warning, Info].into_iter().find(|severity| Some(severity.name()) == value.as_str());
    named.ok_or_else(|| "expected \"error\", \"warning\" or \"info\"".into())
}

fn base_image(own: &mut Own<'_, '_>) -> Result<Limit> {
    let (allowed, current) = (own.maybe("allowed", names)?, own.maybe("current", flag)?.unwrap_or(false));
    if allowed.is_none() && !current {
        return Err(own.error("rule base-image needs `allowed`, or `current = true`"));
    }
    Ok(Limit::Base { allowed, current })
}

fn start(own: &mut Own<'_, '_>) -> Result<Limit> {
    let limit = own.need("limit", seconds)?;
    let profile = own.maybe("profile", profile)?.or_else(|| Profile::named("office"));
    let engine = own.maybe("engine", engine)?.unwrap_or(Engine::Docker);
    Ok(Limit::Start { limit, profile: profile.unwrap_or_else(Profile::loopback), engine })
}

fn profile(value: &DeValue<'_>) -> std::result::Result<Profile, String> {
    let name = text(value)?;
    Profile::named(&name).ok_or_else(|| format!("no profile is called {name:?}: {}", hint(&name, Profile::names())))
}

fn engine(value: &DeValue<'_>) -> std::result::Result<Engine, String> {
    let name = text(value)?;
    let named = Engine::ALL.into_iter().find(|engine| engine.name() == name);
    named.ok_or_else(|| format!("no engine is called {name:?}: {}", hint(&name, Engine::ALL.iter().map(|e| e.name()))))
}

fn labels(value: &DeValue<'_>) -> std::result::Result<Vec<(String, Option<Names>)>, String> {
    let label = |label: String| match label.split_once('=') {
        Some((name, value)) => Ok((name.trim().into(), Some(names_of(vec![value.trim().into()])?))),
        None => Ok((label, None)),
    };
    texts(value)?.into_iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::KINDS;

    fn error(toml: &str) -> String {
        Budget::parse("layerscope.toml", toml).expect_err(toml).to_string()
    }

    #[test]
    fn every_kind_is_in_the_table_and_can_be_read() {
        let told: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        let read: Vec<&str> = READERS.iter().map(|kind| kind.name).collect();
        assert_eq!(told[..read.len()], read, "the rest are dive's");
        assert!(told[read.len()..].iter().all(|name| name.chars().any(char::is_uppercase)));
        let mut sorted = told.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), told.len(), "names are unique");
    }

    #[test]
    fn rules_are_read_in_the_order_of_the_file() {
        let toml = r#"
base = "ignore"
exclude = ["*.pyc", "/usr/share/doc"]
baseline = "app:stable"
[rules]
stored-size = "120MB"
layers = { limit = 20, severity = "warning", reason = "each is a request" }
efficiency = 0.95
wasted-percent = "5%"
labels = ["maintainer", "org.opencontainers.image.source=https://*"]
user = "app"
start-time = "12s"
stored-growth = { limit = "5MB", floor = "1MiB" }
findings = 0
base-image = ["python:3.*-slim"]
[[rules.path-size]]
id = "static"
paths = "/app/static"
limit = "5MB"
[[rules.path-size]]
paths = ["/app/*.js"]
limit = 0
"#;
        let budget = Budget::parse("layerscope.toml", toml).expect("a budget");
        let shown: Vec<String> = (budget.rules.iter())
            .map(|rule| format!("{}:{} {:?}", rule.line, rule.id, rule.limit.amount().map(|limit| limit.to_string())))
            .collect();
        assert_eq!(
            shown,
            [
                "6:stored-size Some(\"120.0 MB\")",
                "7:layers Some(\"20\")",
                "8:efficiency Some(\"95.0%\")",
                "9:wasted-percent Some(\"5.0%\")",
                "10:labels Some(\"maintainer, org.opencontainers.image.source\")",
                "11:user Some(\"app\")",
                "12:start-time Some(\"12.0 s\")",
                "13:stored-growth Some(\"5.0 MB\")",
                "14:findings Some(\"0\")",
                "15:base-image Some(\"python:3.*-slim\")",
                "16:static Some(\"5.0 MB\")",
                "20:path-size Some(\"0 B\")",
            ]
        );
        assert!(budget.ignore_base && budget.needs_base() && budget.needs_baseline() && !budget.needs_current_base());
        assert_eq!(budget.rules[1].severity, Severity::Warning);
        assert_eq!(budget.rules[1].reason.as_deref(), Some("each is a request"));
    }

    #[test]
    fn what_is_wrong_has_its_line_and_the_nearest_right_name() {
        for (toml, expected) in [
            (
                "[rules]\n\nstore-size = 1",
                "layerscope.toml:3: there is no rule `store-size`: did you mean \"stored-size\"?",
            ),
            (
                "bases = \"ignore\"\n[rules]\nlayers = 1",
                "layerscope.toml:1: a budget has no `bases`: did you mean \"base\"?",
            ),
            (
                "[rules]\nlayers = { limit = 1, sevrity = \"error\" }",
                ":2: rule layers has no `sevrity`: did you mean \"severity\"?",
            ),
            ("[rules]\nlayers = { }", ":2: rule layers needs `limit`"),
            ("[rules]\nlayers = { limt = 3 }", ":2: rule layers has no `limt`: did you mean \"limit\"?"),
            ("[rules]\nlayers = { id = \"x\", flor = 3 }", ":2: rule layers needs `limit`"),
            ("[rules]\nlayers = -1", ":2: rule layers: `limit`: expected a whole number from 0, not -1"),
            ("[rules]\nlayers = 1.5", "expected a whole number from 0, not 1.5"),
            ("[rules]\nstored-size = \"120M\"", ":2: rule stored-size: `limit`: M is no unit: say MB"),
            (
                "[rules]\nstored-size = true",
                "expected a size as \"120MB\", or a whole number of bytes, not a value of type",
            ),
            ("[rules]\nwasted-percent = 1", "expected a percentage as \"5%\", or a fraction as 0.05, not 1"),
            ("[rules]\nefficiency = 95", "expected a percentage as \"5%\", or a fraction as 0.05, not 95"),
            ("[rules]\nefficiency = \"101%\"", "expected at most 100%"),
            (
                "[rules]\nfindings = { ids = [\"pip-cash\"] }",
                "no finding is called \"pip-cash\": did you mean \"pip-cache\"?",
            ),
            ("[rules]\nstart-time = { limit = 3, profile = \"offcie\" }", "did you mean \"office\"?"),
            ("[rules]\nforbidden-paths = \"a[\"", ":2: rule forbidden-paths: `paths`: \"a[\" is no glob"),
            (
                "[rules]\nforbidden-packages = \"apt:curl\"",
                "\"apt:curl\": apt is no kind of packages: expected one of deb, apk, rpm, python, npm, go, rust",
            ),
            ("[rules]\nforbidden-paths = []", "expected at least one text"),
            ("[rules]\nbase-image = { current = false }", "rule base-image needs `allowed`, or `current = true`"),
            (
                "[rules]\n[[rules.path-size]]\npaths = \"a\"\nlimit = 1\n[[rules.path-size]]\npaths = \"b\"\nlimit = 1",
                ":5: the rule of line 2 has the id \"path-size\" too",
            ),
            ("base = \"ignored\"\n[rules]\nlayers = 1", ":1: a budget: `base`: expected \"ignore\" or \"count\""),
            ("[rules]\nlayers = ", ":2: this is no TOML"),
            ("", ":1: there is no rule"),
            ("[rules]\nlayers = \"\"", "expected a whole number from 0, not \"\""),
        ] {
            let error = error(toml);
            assert!(error.contains(expected), "{toml}\n  gives {error}\n  not   {expected}");
        }
    }
}
