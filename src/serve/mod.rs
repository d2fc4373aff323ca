//! A read-only registry over OCI layouts and archives: `docker pull` and `podman pull` in a room without a network.
//!
//! It speaks the parts of the OCI distribution-spec that pulling needs. What is served is read where it lies, piece by
//! piece; nothing is copied, except that a compressed archive is unpacked into a temporary file. Symbolic links within a
//! layout are not followed.

mod answer;
mod body;
mod connections;
mod place;
mod repository;
mod request;
mod store;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;

use crate::source::SourceError;
use connections::{Connections, Limits};
use store::Store;

/// Downloads that are under way when the server is told to stop may take this much longer.
const GRACE: Duration = Duration::from_secs(2);

/// What to serve, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// Layouts, archives, and folders of layouts and archives.
    pub paths: Vec<PathBuf>,
    /// Where to listen; port 0 takes any that is free. There is no authentication, so anything but a loopback address
    /// shows the images to whoever can reach it.
    pub listen: SocketAddr,
}

/// A server that answers.
#[derive(Clone, Copy, Debug)]
pub struct Ready<'a> {
    /// Where it listens.
    pub address: SocketAddr,
    /// What can be pulled, as `workshop:full`, in order. Before each belongs the address and a slash.
    pub images: &'a [String],
    /// What lies in the folders and is not served.
    pub left_out: &'a [LeftOut],
}

/// A layout or archive of a folder that can't be opened.
#[derive(Debug)]
pub struct LeftOut {
    /// Where it is.
    pub path: String,
    /// Why.
    pub error: SourceError,
}

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A folder or archive.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A folder without images.
    #[error("{path} has no images in it: expected an OCI layout, an archive (.tar, .tar.gz), or a folder of these")]
    NoImages {
        /// The folder.
        path: String,
    },
    /// Reading a folder.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The folder.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Two images want one name.
    #[error(
        "{name} would be two images, one in {first}, one in {second}: rename a folder or file, or serve one of them"
    )]
    Conflict {
        /// The name, as it would be pulled.
        name: String,
        /// Where the one is.
        first: String,
        /// Where the other is.
        second: String,
    },
    /// The address.
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// While serving.
    #[error("the server stopped: {source}")]
    Server {
        /// What the system said.
        source: std::io::Error,
    },
}

/// Serves until `shutdown` is done ([`interrupted`], for a program). `on_ready` is called once it answers.
///
/// An image of the layout `workshop` (a folder, or the file `workshop.tar`) with the tag `full` is `workshop:full`. One
/// that has a full name, as docker-archives have, is also under that name without its registry: `library/python:3.11`.
/// An image without a name is `latest` where it is the only one, and else to be had by digest. The images of
/// docker-archives, which have no manifest, get one: their layers as they are stored.
pub fn serve(
    options: &Options,
    on_ready: impl FnOnce(Ready<'_>),
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let store = Arc::new(Store::open(&options.paths)?);
    let server = |source| ServeError::Server { source };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(server)?;
    let done = runtime.block_on(async {
        let refused = |source| ServeError::Listen { address: options.listen, source };
        let listener = tokio::net::TcpListener::bind(options.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(server)?;
        on_ready(Ready { address, images: &store.images(), left_out: store.left_out() });
        let router = Router::new().fallback(handle).with_state(store);
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let served =
            axum::serve(Connections::new(listener, Limits::default()), router).with_graceful_shutdown(async move {
                shutdown.await;
                stop.send(()).ok();
            });
        let late = async {
            stopped.await.ok();
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            served = served => served.map_err(server),
            () = late => Ok(()),
        }
    });
    runtime.shutdown_background();
    done
}

/// Done when the person presses Ctrl-C or the system asks to end.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupt = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        },
        Err(_) => drop(interrupt.await),
    }
}

async fn handle(State(store): State<Arc<Store>>, request: Request) -> Response {
    let (parts, _body) = request.into_parts();
    let head = parts.method == axum::http::Method::HEAD;
    // Reading files blocks.
    let answer = tokio::task::spawn_blocking(move || answer::answer(&store, &parts)).await;
    let response = answer.unwrap_or_else(|_| request::Failure::internal().into());
    if head { response.map(|_| axum::body::Body::empty()) } else { response }
}
