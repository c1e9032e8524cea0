//! A single-threaded executor whose every choice comes from a seed: which ready task runs next, which passive part (an
//! *actor*: a log's writer, a checkpointer) gets a turn, when time passes. The same seed gives the same trace.
//!
//! Tasks are plain futures, of any library that needs no runtime of its own. Time is virtual ([`SimClock`]): it moves a
//! little with each step, and jumps to the next timer when nothing else can run. Nothing here starts a thread; a task
//! that waits for another thread is not deterministic and may be taken for stuck.

mod clock;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use bole_base::Clock;
pub use clock::{SimClock, Sleep};

use crate::{Rng, Trace};

/// Lines of the trace that are kept as text.
const TRACE_LINES_MAX: usize = 400;
/// Most that a step costs in virtual time.
const STEP_MICROS_MAX: u64 = 50;
/// One step in so many lets time jump to the next timer although tasks are ready: a machine under load.
const EARLY_TIMER_ONE_IN: u32 = 64;

type TaskId = u64;
type Task = Pin<Box<dyn Future<Output = ()>>>;

/// What a turn of an actor did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It did something, and may have more to do.
    Worked,
    /// There was nothing to do: it gets no turn until something else happened.
    Idle,
}

/// What a step of the scheduler did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A task or an actor ran.
    Ran,
    /// Time jumped to the next timer.
    TimePassed,
    /// No task is ready, no actor has work, no timer waits: without tasks the simulation is over, with tasks it is stuck.
    Nothing,
}

#[derive(Default)]
struct Ready(Mutex<std::collections::BTreeSet<TaskId>>);

impl Ready {
    fn set(&self) -> std::sync::MutexGuard<'_, std::collections::BTreeSet<TaskId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct TaskWaker {
    task: TaskId,
    ready: Arc<Ready>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.set().insert(self.task);
    }
}

struct Actor {
    name: String,
    turn: Box<dyn FnMut() -> Turn>,
    idle: bool,
}

/// What tasks reach of their scheduler.
struct Inner {
    clock: Arc<SimClock>,
    ready: Arc<Ready>,
    trace: RefCell<Trace>,
    spawned: RefCell<Vec<(TaskId, String, Task)>>,
    added: RefCell<Vec<Actor>>,
    next_task: RefCell<TaskId>,
    step: RefCell<u64>,
    current: RefCell<String>,
}

/// The part of a scheduler that its tasks hold: spawns, time, trace. Clones are the same.
#[derive(Clone)]
pub struct Handle {
    inner: Rc<Inner>,
}

impl Handle {
    /// Adds a task, ready at once.
    pub fn spawn(&self, name: impl Into<String>, task: impl Future<Output = ()> + 'static) {
        let mut next = self.inner.next_task.borrow_mut();
        *next += 1;
        self.inner.spawned.borrow_mut().push((*next, name.into(), Box::pin(task)));
    }

    /// Adds an actor: something that acts only when called, and now is called whenever the seed says so.
    pub fn add_actor(&self, name: impl Into<String>, turn: impl FnMut() -> Turn + 'static) {
        self.inner.added.borrow_mut().push(Actor { name: name.into(), turn: Box::new(turn), idle: false });
    }

    /// The clock of the simulation.
    pub fn clock(&self) -> Arc<SimClock> {
        Arc::clone(&self.inner.clock)
    }

    /// Waits for virtual time.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.inner.clock.sleep(duration)
    }

    /// Notes an event of the running task in the trace.
    pub fn event(&self, event: impl fmt::Display) {
        let line = format!("{} {}: {event}", self.inner.step.borrow(), self.inner.current.borrow());
        self.inner.trace.borrow_mut().push(line);
    }

    /// The number of the running step.
    pub fn steps(&self) -> u64 {
        *self.inner.step.borrow()
    }

    /// The trace so far.
    pub fn trace(&self) -> Trace {
        self.inner.trace.borrow().clone()
    }
}

