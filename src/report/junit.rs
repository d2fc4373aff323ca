//! JUnit's XML, in the form that Jenkins, GitLab and Azure read: a rule is a test case.

use std::io::{self, Write};

use quick_xml::Writer;

use super::document::{CheckDocument, RuleDocument};
use super::escape::escape;
use super::page::{told, untold};

/// Writes a check.
pub(super) fn write(document: &CheckDocument, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    let count = |wanted: Kind| document.rules.iter().filter(|rule| Kind::of(rule) == wanted).count().to_string();
    let (tests, failures, errors) = (document.rules.len().to_string(), count(Kind::Failure), count(Kind::Error));
    let skipped = count(Kind::Skipped);
    let image = escape(&document.image.reference);
    let counts = [("tests", tests.as_str()), ("failures", &failures), ("errors", &errors), ("time", "0")];
    let mut xml = Writer::new_with_indent(&mut *to, b' ', 2);
    let suites = xml.create_element("testsuites").with_attribute(("name", "layerscope check")).with_attributes(counts);
    suites.write_inner_content(|xml| {
        let suite = xml.create_element("testsuite").with_attribute(("name", image.as_str()));
        let suite = suite.with_attributes(counts).with_attribute(("skipped", skipped.as_str()));
        suite.write_inner_content(|xml| document.rules.iter().try_for_each(|rule| case(xml, rule)))?;
        Ok(())
    })?;
    writeln!(to)
}

/// What a rule is to JUnit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Passed,
    Failure,
    Error,
    /// A warning fails nothing, and is not hidden.
    Skipped,
}

impl Kind {
    fn of(rule: &RuleDocument) -> Self {
        match (rule.verdict.as_str(), rule.severity.as_str()) {
            ("pass", _) => Self::Passed,
            (_, "warning") => Self::Skipped,
            ("undecided", _) => Self::Error,
            _ => Self::Failure,
        }
    }

    fn element(self) -> Option<&'static str> {
        match self {
            Self::Passed => None,
            Self::Failure => Some("failure"),
            Self::Error => Some("error"),
            Self::Skipped => Some("skipped"),
        }
    }
}

fn case<W: Write>(xml: &mut Writer<W>, rule: &RuleDocument) -> io::Result<()> {
    let (id, message, kind) = (escape(&rule.id), escape(&rule.message), Kind::of(rule));
    let case = xml.create_element("testcase").with_attribute(("name", id.as_str()));
    let case = case.with_attribute(("classname", "layerscope.check")).with_attribute(("time", "0"));
    let Some(element) = kind.element() else {
        case.write_empty()?;
        return Ok(());
    };
    case.write_inner_content(|xml| {
        let broken = xml.create_element(element).with_attribute(("message", message.as_str()));
        if kind == Kind::Skipped {
            broken.write_empty()?;
            return Ok(());
        }
        let broken = broken.with_attribute(("type", rule.kind.as_str()));
        broken.write_text_content(quick_xml::events::BytesText::new(&details(rule)))?;
        Ok(())
    })?;
    Ok(())
}

/// The reason and the evidence, a line each.
fn details(rule: &RuleDocument) -> String {
    let reason = rule.reason.iter().map(|reason| format!("Why: {reason}"));
    let evidence = rule.evidence.iter().map(|evidence| told(evidence, "  "));
    let lines = reason.chain(evidence).chain(untold(rule)).map(|line| escape(&line));
    lines.collect::<Vec<_>>().join("\n")
}
