//! Measuring without an engine, and without time passing: a fake of each, which share a clock.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::*;

/// What the fakes share.
#[derive(Default)]
struct World {
    now: Cell<f64>,
    /// Foreign part of the processors in each run, in turn; nothing where it is used up.
    foreign: RefCell<VecDeque<f64>>,
    asked: Cell<usize>,
    /// What was done, in order.
    done: RefCell<Vec<String>>,
    /// Makes a call fail.
    fails: Cell<&'static str>,
    /// What a container does: seconds until it writes, listens, ends.
    writes: Cell<f64>,
    listens: Cell<f64>,
    ends: Cell<f64>,
    status: Cell<i32>,
    stop: Stop,
}

impl World {
    fn passes(&self, seconds: f64) {
        self.now.set(self.now.get() + seconds);
    }

    fn does(&self, what: String) -> Result<(), MeasureError> {
        let fails = what.starts_with(self.fails.get()) && !self.fails.get().is_empty();
        self.done.borrow_mut().push(what.clone());
        if fails { Err(MeasureError::Failed { command: what, said: "no".into() }) } else { Ok(()) }
    }
}

/// The machine.
struct Clock(Rc<World>);

impl Machine for Clock {
    fn now(&self) -> f64 {
        self.0.now.get()
    }

    fn pause(&self, time: Duration) {
        self.0.passes(time.as_secs_f64());
    }

    /// Asked before and after each run: all of the time between is busy with others by as much as was said.
    fn settle(&self) {}

    fn processors(&self) -> Processors {
        let asked = self.0.asked.get();
        self.0.asked.set(asked + 1);
        let foreign = if asked % 2 == 1 { self.0.foreign.borrow_mut().pop_front().unwrap_or_default() } else { 0.0 };
        Processors { all: asked as f64 * 100.0, busy: foreign * 100.0, ours: 0.0 }
    }
}

/// An engine that pulls in 2 seconds and makes containers in half a second.
struct Fake(Rc<World>);

impl Runtime for Fake {
    fn pull(&mut self, image: &str) -> Result<(), MeasureError> {
        self.0.passes(2.0);
        self.0.does(format!("pull {image}"))
    }

    fn create(&mut self, image: &str, _: &Ready, _: &[String]) -> Result<String, MeasureError> {
        self.0.passes(0.5);
        self.0.does(format!("create {image}")).map(|()| "c".to_owned())
    }

    fn start(&mut self, container: &str) -> Result<Box<dyn Container>, MeasureError> {
        self.0.does(format!("start {container}"))?;
        Ok(Box::new(FakeContainer { world: Rc::clone(&self.0), begin: self.0.now.get() }))
    }

    fn remove(&mut self, container: &str) {
        self.0.does(format!("remove {container}")).ok();
    }

    fn empty(&mut self) {
        self.0.does("empty".into()).ok();
    }
}

struct FakeContainer {
    world: Rc<World>,
    begin: f64,
}

impl FakeContainer {
    /// Whether something that happens so many seconds after the start has happened; 0 is never.
    fn past(&self, seconds: &Cell<f64>) -> bool {
        seconds.get() > 0.0 && self.world.now.get() - self.begin >= seconds.get()
    }
}

impl Container for FakeContainer {
    fn output(&mut self) -> Vec<u8> {
        if self.past(&self.world.writes) { b"warming up\nlistening on 80\n".to_vec() } else { Vec::new() }
    }

    fn ended(&mut self) -> bool {
        self.past(&self.world.ends)
    }

    fn status(&mut self) -> Option<i32> {
        Some(self.world.status.get())
    }

    fn is(&mut self, _: &Ready) -> Result<bool, MeasureError> {
        Ok(self.past(&self.world.listens))
    }
}

fn target(name: &str, ready: &str) -> Target {
    Target { name: name.into(), pull: name.into(), ready: Ready::parse(ready).unwrap() }
}

/// Measures one image of each name.
fn measured(world: &Rc<World>, names: &[&str], ready: &str, runs: u32) -> Result<Vec<Measured>, MeasureError> {
    let plan = Plan { targets: names.iter().map(|name| target(name, ready)).collect(), runs };
    measure(&mut Fake(Rc::clone(world)), &Clock(Rc::clone(world)), &plan, &world.stop, &|_| {})
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 0.0021
}

#[test]
fn phases_are_told_apart() {
    let world = Rc::new(World { listens: Cell::new(0.25), ..World::default() });
    let found = measured(&world, &["a"], "port=80", 1).unwrap();
    let [run] = found[0].runs.as_slice() else { panic!("{found:?}") };
    assert!(near(run.pull, 2.0) && near(run.create, 0.5) && near(run.ready, 0.25) && near(run.warm, 0.75), "{run:?}");
    assert!(run.kept && run.foreign == 0.0 && found[0].ready_by == "port=80");
    let done = world.done.borrow().join(", ");
    assert_eq!(done, "empty, pull a, create a, start c, remove c, create a, start c, remove c, empty");
}

