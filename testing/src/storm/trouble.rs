//! What is done to instances, to the document and to the node in the middle of a load, and what may come of it.

use std::io;
use std::time::Duration;

use super::load::{Load, Outcome, Sample};
use super::stage::Stage;

/// More requests than there will be, and far from where a counter begins anew.
const UNBOUNDED: u64 = u64::MAX / 2;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing, to compare with.
    Nothing,
    /// An instance is killed, and stays in document and registry.
    Killed,
    /// One that was killed comes back at its address.
    Back,
    /// An instance is stopped (SIGSTOP): its connections stay, and nothing comes.
    Hung,
    /// An instance takes ten times as long.
    Slowed,
    /// An instance comes along, in the document and in the registry.
    Added,
    /// An instance drains, and is taken out and ended when nothing is under way.
    Drained,
    /// One instance after the other drains, is restarted, and is let in again.
    Rolled,
    /// One is killed, one hangs, one slows down.
    Several,
    /// The document is replaced, again and again.
    Reloaded,
}

impl Trouble {
    /// All, in an order in which each leaves what the next one needs.
    pub const ALL: [Self; 10] = [
        Self::Nothing,
        Self::Killed,
        Self::Back,
        Self::Hung,
        Self::Slowed,
        Self::Added,
        Self::Drained,
        Self::Rolled,
        Self::Reloaded,
        Self::Several,
    ];

    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Killed => "one killed",
            Self::Back => "and back again",
            Self::Hung => "one hung",
            Self::Slowed => "one ten times slower",
            Self::Added => "one added",
            Self::Drained => "one drained and ended",
            Self::Rolled => "all restarted in turn",
            Self::Several => "killed, hung and slow at once",
            Self::Reloaded => "document replaced",
        }
    }

    /// How many `GET`s and `POST`s may fail, with so many requests under way at most. An answer is lost only with an instance that is lost:
    /// whatever is planned loses none, and what may be sent twice is.
    pub const fn failures_max(self, connections: usize) -> (usize, usize) {
        match self {
            // What was sent to it and not answered.
            Self::Killed => (0, connections),
            // The same; and what is sent before it is taken out, by checks (two of them) or by errors (five in a row) of either service.
            Self::Hung => (0, 2 * connections + 10),
            Self::Several => (connections, 4 * connections + 20),
            _ => (0, 0),
        }
    }

    /// Makes it. The load is under way.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make(self, stage: &mut Stage, steps: u64) -> io::Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::Killed => {
                let address = stage.crash("i0")?;
                stage.down.push(("i0".to_owned(), address));
                Ok(())
            }
            Self::Back => stage.bring_back(),
            Self::Hung => stage.instance("i1")?.hang(),
            Self::Slowed => stage.instance("i2")?.set_work(stage.setup.work * 10),
            Self::Added => {
                stage.start_instance("new", None)?;
                stage.register("new")?;
                stage.apply()
            }
            Self::Drained => {
                stage.drain("new", true)?;
                stage.wait_until_idle("new")?;
                stage.deregister("new")?;
                let instance = stage.take("new")?;
                stage.apply()?;
                instance.kill()
            }
            Self::Rolled => {
                for name in stage.names() {
                    stage.drain(&name, true)?;
                    stage.wait_until_idle(&name)?;
                    let address = stage.crash(&name)?;
                    stage.start_instance(&name, Some(address))?;
                    stage.drain(&name, false)?;
                    stage.wait_until_well()?;
                }
                Ok(())
            }
            Self::Several => {
                stage.instance("i1")?.hang()?;
                stage.instance("i2")?.set_work(stage.setup.work * 10)?;
                Self::Killed.make(stage, steps)
            }
            Self::Reloaded => (0..steps).try_for_each(|_| stage.apply()),
        }
    }

    /// Undoes what would be in the way of the next one, and waits until all is well.
    ///
    /// # Errors
    /// It does not become well.
    pub fn undo(self, stage: &mut Stage) -> io::Result<()> {
        match self {
            // The next one is about that.
            Self::Killed => return Ok(()),
            Self::Hung => stage.instance("i1")?.go_on()?,
            Self::Slowed => stage.instance("i2")?.set_work(stage.setup.work)?,
            Self::Several => {
                stage.instance("i1")?.go_on()?;
                stage.instance("i2")?.set_work(stage.setup.work)?;
                stage.bring_back()?;
            }
            _ => {}
        }
        stage.wait_until_well()
    }
}

