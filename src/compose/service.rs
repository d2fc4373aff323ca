//! One service's keys.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Build, ComposeError, Service};
use crate::shell;

/// Reads a service, and which one of this file it extends.
pub(super) fn read(
    name: &str,
    value: &Value,
    environment: &BTreeMap<String, String>,
) -> Result<(Service, Option<String>), ComposeError> {
    let keys = Keys { service: name, prefix: "", value };
    keys.is_map("a map of its keys")?;
    let (extends, extends_file) = match keys.extends()? {
        Some((Some(file), service)) => (None, Some((file, service))),
        Some((None, service)) => (Some(service), None),
        None => (None, None),
    };
    let service = Service {
        image: keys.text("image")?,
        build: build(name, &value["build"], environment)?,
        entrypoint: keys.command("entrypoint")?,
        command: keys.command("command")?,
        platform: keys.text("platform")?,
        profiles: keys.list("profiles")?,
        extends_file,
    };
    Ok((service, extends))
}

fn build(service: &str, value: &Value, environment: &BTreeMap<String, String>) -> Result<Option<Build>, ComposeError> {
    let keys = Keys { service, prefix: "build.", value };
    match value {
        Value::Null => Ok(None),
        Value::String(context) => Ok(Some(Build { context: Some(context.clone()), ..Build::default() })),
        _ => {
            keys.is_map("a folder, or a map of its keys")?;
            Ok(Some(Build {
                context: keys.text("context")?,
                dockerfile: keys.text("dockerfile")?,
                dockerfile_inline: keys.text("dockerfile_inline")?,
                target: keys.text("target")?,
                args: keys.args(environment)?,
            }))
        }
    }
}

/// One service over what it extends: texts replace, lists and maps add up.
pub(super) fn over(mut below: Service, above: &Service) -> Service {
    below.build = match (below.build, &above.build) {
        (Some(below), Some(above)) => Some(build_over(below, above)),
        (below, above) => above.clone().or(below),
    };
    replace(&mut below.image, &above.image);
    replace(&mut below.entrypoint, &above.entrypoint);
    replace(&mut below.command, &above.command);
    replace(&mut below.platform, &above.platform);
    let new = above.profiles.iter().filter(|profile| !below.profiles.contains(profile)).cloned().collect::<Vec<_>>();
    below.profiles.extend(new);
    below.extends_file = below.extends_file.or_else(|| above.extends_file.clone());
    below
}

fn build_over(mut below: Build, above: &Build) -> Build {
    replace(&mut below.context, &above.context);
    replace(&mut below.dockerfile, &above.dockerfile);
    replace(&mut below.dockerfile_inline, &above.dockerfile_inline);
    replace(&mut below.target, &above.target);
    below.args.extend(above.args.clone());
    below
}

fn replace<T: Clone>(below: &mut Option<T>, above: &Option<T>) {
    if above.is_some() {
        below.clone_from(above);
    }
}

/// A map whose keys errors name.
struct Keys<'a> {
    service: &'a str,
    prefix: &'static str,
    value: &'a Value,
}

impl Keys<'_> {
    fn is_map(&self, expected: &'static str) -> Result<(), ComposeError> {
        let key = if self.prefix.is_empty() { "its value" } else { self.prefix.trim_end_matches('.') };
        let wrong =
            || ComposeError::Key { service: self.service.into(), key: key.into(), found: kind(self.value), expected };
        self.value.is_object().then_some(()).ok_or_else(wrong)
    }

    fn wrong(&self, key: &str, found: &Value, expected: &'static str) -> ComposeError {
        ComposeError::Key {
            service: self.service.into(),
            key: format!("{}{key}", self.prefix),
            found: kind(found),
            expected,
        }
    }

    /// A text; empty is as good as none.
    fn text(&self, key: &str) -> Result<Option<String>, ComposeError> {
        match &self.value[key] {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            other => Err(self.wrong(key, other, "text")),
        }
    }

    /// A list of words, or a text that is cut into words as a shell would; none of its other signs means anything.
    fn command(&self, key: &str) -> Result<Option<Vec<String>>, ComposeError> {
        match &self.value[key] {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(words(text))),
            Value::Array(_) => Ok(Some(self.list(key)?)),
            other => Err(self.wrong(key, other, "text, or a list of texts")),
        }
    }

    fn list(&self, key: &str) -> Result<Vec<String>, ComposeError> {
        let wrong = |value| self.wrong(key, value, "a list of texts");
        match &self.value[key] {
            Value::Null => Ok(Vec::new()),
            Value::Array(items) => {
                items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(|| wrong(item))).collect()
            }
            other => Err(wrong(other)),
        }
    }

    /// `args` as a map or as a list of `NAME=value`; what has no value takes the environment's.
    fn args(&self, environment: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ComposeError> {
        const FORM: &str = "a map of names to values, or a list of NAME=value";
        let args = &self.value["args"];
        let pair = |(name, value): (String, Option<String>)| {
            Some((name.clone(), value.or_else(|| environment.get(&name).cloned())?))
        };
        let named = |(name, value): (&String, &Value)| match value {
            Value::Null => Ok((name.clone(), None)),
            Value::String(text) => Ok((name.clone(), Some(text.clone()))),
            Value::Bool(_) | Value::Number(_) => Ok((name.clone(), Some(value.to_string()))),
            other => Err(self.wrong("args", other, FORM)),
        };
        let listed = |item: &Value| match item.as_str().map(|text| text.split_once('=').ok_or(text)) {
            Some(Ok((name, value))) => Ok((name.to_owned(), Some(value.to_owned()))),
            Some(Err(name)) => Ok((name.to_owned(), None)),
            None => Err(self.wrong("args", item, FORM)),
        };
        let pairs = match args {
            Value::Null => Vec::new(),
            Value::Object(map) => map.iter().map(named).collect::<Result<_, _>>()?,
            Value::Array(items) => items.iter().map(listed).collect::<Result<_, _>>()?,
            other => return Err(self.wrong("args", other, FORM)),
        };
        Ok(pairs.into_iter().filter_map(pair).collect())
    }

    /// `extends: NAME`, or a map of `service` and perhaps `file`: file and service.
    fn extends(&self) -> Result<Option<(Option<String>, String)>, ComposeError> {
        const FORM: &str = "a service's name, or a map of service and file";
        match &self.value["extends"] {
            Value::Null => Ok(None),
            Value::String(service) => Ok(Some((None, service.clone()))),
            value @ Value::Object(_) => {
                let keys = Keys { service: self.service, prefix: "extends.", value };
                let service = keys.text("service")?.ok_or_else(|| keys.wrong("service", &Value::Null, "text"))?;
                Ok(Some((keys.text("file")?, service)))
            }
            other => Err(self.wrong("extends", other, FORM)),
        }
    }
}

fn words(text: &str) -> Vec<String> {
    let commands = shell::read(text, '\\').commands;
    commands.iter().flat_map(|command| command.before.iter().chain(&command.words)).map(shell::Word::value).collect()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
