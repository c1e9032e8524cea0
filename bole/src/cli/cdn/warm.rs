//! `bole cdn warm`: asks a gateway for many URLs, so that what is stored is there before the first client comes. On a network of caches it is run at
//! each edge; the shield is filled on the way.

mod connection;
mod sitemap;

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bole_base::units::format_bytes;
use bole_net::client::Tls;
use clap::Args;
use connection::{Connection, Outcome, Place};
use hyper::Uri;
use serde_json::json;
use tokio::task::JoinSet;

/// URLs of one run.
const URLS_MAX: usize = 1_000_000;
/// What browsers accept.
const AS_BROWSERS: &str = "gzip, deflate, br, zstd";
/// Failures that are told one by one.
const TOLD_MAX: usize = 20;
/// How often progress is shown.
const SHOW_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(in crate::cli) struct WarmArgs {
    /// URLs with scheme and host
    urls: Vec<Uri>,
    /// A file with a URL a line, `-` for standard input; lines that begin with # are passed over
    #[arg(long)]
    file: Option<PathBuf>,
    /// URL of a sitemap, or of an index of sitemaps, which is asked of the gateway as well
    #[arg(long)]
    sitemap: Option<Uri>,
    /// Where the gateway listens for http
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    gateway: String,
    /// Where it listens for https
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8443")]
    gateway_tls: String,
    /// Authorities that its certificates are by, as PEM; the machine's without
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Asks for each URL once for each of these as `Accept-Encoding`; as browsers do without
    #[arg(long, value_delimiter = ',')]
    encodings: Vec<String>,
    /// Requests under way
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// At most so many requests a second; 0 for no bound
    #[arg(long, default_value_t = 0)]
    rate: u32,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What came of all.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    stored: u64,
    hits: u64,
    passed: u64,
    failed: u64,
    bytes: u64,
}

impl Counts {
    const fn done(&self) -> u64 {
        self.stored + self.hits + self.passed + self.failed
    }
}

pub(in crate::cli) fn run(args: &WarmArgs, out: &mut dyn Write) -> Result<ExitCode> {
    crate::cli::streams::run(warm(args, out))
}

async fn warm(args: &WarmArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let place = Arc::new(Place {
        plain: args.gateway.clone(),
        secured: args.gateway_tls.clone(),
        tls: Tls::load(args.ca.as_deref(), None).map_err(|error| error.to_string()),
    });
    let urls = urls(args, &place).await?;
    let encodings = match &args.encodings[..] {
        [] => vec![AS_BROWSERS.to_owned()],
        some => some.to_vec(),
    };
    let asked = urls.iter().flat_map(|url| encodings.iter().map(|encoding| (url.clone(), encoding.clone())));
    let mut waiting: VecDeque<(Uri, String)> = asked.collect();
    let all = waiting.len() as u64;
    let (mut counts, mut told) = (Counts::default(), Vec::new());
    let mut workers = JoinSet::new();
    let mut idle: Vec<Connection> = (0..args.concurrency).map(|_| Connection::new(place.clone())).collect();
    let (begun, mut shown) = (Instant::now(), Instant::now());
    let mut begin_at = tokio::time::Instant::now();
    while counts.done() < all {
        while let (Some(mut connection), Some((url, encoding))) = (idle.pop(), waiting.pop_front()) {
            if args.rate > 0 {
                tokio::time::sleep_until(begin_at).await;
                begin_at = begin_at.max(tokio::time::Instant::now()) + Duration::from_secs(1) / args.rate;
            }
            workers.spawn(async move {
                let outcome = connection.ask(&url, &encoding).await;
                (connection, url, outcome)
            });
        }
        let Some(done) = workers.join_next().await else { break };
        let (connection, url, outcome) = done.context("a request ended by itself")?;
        idle.push(connection);
        match outcome {
            Ok((outcome, bytes)) => {
                counts.bytes += bytes;
                match outcome {
                    Outcome::Stored => counts.stored += 1,
                    Outcome::Hit => counts.hits += 1,
                    Outcome::Passed => counts.passed += 1,
                }
            }
            Err(error) => {
                counts.failed += 1;
                told.push(format!("{url}: {error:#}"));
                told.truncate(TOLD_MAX);
            }
        }
        if std::io::stderr().is_terminal() && shown.elapsed() >= SHOW_EVERY {
            shown = Instant::now();
            write!(std::io::stderr(), "\r{}\x1b[K", line(&counts, all, begun.elapsed()))?;
        }
    }
    if std::io::stderr().is_terminal() {
        write!(std::io::stderr(), "\r\x1b[K")?;
    }
    told.iter().try_for_each(|line| writeln!(std::io::stderr(), "{line}"))?;
    if args.json {
        let Counts { stored, hits, passed, failed, bytes } = counts;
        let told = json!({ "requests": all, "stored": stored, "hits": hits, "passed": passed, "failed": failed, "bytes": bytes });
        writeln!(out, "{told}")?;
    } else {
        writeln!(out, "{}", line(&counts, all, begun.elapsed()))?;
    }
    Ok(if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn line(counts: &Counts, all: u64, elapsed: Duration) -> String {
    let Counts { stored, hits, passed, failed, bytes } = counts;
    let rate = counts.done() as f64 / elapsed.as_secs_f64().max(1e-3);
    format!(
        "{} of {all} requests: {stored} stored, {hits} were stored already, {passed} cannot be, {failed} failed; {}, {rate:.0} a second",
        counts.done(),
        format_bytes(*bytes)
    )
}

async fn urls(args: &WarmArgs, place: &Arc<Place>) -> Result<Vec<Uri>> {
    let mut urls = args.urls.clone();
    if let Some(file) = &args.file {
        let from: Box<dyn Read> = match file.to_str() {
            Some("-") => Box::new(std::io::stdin()),
            _ => Box::new(std::fs::File::open(file).with_context(|| file.display().to_string())?),
        };
        for (number, line) in BufReader::new(from).lines().enumerate() {
            let line = line.with_context(|| file.display().to_string())?;
            let text = line.trim();
            if !text.is_empty() && !text.starts_with('#') {
                let url =
                    text.parse().with_context(|| format!("{}:{}: {text:?}", file.display(), number + 1))?;
                urls.push(url);
            }
        }
    }
    if let Some(sitemap) = &args.sitemap {
        urls.extend(sitemap::urls(sitemap, &mut Connection::new(place.clone())).await?);
    }
    if urls.is_empty() {
        bail!("there is nothing to ask for: give URLs, --file or --sitemap");
    }
    if urls.len() > URLS_MAX {
        bail!("there are {} URLs; at most {URLS_MAX} are asked for in one run", urls.len());
    }
    for url in &urls {
        if !matches!(url.scheme_str(), Some("http" | "https")) || url.authority().is_none() {
            bail!("{url} is no URL with a scheme (http, https) and a host");
        }
    }
    Ok(urls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_came_of_all() {
        let counts = Counts { stored: 3, hits: 2, passed: 1, failed: 0, bytes: 2 << 20 };
        let line = line(&counts, 10, Duration::from_secs(2));
        assert_eq!(
            line,
            "6 of 10 requests: 3 stored, 2 were stored already, 1 cannot be, 0 failed; 2.0 MiB, 3 a second"
        );
    }
}
