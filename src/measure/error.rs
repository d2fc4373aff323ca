//! Why a start could not be measured.

/// Why a start could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The person pressed Ctrl-C.
    #[error("interrupted: nothing was measured")]
    Interrupted,
    /// A program is missing.
    #[error("cannot run {program}: {source}; install it, or choose another engine with --engine")]
    Program {
        /// Its name.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program did not do what it should.
    #[error("{command} failed: {said}")]
    Failed {
        /// The command, as it would be typed.
        command: String,
        /// The end of what it said.
        said: String,
    },
    /// It took too long.
    #[error("{command} was not done after {seconds} s")]
    Late {
        /// The command.
        command: String,
        /// Seconds that it had.
        seconds: u64,
    },
    /// Only root can do it.
    #[error("{what} needs root: run it with sudo, or choose podman with --engine")]
    Root {
        /// What.
        what: &'static str,
    },
    /// A daemon of our own did not come up.
    #[error("{program} does not answer: {said}")]
    Daemon {
        /// Its name.
        program: &'static str,
        /// The end of its log.
        said: String,
    },
    /// A container ended before it was ready.
    #[error("{image} ended before it was ready ({ready}): {said}")]
    Ended {
        /// The image.
        image: String,
        /// What was waited for.
        ready: String,
        /// The end of what it wrote.
        said: String,
    },
    /// A container did not get ready.
    #[error("{image} was not ready after {seconds} s ({ready}); say what tells it with --ready")]
    NeverReady {
        /// The image.
        image: String,
        /// What was waited for.
        ready: String,
        /// Seconds that it had.
        seconds: u64,
    },
    /// A condition that an engine has no way to tell.
    #[error("{engine} cannot tell {ready}: say what tells that it is ready with --ready")]
    Untold {
        /// The engine.
        engine: &'static str,
        /// The condition.
        ready: String,
    },
    /// An image to run.
    #[error(transparent)]
    Rewrite(#[from] crate::rewrite::RewriteError),
    /// A file, folder or socket.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl MeasureError {
    /// For `map_err`: what was tried, and the system's answer.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
