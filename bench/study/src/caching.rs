//! What a cache keeps: ways to make room, and to let in, against traces of requests, the best possible among them.
//!
//! The memory tier's own way (CLOCK-PRO with ghosts, `quick_cache`) is the library that the tier uses, with the tier's weights. Traces are made from
//! seeds; what each is like is told with its figures. A ratio counts the last four fifths of a trace, so that filling an empty cache does not count.

mod belady;
mod list;
mod policy;
mod report;
mod trace;

pub use policy::{Policy, all};
pub use report::{Cell, Table, markdown};
pub use trace::{Kind, Trace, kinds};

use crate::svg;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};

/// Options of `cargo xtask study caching`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Requests of each trace
    #[arg(long, default_value_t = 500_000)]
    pub requests: usize,
    /// How many seeds; figures are their medians
    #[arg(long, default_value_t = 3)]
    pub seeds: u64,
    /// Only the trace of this name
    #[arg(long)]
    pub trace: Option<String>,
    /// Writes tables and plots into this folder of documentation instead of printing them
    #[arg(long)]
    pub write: Option<PathBuf>,
}

/// Sizes of the cache, in percent of the bytes of all objects that are asked for.
pub const SIZES: [f64; 2] = [1.0, 10.0];

/// Runs the study.
pub fn run(args: &Args) -> Result<()> {
    if args.requests < 1_000 || args.seeds == 0 {
        bail!("a study needs a seed and a thousand requests");
    }
    let tables = tables(args);
    if tables.is_empty() {
        let names: Vec<_> = kinds().iter().map(|kind| kind.name).collect();
        bail!(
            "there is no trace {:?}; there are {}",
            args.trace.as_deref().unwrap_or_default(),
            names.join(", ")
        );
    }
    if let Some(folder) = &args.write {
        return write(folder, &tables);
    }
    tables.iter().for_each(|table| println!("{}", markdown(table)));
    Ok(())
}

/// The tables that these options ask for.
pub fn tables(args: &Args) -> Vec<Table> {
    let wanted = |kind: &&Kind| args.trace.as_ref().is_none_or(|name| *name == *kind.name);
    kinds().iter().filter(wanted).map(|kind| Table::of(kind, args.requests, args.seeds)).collect()
}

const BEGIN: &str = "<!-- figures: written by `cargo xtask study caching` -->";
const END: &str = "<!-- end of figures -->";

fn write(folder: &Path, tables: &[Table]) -> Result<()> {
    let page = folder.join("hit-ratio.md");
    let plots = folder.join("hit-ratio");
    std::fs::create_dir_all(&plots).with_context(|| format!("{}", plots.display()))?;
    let text = std::fs::read_to_string(&page).with_context(|| format!("{}", page.display()))?;
    let (Some(begin), Some(end)) = (text.find(BEGIN), text.find(END)) else {
        bail!("{} has no lines {BEGIN} and {END}", page.display());
    };
    let mut figures = report::summary(tables);
    for table in tables {
        figures.push_str(&markdown(table));
        figures.push_str(&report::image(table));
        let plot = plots.join(format!("{}.svg", table.name));
        let unit = "hits in percent of requests, with a cache of 1 % (dark) and 10 % of all bytes";
        std::fs::write(&plot, svg::shares(&table.title, unit, &table.bars()))
            .with_context(|| format!("{}", plot.display()))?;
    }
    let written = format!("{}{BEGIN}\n\n{figures}{}", &text[..begin], &text[end..]);
    std::fs::write(&page, written).with_context(|| format!("{}", page.display()))
}
