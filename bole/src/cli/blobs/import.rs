//! `bole blobs import`: the objects of a bucket elsewhere, or the files of a folder, become objects of a bucket here.
//!
//! Nothing is kept of how far an import is: what is at the target already, with the same length and digest, is passed over. So the same command goes on after whatever ended it, and a second run
//! brings what is new. What is there under the same key with other bytes is not overwritten unless that is asked for.
//!
//! Reading order: this file → [`source`] (what is to be copied) → [`transfer`] (one object) and [`versions`] (one key with its versions) → [`folder`] (files).

mod folder;
mod media;
mod source;
mod transfer;
mod versions;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use bole_base::units::{format_bytes, parse_bytes};
use clap::Args;
use futures_util::StreamExt as _;

use super::BlobsArgs;
use super::place::Place;
use super::progress::{Amount, Progress};
use crate::s3_client::{Client, Endpoint, Keys};
use source::{Source, Work};
use transfer::{Pace, Target};

/// Reasons that are told.
const FAILURES_MAX: usize = 20;

/// What `bole blobs import` is told.
#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    /// The source: `s3://BUCKET/PREFIX`, or a folder
    #[arg(long, value_name = "SOURCE")]
    from: String,
    /// Where that bucket is
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The region that requests there are signed for
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    region: String,
    /// File with the credentials for it (`aws_access_key_id = …`, `aws_secret_access_key = …`); without it `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`
    #[arg(long, value_name = "FILE")]
    credentials_file: Option<PathBuf>,
    /// PEM file with the authorities that are trusted there, instead of those of this machine
    #[arg(long, value_name = "FILE")]
    source_ca: Option<PathBuf>,
    /// The bucket here, which is made if there is none, and what keys begin with instead of the source's prefix; without it the same as there
    #[arg(long, value_name = "BUCKET/PREFIX")]
    to: Option<Place>,
    /// Take the newest versions alone from a bucket that has versions
    #[arg(long)]
    current_only: bool,
    /// Replace what is here under the same key with other bytes
    #[arg(long)]
    overwrite: bool,
    /// Objects that are copied at a time
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// Bytes a second at most, such as 50MiB
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    rate: Option<u64>,
    /// Count what there is, and copy nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    node: BlobsArgs,
}

/// What came of one object, version or marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It was copied, and its digest is the source's.
    Copied,
    /// It was copied; the source's `ETag` is no digest that could be compared, so what was sent was compared with what arrived.
    Arrived,
    /// It was here.
    Present,
}

/// What came of an import.
#[derive(Debug, Default)]
struct Tally {
    done: Amount,
    copied: u64,
    arrived: u64,
    present: u64,
    failed: u64,
    failures: Vec<String>,
}

impl Tally {
    fn count(&mut self, key: &str, outcomes: &[(Outcome, u64)], failure: Option<&anyhow::Error>) {
        for (outcome, bytes) in outcomes {
            self.done.things += 1;
            self.done.bytes += bytes;
            *match outcome {
                Outcome::Copied => &mut self.copied,
                Outcome::Arrived => &mut self.arrived,
                Outcome::Present => &mut self.present,
            } += 1;
        }
        if let Some(error) = failure {
            self.failed += 1;
            if self.failures.len() < FAILURES_MAX {
                self.failures.push(format!("{}: {error:#}", key.escape_debug()));
            }
        }
    }
}

/// Runs the command.
pub(super) async fn run(args: ImportArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let source = open(&args).await?;
    let to =
        args.to.clone().or_else(|| source.place()).context("--to names the bucket for a folder's files")?;
    let all = source.count().await.context("the source cannot be listed")?;
    writeln!(
        out,
        "source: {} {}, {}{}",
        all.things,
        source.noun(),
        format_bytes(all.bytes),
        if source.has_versions() { ", with all versions" } else { "" }
    )?;
    if args.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    let client = args.node.client()?;
    provide(&client, &to.bucket, source.has_versions()).await?;
    let target =
        Arc::new(Target { client, place: to, pace: Pace::new(args.rate), overwrites: args.overwrite });
    let tally = copy_all(&source, &target, usize::from(args.concurrency), all).await?;
    tell(&tally, all, out)
}