/// The executor. Dropping it drops its tasks where they stand.
pub struct Scheduler {
    handle: Handle,
    rng: Rng,
    tasks: BTreeMap<TaskId, (String, Option<Task>)>,
    actors: Vec<Actor>,
}

impl Scheduler {
    /// A scheduler without tasks.
    pub fn new(seed: u64) -> Self {
        let inner = Inner {
            clock: Arc::new(SimClock::default()),
            ready: Arc::default(),
            trace: RefCell::new(Trace::new(TRACE_LINES_MAX)),
            spawned: RefCell::default(),
            added: RefCell::default(),
            next_task: RefCell::default(),
            step: RefCell::default(),
            current: RefCell::default(),
        };
        let handle = Handle { inner: Rc::new(inner) };
        Self { handle, rng: Rng::new(seed), tasks: BTreeMap::new(), actors: Vec::new() }
    }

    /// What tasks need of this scheduler.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The clock of the simulation.
    pub fn clock(&self) -> Arc<SimClock> {
        self.handle.clock()
    }

    /// Adds a task, ready at once.
    pub fn spawn(&mut self, name: impl Into<String>, task: impl Future<Output = ()> + 'static) {
        self.handle.spawn(name, task);
    }

    /// Adds an actor: something that acts only when called, and now is called whenever the seed says so.
    pub fn add_actor(&mut self, name: impl Into<String>, turn: impl FnMut() -> Turn + 'static) {
        self.handle.add_actor(name, turn);
    }

    /// How many tasks have not ended.
    pub fn tasks(&self) -> usize {
        self.tasks.len() + self.handle.inner.spawned.borrow().len()
    }

    /// The trace so far.
    pub fn trace(&self) -> Trace {
        self.handle.trace()
    }

    /// Drops all tasks and actors where they stand: what a crash does to a process.
    pub fn abandon(&mut self) {
        self.adopt();
        self.tasks.clear();
        self.actors.clear();
        self.handle.inner.ready.set().clear();
    }

    /// Takes in the tasks and actors that were added since the last step.
    fn adopt(&mut self) {
        self.actors.append(&mut self.handle.inner.added.borrow_mut());
        let spawned = std::mem::take(&mut *self.handle.inner.spawned.borrow_mut());
        for (id, name, task) in spawned {
            self.tasks.insert(id, (name, Some(task)));
            self.handle.inner.ready.set().insert(id);
        }
    }

    /// Does one thing.
    pub fn step(&mut self) -> Step {
        self.adopt();
        *self.handle.inner.step.borrow_mut() += 1;
        let ready: Vec<TaskId> = {
            let mut set = self.handle.inner.ready.set();
            set.retain(|task| self.tasks.contains_key(task));
            set.iter().copied().collect()
        };
        let awake: Vec<usize> = (0..self.actors.len()).filter(|&index| !self.actors[index].idle).collect();
        let choices = ready.len() + awake.len();
        if choices == 0 || self.rng.one_in(EARLY_TIMER_ONE_IN) {
            if self.pass_time() {
                return Step::TimePassed;
            }
            if choices == 0 {
                return Step::Nothing;
            }
        }
        let choice = self.rng.index(choices);
        match ready.get(choice) {
            Some(task) => self.run_task(*task),
            None => self.run_actor(awake[choice - ready.len()]),
        }
        let cost = self.rng.below(STEP_MICROS_MAX + 1);
        self.clock().advance(Duration::from_micros(cost));
        Step::Ran
    }

    fn pass_time(&mut self) -> bool {
        let clock = self.clock();
        let Some(deadline) = clock.next_timer() else { return false };
        clock.advance(deadline.saturating_sub(clock.monotonic()));
        self.note("time", format_args!("{} us", clock.monotonic().as_micros()));
        self.wake_actors();
        true
    }

    fn wake_actors(&mut self) {
        self.actors.iter_mut().for_each(|actor| actor.idle = false);
    }

    fn note(&self, name: &str, event: fmt::Arguments<'_>) {
        name.clone_into(&mut self.handle.inner.current.borrow_mut());
        self.handle.event(event);
    }

