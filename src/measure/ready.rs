//! What tells that a container is ready.

use regex::bytes::{Regex, RegexBuilder};

use crate::model::RuntimeConfig;

/// The largest compiled form of an expression, in bytes.
const LARGEST: usize = 1 << 20;

/// What tells that a container is ready.
#[derive(Clone, Debug)]
pub enum Ready {
    /// It ends, whatever its status.
    Exit,
    /// What it writes, up to here, matches.
    Output(Regex),
    /// It has written something, or ended.
    FirstOutput,
    /// A port of its own listens.
    Port(u16),
    /// A request is answered with a status below 400.
    Http {
        /// In the container's network.
        port: u16,
        /// With the leading slash.
        path: String,
    },
    /// Its HEALTHCHECK succeeds.
    Healthy,
}

/// Why a condition was not understood.
#[derive(Debug, thiserror::Error)]
pub enum ReadyError {
    /// None of the forms.
    #[error("{text:?} tells nothing: say exit, output=REGEX, port=N or http=URL")]
    Unknown {
        /// What was given.
        text: String,
    },
    /// Not an expression.
    #[error("{text:?} is no regular expression: {source}")]
    Regex {
        /// What was given.
        text: String,
        /// Why.
        source: regex::Error,
    },
    /// Not a port.
    #[error("{text:?} is no port: say 1 to 65535")]
    Port {
        /// What was given.
        text: String,
    },
    /// Not a URL.
    #[error("{text:?} is no URL here: say http://localhost:PORT/PATH, as the container itself would ask")]
    Url {
        /// What was given.
        text: String,
    },
}

impl Ready {
    /// `exit`, `output=REGEX`, `port=N`, `http=URL`.
    pub fn parse(text: &str) -> Result<Self, ReadyError> {
        match text.split_once('=') {
            None if text == "exit" => Ok(Self::Exit),
            Some(("output", pattern)) => {
                let built = RegexBuilder::new(pattern).size_limit(LARGEST).multi_line(true).build();
                built.map(Self::Output).map_err(|source| ReadyError::Regex { text: pattern.into(), source })
            }
            Some(("port", number)) => port(number).map(Self::Port),
            Some(("http", url)) => http(url).ok_or_else(|| ReadyError::Url { text: url.into() }),
            _ => Err(ReadyError::Unknown { text: text.into() }),
        }
    }

    /// What an image itself says: its HEALTHCHECK, its lowest port of EXPOSE for TCP, or else its first output.
    pub fn of_image(config: &RuntimeConfig) -> Self {
        let test = config.healthcheck.as_ref().map(|check| check.test.as_slice()).unwrap_or_default();
        if test.first().is_some_and(|word| word != "NONE") {
            return Self::Healthy;
        }
        let tcp = |text: &String| port(text.strip_suffix("/tcp").unwrap_or(text)).ok();
        let ports = config.exposed_ports.keys().filter_map(tcp);
        ports.min().map_or(Self::FirstOutput, Self::Port)
    }

    /// In words, for a report.
    pub fn describe(&self) -> String {
        match self {
            Self::Exit => "exit".into(),
            Self::Output(pattern) => format!("output={pattern}"),
            Self::FirstOutput => "first output or exit".into(),
            Self::Port(port) => format!("port={port}"),
            Self::Http { port, path } => format!("http=http://localhost:{port}{path}"),
            Self::Healthy => "HEALTHCHECK".into(),
        }
    }
}

fn port(text: &str) -> Result<u16, ReadyError> {
    let number = text.parse::<u16>().ok().filter(|number| *number > 0);
    number.ok_or_else(|| ReadyError::Port { text: text.into() })
}

/// The host of the URL is the container, whatever it is called.
fn http(url: &str) -> Option<Ready> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let plain = |c: char| c.is_ascii_graphic();
    let number = host.rsplit_once(':').map_or("80", |(_, number)| number);
    let path = if path.is_empty() { "/" } else { path };
    path.chars().all(plain).then_some(Ready::Http { port: port(number).ok()?, path: path.into() })
}

/// Whether `/proc/PID/net/tcp` or `tcp6` has a socket that listens on a port: local address, and state 0A
/// (proc_pid_net(5), `include/net/tcp_states.h`).
pub(super) fn listens(table: &str, port: u16) -> bool {
    let listening = |line: &str| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (local, _, state) = (words.next()?, words.next()?, words.next()?);
        let (_, number) = local.rsplit_once(':')?;
        Some(state == "0A" && u16::from_str_radix(number, 16).ok()? == port)
    };
    table.lines().skip(1).any(|line| listening(line) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_said_again() {
        for text in ["exit", "output=Running on .*:5000", "port=5000", "http=http://localhost:8000/health?x=1"] {
            assert_eq!(Ready::parse(text).unwrap().describe(), text);
        }
        assert_eq!(Ready::parse("http=http://app").unwrap().describe(), "http=http://localhost:80/");
        for text in ["", "port", "port=0", "port=70000", "output=(", "http=https://x/", "http=http://x/a b", "soon"] {
            assert!(Ready::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_image_says_it_in_order() {
        let config = |json: &str| serde_json::from_str::<RuntimeConfig>(json).unwrap();
        let of = |json: &str| Ready::of_image(&config(json)).describe();
        let check = r#"{"Healthcheck":{"Test":["CMD","true"]},"ExposedPorts":{"80/tcp":{}}}"#;
        assert_eq!(of(check), "HEALTHCHECK");
        assert_eq!(
            of(r#"{"Healthcheck":{"Test":["NONE"]},"ExposedPorts":{"9000":{},"80/tcp":{},"53/udp":{}}}"#),
            "port=80"
        );
        assert_eq!(of(r#"{"ExposedPorts":{"53/udp":{},"x":{}}}"#), "first output or exit");
    }

    #[test]
    fn a_socket_that_listens_is_found() {
        let table = "  sl  local_address rem_address   st tx_queue\n   0: 00000000:1388 00000000:0000 0A 00000000:00000000\n\
                     \n   1: 0100007F:0050 0100007F:1388 01 0:0\n junk";
        assert!(listens(table, 5000) && !listens(table, 80) && !listens(table, 0) && !listens("", 1));
        let six = "h\n 0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 0:0";
        assert!(listens(six, 8080));
    }
}
