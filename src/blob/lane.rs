//! Lets any free thread do the next piece of work, so that one big layer uses all processors.
//!
//! The decoder of a layer cannot be split, but hashing and reading the tar can run beside it. Each such stage has a
//! lane: a queue of pieces and a lock. Helper threads take the longest queue that nobody is at; when a queue is long
//! because the helpers are busy, the decoding thread itself works it off. With as many layers as processors every layer
//! stays on its own thread, where its pieces are still in the processor's cache.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::Chunk;
use crate::parallel::lock;

/// Something that reads a stream piece by piece.
pub trait Stage: Send + 'static {
    /// Takes the next piece.
    fn feed(&mut self, chunk: &Arc<Chunk>);
}

/// Bytes that may wait in a lane before the decoding thread works them off itself: enough for a helper that the machine
/// made wait, or for a stretch that inflates faster than it is hashed.
const DEPTH: usize = 16 << 20;

trait Work: Send + Sync {
    /// How many bytes wait, or more where they are being worked off.
    fn waiting(&self) -> usize;
    /// Works off what waits. `wait` says whether to wait for a thread that is at it already; `false` where there is one
    /// and it was not waited for.
    fn advance(&self, wait: bool) -> bool;
}

/// One stage of one layer, and the pieces that wait for it.
pub(super) struct Lane<S> {
    queue: Mutex<VecDeque<Arc<Chunk>>>,
    waiting: AtomicUsize,
    stage: Mutex<Option<S>>,
}

impl<S: Stage> Work for Lane<S> {
    fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn advance(&self, wait: bool) -> bool {
        let guard = if wait { Some(lock(&self.stage)) } else { self.stage.try_lock().ok() };
        let Some(mut stage) = guard else { return false };
        loop {
            let next = lock(&self.queue).pop_front();
            let (Some(chunk), Some(stage)) = (next, stage.as_mut()) else { return true };
            stage.feed(&chunk);
            self.waiting.fetch_sub(chunk.bytes().len(), Ordering::Relaxed);
        }
    }
}

#[derive(Default)]
struct Shared {
    lanes: Mutex<Lanes>,
    work: Condvar,
    decoding: AtomicUsize,
}

#[derive(Default)]
struct Lanes {
    open: Vec<Arc<dyn Work>>,
    closed: bool,
}

/// The threads that help.
pub struct Pool {
    shared: Arc<Shared>,
    processors: usize,
    helpers: Vec<JoinHandle<()>>,
}

impl Pool {
    /// A pool for a machine with so many processors.
    pub fn new(processors: usize) -> Self {
        let shared = Arc::<Shared>::default();
        let helper = |_| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.help())
        };
        let helpers = (1..processors.max(2)).map(helper).collect();
        Self { shared, processors, helpers }
    }

    /// Says that a thread has begun to decode a layer, until the answer is dropped.
    pub(super) fn decoding(&self) -> Decoding<'_> {
        self.shared.decoding.fetch_add(1, Ordering::Relaxed);
        Decoding { pool: self }
    }

    /// Opens a lane for a stage.
    pub(super) fn open<S: Stage>(&self, stage: S) -> Arc<Lane<S>> {
        let (queue, waiting) = (Mutex::default(), AtomicUsize::new(0));
        let lane = Arc::new(Lane { queue, waiting, stage: Mutex::new(Some(stage)) });
        lock(&self.shared.lanes).open.push(Arc::clone(&lane) as Arc<dyn Work>);
        lane
    }

    /// Hands a piece to a lane, for a helper; where every processor has a layer, it is worked off at once. Helpers that
    /// sleep go on sleeping: waking one costs as much as hashing a small piece, so that is done once for several.
    pub(super) fn push<S: Stage>(&self, lane: &Lane<S>, chunk: Arc<Chunk>) {
        // Counted before it is there: a helper may be done with it before this thread goes on.
        let len = chunk.bytes().len();
        let waiting = lane.waiting.fetch_add(len, Ordering::Relaxed) + len;
        lock(&lane.queue).push_back(chunk);
        if self.is_full() || waiting > DEPTH {
            lane.advance(waiting > DEPTH);
        }
    }

    /// Wakes a helper for what was handed over.
    pub(super) fn wake(&self) {
        if !self.is_full() {
            // With the lock held once, no helper is between its look at the lanes and its wait.
            drop(lock(&self.shared.lanes));
            self.shared.work.notify_one();
        }
    }

    /// Works off what is left and gives the stage back. `None` where it was given back before.
    pub(super) fn close<S: Stage>(&self, lane: &Arc<Lane<S>>) -> Option<S> {
        lane.advance(true);
        let gone = Arc::as_ptr(lane) as *const ();
        lock(&self.shared.lanes).open.retain(|open| Arc::as_ptr(open) as *const () != gone);
        lock(&lane.stage).take()
    }

    /// Whether every processor has a layer of its own.
    pub(super) fn is_full(&self) -> bool {
        self.shared.decoding.load(Ordering::Relaxed) >= self.processors
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        lock(&self.shared.lanes).closed = true;
        self.shared.work.notify_all();
        for helper in self.helpers.drain(..) {
            // A helper that panicked has already said so.
            drop(helper.join());
        }
    }
}

