//! A compose file: which images its services run, and how those that are built are built.
//!
//! Pure: text in, data out. After the Compose Specification (<https://github.com/compose-spec/compose-spec>); what says
//! nothing about images (ports, volumes, networks, `x-` fields) is passed over.

mod dotenv;
mod files;
mod service;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

pub use dotenv::dotenv;
use files::MOST_FILES;
pub use files::{Read, is_remote};

/// The longest compose file that is read, in bytes.
pub const LONGEST: usize = 1 << 20;

/// A compose file, read: variables replaced, anchors, merge keys and `extends` carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compose {
    /// The project's name, where given.
    pub name: Option<String>,
    /// The services by name.
    pub services: BTreeMap<String, Service>,
}

/// One service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The image it runs; beside `build`, the name that the built image gets.
    pub image: Option<String>,
    /// How it is built.
    pub build: Option<Build>,
    /// What it starts in place of the image's `ENTRYPOINT`.
    pub entrypoint: Option<Vec<String>>,
    /// … and of its `CMD`.
    pub command: Option<Vec<String>>,
    /// `os/architecture[/variant]`.
    pub platform: Option<String>,
    /// The profiles that it belongs to; none means always.
    pub profiles: Vec<String>,
    /// `extends` of a service in another file, `(file, service)`: what that one says is missing here.
    pub extends_file: Option<(String, String)>,
}

/// How a service's image is built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// The context: a folder as seen from the compose file's, or a URL. `.` where none is given.
    pub context: Option<String>,
    /// The Dockerfile, as seen from the context. `Dockerfile` where none is given.
    pub dockerfile: Option<String>,
    /// A Dockerfile's text.
    pub dockerfile_inline: Option<String>,
    /// The stage.
    pub target: Option<String>,
    /// Build arguments; one without a value here or in the environment is missing.
    pub args: BTreeMap<String, String>,
}

/// What is wrong with a compose file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// Longer than [`LONGEST`].
    #[error("the compose file has {bytes} bytes: at most {LONGEST} are read")]
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// No YAML, a variable that must be set, or more than is read.
    #[error("the compose file cannot be read: {reason}")]
    Yaml {
        /// Why, and where.
        reason: String,
    },
    /// No services.
    #[error("the compose file has no services: expected services: and a name for each")]
    NoServices,
    /// A key has another form than it should.
    #[error("service {service:?}: {key} is {found}: expected {expected}")]
    Key {
        /// The service.
        service: String,
        /// The key, as `build.args`.
        key: String,
        /// What was found.
        found: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// `extends` a service that there is not.
    #[error("service {service:?}: extends names {wanted:?}, which is no service of this file")]
    NoService {
        /// The service.
        service: String,
        /// What it extends.
        wanted: String,
    },
    /// `extends` a service that the other file has not.
    #[error("service {service:?}: extends names {wanted:?}, which is no service of {file}")]
    NoServiceThere {
        /// The service.
        service: String,
        /// What it extends.
        wanted: String,
        /// The other file.
        file: String,
    },
    /// A file that can't be had, or what is wrong in it.
    #[error("{file}: {reason}")]
    File {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// `extends` leads to more and more files.
    #[error("{file} is not read: extends leads to more than {MOST_FILES} files")]
    TooManyFiles {
        /// The first one too many.
        file: String,
    },
    /// `extends` makes much out of little.
    #[error("the build arguments of all services together have more than {ROOM} bytes once extends is carried out")]
    TooMuch,
    /// `extends` goes in a circle, or very far.
    #[error("service {service:?}: extends goes in a circle, or over more than {DEEPEST} services")]
    Circle {
        /// The service.
        service: String,
    },
}

/// How many services one may extend, one over another.
const DEEPEST: usize = 32;
/// Bytes that all services together may have: each that is extended is there once more.
const ROOM: usize = 16 << 20;

/// Takes a service's bytes out of the room that there is for all.
fn room_for(room: &mut usize, service: &Service) -> Result<(), ComposeError> {
    let args = service.build.iter().flat_map(|build| &build.args).map(|(name, value)| name.len() + value.len());
    let inline = service.build.iter().filter_map(|build| build.dockerfile_inline.as_ref()).map(String::len);
    let profiles = service.profiles.iter().map(String::len);
    let bytes = args.chain(inline).chain(profiles).fold(0, |sum: usize, bytes| sum.saturating_add(bytes + 32));
    *room = room.checked_sub(bytes).ok_or(ComposeError::TooMuch)?;
    Ok(())
}

impl Compose {
    /// Reads a compose file of at most [`LONGEST`] bytes. `environment` is what `${NAME}` is looked up in: the
    /// process's, over what [`dotenv`] reads of `.env`.
    pub fn parse(text: &str, environment: &BTreeMap<String, String>) -> Result<Self, ComposeError> {
        if text.len() > LONGEST {
            return Err(ComposeError::TooLong { bytes: text.len() });
        }
        let yaml = |error: serde_saphyr::Error| ComposeError::Yaml { reason: shortened(&error.to_string()) };
        let document: Value = serde_saphyr::from_str_with_options(text, options(environment)).map_err(yaml)?;
        let Some(Value::Object(services)) = document.get("services") else { return Err(ComposeError::NoServices) };
        if services.is_empty() {
            return Err(ComposeError::NoServices);
        }
        let own = own(services, environment)?;
        let mut room = ROOM;
        let extended = own.keys().map(|name| {
            let service = extended(&own, name)?;
            room_for(&mut room, &service)?;
            Ok((name.clone(), service))
        });
        Ok(Self {
            name: document.get("name").and_then(Value::as_str).map(str::to_owned),
            services: extended.collect::<Result<_, ComposeError>>()?,
        })
    }

    /// The services that run when these profiles are chosen.
    pub fn with_profiles<'a>(&'a self, chosen: &'a [String]) -> impl Iterator<Item = (&'a str, &'a Service)> {
        let runs = move |service: &Service| {
            service.profiles.is_empty() || service.profiles.iter().any(|own| chosen.contains(own) || chosen == ["*"])
        };
        self.services.iter().filter(move |(_, service)| runs(service)).map(|(name, service)| (name.as_str(), service))
    }
}

