//! Work on several processors.

use std::convert::Infallible;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::ScopedJoinHandle;

/// How many processors there are for this process.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Works on all items, some at once; gives the results in order.
pub fn map<'i, T: Sync, R: Send>(items: &'i [T], at_once: usize, work: impl Fn(&'i T) -> R + Sync) -> Vec<R> {
    let Ok(results) = try_map(items, at_once, |item| Ok::<_, Infallible>(work(item)));
    results
}

/// … or what failed first.
pub fn try_map<'i, T: Sync, R: Send, E: Send>(
    items: &'i [T],
    at_once: usize,
    work: impl Fn(&'i T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
    let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let take_part = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            // Let go of at once: a guard in a condition would be held through the body.
            let stop = lock(&failed).is_some();
            let Some(item) = items.get(at).filter(|_| !stop) else { return };
            match work(item) {
                Ok(result) => *lock(&results[at]) = Some(result),
                Err(error) => drop(lock(&failed).get_or_insert(error)),
            }
        }
    };
    std::thread::scope(|scope| {
        // This thread is one of them.
        for _ in 1..items.len().min(at_once) {
            scope.spawn(take_part);
        }
        take_part();
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(results.into_iter().filter_map(|result| lock(&result).take()).collect()),
    }
}

/// Does both, side by side.
pub fn both<A: Send, B>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let beside = scope.spawn(a);
        let b = b();
        (joined(beside), b)
    })
}

/// What a thread gave; its panic goes on here.
pub fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Locks, whatever became of the thread that held it last: one that panicked has said so.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
