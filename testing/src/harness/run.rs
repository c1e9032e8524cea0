//! One seed from beginning to end: open, look, check, work, crash, and again.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Call, Crash, Env, History, Observed, OpOf, OpenError, Options, Outcome, Record, ReplyOf, Report, StateOf,
    Summary, System, Violation, check, phase,
};
use crate::scheduler::{Handle, Scheduler, Step};
use crate::{FaultDisk, Rng, trace};

/// How often in a row a recovery may be cut.
const RECOVERY_CUTS_MAX: u32 = 3;

/// Runs one seed. The same seed and options give the same run.
pub fn run_seed<S: System>(seed: u64, options: &Options) -> Report {
    let mut run = Run::<S>::new(seed, options);
    let result = catch_unwind(AssertUnwindSafe(|| run.all_rounds()));
    let what = match result {
        Ok(Ok(())) => None,
        Ok(Err(what)) => Some(what),
        Err(panic) => Some(format!("panic: {}", panic_text(&*panic))),
    };
    run.finish(what)
}

/// Runs the seeds in order.
pub fn run_seeds<S: System>(seeds: Range<u64>, options: &Options) -> Summary {
    let mut summary = Summary::default();
    seeds.for_each(|seed| summary.add(run_seed::<S>(seed, options)));
    summary
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a text").to_owned()
}

/// Why an opening has no result.
enum Ended {
    /// The power failed: crash and try again.
    PowerOff,
    /// The system refused damaged files, as it should: the run is over.
    RefusedDamage,
}

/// A system that is open with what it shows, or why there is none.
type Opening<S> = Result<(Rc<S>, Observed<StateOf<S>>), Ended>;

/// A system that is open and was found right.
struct Session<S: System> {
    scheduler: Scheduler,
    system: Rc<S>,
}

struct Run<'a, S: System> {
    options: &'a Options,
    rng: Rng,
    disk: Arc<FaultDisk>,
    /// The state at the last check.
    base: S::Model,
    /// The operations since the last check.
    history: History<S::Model>,
    /// The hardest crash since the last check.
    crash: Crash,
    round: u32,
    /// See [`Env::recovered`].
    reached: Rc<Cell<u64>>,
    report: Report,
    /// The scheduler in use, for the trace of a violation.
    handle: Option<Handle>,
}

impl<'a, S: System> Run<'a, S> {
    fn new(seed: u64, options: &'a Options) -> Self {
        let mut rng = Rng::new(seed);
        Self {
            options,
            disk: FaultDisk::new(rng.next_u64(), options.faults.clone()),
            rng,
            base: S::Model::default(),
            history: History::<S::Model>::default(),
            crash: Crash::Clean,
            round: 0,
            reached: Rc::new(Cell::new(u64::MAX)),
            report: Report::new(S::NAME, seed),
            handle: None,
        }
    }

    fn all_rounds(&mut self) -> Result<(), String> {
        for round in 0..=self.options.rounds {
            self.round = round;
            let last = round == self.options.rounds;
            let Some(session) = self.open_and_check(!last)? else {
                self.report.refused = true;
                return Ok(());
            };
            if last || !self.disk.damage().is_empty() {
                self.end(session, Crash::Kill);
                return Ok(());
            }
            self.work(session)?;
        }
        Ok(())
    }

    fn finish(mut self, what: Option<String>) -> Report {
        self.absorb_trace();
        let disk = self.disk.trace();
        self.report.hash = trace::hash_with(self.report.hash, &disk.hash().to_le_bytes());
        self.report.violation = what.map(|what| Violation {
            round: self.round,
            what,
            history: self.history.borrow().iter().map(ToString::to_string).collect(),
            steps: self.handle.as_ref().map_or_else(String::new, |handle| handle.trace().to_string()),
            disk: disk.to_string(),
        });
        self.report
    }

    fn new_scheduler(&mut self) -> Scheduler {
        self.absorb_trace();
        let scheduler = Scheduler::new(self.rng.next_u64());
        self.handle = Some(scheduler.handle());
        scheduler
    }

    /// Puts the trace of the scheduler in use into the report's hash.
    fn absorb_trace(&mut self) {
        if let Some(handle) = &self.handle {
            self.report.hash = trace::hash_with(self.report.hash, &handle.trace().hash().to_le_bytes());
        }
    }

