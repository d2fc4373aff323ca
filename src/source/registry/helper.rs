//! Credential helpers: `docker-credential-NAME get`, as github.com/docker/docker-credential-helpers defines it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::credentials::{Found, Login};
use super::environment::Environment;
use super::error::{RegistryError, one_line};
use crate::source::Credentials;

/// No secret is longer.
const MAX_ANSWER: u64 = 256 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks a `credsStore`, if it is there: Docker Desktop's, seen from elsewhere, must keep nobody from public images.
pub(super) fn ask_store(name: &str, server: &str, environment: &Environment) -> Result<Option<Found>, RegistryError> {
    if environment.program(&program(name)).is_none() {
        tracing::warn!("{} is not installed: going on without credentials", program(name));
        return Ok(None);
    }
    ask(name, server, environment)
}

/// Asks for the login of a server. `None` where the helper knows none.
pub(super) fn ask(name: &str, server: &str, environment: &Environment) -> Result<Option<Found>, RegistryError> {
    let program = program(name);
    let fail = |reason: String| RegistryError::Config { path: program.clone(), reason };
    if name.contains(['/', '\\']) {
        return Err(fail("a helper's name has no slash".into()));
    }
    let file = environment.program(&program).ok_or_else(|| fail("it is not on $PATH".into()))?;
    let (output, success) = run(&file, server).map_err(|error| fail(error.to_string()))?;
    if success {
        let answer: Answer =
            serde_json::from_slice(&output).map_err(|_| fail("its answer is not the JSON that helpers give".into()))?;
        return Ok(answer.login().map(|login| Found { login, origin: program.clone() }));
    }
    let said = String::from_utf8_lossy(&output);
    if said.contains("credentials not found") {
        return Ok(None);
    }
    Err(fail(format!("it failed: {}", one_line(&said))))
}

/// Its standard output, and whether it succeeded. It keeps our standard error: it may have to ask for a passphrase.
fn run(program: &Path, server: &str) -> std::io::Result<(Vec<u8>, bool)> {
    let mut child = Command::new(program).arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(server.as_bytes()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_ANSWER).read_to_end(&mut output)?;
    }
    Ok((output, child.wait()?.success()))
}

impl Answer {
    fn login(self) -> Option<Login> {
        match self.username.as_str() {
            "<token>" => Some(Login::IdentityToken(self.secret)),
            "" if self.secret.is_empty() => None,
            _ => Some(Login::Password(Credentials { username: self.username, password: self.secret })),
        }
    }
}

fn program(name: &str) -> String {
    format!("docker-credential-{name}")
}
