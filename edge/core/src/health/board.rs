//! The board: all targets of a set by name, what their checks and their answers say, and the condition that follows.
//! One owner drives it (`&mut self`); answers are counted through shared tallies without it.

use crate::Random;
use crate::health::active::{self, Check};
use crate::health::outlier::{self, Detector, Record, Tally};
use crate::health::{Condition, panics};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What the board goes by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Of checks; `None` if nobody probes.
    pub active: Option<active::Settings>,
    /// Of answers to live requests; `None` if they are not judged.
    pub outlier: Option<outlier::Settings>,
}

/// A target's condition changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whose.
    pub name: Arc<str>,
    /// To what.
    pub condition: Condition,
}

#[derive(Debug)]
struct Target {
    check: Check,
    record: Record,
    draining: bool,
    /// As last told.
    told: Condition,
}

/// How all targets of a set are.
#[derive(Debug)]
pub struct Board {
    settings: Settings,
    targets: BTreeMap<Arc<str>, Target>,
    detector: Detector,
}

impl Board {
    /// A board without targets.
    pub fn new(settings: Settings, now: Duration) -> Self {
        Self { settings, targets: BTreeMap::new(), detector: Detector::new(now) }
    }

    /// Makes `names` the targets. Who stays keeps its state. Tells the condition of each that is new and not well.
    pub fn replace(
        &mut self,
        names: impl IntoIterator<Item = Arc<str>>,
        now: Duration,
        random: &mut Random,
    ) -> Vec<Change> {
        let names: BTreeSet<Arc<str>> = names.into_iter().collect();
        self.targets.retain(|name, _| names.contains(name));
        let checks = self.settings.active.clone().unwrap_or_default();
        for name in names {
            self.targets.entry(name).or_insert_with(|| Target {
                check: Check::new(&checks, now, random),
                record: Record::default(),
                draining: false,
                told: Condition::Well,
            });
        }
        self.changes()
    }

    /// Where a target's answers are counted. When a count says so, [`Board::tripped`] is to be called.
    pub fn tally(&self, name: &str) -> Option<&Arc<Tally>> {
        self.targets.get(name).map(|target| target.record.tally())
    }

    /// Begins all probes that are due: each is to be answered with [`Board::probed`].
    pub fn due(&mut self, now: Duration) -> Vec<Arc<str>> {
        if self.settings.active.is_none() {
            return Vec::new();
        }
        let due = self
            .targets
            .iter_mut()
            .filter_map(|(name, target)| target.check.begin(now).then(|| name.clone()));
        due.collect()
    }

    /// When the next probe is due, if none is before.
    pub fn next_due(&self) -> Option<Duration> {
        self.settings.active.as_ref()?;
        self.targets.values().filter_map(|target| target.check.due_at()).min()
    }

    /// A probe ended. One of a target that has left is passed over.
    pub fn probed(&mut self, name: &str, good: bool, now: Duration, random: &mut Random) -> Option<Change> {
        if let (Some(settings), Some(target)) = (&self.settings.active, self.targets.get_mut(name)) {
            target.check.probed(good, settings, now, random);
        }
        self.change(name)
    }

    /// A tally of `name` said that a row is full.
    pub fn tripped(&mut self, name: &str, now: Duration, random: &mut Random) -> Option<Change> {
        if let Some(settings) = &self.settings.outlier
            && let Some(index) = self.targets.keys().position(|target| **target == *name)
        {
            let mut records: Vec<&mut Record> =
                self.targets.values_mut().map(|target| &mut target.record).collect();
            Detector::tripped(&mut records, index, settings, now, random);
        }
        self.change(name)
    }

    /// Ends ejections and compares rates. To be called about once a second.
    pub fn sweep(&mut self, now: Duration, random: &mut Random) -> Vec<Change> {
        if let Some(settings) = &self.settings.outlier {
            let mut records: Vec<&mut Record> =
                self.targets.values_mut().map(|target| &mut target.record).collect();
            self.detector.sweep(&mut records, settings, now, random);
        }
        self.changes()
    }

    /// Begins or ends draining.
    pub fn drain(&mut self, name: &str, draining: bool) -> Option<Change> {
        if let Some(target) = self.targets.get_mut(name) {
            target.draining = draining;
        }
        self.change(name)
    }

    /// A target's condition.
    pub fn condition(&self, name: &str) -> Option<Condition> {
        self.targets.get(name).map(|target| target.condition(&self.settings))
    }

    /// Whether health should not be looked at: fewer than `threshold` of those that do not drain are well.
    pub fn panics(&self, threshold: f64) -> bool {
        let in_use = self.targets.values().filter(|target| !target.draining);
        let well =
            in_use.clone().filter(|target| target.condition(&self.settings) == Condition::Well).count();
        panics(well, in_use.count(), threshold)
    }