    /// Opens the system, again if the power fails meanwhile, and checks what it shows. `None` if it rightly refused.
    fn open_and_check(&mut self, disturbed: bool) -> Result<Option<Session<S>>, String> {
        for attempt in 0.. {
            let disturbed = disturbed && attempt < RECOVERY_CUTS_MAX;
            phase::draw_opening(self.options, &self.disk, disturbed, &mut self.rng);
            let mut scheduler = self.new_scheduler();
            match self.open_and_observe(&mut scheduler)? {
                Ok((system, observed)) => {
                    self.check(&observed)?;
                    return Ok(Some(Session { scheduler, system }));
                }
                Err(Ended::RefusedDamage) => return Ok(None),
                Err(Ended::PowerOff) => {
                    self.report.crashes_in_recovery += 1;
                    self.crash = Crash::PowerCut;
                    self.disk = self.disk.crash(&mut self.rng);
                    scheduler.abandon();
                }
            }
        }
        unreachable!("the loop ends by returning: an undisturbed opening is never cut")
    }

    fn open_and_observe(&mut self, scheduler: &mut Scheduler) -> Result<Opening<S>, String> {
        let env = Env {
            disk: Arc::clone(&self.disk),
            clock: scheduler.clock(),
            scheduler: scheduler.handle(),
            seed: self.rng.next_u64(),
            reached: Rc::clone(&self.reached),
        };
        let Some(opened) = self.complete(scheduler, "open", S::open(env))? else {
            return Ok(Err(Ended::PowerOff));
        };
        let system = match opened {
            Ok(system) => system,
            Err(_) if self.disk.is_off() => return Ok(Err(Ended::PowerOff)),
            Err(OpenError::Corrupt(_)) if !self.disk.damage().is_empty() => {
                return Ok(Err(Ended::RefusedDamage));
            }
            Err(OpenError::Corrupt(text)) => {
                return Err(format!("refuses undamaged files after {:?}: {text}", self.crash));
            }
            Err(OpenError::Failed(text)) => {
                return Err(format!("does not open after {:?}: {text}", self.crash));
            }
        };
        match self.complete(scheduler, "observe", Rc::clone(&system).observe())? {
            Some(Ok(observed)) if !self.disk.is_off() => Ok(Ok((system, observed))),
            Some(Err(_)) if !self.disk.damage().is_empty() => Ok(Err(Ended::RefusedDamage)),
            Some(Err(text)) if !self.disk.is_off() => Err(format!("cannot be looked at: {text}")),
            _ => {
                // The handles of the disk fail already; the system may go.
                drop(system);
                Ok(Err(Ended::PowerOff))
            }
        }
    }

