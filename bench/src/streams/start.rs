//! From the start of the process to the first acknowledged record, on a fresh data directory, into a topic that the
//! server creates by itself. The generator waits for the port before the process is started.

use super::contender::{Side, Sides};
use super::load;
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Its name among the cases.
pub(super) const NAME: &str = "start";
/// How long a start may take.
const LIMIT: Duration = Duration::from_mins(2);

/// Seconds of every round of both sides.
pub(super) fn measure(sides: &Sides, rounds: u32, folder: &Path) -> Result<Vec<(Side, f64)>> {
    let mut measured = Vec::new();
    for _ in 0..rounds {
        for (side, contender) in sides.each() {
            let data = tempfile::tempdir_in(folder)?;
            let prepared = contender.prepare(data.path())?;
            let mut first = load::first(prepared.address, LIMIT);
            let mut generator = first.stdout(Stdio::null()).spawn()?;
            let start = Instant::now();
            let server = prepared.start()?;
            let status = generator.wait()?;
            let seconds = start.elapsed().as_secs_f64();
            drop(server);
            if !status.success() {
                bail!("the first record was not acknowledged: {status}");
            }
            println!("{NAME}: {side:?} {seconds:.3} s");
            measured.push((side, seconds));
        }
    }
    Ok(measured)
}
