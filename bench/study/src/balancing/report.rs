//! What was found, as tables of text: medians over seeds.

use crate::balancing::contender::contenders;
use crate::balancing::scenario::Scenario;
use crate::balancing::simulation::{Outcome, simulate};
use crate::svg::Bar;
use std::fmt::Write as _;

/// A contender's figures in a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Which contender.
    pub name: String,
    /// What clients waited, in milliseconds: p50, p99, p99.9.
    pub latency: [f64; 3],
    /// Requests that failed, in percent.
    pub failed: f64,
}

/// A scenario's figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// In file names.
    pub name: String,
    /// In headings.
    pub title: String,
    /// What it is.
    pub about: String,
    /// A row each.
    pub cells: Vec<Cell>,
}

impl Table {
    /// Runs all contenders through a scenario.
    pub fn of(scenario: &Scenario, seconds: u64, seeds: u64) -> Self {
        let cell = |contender: &super::contender::Contender| {
            let outcomes: Vec<Outcome> =
                (1..=seeds).map(|seed| simulate(scenario, contender, seed, seconds)).collect();
            let median = |of: &dyn Fn(&Outcome) -> f64| {
                let mut values: Vec<f64> = outcomes.iter().map(of).collect();
                values.sort_by(f64::total_cmp);
                values[values.len() / 2]
            };
            let latency = [50.0, 99.0, 99.9].map(|percent| median(&|outcome| outcome.percentile(percent)));
            Cell { name: contender.name.clone(), latency, failed: median(&Outcome::failed) }
        };
        Self {
            name: scenario.name.to_owned(),
            title: scenario.title.to_owned(),
            about: scenario.about.to_owned(),
            cells: contenders().iter().map(cell).collect(),
        }
    }
}

impl Cell {
    /// It as a bar.
    pub fn bar(&self) -> Bar {
        let label = match self.failed {
            failed if failed >= 0.005 => {
                format!("{} ms, {} % failed", digits(self.latency[1]), percent(failed))
            }
            _ => format!("{} ms", digits(self.latency[1])),
        };
        Bar { name: self.name.clone(), inner: self.latency[0], outer: self.latency[1], label }
    }
}

/// Three digits that count.
fn digits(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

fn percent(value: f64) -> String {
    if value < 0.005 { "0".to_owned() } else { format!("{value:.2}") }
}

/// A scenario as a section of a page.
pub fn markdown(table: &Table) -> String {
    let mut text = format!("### {}\n\n{}\n\n", table.title, table.about);
    text.push_str("| algorithm | p50 ms | p99 ms | p99.9 ms | failed % |\n|---|---|---|---|---|\n");
    for Cell { name, latency, failed } in &table.cells {
        let [p50, p99, p999] = latency.map(digits);
        let _ = writeln!(text, "| {name} | {p50} | {p99} | {p999} | {} |", percent(*failed));
    }
    text.push('\n');
    text
}

/// Its plot.
pub(super) fn image(table: &Table) -> String {
    format!("![{}](balancing/{}.svg)\n\n", table.title, table.name)
}

/// All scenarios in one table: p99 and, where there are any, failures.
pub(super) fn summary(tables: &[Table]) -> String {
    let mut text = String::from(
        "### p99 in milliseconds, and failed requests in percent, of all scenarios\n\n| algorithm |",
    );
    for table in tables {
        let _ = write!(text, " {} |", table.name);
    }
    let _ = writeln!(text, "\n|---|{}", "---|".repeat(tables.len()));
    for (row, contender) in contenders().iter().enumerate() {
        let _ = write!(text, "| {} |", contender.name);
        for Cell { latency, failed, .. } in tables.iter().map(|table| &table.cells[row]) {
            let _ = match *failed {
                failed if failed >= 0.005 => write!(text, " {}, {} % |", digits(latency[1]), percent(failed)),
                _ => write!(text, " {} |", digits(latency[1])),
            };
        }
        text.push('\n');
    }
    text.push('\n');
    text
}