    fn run_task(&mut self, id: TaskId) {
        self.handle.inner.ready.set().remove(&id);
        let Some((name, slot)) = self.tasks.get_mut(&id) else { return };
        let (name, task) = (name.clone(), slot.take());
        let Some(mut task) = task else { return };
        self.note(&name, format_args!("runs"));
        let waker =
            Waker::from(Arc::new(TaskWaker { task: id, ready: Arc::clone(&self.handle.inner.ready) }));
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            self.handle.event("ends");
            self.tasks.remove(&id);
        } else if let Some((_, slot)) = self.tasks.get_mut(&id) {
            *slot = Some(task);
        }
        self.wake_actors();
    }

    fn run_actor(&mut self, index: usize) {
        let name = self.actors[index].name.clone();
        self.note(&name, format_args!("turn"));
        let turn = (self.actors[index].turn)();
        if turn == Turn::Worked {
            self.wake_actors();
        }
        self.actors[index].idle = turn == Turn::Idle;
    }

    /// Steps until `done` or until nothing happens any more, at most `steps_max` times. `true` if `done` was.
    pub fn run_until(&mut self, steps_max: u64, mut done: impl FnMut() -> bool) -> bool {
        for _ in 0..steps_max {
            if done() {
                return true;
            }
            if self.step() == Step::Nothing {
                break;
            }
        }
        done()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Three tasks that pass turns through sleeps and yields, and one actor that flushes what they queue.
    fn simulate(seed: u64) -> (Trace, u32) {
        let mut scheduler = Scheduler::new(seed);
        let queued = Rc::new(Cell::new(0_u32));
        let flushed = Rc::new(Cell::new(0_u32));
        for task in 0..3 {
            let (handle, queued) = (scheduler.handle(), Rc::clone(&queued));
            scheduler.spawn(format!("task {task}"), async move {
                for round in 0..5 {
                    handle.sleep(Duration::from_millis(task + round)).await;
                    queued.set(queued.get() + 1);
                    handle.event(format_args!("queued {round}"));
                }
            });
        }
        let (from, to) = (Rc::clone(&queued), Rc::clone(&flushed));
        scheduler.add_actor("flusher", move || {
            let count = from.take();
            to.set(to.get() + count);
            if count == 0 { Turn::Idle } else { Turn::Worked }
        });
        assert!(!scheduler.run_until(10_000, || false));
        assert_eq!(scheduler.tasks(), 0, "the simulation ends by itself");
        (scheduler.trace(), flushed.get())
    }

    #[test]
    fn the_same_seed_gives_the_same_trace() {
        let (first, flushed) = simulate(7);
        let (second, _) = simulate(7);
        let (other, _) = simulate(8);
        assert_eq!(flushed, 15);
        assert_eq!(first.to_string(), second.to_string());
        assert_eq!((first.hash(), first.count()), (second.hash(), second.count()));
        assert_ne!(first.hash(), other.hash());
    }

    #[test]
    fn time_jumps_only_to_timers() {
        let mut scheduler = Scheduler::new(1);
        let clock = scheduler.clock();
        let woken = Rc::new(Cell::new(Duration::ZERO));
        let (handle, at) = (scheduler.handle(), Rc::clone(&woken));
        scheduler.spawn("sleeper", async move {
            handle.sleep(Duration::from_hours(1)).await;
            at.set(handle.clock().monotonic());
        });
        assert!(scheduler.run_until(100, || woken.get() > Duration::ZERO));
        assert!(clock.monotonic() < Duration::from_secs(3601) && woken.get() >= Duration::from_hours(1));
        assert_eq!(scheduler.step(), Step::Nothing);
    }

    #[test]
    fn a_stuck_task_is_seen() {
        let mut scheduler = Scheduler::new(1);
        scheduler.spawn("stuck", std::future::pending());
        assert!(!scheduler.run_until(100, || false));
        assert_eq!((scheduler.step(), scheduler.tasks()), (Step::Nothing, 1));
        scheduler.abandon();
        assert_eq!(scheduler.tasks(), 0);
    }
}
