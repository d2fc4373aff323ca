//! The clock, and who uses the processors.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

/// Processor time until now, in the kernel's ticks (proc_stat(5)).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Processors {
    /// All there was.
    pub all: f64,
    /// What was used, by anyone; what other machines took of a virtual one too.
    pub busy: f64,
    /// What this program and those that it started used.
    pub ours: f64,
}

impl Processors {
    /// The part of all time since `earlier` that others used.
    pub fn foreign_since(&self, earlier: &Self) -> f64 {
        let all = self.all - earlier.all;
        let others = (self.busy - earlier.busy) - (self.ours - earlier.ours);
        if all > 0.0 { (others / all).clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// What measuring needs of the machine.
pub trait Machine {
    /// Seconds on a clock that only goes forward.
    fn now(&self) -> f64;
    /// Waits.
    fn pause(&self, time: Duration);
    /// Who used the processors.
    fn processors(&self) -> Processors;
    /// Waits until everything that was written before is on the disk: it would be in the way of what is measured.
    fn settle(&self);
}

/// This machine.
#[derive(Debug)]
pub struct Host {
    begin: Instant,
}

impl Host {
    /// With the clock at 0.
    pub fn new() -> Self {
        Self { begin: Instant::now() }
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine for Host {
    fn now(&self) -> f64 {
        self.begin.elapsed().as_secs_f64()
    }

    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn settle(&self) {
        rustix::fs::sync();
    }

    fn processors(&self) -> Processors {
        let text = fs::read_to_string("/proc/stat").unwrap_or_default();
        let (all, busy) = all_and_busy(&text);
        Processors { all, busy, ours: ours() }
    }
}

/// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
fn all_and_busy(text: &str) -> (f64, f64) {
    let line = text.lines().next().unwrap_or_default();
    let numbers: Vec<f64> =
        line.split_ascii_whitespace().skip(1).take(8).filter_map(|word| word.parse().ok()).collect();
    let idle: f64 = numbers.iter().skip(3).take(2).sum();
    let all: f64 = numbers.iter().sum();
    (all, all - idle)
}

/// Ticks of this process, its descendants, and those of them that have ended.
fn ours() -> f64 {
    let mut times = HashMap::new();
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let text = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let Some((parent, ticks)) = parent_and_ticks(&text) else { continue };
        times.insert(pid, ticks);
        children.entry(parent).or_default().push(pid);
    }
    let (mut sum, mut stack) = (0.0, vec![std::process::id()]);
    while let Some(pid) = stack.pop() {
        sum += times.remove(&pid).unwrap_or_default();
        stack.extend(children.remove(&pid).unwrap_or_default());
    }
    sum
}

/// Parent, and user and system time of a process and its reaped children (proc_pid_stat(5), fields 4 and 14 to 17).
fn parent_and_ticks(text: &str) -> Option<(u32, f64)> {
    // The name in parentheses may hold anything.
    let (_, rest) = text.rsplit_once(')')?;
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    let ticks = words.get(11..15)?.iter().filter_map(|word| word.parse::<f64>().ok()).sum();
    Some((words.get(1)?.parse().ok()?, ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_as_the_kernel_writes_it() {
        assert_eq!(all_and_busy("cpu  100 1 50 800 40 2 3 4 9 9\ncpu0 1"), (1000.0, 160.0));
        assert_eq!(all_and_busy(""), (0.0, 0.0));
        let stat = "42 (a) b) R 7 42 42 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 1 0 99";
        assert_eq!(parent_and_ticks(stat), Some((7, 100.0)));
        assert_eq!(parent_and_ticks("42 (x) R"), None);
    }

    #[test]
    fn what_is_not_ours_is_foreign() {
        let before = Processors { all: 1000.0, busy: 100.0, ours: 50.0 };
        let after = Processors { all: 1200.0, busy: 250.0, ours: 150.0 };
        assert_eq!(after.foreign_since(&before), 0.25);
        assert_eq!(before.foreign_since(&before), 0.0);
    }

    #[test]
    fn this_process_uses_processors() {
        let host = Host::new();
        let processors = host.processors();
        assert!(processors.all > processors.busy && processors.busy > 0.0 && host.now() >= 0.0);
    }
}