/// Ends the node itself in the middle of a load, as `end` does it. What the instances answered and its client did not get was lost.
///
/// # Errors
/// The node cannot be ended, or an instance does not say what it did.
pub fn run_to_the_end(stage: &Stage, load: &Load, end: impl FnOnce() -> io::Result<()>) -> io::Result<Ended> {
    let served = |stage: &Stage| -> io::Result<u64> {
        stage.instances.values().map(|instance| Ok(instance.served()?.0)).sum()
    };
    let before = served(stage)?;
    let running = load.clone().start();
    running.wait_for(load.requests / 2);
    end()?;
    let samples = running.stop();
    Ok(Ended { samples, served: served(stage)? - before })
}

/// What came of a node's end.
#[derive(Clone, Debug)]
pub struct Ended {
    /// All requests; those after the end found nobody.
    pub samples: Vec<Sample>,
    /// What the instances answered.
    pub served: u64,
}

impl Ended {
    /// Requests that were answered with 200.
    pub fn answered(&self) -> u64 {
        self.samples.iter().filter(|sample| sample.is_good()).count() as u64
    }

    /// Requests that were neither answered nor found the door closed.
    pub fn broken(&self) -> Vec<&Sample> {
        let is_broken = |sample: &&Sample| {
            !sample.is_good() && !matches!(sample.outcome, Outcome::Refused | Outcome::Raced)
        };
        self.samples.iter().filter(is_broken).collect()
    }
}

/// What came of a trouble.
#[derive(Clone, Debug)]
pub struct Course {
    /// Which.
    pub trouble: Trouble,
    /// When it began and when it was made, from the load's start.
    pub made: (Duration, Duration),
    /// All requests.
    pub samples: Vec<Sample>,
}

/// Makes a trouble after a third of a load, which goes on at least until it is made and then for as long as it was before.
///
/// # Errors
/// It cannot be made, or cannot be undone.
pub fn run(stage: &mut Stage, load: &Load, trouble: Trouble) -> io::Result<Course> {
    let quiet = load.requests / 3;
    // Some take their time: the load ends by being stopped.
    let running = Load { requests: UNBOUNDED, ..load.clone() }.start();
    running.wait_for(quiet);
    let begun = running.elapsed();
    let made = trouble.make(stage, 10);
    let ended = running.elapsed();
    running.wait_for(running.begun() + 2 * quiet);
    let samples = running.stop();
    made?;
    trouble.undo(stage)?;
    Ok(Course { trouble, made: (begun, ended), samples })
}

impl Course {
    /// Requests that were not answered with 200: `GET`s and `POST`s.
    pub fn failures(&self) -> (usize, usize) {
        let failed = |is_post: bool| {
            self.samples.iter().filter(|sample| !sample.is_good() && sample.is_post == is_post).count()
        };
        (failed(false), failed(true))
    }

    /// What failed, by kind, with how many.
    pub fn kinds(&self) -> Vec<(String, usize)> {
        let mut kinds: Vec<(String, usize)> = Vec::new();
        for sample in self.samples.iter().filter(|sample| !sample.is_good()) {
            let method = if sample.is_post { "POST" } else { "GET" };
            let kind = match &sample.outcome {
                Outcome::Answered(status, problem) => format!("{method} {status} {problem}"),
                Outcome::Refused => format!("{method} refused"),
                Outcome::Raced => format!("{method} raced"),
                Outcome::Broken(why) => format!("{method} {why}"),
            };
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, count)) => *count += 1,
                None => kinds.push((kind, 1)),
            }
        }
        kinds
    }
}
