//! The crash harness: concurrent clients work on a system over a [`FaultDisk`], the machine dies at a random moment, the
//! system opens what is left, and what it then shows is compared with a model. Round after round, from one seed.
//!
//! A service supplies a [`System`] (how to open it, how to run one operation, how to look at its state, which operations
//! clients make) and a [`Model`] (what the operations mean). The harness supplies clients, faults, crashes and the check:
//! - every acknowledged operation whose class promises to survive the crash is there (promises P1 to P3);
//! - an unacknowledged one is there as a whole or not at all;
//! - what is there is a prefix of the order in which operations happened, and gives the replies that clients saw;
//! - the system opens again by itself, unless synced bytes were damaged; then it may refuse, but never answer wrongly.
//!
//! A system that knows the place of each operation in its journal says so ([`Call::placed`], [`Observed::reached`]) and
//! is checked exactly, by [`check::by_position`]. Otherwise the check searches for an order that explains everything
//! ([`check::by_search`]), which is exact as well, but for small histories.

pub mod check;
mod phase;
mod report;
mod run;

use std::cell::{Cell, RefCell};
use std::fmt::{self, Debug};
use std::future::Future;
use std::hash::Hash;
use std::rc::Rc;
use std::sync::Arc;

use bole_base::Durability;
pub use report::{Report, Summary, Violation};
pub use run::{run_seed, run_seeds};

use crate::scheduler::Handle;
use crate::{FaultDisk, Faults, Rng, SimClock};

/// What the operations of a system mean, without disk, time or concurrency. The default value is the empty system.
pub trait Model: Clone + Eq + Hash + Debug + Default + 'static {
    /// What a client asks for.
    type Op: Clone + Debug + 'static;
    /// What a client gets back.
    type Reply: Clone + PartialEq + Debug + 'static;
    /// All that can be seen of a system.
    type State: PartialEq + Debug + 'static;

    /// Does one operation, as a whole.
    fn apply(&mut self, op: &Self::Op) -> Self::Reply;
    /// What a system in this state shows.
    fn state(&self) -> Self::State;
}

/// Shorthand for the operation of a system.
pub type OpOf<S> = <<S as System>::Model as Model>::Op;
/// Shorthand for the reply of a system.
pub type ReplyOf<S> = <<S as System>::Model as Model>::Reply;
/// Shorthand for what a system shows.
pub type StateOf<S> = <<S as System>::Model as Model>::State;

/// A system under test: one that is open. Its futures run on the scheduler of [`Env`] and may be dropped at any await.
pub trait System: Sized + 'static {
    /// What its operations mean.
    type Model: Model;
    /// Its name in reports.
    const NAME: &'static str;

    /// The next operation of a client. Clients that meet on the same few keys find the most.
    fn operation(rng: &mut Rng, client: usize) -> OpOf<Self>;

    /// The class in which an operation is acknowledged.
    fn durability(_op: &OpOf<Self>) -> Durability {
        Durability::Sync
    }

    /// Opens the system on whatever the disk holds: nothing at first, the remains of a crash later. What in production
    /// is a thread of its own becomes an actor or a task of `env.scheduler`.
    fn open(env: Env) -> impl Future<Output = Result<Rc<Self>, OpenError>> + 'static;

    /// Runs one operation for a client. Returns when it is acknowledged or has failed.
    fn run(
        self: Rc<Self>,
        op: OpOf<Self>,
        call: Call<Self::Model>,
    ) -> impl Future<Output = Outcome<ReplyOf<Self>>> + 'static;

    /// Looks at everything. Called when no operation runs.
    fn observe(self: Rc<Self>) -> impl Future<Output = Result<Observed<StateOf<Self>>, String>> + 'static;

    /// Stops in good order, as on SIGTERM.
    fn close(self: Rc<Self>) -> impl Future<Output = Result<(), String>> + 'static;
}

/// What a system is opened with.
#[derive(Clone)]
pub struct Env {
    /// Where it keeps its files.
    pub disk: Arc<FaultDisk>,
    /// Its time.
    pub clock: Arc<SimClock>,
    /// Where its tasks and actors run.
    pub scheduler: Handle,
    /// For whatever it needs to be random.
    pub seed: u64,
    /// The lowest position that a recovery since the last check has reported.
    reached: Rc<Cell<u64>>,
}

impl Env {
    /// Says how far the recovered journal reaches, before anything new is appended to it. A recovery that is cut may have appended entries of its
    /// own over the places of lost operations, so the lowest report since the last check is what counts.
    pub fn recovered(&self, position: u64) {
        self.reached.set(self.reached.get().min(position));
    }
}

/// Why a system did not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// It found damage and refuses: right if synced bytes were damaged, a violation otherwise.
    Corrupt(String),
    /// Anything else: right if the power failed meanwhile, a violation otherwise.
    Failed(String),
}

/// How an operation ended for its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<R> {
    /// Acknowledged. The reply is compared with the model's, where there is one.
    Done(Option<R>),
    /// Refused: it did not happen and never will.
    Refused(String),
    /// Failed, and may have happened all the same. The client stops, as if its connection had broken.
    Unknown(String),
}