    /// Runs a future to its end. `None` if the power fails first, an error if it gets stuck.
    fn complete<T: 'static>(
        &self,
        scheduler: &mut Scheduler,
        name: &str,
        future: impl Future<Output = T> + 'static,
    ) -> Result<Option<T>, String> {
        let slot = Rc::new(RefCell::new(None));
        let result = Rc::clone(&slot);
        scheduler.spawn(name, async move {
            let value = future.await;
            *result.borrow_mut() = Some(value);
        });
        let ended =
            scheduler.run_until(self.options.steps_max, || slot.borrow().is_some() || self.disk.is_off());
        let value = slot.borrow_mut().take();
        if ended { Ok(value) } else { Err(format!("{name} does not end")) }
    }

    fn check(&mut self, observed: &Observed<StateOf<S>>) -> Result<(), String> {
        let states_max = self.options.search_states_max;
        let history = self.history.borrow().clone();
        let crash = if self.disk.damage().is_empty() { self.crash } else { Crash::Damage };
        let reached = observed.reached.map(|reached| reached.min(self.reached.replace(u64::MAX)));
        self.base = check::recovered(&self.base, &history, crash, observed, reached, states_max)?;
        self.history = History::<S::Model>::default();
        self.crash = Crash::Clean;
        Ok(())
    }

    /// Lets the clients work until the crash that the seed drew.
    fn work(&mut self, mut session: Session<S>) -> Result<(), String> {
        let plan = phase::draw(self.options, &self.disk, &mut self.rng);
        if plan.fills {
            self.spawn_operator(&mut session);
        }
        let working = Rc::new(Cell::new(self.options.clients));
        for client in 0..self.options.clients {
            self.spawn_client(&mut session, client, Rc::clone(&working));
        }
        let clean = plan.crash == Crash::Clean;
        let steps_max = if clean { self.options.steps_max } else { plan.steps };
        let mut steps = 0;
        let mut idle = false;
        while steps < steps_max && !idle && !self.disk.is_off() && (working.get() > 0 || !clean) {
            idle = session.scheduler.step() == Step::Nothing;
            steps += 1;
        }
        if working.get() > 0 && !self.disk.is_off() && (idle || clean) {
            return Err(format!(
                "an operation does not end: {} clients still wait after {steps} steps",
                working.get()
            ));
        }
        self.close_and_crash(session, plan.crash)
    }

    fn close_and_crash(&mut self, mut session: Session<S>, crash: Crash) -> Result<(), String> {
        let mut crash = crash;
        if crash == Crash::Clean && !self.disk.is_off() {
            let system = Rc::clone(&session.system);
            let closed = self.complete(&mut session.scheduler, "close", system.close())?;
            // A system that failed before cannot close in good order; its process just ends.
            if !matches!(closed, Some(Ok(()))) {
                crash = Crash::Kill;
            }
        }
        if self.disk.is_off() {
            crash = Crash::PowerCut;
        }
        let history = self.history.borrow();
        self.report.operations += history.len() as u64;
        self.report.acknowledged += history.iter().filter(|record| record.acknowledged()).count() as u64;
        drop(history);
        self.end(session, crash);
        Ok(())
    }

    /// Ends the process: first the disk goes, so that nothing which runs on drop can reach it.
    fn end(&mut self, session: Session<S>, crash: Crash) {
        *self.report.crashes.entry(crash).or_default() += 1;
        self.crash = self.crash.max(crash);
        self.disk = match crash {
            Crash::PowerCut | Crash::Damage => self.disk.crash(&mut self.rng),
            Crash::Kill | Crash::Clean => self.disk.kill(),
        };
        // Tasks that still run hold their history: they must not write into the next one.
        let Session { mut scheduler, system } = session;
        scheduler.abandon();
        drop(system);
    }

    /// A task that makes space again some time after the disk filled up.
    fn spawn_operator(&mut self, session: &mut Session<S>) {
        let (handle, disk) = (session.scheduler.handle(), Arc::clone(&self.disk));
        let after = Duration::from_millis(1 + self.rng.below(50));
        session.scheduler.spawn("operator", async move {
            handle.sleep(after).await;
            handle.event("makes space");
            disk.set_capacity(u64::MAX);
        });
    }

    fn spawn_client(&mut self, session: &mut Session<S>, client: usize, working: Rc<Cell<usize>>) {
        let mut rng = self.rng.fork();
        let handle = session.scheduler.handle();
        let system = Rc::clone(&session.system);
        let history = Rc::clone(&self.history);
        let count = 1 + rng.index(self.options.operations_per_client.max(1));
        session.scheduler.spawn(format!("client {client}"), async move {
            for _ in 0..count {
                let op = S::operation(&mut rng, client);
                handle.event(format_args!("asks {op:?}"));
                let index = begin::<S>(&history, client, op.clone(), handle.steps());
                let call = Call { history: Rc::clone(&history), index };
                let outcome = Rc::clone(&system).run(op, call).await;
                handle.event(format_args!("gets {outcome:?}"));
                if !note::<S>(&history, index, outcome, handle.steps()) {
                    break;
                }
            }
            working.set(working.get() - 1);
        });
    }
}

/// Notes that a client asked.
fn begin<S: System>(history: &History<S::Model>, client: usize, op: OpOf<S>, invoked: u64) -> usize {
    let durability = S::durability(&op);
    let mut history = history.borrow_mut();
    history.push(Record { client, op, durability, invoked, returned: None, outcome: None, position: None });
    history.len() - 1
}

/// Notes how it ended; whether the client goes on.
fn note<S: System>(
    history: &History<S::Model>,
    index: usize,
    outcome: Outcome<ReplyOf<S>>,
    now: u64,
) -> bool {
    let record = &mut history.borrow_mut()[index];
    let goes_on = !matches!(outcome, Outcome::Unknown(_));
    record.returned = Some(now);
    record.outcome = Some(outcome);
    goes_on
}
