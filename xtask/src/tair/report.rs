//! The score of a run: by family, in scope and out of it, with the first wrong reply of each failed case.

use super::cases::{Case, Outcome};
use super::families::Place;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// Passed and total.
#[derive(Debug, Default, Clone, Copy)]
struct Score {
    passed: usize,
    total: usize,
}

/// One failed case.
struct Failure {
    family: String,
    in_scope: bool,
    case: String,
    command: String,
    expected: String,
    got: String,
}

/// Everything that a run found.
#[derive(Default)]
pub(super) struct Report {
    in_scope: BTreeMap<String, Score>,
    out_of_scope: BTreeMap<String, Score>,
    failures: Vec<Failure>,
}

impl Score {
    fn count(&mut self, passed: bool) {
        self.total += 1;
        self.passed += usize::from(passed);
    }

    fn percent(self) -> f64 {
        if self.total == 0 { 100.0 } else { 100.0 * self.passed as f64 / self.total as f64 }
    }
}

fn sum(scores: &BTreeMap<String, Score>) -> Score {
    scores.values().fold(Score::default(), |sum, score| Score {
        passed: sum.passed + score.passed,
        total: sum.total + score.total,
    })
}

impl Report {
    pub(super) fn add(&mut self, case: &Case, place: &Place, outcome: Outcome) {
        let scores = if place.in_scope { &mut self.in_scope } else { &mut self.out_of_scope };
        scores.entry(place.family.clone()).or_default().count(outcome == Outcome::Passed);
        if let Outcome::Failed { command, expected, got } = outcome {
            let (family, case) = (place.family.clone(), case.name.clone());
            self.failures.push(Failure { family, in_scope: place.in_scope, case, command, expected, got });
        }
    }

    /// Percent of the cases in scope that passed.
    pub(super) fn share_in_scope(&self) -> f64 {
        sum(&self.in_scope).percent()
    }

    pub(super) fn json(&self) -> Value {
        let table = |scores: &BTreeMap<String, Score>| -> Value {
            let row = |(name, score): (&String, &Score)| {
                (name.clone(), json!({"passed": score.passed, "total": score.total}))
            };
            Value::Object(scores.iter().map(row).collect())
        };
        let failures: Vec<Value> = self.failures.iter().map(Failure::json).collect();
        json!({
            "in_scope": table(&self.in_scope),
            "out_of_scope": table(&self.out_of_scope),
            "percent_in_scope": self.share_in_scope(),
            "failures": failures,
        })
    }
}

impl Failure {
    fn json(&self) -> Value {
        json!({
            "family": self.family,
            "in_scope": self.in_scope,
            "case": self.case,
            "command": self.command,
            "expected": self.expected,
            "got": self.got,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (title, scores) in [("in scope", &self.in_scope), ("out of scope", &self.out_of_scope)] {
            for failure in self.failures.iter().filter(|failure| failure.in_scope == (title == "in scope")) {
                let Failure { family, case, command, expected, got, .. } = failure;
                writeln!(f, "FAIL {family}: {case}: {command:?}: expected {expected}, got {got}")?;
            }
            writeln!(f, "\n{title}")?;
            let all = sum(scores);
            let rows = scores.iter().map(|(name, score)| (name.as_str(), *score)).chain([("all", all)]);
            for (name, score) in rows {
                writeln!(
                    f,
                    "  {name:<24} {:>4} / {:<4} {:>6.1} %",
                    score.passed,
                    score.total,
                    score.percent()
                )?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
