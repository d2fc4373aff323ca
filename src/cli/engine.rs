//! An engine of our own in an emptied room, and the registry on loopback from which it pulls.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};

use anyhow::Context;
use clap::ValueEnum;

use super::interrupt::on_interrupt;
use crate::analyze::startup::Engine;
use crate::measure::{self, Room, Runtime, SAMPLES, Stop};
use crate::serve;

/// Where programs are that ordinary people don't have on their PATH.
const SBIN: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum EngineArg {
    Podman,
    Docker,
    Containerd,
    Nerdctl,
}

impl EngineArg {
    /// The one that was asked for, or the first whose programs are there.
    pub(super) fn or_installed(engine: Option<Self>) -> Engine {
        engine.map_or_else(installed, Engine::from)
    }
}

impl From<EngineArg> for Engine {
    fn from(engine: EngineArg) -> Self {
        match engine {
            EngineArg::Podman => Self::Podman,
            EngineArg::Docker => Self::Docker,
            EngineArg::Containerd => Self::Containerd,
            EngineArg::Nerdctl => Self::Nerdctl,
        }
    }
}

fn installed() -> Engine {
    let programs = [(Engine::Podman, "podman"), (Engine::Docker, "dockerd"), (Engine::Containerd, "ctr")];
    let found = programs.into_iter().find(|(_, program)| is_installed(program));
    found.map_or(Engine::Docker, |(engine, _)| engine)
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(SBIN.map(Into::into));
    folders.into_iter().any(|folder| Path::new(&folder).join(program).is_file())
}

/// An engine in its room, for one run of the program.
pub(super) struct OwnEngine {
    /// Set when the person wants it to end.
    pub(super) stop: Stop,
    // Ended in this order: the engine leaves the room before it goes.
    pub(super) runtime: Box<dyn Runtime>,
    pub(super) room: Arc<Room>,
}

impl OwnEngine {
    /// Makes it ready. Ctrl-C ends what goes on, and then everything is cleaned up as after an error.
    pub(super) fn start(engine: Engine) -> anyhow::Result<Self> {
        let stop = Stop::default();
        let asked = stop.clone();
        on_interrupt(move || asked.store(true, Ordering::Relaxed));
        let room = Arc::new(Room::new()?);
        measure::write_samples(&room, "probe", false, &stop)?;
        let (address, _) = served(room.path("probe"))?;
        let runtime = measure::runtime(engine, &room, &stop, &format!("{address}/probe:{}", SAMPLES[0]))?;
        Ok(Self { stop, runtime, room })
    }
}

/// Serves a folder or an archive until the program ends; where, and what can be pulled.
pub(super) fn served(path: PathBuf) -> anyhow::Result<(SocketAddr, Vec<String>)> {
    let (ready, hear) = mpsc::channel();
    std::thread::spawn(move || {
        let options = serve::Options { paths: vec![path], listen: (Ipv4Addr::LOCALHOST, 0).into() };
        let failed = ready.clone();
        let announce = move |it: serve::Ready<'_>| drop(ready.send(Ok((it.address, it.images.to_vec()))));
        if let Err(error) = serve::serve(&options, announce, std::future::pending()) {
            failed.send(Err(error)).ok();
        }
    });
    Ok(hear.recv().context("the registry on loopback did not start")??)
}
