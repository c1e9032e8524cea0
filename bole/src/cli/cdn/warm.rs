//! `bole cdn warm`: asks a node to fetch URLs into its cache, and follows how far it is.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::super::{Need, NodeArgs};
use super::number;

/// Between two looks at a job.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// Between two lines about it.
const LINE_INTERVAL: Duration = Duration::from_secs(2);
/// Failures that are shown.
const SHOWN_MAX: usize = 10;

#[derive(Debug, Args)]
pub(in crate::cli) struct WarmArgs {
    /// A URL with its scheme and host; may be repeated
    #[arg(long)]
    url: Vec<String>,
    /// A file with a URL on each line; empty lines and those that begin with # are left out
    #[arg(long)]
    file: Option<PathBuf>,
    /// A sitemap, which is fetched through the gateway; may be repeated
    #[arg(long)]
    sitemap: Vec<String>,
    /// The `Accept-Encoding` to ask with, `identity` for none; may be repeated, and each URL is asked for with each
    #[arg(long, default_value = "gzip, deflate, br, zstd")]
    encoding: Vec<String>,
    /// Requests at once, 1 to 64
    #[arg(long, default_value_t = 8)]
    at_once: usize,
    /// Requests a second at most
    #[arg(long)]
    per_second: Option<u32>,
    /// Print the id of the job and do not wait for it
    #[arg(long)]
    detach: bool,
    /// Show this job, or all with 0, instead of beginning one
    #[arg(long, conflicts_with_all = ["url", "file", "sitemap", "cancel"])]
    job: Option<u64>,
    /// Cancel this job
    #[arg(long, conflicts_with_all = ["url", "file", "sitemap"])]
    cancel: Option<u64>,
    #[command(flatten)]
    node: NodeArgs,
}

pub(in crate::cli) fn run(args: WarmArgs, out: &mut dyn Write) -> Result<()> {
    let WarmArgs { url: mut urls, file, sitemap, encoding, at_once, per_second, detach, job, cancel, node } =
        args;
    let client = node.client(Need::Always)?;
    let path = |id: u64| format!("/api/gateway/cache/warm/{id}");
    if let Some(id) = cancel {
        client.request("DELETE", &path(id), b"")?;
        writeln!(out, "job {id} is cancelled")?;
        return Ok(());
    }
    let look = |id: u64| -> Result<Value> {
        let body = client.request("GET", &path(id), b"")?;
        serde_json::from_slice(&body).context("the job is in no form that is known here")
    };
    if job == Some(0) {
        let body = client.request("GET", "/api/gateway/cache/warm", b"")?;
        let all: Value =
            serde_json::from_slice(&body).context("the jobs are in no form that is known here")?;
        for (id, progress) in all["jobs"].as_object().into_iter().flatten() {
            writeln!(out, "job {id}: {}", line(progress))?;
        }
        return Ok(());
    }
    if let Some(id) = job {
        let progress = look(id)?;
        writeln!(out, "job {id}: {}", line(&progress))?;
        return failures(&progress, out);
    }
    if let Some(file) = file {
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        urls.extend(lines.map(str::to_owned));
    }
    let wanted = json!({
        "urls": urls, "sitemaps": sitemap, "encodings": encoding, "at_once": at_once, "per_second": per_second,
    });
    let body = client.request("POST", "/api/gateway/cache/warm", wanted.to_string().as_bytes())?;
    let begun: Value =
        serde_json::from_slice(&body).context("the answer is in no form that is known here")?;
    let id = number(&begun["id"]);
    if detach {
        writeln!(out, "job {id}")?;
        return Ok(());
    }
    let mut shown = std::time::Instant::now();
    loop {
        let progress = look(id)?;
        if progress["state"] != json!("running") {
            writeln!(out, "job {id}: {}", line(&progress))?;
            failures(&progress, out)?;
            let failed = number(&progress["failed"]);
            if failed > 0 {
                bail!("{failed} answers are not stored");
            }
            return Ok(());
        }
        if shown.elapsed() >= LINE_INTERVAL {
            shown = std::time::Instant::now();
            writeln!(out, "job {id}: {}", line(&progress))?;
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
}

fn line(progress: &Value) -> String {
    let of = |name: &str| number(&progress[name]);
    format!(
        "{}, {} of {} requests, {} stored, {} were there, {} failed, {:.1} MiB, {:.1} s",
        progress["state"].as_str().unwrap_or(""),
        of("done"),
        of("requests"),
        of("stored"),
        of("present"),
        of("failed"),
        of("bytes") as f64 / f64::from(1 << 20),
        progress["seconds"].as_f64().unwrap_or(0.0)
    )
}

fn failures(progress: &Value, out: &mut dyn Write) -> Result<()> {
    for failure in progress["failures"].as_array().into_iter().flatten().take(SHOWN_MAX) {
        let text = |name: &str| failure[name].as_str().unwrap_or("").to_owned();
        writeln!(out, "  {}: {}", text("url"), text("why"))?;
    }
    Ok(())
}
