//! Data that programs expect of a base: certificates, time zones, locales.

use super::summary::Problem;
use super::world::{Found, World};
use super::{Facts, Verdict, commands};
use crate::analyze::packages;
use crate::elf::Loadable;
use crate::model::LayerPath;

/// Where distributions have the certificates of authorities.
const CERTIFICATES: [&str; 6] = [
    "etc/ssl/certs/ca-certificates.crt",
    "etc/pki/tls/certs/ca-bundle.crt",
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "etc/ssl/cert.pem",
    "etc/ssl/ca-bundle.pem",
    "var/lib/ca-certificates/ca-bundle.pem",
];
/// Variables that lead to certificates.
const CERTIFICATE_VARIABLES: [&str; 7] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "AWS_CA_BUNDLE",
];
/// Libraries that speak TLS.
const TLS: [&[u8]; 6] = [b"libssl.so", b"libgnutls.so", b"libcurl", b"libnss3.so", b"libmbedtls.so", b"libwolfssl.so"];
/// Python's packages that call others over TLS and trust the base's certificates.
const CLIENTS: [&str; 12] = [
    "aiohttp",
    "aiosmtplib",
    "asyncpg",
    "elasticsearch",
    "httplib2",
    "ldap3",
    "paho-mqtt",
    "pymongo",
    "redis",
    "tornado",
    "urllib3",
    "websockets",
];
/// Packages that work with named time zones and have none of their own.
const ZONE_USERS: [&str; 8] =
    ["apscheduler", "celery", "croniter", "django", "pendulum", "sqlalchemy-utc", "tzlocal", "icalendar"];
const ZONES: &str = "usr/share/zoneinfo";

pub(super) fn check(facts: &Facts<'_>) -> Vec<Problem> {
    let mut problems = variables(facts);
    problems.extend(certificates(facts));
    problems.extend(zones(facts));
    problems.extend(locale(facts));
    problems
}

/// Settings that name certificates which are gone.
fn variables(facts: &Facts<'_>) -> Vec<Problem> {
    let gone = CERTIFICATE_VARIABLES.iter().filter_map(|name| {
        let path = facts.new.env(name).filter(|path| path.starts_with('/'))?;
        let path = LayerPath::from(path);
        (facts.old.exists(&path) && !facts.new.exists(&path)).then_some((name, path))
    });
    gone.map(|(name, path)| {
        let what = format!("{name} names certificates that are not there");
        Problem::new(Verdict::Breaks, "certificates", what).missing(path.display()).in_the_package("ca-certificates")
    })
    .collect()
}

fn has_certificates(world: &World<'_>) -> bool {
    CERTIFICATES.iter().any(|path| world.file(&(*path).into()).is_some_and(|found| found.entry.file_bytes() > 0))
}

fn certificates(facts: &Facts<'_>) -> Option<Problem> {
    if !has_certificates(&facts.old) || has_certificates(&facts.new) {
        return None;
    }
    let (verdict, why) = need_of_certificates(facts);
    let what = format!("the old base has certificates of authorities, this one has none: {why}");
    let missing = "CA certificates";
    Some(Problem::new(verdict, "certificates", what).missing(missing).in_the_package("ca-certificates"))
}

/// How surely the application misses them.
fn need_of_certificates(facts: &Facts<'_>) -> (Verdict, String) {
    let installed = own_packages(facts);
    let client = CLIENTS.iter().find(|name| installed.iter().any(|other| other == *name));
    let bundled = installed.iter().any(|name| name == "certifi");
    if let (Some(client), false) = (client, bundled) {
        return (Verdict::Breaks, format!("{client} checks those it calls against them"));
    }
    let started = commands::started(&facts.new);
    let programs: Vec<&Found<'_>> = started.iter().flat_map(|led| &led.programs).collect();
    let is = |name: &[u8]| programs.iter().any(|program| program.path.file_name().starts_with(name));
    if is(b"curl") || is(b"wget") || is(b"git") {
        return (Verdict::Breaks, "a program that it starts checks those it calls against them".into());
    }
    if is(b"node") {
        return (Verdict::Works, "Node brings its own".into());
    }
    if is(b"python") || is(b"java") || is(b"ruby") || is(b"php") || is(b"perl") {
        return (Verdict::Undecided, "its code fails if it calls others over TLS".into());
    }
    if facts.own_files.iter().any(speaks_tls) || installed.iter().any(|name| name == "stdlib") {
        return (Verdict::Undecided, "it can speak TLS, and fails if it calls others".into());
    }
    let known = facts.application.built && !programs.is_empty();
    let verdict = if known { Verdict::Works } else { Verdict::Undecided };
    (verdict, "nothing is known to need them".into())
}

fn speaks_tls(file: &Found<'_>) -> bool {
    let Some(Loadable::Elf(elf)) = file.loadable else { return false };
    elf.needed.iter().any(|name| TLS.iter().any(|tls| name.starts_with(tls)))
}

/// Names of packages that the application brings, in lower case.
fn own_packages(facts: &Facts<'_>) -> Vec<String> {
    let own = packages(facts.new.tree).into_iter().filter(|package| facts.new.owns(&package.path));
    own.map(|package| package.name.to_lowercase()).collect()
}

fn zones(facts: &Facts<'_>) -> Option<Problem> {
    let zones = LayerPath::from(ZONES);
    if !facts.old.is_dir(&zones) || facts.new.is_dir(&zones) {
        return None;
    }
    let zone = facts.new.env("TZ").map(|zone| zone.trim_start_matches(':')).filter(|zone| zone.contains('/'));
    let installed = own_packages(facts);
    let has = |names: &[&str]| installed.iter().any(|name| names.contains(&name.as_str()));
    let (verdict, why) = if let Some(zone) = zone {
        (Verdict::Breaks, format!("TZ={zone} becomes UTC without a word"))
    } else if has(&["tzdata", "pytz"]) {
        (Verdict::Works, "a package of its own has them".into())
    } else if has(&ZONE_USERS) {
        (Verdict::Undecided, "packages that it has work with named time zones".into())
    } else {
        (Verdict::Works, "local time is UTC, and named time zones are not found".into())
    };
    let what = format!("the old base has time zones, this one has none: {why}");
    Some(Problem::new(verdict, "time-zones", what).missing(zones.display()).in_the_package("tzdata"))
}

/// A locale that the settings name. C, POSIX and C.UTF-8 need no files of their own.
fn locale(facts: &Facts<'_>) -> Option<Problem> {
    let name =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|key| facts.new.env(key)).filter(|name| !name.is_empty())?;
    let plain = name.to_lowercase().replace('-', "");
    if matches!(plain.as_str(), "c" | "posix" | "c.utf8") {
        return None;
    }
    let folder = plain.split('@').next().unwrap_or_default();
    let (language, charset) = folder.split_once('.').unwrap_or((folder, ""));
    let has = |world: &World<'_>| {
        let archive = world.file(&"usr/lib/locale/locale-archive".into()).is_some();
        let listed = world.tree.follow(&"usr/lib/locale".into(), true).is_ok_and(|(_, id)| {
            world.tree.node(id).children().any(|(name, _)| {
                let name = String::from_utf8_lossy(name).to_lowercase().replace('-', "");
                name == folder || name == format!("{language}.{charset}")
            })
        });
        archive || listed
    };
    if !has(&facts.old) || has(&facts.new) {
        return None;
    }
    let what = "the settings name a locale that is not there: programs sort, and may encode, as in C";
    let hint = "the package locales, or LANG=C.UTF-8".to_owned();
    Some(Problem::new(Verdict::Undecided, "locale", what).missing(name).hint(hint))
}
