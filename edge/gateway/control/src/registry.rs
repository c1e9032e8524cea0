//! Leases: which registered instance was heard of when, and how often it changed its mind. In memory only.

use crate::limits;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

/// Of which service, with which id.
pub type Name = (String, String);

/// The leases of all instances. Times are of one monotonic clock.
#[derive(Debug, Default)]
pub struct Leases {
    deadlines: HashMap<Name, Duration>,
    /// The same by time, to find who is over without looking at all.
    queue: BTreeMap<Duration, Vec<Name>>,
    /// When each instance changed within the last minute; at most [`limits::CHANGES_PER_MINUTE`] each.
    changes: HashMap<Name, VecDeque<Duration>>,
}

impl Leases {
    /// The instance was heard of: it has `lease` more.
    pub fn heard(&mut self, name: &Name, lease: Duration, now: Duration) {
        self.forget(name);
        self.deadlines.insert(name.clone(), now + lease);
        self.queue.entry(now + lease).or_default().push(name.clone());
    }

    /// The instance is gone. What it changed is remembered for its minute, so that to leave and come back is a change, too.
    pub fn forget(&mut self, name: &Name) {
        let Some(deadline) = self.deadlines.remove(name) else { return };
        if let Some(names) = self.queue.get_mut(&deadline) {
            names.retain(|other| other != name);
            if names.is_empty() {
                self.queue.remove(&deadline);
            }
        }
    }

    /// Whose lease is over.
    pub fn over(&self, now: Duration) -> Vec<Name> {
        self.queue.range(..=now).flat_map(|(_, names)| names.iter().cloned()).collect()
    }

    /// When the next lease is over.
    pub fn next(&self) -> Option<Duration> {
        self.queue.keys().next().copied()
    }

    /// How long the instance has left.
    pub fn left(&self, name: &Name, now: Duration) -> Option<Duration> {
        self.deadlines.get(name).map(|deadline| deadline.saturating_sub(now))
    }

    /// Whether the instance may change once more; counts it if so.
    pub fn may_change(&mut self, name: &Name, now: Duration) -> bool {
        const MINUTE: Duration = Duration::from_mins(1);
        let changes = self.changes.entry(name.clone()).or_default();
        while changes.front().is_some_and(|at| *at + MINUTE <= now) {
            changes.pop_front();
        }
        let may = changes.len() < limits::CHANGES_PER_MINUTE as usize;
        if may {
            changes.push_back(now);
        }
        if self.changes.len() > 2 * limits::INSTANCES_TOTAL_MAX {
            self.changes.retain(|_, changes| changes.back().is_some_and(|at| *at + MINUTE > now));
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn name(id: &str) -> Name {
        ("s".to_owned(), id.to_owned())
    }

    #[test]
    fn who_is_not_heard_of_is_over() {
        let mut leases = Leases::default();
        leases.heard(&name("a"), seconds(10), seconds(0));
        leases.heard(&name("b"), seconds(5), seconds(0));
        assert_eq!((leases.next(), leases.over(seconds(4))), (Some(seconds(5)), Vec::new()));
        assert_eq!(leases.over(seconds(5)), [name("b")]);
        leases.heard(&name("b"), seconds(5), seconds(5));
        assert_eq!(leases.over(seconds(9)), []);
        assert_eq!(leases.left(&name("b"), seconds(9)), Some(seconds(1)));
        leases.forget(&name("a"));
        assert_eq!(leases.over(seconds(10)), [name("b")]);
    }

    #[test]
    fn who_flaps_is_stopped_for_a_while() {
        let mut leases = Leases::default();
        let count = limits::CHANGES_PER_MINUTE;
        assert!((0..count).all(|_| leases.may_change(&name("a"), seconds(1))));
        assert!(!leases.may_change(&name("a"), seconds(60)));
        assert!(leases.may_change(&name("b"), seconds(60)), "others are not held responsible");
        assert!(leases.may_change(&name("a"), seconds(61)));
    }
}
