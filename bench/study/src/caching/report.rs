//! What was found, as tables of text: medians over seeds.

use super::policy::all;
use super::trace::{Kind, Trace};
use super::{SIZES, policy};
use crate::svg::Bar;
use std::fmt::Write as _;

/// A way's figures for a trace, each for both sizes of the cache, in percent.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Which way.
    pub name: String,
    /// Requests that were hits.
    pub hits: [f64; 2],
    /// Bytes that were.
    pub bytes: [f64; 2],
    /// Bytes that were let in, of those asked for: what a disk has to write.
    pub written: [f64; 2],
}

/// A trace's figures.
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
    /// Runs all ways through traces of a kind.
    pub fn of(kind: &Kind, requests: usize, seeds: u64) -> Self {
        let traces: Vec<Trace> = (1..=seeds).map(|seed| Trace::of(kind, requests, seed)).collect();
        let cell = |(name, make): &(&'static str, fn(&Trace, u64) -> Box<dyn policy::Policy>)| {
            let of_size = |percent: f64| {
                let ratios = |trace: &Trace| {
                    let bytes = (trace.bytes() as f64 * percent / 100.0) as u64;
                    measured(trace, &mut *make(trace, bytes))
                };
                let all: Vec<[f64; 3]> = traces.iter().map(ratios).collect();
                [0, 1, 2].map(|which| median(all.iter().map(|ratios| ratios[which]).collect()))
            };
            let of = SIZES.map(of_size);
            let both = |which: usize| [of[0][which], of[1][which]];
            Cell { name: (*name).to_owned(), hits: both(0), bytes: both(1), written: both(2) }
        };
        Self {
            name: kind.name.to_owned(),
            title: kind.title.to_owned(),
            about: kind.about.to_owned(),
            cells: all().iter().map(cell).collect(),
        }
    }

    /// Its plot's bars.
    pub fn bars(&self) -> Vec<Bar> {
        let bar = |Cell { name, hits, .. }: &Cell| Bar {
            name: name.clone(),
            inner: hits[0],
            outer: hits[1],
            label: format!("{:.1} / {:.1}", hits[0], hits[1]),
        };
        self.cells.iter().map(bar).collect()
    }
}

/// Hits, bytes of hits and bytes let in, in percent of what was asked for, after the first fifth.
fn measured(trace: &Trace, policy: &mut dyn policy::Policy) -> [f64; 3] {
    let begin = trace.requests.len() / 5;
    let (mut asked, mut sums) = ([0_u64; 2], [0_u64; 3]);
    for (place, id) in trace.requests.iter().enumerate() {
        let hit = policy.ask(*id);
        if place < begin {
            continue;
        }
        let size = u64::from(trace.sizes[*id as usize]);
        asked[0] += 1;
        asked[1] += size;
        sums[0] += u64::from(hit);
        sums[1] += if hit { size } else { 0 };
        sums[2] += if !hit && policy.has(*id) { size } else { 0 };
    }
    let percent = |part: u64, whole: u64| part as f64 * 100.0 / whole.max(1) as f64;
    [percent(sums[0], asked[0]), percent(sums[1], asked[1]), percent(sums[2], asked[1])]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A trace as a section of a page.
pub fn markdown(table: &Table) -> String {
    let mut text = format!("### {}\n\n{}\n\n", table.title, table.about);
    text.push_str("| way | hits, 1 % | hits, 10 % | byte hits, 1 % | byte hits, 10 % | written, 1 % | written, 10 % |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    for Cell { name, hits, bytes, written } in &table.cells {
        let _ = write!(text, "| {name} |");
        for value in hits.iter().chain(bytes).chain(written) {
            let _ = write!(text, " {value:.1} |");
        }
        text.push('\n');
    }
    text.push('\n');
    text
}

/// Its plot.
pub(super) fn image(table: &Table) -> String {
    format!("![{}](hit-ratio/{}.svg)\n\n", table.title, table.name)
}

/// All traces in one table: hits in percent with the smaller and the larger cache.
pub(super) fn summary(tables: &[Table]) -> String {
    let mut text =
        String::from("### Hits in percent of requests, with a cache of 1 % and 10 % of all bytes\n\n| way |");
    for table in tables {
        let _ = write!(text, " {} |", table.name);
    }
    let _ = writeln!(text, "\n|---|{}", "---|".repeat(tables.len()));
    for (row, (name, _)) in all().iter().enumerate() {
        let _ = write!(text, "| {name} |");
        for Cell { hits, .. } in tables.iter().map(|table| &table.cells[row]) {
            let _ = write!(text, " {:.1}, {:.1} |", hits[0], hits[1]);
        }
        text.push('\n');
    }
    text.push('\n');
    text
}
