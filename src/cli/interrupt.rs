//! Ctrl-C and requests to end: one handler for the program, which does what was last asked of it.

use std::sync::{Mutex, Once, PoisonError};

/// What is to be done.
type Action = Box<dyn Fn() + Send>;

static ACTION: Mutex<Option<Action>> = Mutex::new(None);
static INSTALLED: Once = Once::new();

/// Waits while what was asked for is being done: it may end the program, and removes what others would miss.
pub(super) fn let_it_end() {
    drop(ACTION.lock().unwrap_or_else(PoisonError::into_inner));
}

/// From now on, does this in place of ending the program, and in place of what was asked before.
pub(super) fn on_interrupt(action: impl Fn() + Send + 'static) {
    *ACTION.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(action));
    INSTALLED.call_once(|| {
        let act = || {
            if let Some(action) = &*ACTION.lock().unwrap_or_else(PoisonError::into_inner) {
                action();
            }
        };
        let set = ctrlc::set_handler(act);
        set.unwrap_or_else(|error| tracing::warn!("Ctrl-C may leave something behind: {error}"));
    });
}
