//! What a run of the harness has to say.

use std::collections::BTreeMap;
use std::fmt;

use super::Crash;

/// A promise that was broken.
#[derive(Clone, Debug)]
pub struct Violation {
    /// In which round.
    pub round: u32,
    /// What was wrong.
    pub what: String,
    /// The operations since the last check, one a line.
    pub history: Vec<String>,
    /// The last steps of the scheduler.
    pub steps: String,
    /// The last operations of the disk.
    pub disk: String,
}

/// The result of one seed.
#[derive(Clone, Debug)]
pub struct Report {
    /// The system's name.
    pub system: &'static str,
    /// The seed.
    pub seed: u64,
    /// Operations that clients began.
    pub operations: u64,
    /// Operations that were acknowledged.
    pub acknowledged: u64,
    /// How often what happened.
    pub crashes: BTreeMap<Crash, u64>,
    /// Crashes while recovering.
    pub crashes_in_recovery: u64,
    /// Whether the system refused to open because of damage, which ended the run early.
    pub refused: bool,
    /// Equal for equal runs.
    pub hash: u64,
    /// What was broken, if anything.
    pub violation: Option<Violation>,
}

impl Report {
    /// An empty report.
    pub(super) fn new(system: &'static str, seed: u64) -> Self {
        Self {
            system,
            seed,
            operations: 0,
            acknowledged: 0,
            crashes: BTreeMap::new(),
            crashes_in_recovery: 0,
            refused: false,
            hash: 0,
            violation: None,
        }
    }

    /// The command that repeats this run.
    pub fn command(&self) -> String {
        format!("cargo xtask soak --seed {}", self.seed)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let crashes: u64 = self.crashes.values().sum();
        write!(
            f,
            "{} seed {}: {} operations, {} acknowledged, {crashes} crashes ({} more in recovery), hash {:016x}",
            self.system, self.seed, self.operations, self.acknowledged, self.crashes_in_recovery, self.hash
        )?;
        if self.refused {
            f.write_str(", refused to open damaged files")?;
        }
        let Some(violation) = &self.violation else { return Ok(()) };
        writeln!(f, "\nVIOLATION in round {}: {}", violation.round, violation.what)?;
        writeln!(f, "repeat it with: {}\noperations since the last check:", self.command())?;
        for line in &violation.history {
            writeln!(f, "  {line}")?;
        }
        write!(f, "last steps: {}last disk operations: {}", violation.steps, violation.disk)
    }
}

/// The results of several seeds.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Seeds that ran.
    pub seeds: u64,
    /// Their operations.
    pub operations: u64,
    /// Their acknowledged operations.
    pub acknowledged: u64,
    /// Their crashes.
    pub crashes: BTreeMap<Crash, u64>,
    /// Their crashes while recovering.
    pub crashes_in_recovery: u64,
    /// Runs that ended with a refusal to open damaged files.
    pub refused: u64,
    /// The reports of the seeds that failed.
    pub failures: Vec<Report>,
}

impl Summary {
    /// Adds the result of one seed.
    pub fn add(&mut self, report: Report) {
        self.seeds += 1;
        self.operations += report.operations;
        self.acknowledged += report.acknowledged;
        self.crashes_in_recovery += report.crashes_in_recovery;
        self.refused += u64::from(report.refused);
        for (crash, count) in &report.crashes {
            *self.crashes.entry(*crash).or_default() += count;
        }
        if report.violation.is_some() {
            self.failures.push(report);
        }
    }

    /// Panics with the reports of the failed seeds, if there are any; for tests.
    pub fn assert_ok(&self) {
        assert!(self.failures.is_empty(), "{self}");
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} seeds, {} operations, {} acknowledged",
            self.seeds, self.operations, self.acknowledged
        )?;
        for (crash, count) in &self.crashes {
            write!(f, ", {count} {crash:?}")?;
        }
        write!(f, ", {} in recovery, {} refused damage", self.crashes_in_recovery, self.refused)?;
        write!(f, ", {} failed", self.failures.len())?;
        self.failures.iter().take(3).try_for_each(|report| write!(f, "\n{report}"))
    }
}
