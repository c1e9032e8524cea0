//! Every balancing algorithm against hosts that are slow, failing, unequal, or come and go.
//!
//! The balancers and the health board are those of the gateway. Simulated are only requests and hosts: arrivals are
//! independent of answers (an open loop, so that a slow host's queue is felt), hosts work on a fixed number of requests at a
//! time, first come first served.

mod contender;
pub mod placement;
mod report;
mod scenario;
mod simulation;

pub use contender::contenders;
pub use report::{Cell, Table, markdown};
pub use scenario::{Scenario, scenarios};
pub use simulation::{Outcome, simulate};

use crate::svg;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};

/// Options of `cargo xtask study balancing`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Simulated seconds of each run
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// How many seeds; figures are their medians
    #[arg(long, default_value_t = 5)]
    pub seeds: u64,
    /// Only the scenario of this name
    #[arg(long)]
    pub scenario: Option<String>,
    /// Writes tables and plots into this folder of documentation instead of printing them
    #[arg(long)]
    pub write: Option<PathBuf>,
}

/// Runs the study.
pub fn run(args: &Args) -> Result<()> {
    if args.seconds <= simulation::TROUBLE_AT || args.seeds == 0 {
        bail!(
            "a study needs a seed and more than {} seconds, at which the trouble begins",
            simulation::TROUBLE_AT
        );
    }
    let tables = tables(args);
    if tables.is_empty() {
        let names: Vec<_> = scenarios().iter().map(|scenario| scenario.name).collect();
        let asked = args.scenario.as_deref().unwrap_or_default();
        bail!("there is no scenario {asked:?}; there are {}", names.join(", "));
    }
    if let Some(folder) = &args.write {
        return write(folder, &tables);
    }
    tables.iter().for_each(|table| println!("{}", markdown(table)));
    Ok(())
}

/// The tables that these options ask for.
pub fn tables(args: &Args) -> Vec<Table> {
    let wanted = |scenario: &&Scenario| args.scenario.as_ref().is_none_or(|name| *name == *scenario.name);
    let table = |scenario: &Scenario| Table::of(scenario, args.seconds, args.seeds);
    scenarios().iter().filter(wanted).map(table).collect()
}

const BEGIN: &str = "<!-- figures: written by `cargo xtask study balancing` -->";
const END: &str = "<!-- end of figures -->";

fn write(folder: &Path, tables: &[Table]) -> Result<()> {
    let page = folder.join("balancing.md");
    let plots = folder.join("balancing");
    std::fs::create_dir_all(&plots).with_context(|| format!("{}", plots.display()))?;
    let text = std::fs::read_to_string(&page).with_context(|| format!("{}", page.display()))?;
    let (Some(begin), Some(end)) = (text.find(BEGIN), text.find(END)) else {
        bail!("{} has no lines {BEGIN} and {END}", page.display());
    };
    let mut figures = report::summary(tables) + &placement::markdown(&placement::figures());
    for table in tables {
        figures.push_str(&markdown(table));
        figures.push_str(&report::image(table));
        let bars: Vec<_> = table.cells.iter().map(Cell::bar).collect();
        let plot = plots.join(format!("{}.svg", table.name));
        std::fs::write(&plot, svg::bars(&table.title, "milliseconds: p50 in dark, p99 in light", &bars))
            .with_context(|| format!("{}", plot.display()))?;
    }
    let written = format!("{}{BEGIN}\n\n{figures}{}", &text[..begin], &text[end..]);
    std::fs::write(&page, written).with_context(|| format!("{}", page.display()))
}