/// Compose's variables, and limits that no person's file meets: an alias may not make much out of little.
fn options(environment: &BTreeMap<String, String>) -> serde_saphyr::Options {
    let properties: HashMap<String, String> = environment.clone().into_iter().collect();
    let mut limits = serde_saphyr::options::AliasLimits::default();
    limits.max_total_replayed_events = 50_000;
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: 100_000,
            max_total_scalar_bytes: 4 << 20,
            max_total_property_interpolation_work: 16 << 20,
        },
        alias_limits: limits,
        strict_booleans: true,
        property_syntax: serde_saphyr::PropertySyntax::DockerCompose,
        // A file's text may hold secrets, and errors are logged.
        with_snippet: false,
    }
    .with_properties(properties)
}

/// An error may quote what is a megabyte long.
fn shortened(reason: &str) -> String {
    let cut: String = reason.chars().take(300).collect();
    if cut.len() < reason.len() { cut + "…" } else { cut }
}

/// What a service says itself, and the service of this file that it extends.
type Own = BTreeMap<String, (Service, Option<String>)>;

fn own(services: &Map<String, Value>, environment: &BTreeMap<String, String>) -> Result<Own, ComposeError> {
    let read = |(name, value): (&String, &Value)| Ok((name.clone(), service::read(name, value, environment)?));
    services.iter().map(read).collect()
}

/// A service over those that it extends.
fn extended(own: &Own, name: &str) -> Result<Service, ComposeError> {
    let mut chain: Vec<&Service> = Vec::new();
    let (mut at, mut asked_by) = (name, name);
    loop {
        let missing = || ComposeError::NoService { service: asked_by.into(), wanted: at.into() };
        let (service, extends) = own.get(at).ok_or_else(missing)?;
        chain.push(service);
        if chain.len() > DEEPEST {
            return Err(ComposeError::Circle { service: name.into() });
        }
        match extends {
            Some(next) => (asked_by, at) = (at, next),
            None => break,
        }
    }
    Ok(chain.into_iter().rev().fold(Service::default(), service::over))
}

#[cfg(test)]
mod tests;