#[test]
fn images_take_turns() {
    let world = Rc::new(World { ends: Cell::new(0.1), ..World::default() });
    measured(&world, &["old", "new"], "exit", 2).unwrap();
    let done = world.done.borrow();
    let pulls: Vec<&String> = done.iter().filter(|what| what.starts_with("pull")).collect();
    assert_eq!(pulls, ["pull old", "pull new", "pull old", "pull new"]);
}

#[test]
fn disturbed_runs_are_made_again_but_not_for_ever() {
    let world = Rc::new(World { ends: Cell::new(0.1), ..World::default() });
    world.foreign.borrow_mut().extend([0.1, 0.9, 0.2]);
    let found = measured(&world, &["a"], "exit", 2).unwrap();
    assert_eq!(found[0].runs.iter().map(|run| run.kept).collect::<Vec<_>>(), [true, false, true]);
    let world = Rc::new(World { ends: Cell::new(0.1), ..World::default() });
    world.foreign.borrow_mut().extend([0.9; 100]);
    let found = measured(&world, &["a"], "exit", 3).unwrap();
    assert_eq!((found[0].runs.len(), found[0].runs.iter().filter(|run| run.kept).count()), (6, 0));
}

#[test]
fn readiness_is_what_was_asked_for() {
    let seconds = |ready: &str| {
        let world = World { writes: Cell::new(0.1), listens: Cell::new(0.2), ends: Cell::new(0.3), ..World::default() };
        measured(&Rc::new(world), &["a"], ready, 1).unwrap()[0].runs[0].ready
    };
    for (ready, expected) in
        [("output=^listening", 0.1), ("port=80", 0.2), ("http=http://localhost/", 0.2), ("exit", 0.3)]
    {
        assert!(near(seconds(ready), expected), "{ready}: {}", seconds(ready));
    }
    let silent = Rc::new(World { ends: Cell::new(0.3), ..World::default() });
    let plan = Plan { targets: vec![Target { ready: Ready::FirstOutput, ..target("a", "exit") }], runs: 1 };
    let found = measure(&mut Fake(silent.clone()), &Clock(silent.clone()), &plan, &silent.stop, &|_| {}).unwrap();
    assert!(near(found[0].runs[0].ready, 0.3), "an image that says nothing is done when it ends");
}

#[test]
fn what_never_gets_ready_is_said_and_removed() {
    let fails = |world: World, ready: &str| {
        let world = Rc::new(world);
        let error = measured(&world, &["a"], ready, 1).unwrap_err().to_string();
        let done = world.done.borrow();
        assert_eq!(done.iter().rev().take(2).collect::<Vec<_>>(), ["empty", "remove c"], "{error}");
        error
    };
    let world = World { writes: Cell::new(0.1), ends: Cell::new(0.2), ..World::default() };
    assert_eq!(fails(world, "port=80"), "a ended before it was ready (port=80): warming up\nlistening on 80");
    let world = World { writes: Cell::new(0.1), ..World::default() };
    let error = fails(world, "output=never");
    assert_eq!(error, "a was not ready after 300 s (output=never); say what tells it with --ready");
    let world = World { fails: Cell::new("start"), ..World::default() };
    assert_eq!(fails(world, "exit"), "start c failed: no");
}

#[test]
fn the_store_is_empty_after_a_pull_that_failed() {
    let world = Rc::new(World { fails: Cell::new("pull"), ..World::default() });
    assert!(measured(&world, &["a"], "exit", 1).is_err());
    assert_eq!(*world.done.borrow(), ["empty", "pull a", "empty"]);
}

#[test]
fn whoever_stops_it_finds_nothing_left() {
    let world = Rc::new(World::default());
    world.stop.store(true, Ordering::Relaxed);
    assert!(matches!(measured(&world, &["a"], "exit", 1), Err(MeasureError::Interrupted)));
    assert_eq!(world.done.borrow().last().map(String::as_str), Some("empty"));
}

#[test]
fn a_room_is_gone_with_all_that_is_in_it() {
    let room = Room::new().unwrap();
    let stop = Stop::default();
    let costs = write_samples(&room, "images", false, &stop).unwrap();
    let place = room.path("images");
    assert!(place.join("oci-layout").is_file() && costs.len() == 1 && costs[0][0].tar_bytes > 100_000);
    drop(room);
    assert!(!place.exists() && !place.parent().unwrap().exists());
}
