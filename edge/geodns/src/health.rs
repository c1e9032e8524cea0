//! How the targets of answers are: told by whoever checks them, read here without a lock.
//!
//! A target that nobody has told anything of is well: **up until checked**, so that a restart takes nobody out of the
//! answers. What is told lives in atomics that a compiled zone holds directly.

pub mod check;

pub use check::Check;

use bole_edge_core::health::{Change, Condition};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// One target's condition and load.
#[derive(Debug)]
pub struct Vital {
    condition: AtomicU8,
    /// Bits of an `f32`; NaN is unknown.
    load: AtomicU32,
}

impl Default for Vital {
    fn default() -> Self {
        Self { condition: AtomicU8::new(0), load: AtomicU32::new(f32::NAN.to_bits()) }
    }
}

impl Vital {
    /// How it is.
    pub fn condition(&self) -> Condition {
        match self.condition.load(Ordering::Relaxed) {
            0 => Condition::Well,
            1 => Condition::Unwell,
            _ => Condition::Draining,
        }
    }

    /// How it is, as its checks say.
    pub fn set_condition(&self, condition: Condition) {
        let number = match condition {
            Condition::Well => 0,
            Condition::Unwell => 1,
            Condition::Draining => 2,
        };
        self.condition.store(number, Ordering::Relaxed);
    }

    /// How much of its capacity is used: 1.0 is all. `None` until somebody says.
    pub fn load(&self) -> Option<f32> {
        Some(f32::from_bits(self.load.load(Ordering::Relaxed))).filter(|load| !load.is_nan())
    }

    /// Sets it.
    pub fn set_load(&self, load: Option<f32>) {
        self.load.store(load.unwrap_or(f32::NAN).to_bits(), Ordering::Relaxed);
    }
}

/// Who knows how targets are. A zone asks once for each target, when it is compiled.
pub trait Health: Send + Sync {
    /// The vital signs of `target`; those of one that is not known say that it is well.
    fn target(&self, target: &str) -> Arc<Vital>;

    /// How `target` is.
    fn condition(&self, target: &str) -> Condition {
        self.target(target).condition()
    }
}

/// Vital signs by name, for whoever drives a [`bole_edge_core::health::Board`], and for tests.
#[derive(Debug, Default)]
pub struct Vitals {
    targets: Mutex<HashMap<String, Arc<Vital>>>,
}

impl Vitals {
    /// Takes over what a board tells.
    pub fn apply(&self, change: &Change) {
        self.target(&change.name).set_condition(change.condition);
    }

    /// Forgets targets that no zone holds any more.
    pub fn forget_unused(&self) {
        self.targets.lock().retain(|_, vital| Arc::strong_count(vital) > 1);
    }

    /// The vital signs of a target that somebody asked for.
    pub fn known(&self, target: &str) -> Option<Arc<Vital>> {
        self.targets.lock().get(target).cloned()
    }

    /// Names and conditions of all targets that anybody asked for.
    pub fn all(&self) -> Vec<(String, Condition)> {
        let targets = self.targets.lock();
        let mut all: Vec<_> = targets.iter().map(|(name, vital)| (name.clone(), vital.condition())).collect();
        all.sort_by(|left, right| left.0.cmp(&right.0));
        all
    }
}

impl Health for Vitals {
    fn target(&self, target: &str) -> Arc<Vital> {
        let mut targets = self.targets.lock();
        if let Some(vital) = targets.get(target) {
            return vital.clone();
        }
        targets.entry(target.to_owned()).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_well_until_told_otherwise() {
        let vitals = Vitals::default();
        let held = vitals.target("web");
        assert_eq!((held.condition(), held.load()), (Condition::Well, None));
        for condition in [Condition::Unwell, Condition::Draining, Condition::Well] {
            vitals.apply(&Change { name: "web".into(), condition });
            assert_eq!((held.condition(), vitals.condition("web")), (condition, condition));
        }
        held.set_load(Some(0.5));
        assert_eq!(vitals.target("web").load(), Some(0.5));
        assert_eq!(vitals.all(), [("web".to_owned(), Condition::Well)]);
    }
}