/// What a system shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed<T> {
    /// Its whole state.
    pub state: T,
    /// How far its journal reaches, if it can say: everything placed at or below this position is in the state,
    /// nothing above it.
    pub reached: Option<u64>,
}

/// One operation of the history.
#[derive(Clone, Debug)]
pub struct Record<M: Model> {
    /// Who asked.
    pub client: usize,
    /// For what.
    pub op: M::Op,
    /// In which class it is acknowledged.
    pub durability: Durability,
    /// When it was asked, on the history's own count of events.
    pub invoked: u64,
    /// When it ended, on the same count; `None` if the crash came first.
    pub returned: Option<u64>,
    /// How it ended; `None` if the crash came first.
    pub outcome: Option<Outcome<M::Reply>>,
    /// Where it ends in the journal, if the system said so.
    pub position: Option<u64>,
}

impl<M: Model> Record<M> {
    /// Whether the client was told that it happened.
    pub fn acknowledged(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Done(_)))
    }

    /// Whether the client was told that it did not happen.
    pub fn refused(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Refused(_)))
    }

    /// Whether the operation must be there after `crash`.
    pub fn must_survive(&self, crash: Crash) -> bool {
        self.acknowledged() && crash.spares(self.durability)
    }
}

impl<M: Model> fmt::Display for Record<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}..", self.invoked)?;
        match self.returned {
            Some(returned) => write!(f, "{returned}]")?,
            None => f.write_str("crash]")?,
        }
        write!(f, " client {} {:?} ({})", self.client, self.op, self.durability)?;
        match self.position {
            Some(position) => write!(f, " at {position}: ")?,
            None => f.write_str(": ")?,
        }
        match &self.outcome {
            Some(outcome) => write!(f, "{outcome:?}"),
            None => f.write_str("not answered"),
        }
    }
}

/// The operations since the last check, shared by the clients.
pub(crate) type History<M> = Rc<RefCell<Vec<Record<M>>>>;

/// One operation while it runs.
pub struct Call<M: Model> {
    history: History<M>,
    index: usize,
}

impl<M: Model> Call<M> {
    /// Says at which position of the journal the operation ends, as soon as it is appended and before anything is
    /// awaited. An operation that said nothing when the crash came is taken as never appended, if the system reports
    /// positions at all.
    pub fn placed(&self, position: u64) {
        self.history.borrow_mut()[self.index].position = Some(position);
    }
}

/// How a process ends, from harmless to hard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Crash {
    /// In good order.
    Clean,
    /// Killed; what it wrote is with the operating system.
    Kill,
    /// With the machine; what was not synced may be gone.
    PowerCut,
    /// With synced bytes damaged: of the last operations, no system can tell their damage from a torn tail. What is left
    /// must still be a prefix.
    Damage,
}

impl Crash {
    /// Whether acknowledged operations of the class survive it.
    pub fn spares(self, class: Durability) -> bool {
        match class {
            Durability::Sync => self < Self::Damage,
            Durability::Async => self < Self::PowerCut,
            Durability::Memory => false,
        }
    }
}

/// The size of a run and its dangers.
#[derive(Clone, Debug)]
pub struct Options {
    /// Crashes, each followed by a check. The last opening is undisturbed.
    pub rounds: u32,
    /// Concurrent clients.
    pub clients: usize,
    /// Operations of each client and round, at most. Without positions, clients times operations is at most 128.
    pub operations_per_client: usize,
    /// The crash comes within so many steps of the scheduler.
    pub crash_steps_max: u64,
    /// Steps that opening, looking or closing may take before they count as stuck.
    pub steps_max: u64,
    /// What may go wrong.
    pub dangers: Dangers,
    /// The manner of power cuts, and faults that are always on.
    pub faults: Faults,
    /// States that the search may visit before it gives up (which is a violation: make the history smaller).
    pub search_states_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rounds: 4,
            clients: 4,
            operations_per_client: 16,
            crash_steps_max: 600,
            steps_max: 100_000,
            dangers: Dangers::default(),
            faults: Faults::default(),
            search_states_max: 200_000,
        }
    }
}

/// What may go wrong in a run; the seed chooses among them in each round. All but silent damage by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, named where they are set")]
pub struct Dangers {
    /// Power cuts. Without them, processes are killed.
    pub power_cuts: bool,
    /// Power cuts between two changes of the disk, not only between two steps of the scheduler.
    pub power_cuts_inside_steps: bool,
    /// Crashes while the system recovers from a crash.
    pub crashes_in_recovery: bool,
    /// EIO on a write.
    pub write_errors: bool,
    /// EIO on a sync.
    pub sync_errors: bool,
    /// A full disk, that later has space again.
    pub full_disk: bool,
    /// Short reads.
    pub short_reads: bool,
    /// Bit flips and stale sectors in synced bytes.
    pub silent_damage: bool,
}

impl Default for Dangers {
    fn default() -> Self {
        Self {
            power_cuts: true,
            power_cuts_inside_steps: true,
            crashes_in_recovery: true,
            write_errors: true,
            sync_errors: true,
            full_disk: true,
            short_reads: true,
            silent_damage: false,
        }
    }
}
