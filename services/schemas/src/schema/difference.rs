//! What stands between a reader and what a writer wrote, and the bounds of looking for it.

use std::fmt;

use crate::limits::{COMPARISON_NESTING_MAX, COMPARISON_STEPS_MAX, DIFFERENCES_MAX};

/// One reason why data cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which rule is broken, by the name that clients know.
    pub rule: &'static str,
    /// Where in the schema.
    pub path: String,
    /// A sentence.
    pub text: String,
}

impl Difference {
    /// A difference at a place.
    pub fn new(rule: &'static str, path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { rule, path: path.into(), text: text.into() }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{errorType:'{}', description:'{}', path:'{}'}}", self.rule, self.text, self.path)
    }
}

/// The differences that a comparison found, at most [`DIFFERENCES_MAX`] of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    found: Vec<Difference>,
    gave_up: bool,
}

impl Differences {
    /// One difference.
    pub fn one(difference: Difference) -> Self {
        Self { found: vec![difference], gave_up: false }
    }

    /// Whether the data can be read.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether the comparison was ended by a bound.
    pub const fn gave_up(&self) -> bool {
        self.gave_up
    }

    /// Adds one.
    pub fn push(&mut self, difference: Difference) {
        if self.found.len() < DIFFERENCES_MAX {
            self.found.push(difference);
        }
    }

    /// Adds those of a part.
    pub fn extend(&mut self, other: Self) {
        self.gave_up |= other.gave_up;
        other.found.into_iter().for_each(|difference| self.push(difference));
    }

    /// The differences, marked if a bound ended a part of the comparison.
    #[must_use]
    pub fn after(mut self, effort: &Effort) -> Self {
        self.gave_up |= effort.exhausted;
        self
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Difference> {
        self.found.iter()
    }
}

impl<'a> IntoIterator for &'a Differences {
    type Item = &'a Difference;
    type IntoIter = std::slice::Iter<'a, Difference>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// How deep a comparison is and how many steps it has left.
#[derive(Debug)]
pub struct Effort {
    steps: usize,
    depth: usize,
    exhausted: bool,
}

impl Default for Effort {
    fn default() -> Self {
        Self { steps: COMPARISON_STEPS_MAX, depth: 0, exhausted: false }
    }
}

impl Effort {
    /// Takes `steps` and goes one level deeper. The error says which bound is reached.
    pub fn enter(&mut self, steps: usize, path: &str) -> Result<(), Differences> {
        self.steps = self.steps.saturating_sub(steps);
        let text = if self.steps == 0 {
            format!("the schemas take more than {COMPARISON_STEPS_MAX} steps to compare")
        } else if self.depth >= COMPARISON_NESTING_MAX {
            format!("the schemas are nested deeper than {COMPARISON_NESTING_MAX} levels")
        } else {
            self.depth += 1;
            return Ok(());
        };
        self.exhausted = true;
        let found = vec![Difference::new("COMPARISON_TOO_LARGE", path, text)];
        Err(Differences { found, gave_up: true })
    }

    /// Goes back up.
    pub fn leave(&mut self) {
        self.depth -= 1;
    }
}
