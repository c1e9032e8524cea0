//! How bad one power cut is: what it keeps of the changes that were not synced.

use super::faults::Faults;
use crate::Rng;

/// The manner of one power cut. One is drawn per cut, because drawing for each sector alone would almost never show
/// the plain cases: everything gone, everything there, all up to a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Every change survives.
    Nothing,
    /// No change survives.
    Everything,
    /// Changes before this one survive; it may be torn.
    After { seq: u64, torn: bool },
    /// Each change (or sector of it) survives with this chance in 100, in any order.
    Some { keep_percent: u64, torn: bool },
}

impl Loss {
    /// Draws the manner of a cut from those that `faults` allows, for changes numbered below `seq_end`.
    pub(super) fn draw(faults: &Faults, seqs: &[u64], rng: &mut Rng) -> Self {
        if !faults.lose_unsynced {
            return Self::Nothing;
        }
        let torn = faults.torn_writes && !rng.one_in(3);
        let manners = if faults.reorder_unsynced { 8 } else { 4 };
        match rng.below(manners) {
            0 => Self::Everything,
            1 => Self::Nothing,
            2 | 3 if !seqs.is_empty() => Self::After { seq: *rng.pick(seqs), torn },
            _ if faults.reorder_unsynced => Self::Some { keep_percent: *rng.pick(&[10, 50, 90]), torn },
            _ => Self::Everything,
        }
    }

    /// Whether the change is cut into sectors.
    pub(super) fn tears(&self, change: u64) -> bool {
        match self {
            Self::Nothing | Self::Everything => false,
            Self::After { seq, torn } => *torn && change == *seq,
            Self::Some { torn, .. } => *torn,
        }
    }

    /// Whether a piece of the change survives.
    pub(super) fn keeps(&self, change: u64, rng: &mut Rng) -> bool {
        match self {
            Self::Nothing => true,
            Self::Everything => false,
            Self::After { seq, torn } => change < *seq || (*torn && change == *seq && rng.one_in(2)),
            Self::Some { keep_percent, .. } => rng.below(100) < *keep_percent,
        }
    }

    /// Whether the length survives where a piece that made the file longer did not.
    pub(super) fn keeps_length(&self, rng: &mut Rng) -> bool {
        matches!(self, Self::Some { .. }) && rng.one_in(4)
    }

    /// Whether what survives may be in any order.
    pub(super) fn reorders(&self) -> bool {
        matches!(self, Self::Some { .. })
    }
}