/// A layer is being decoded.
pub(super) struct Decoding<'p> {
    pool: &'p Pool,
}

impl Drop for Decoding<'_> {
    fn drop(&mut self) {
        self.pool.shared.decoding.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    fn help(&self) {
        let mut lanes = lock(&self.lanes);
        while !lanes.closed {
            let mut waiting: Vec<_> = lanes.open.iter().filter(|lane| lane.waiting() > 0).map(Arc::clone).collect();
            if waiting.is_empty() {
                lanes = self.wait(lanes);
                continue;
            }
            drop(lanes);
            waiting.sort_by_cached_key(|lane| Reverse(lane.waiting()));
            if waiting.len() > 1 {
                // The others are for another helper, if one is free.
                self.work.notify_one();
            }
            let helped = waiting.iter().any(|lane| lane.advance(false));
            lanes = lock(&self.lanes);
            if !helped && !lanes.closed {
                // Other threads are at all of them: let them get on.
                lanes = self.wait(lanes);
            }
        }
    }

    /// Waits for work; for a while only, since a piece may come just as its lane is being left.
    fn wait<'a>(&self, lanes: MutexGuard<'a, Lanes>) -> MutexGuard<'a, Lanes> {
        let patience = std::time::Duration::from_millis(20);
        self.work.wait_timeout(lanes, patience).unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::blob::chunk::{Buffers, Stream};

    #[derive(Default)]
    struct Count(usize);

    impl Stage for Count {
        fn feed(&mut self, _: &Arc<Chunk>) {
            self.0 += 1;
        }
    }

    #[test]
    fn helpers_that_are_faster_than_the_decoder_lose_no_piece() {
        let pool = Pool::new(4);
        let chunk = Arc::new(Buffers::of(Stream::Tar).fill(&mut &b"x"[..], 1, || 0).unwrap());
        let lane = pool.open(Count::default());
        for _ in 0..300_000 {
            pool.push(&lane, Arc::clone(&chunk));
            pool.wake();
        }
        assert_eq!(pool.close(&lane).unwrap().0, 300_000);
        assert_eq!(lane.waiting(), 0);
    }

    /// Waits for a word of another stage, or gives one.
    enum Speaking {
        Waits(mpsc::Receiver<()>, bool),
        Speaks(mpsc::Sender<()>),
    }

    impl Stage for Speaking {
        fn feed(&mut self, _: &Arc<Chunk>) {
            match self {
                Self::Waits(word, came) => *came = word.recv_timeout(Duration::from_secs(20)).is_ok(),
                Self::Speaks(word) => word.send(()).unwrap(),
            }
        }
    }

    #[test]
    fn a_helper_passes_by_a_lane_that_another_is_at() {
        let pool = Pool::new(3);
        let piece = |bytes: &[u8]| Arc::new(Buffers::of(Stream::Tar).fill(&mut &*bytes, 1, || 0).unwrap());
        let (speaks, word) = mpsc::channel();
        let (waiting, speaking) = (pool.open(Speaking::Waits(word, false)), pool.open(Speaking::Speaks(speaks)));
        pool.push(&waiting, piece(b"the longer"));
        pool.push(&speaking, piece(b"x"));
        pool.wake();
        assert!(matches!(pool.close(&waiting), Some(Speaking::Waits(_, true))));
        pool.close(&speaking);
    }
}