async fn open(args: &ImportArgs) -> Result<Source> {
    if !args.from.starts_with("s3://") {
        ensure!(args.endpoint.is_none(), "--endpoint goes with --from s3://BUCKET/PREFIX");
        return Source::folder(&args.from);
    }
    let place: Place = args.from.parse().map_err(|why| anyhow::anyhow!("--from {}: {why}", args.from))?;
    let url =
        args.endpoint.as_deref().context("--endpoint says where the bucket is, such as http://minio:9000")?;
    let keys = match &args.credentials_file {
        Some(path) => Keys::of_file(path)?,
        None => Keys::of_environment(|name| std::env::var(name).ok())
            .context("credentials for the source: give --credentials-file, or set variables")?,
    };
    let endpoint = Endpoint::parse(url, args.source_ca.as_deref())?;
    let client = Client::new(endpoint, Some(keys), &args.region);
    Source::bucket(client, place, args.current_only).await
}

/// Makes the bucket if there is none, and lets it keep versions if some are to come.
async fn provide(client: &Client, bucket: &str, has_versions: bool) -> Result<()> {
    if !client.has_bucket(bucket).await? {
        client.create_bucket(bucket, false).await?;
    }
    if !has_versions || client.versioning(bucket).await? == "Enabled" {
        return Ok(());
    }
    let is_empty = client.list_versions(bucket, "", None).await?.versions.is_empty();
    if !is_empty {
        bail!(
            "the source has versions, and bucket \"{bucket}\" has objects and keeps no versions: `bole bucket versioning {bucket} enabled`, or --current-only"
        );
    }
    client.set_versioning(bucket, "Enabled").await
}

async fn copy_all(source: &Source, target: &Arc<Target>, concurrency: usize, all: Amount) -> Result<Tally> {
    let mut progress = Progress::new(source.noun());
    let mut tally = Tally::default();
    let work = source.work().map(|work| async move {
        match work {
            Ok(work) => {
                let mut outcomes = Vec::new();
                let failure = copy(source, target, &work, &mut outcomes).await.err();
                Ok((work, outcomes, failure))
            }
            Err(error) => Err(error),
        }
    });
    let mut work = std::pin::pin!(work.buffer_unordered(concurrency));
    while let Some(done) = work.next().await {
        let (work, outcomes, failure) = done.context("the source cannot be listed any more")?;
        tally.count(work.key(), &outcomes, failure.as_ref());
        progress.show(tally.done, all);
    }
    progress.clear();
    Ok(tally)
}

async fn copy(
    source: &Source,
    target: &Target,
    work: &Work,
    outcomes: &mut Vec<(Outcome, u64)>,
) -> Result<()> {
    match work {
        Work::File(file) => outcomes.push((folder::copy(target, file).await?, file.bytes)),
        Work::Refused(_, why) => bail!("{why}"),
        Work::Key(versions) => {
            let (client, place) = source.parts()?;
            if source.has_versions() {
                return versions::copy(client, place, target, versions, outcomes).await;
            }
            let [version] = &versions[..] else { bail!("it was listed {} times", versions.len()) };
            outcomes.push((transfer::copy(client, place, target, version).await?, version.bytes));
        }
    }
    Ok(())
}

fn tell(tally: &Tally, all: Amount, out: &mut dyn Write) -> Result<ExitCode> {
    let Tally { copied, arrived, present, failed, .. } = tally;
    writeln!(out, "copied: {}, {present} were here", copied + arrived)?;
    if *arrived > 0 {
        writeln!(
            out,
            "verified by the source's digest: {copied}; by the digest of what was sent alone, since the source's ETag is none: {arrived}"
        )?;
    }
    for why in &tally.failures {
        writeln!(out, "  failed: {why}")?;
    }
    let counted = tally.done.things;
    if *failed > 0 {
        writeln!(out, "{failed} keys failed; the same command tries again")?;
        return Ok(ExitCode::FAILURE);
    }
    if counted != all.things {
        writeln!(
            out,
            "the source had {} when it was counted and {counted} when it was copied: run it again",
            all.things
        )?;
        return Ok(ExitCode::FAILURE);
    }
    writeln!(out, "all {counted} are here, {}", format_bytes(tally.done.bytes))?;
    Ok(ExitCode::SUCCESS)
}