    /// What has changed since it was last told.
    fn changes(&mut self) -> Vec<Change> {
        let told = self.targets.iter_mut().filter_map(|(name, target)| target.tell(name, &self.settings));
        told.collect()
    }

    /// The same of one target.
    fn change(&mut self, name: &str) -> Option<Change> {
        let (name, _) = self.targets.get_key_value(name)?;
        let name = name.clone();
        self.targets.get_mut(&name)?.tell(&name, &self.settings)
    }
}

impl Target {
    fn tell(&mut self, name: &Arc<str>, settings: &Settings) -> Option<Change> {
        let condition = self.condition(settings);
        let before = std::mem::replace(&mut self.told, condition);
        (before != condition).then(|| Change { name: name.clone(), condition })
    }

    /// Who drains and is down is down: its clients are better off elsewhere.
    fn condition(&self, settings: &Settings) -> Condition {
        let up = settings.active.as_ref().is_none_or(|settings| self.check.is_up(settings));
        let ejected = settings.outlier.is_some() && self.record.ejected_until().is_some();
        match (up && !ejected, self.draining) {
            (false, _) => Condition::Unwell,
            (true, true) => Condition::Draining,
            (true, false) => Condition::Well,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::outlier::Answer;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn names<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Vec<(&'a str, Condition)> {
        changes.into_iter().map(|change| (&*change.name, change.condition)).collect()
    }

    fn board(start_up: bool) -> (Board, Random) {
        let active = Some(active::Settings { start_up, ..active::Settings::default() });
        let settings = Settings { active, outlier: Some(outlier::Settings::default()) };
        (Board::new(settings, secs(0)), Random::new(1))
    }

    fn three() -> [Arc<str>; 3] {
        ["a".into(), "b".into(), "c".into()]
    }

    #[test]
    fn checks_answers_and_operators_make_the_condition() {
        let (mut board, mut random) = board(true);
        assert_eq!(board.replace(three(), secs(0), &mut random), []);
        assert_eq!(board.due(secs(1)).len(), 3);
        assert_eq!(board.due(secs(1)), [], "they are under way");
        for (name, good) in [("a", true), ("b", true)] {
            assert_eq!(board.probed(name, good, secs(1), &mut random), None);
        }
        let down = board.probed("c", false, secs(1), &mut random);
        assert_eq!(names(&down), [("c", Condition::Unwell)]);

        let tally = board.tally("a").unwrap().clone();
        let settings = outlier::Settings::default();
        let full: Vec<bool> = (0..5).map(|_| tally.count(Answer::GatewayError, &settings)).collect();
        assert_eq!(full, [false, false, false, false, true]);
        assert_eq!(names(&board.tripped("a", secs(2), &mut random)), [("a", Condition::Unwell)]);
        assert!(board.panics(0.5), "one of three is well");
        assert_eq!(names(&board.sweep(secs(40), &mut random)), [("a", Condition::Well)]);
        assert!(!board.panics(0.5));

        assert_eq!(names(&board.drain("b", true)), [("b", Condition::Draining)]);
        assert_eq!(board.condition("b"), Some(Condition::Draining));
        assert_eq!(names(&board.drain("c", true)), [], "it is down");
        assert_eq!(names(&board.drain("b", false)), [("b", Condition::Well)]);
        assert_eq!(board.condition("nobody"), None);
    }

    #[test]
    fn who_stays_keeps_its_state() {
        let (mut board, mut random) = board(false);
        let told = board.replace(three(), secs(0), &mut random);
        assert!(told.len() == 3 && told.iter().all(|change| change.condition == Condition::Unwell));
        board.probed("a", true, secs(1), &mut random);
        board.drain("a", true);
        let tally = board.tally("a").unwrap().clone();
        assert_eq!(
            names(&board.replace(["a".into(), "d".into()], secs(2), &mut random)),
            [("d", Condition::Unwell)]
        );
        assert_eq!(board.condition("a"), Some(Condition::Draining));
        assert!(Arc::ptr_eq(&tally, board.tally("a").unwrap()));
        assert_eq!(board.condition("b"), None);
        assert_eq!(board.probed("b", true, secs(3), &mut random), None, "it has left");
        assert!(board.next_due().is_some());
    }

    #[test]
    fn without_checks_nobody_is_probed() {
        let mut random = Random::new(1);
        let mut board = Board::new(Settings::default(), secs(0));
        assert_eq!(board.replace(three(), secs(0), &mut random), []);
        assert_eq!((board.due(secs(100)), board.next_due()), (Vec::new(), None));
        assert_eq!(board.tripped("a", secs(1), &mut random), None);
    }
}
