//! `bole blobs export`: the objects of a bucket as files of a folder. A file is complete when it has its name; what is there with the same bytes is passed over.

use std::fs;
use std::io::{Read as _, Write};
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use bole_base::units::format_bytes;
use clap::Args;
use futures_util::StreamExt as _;
use futures_util::stream;
use http_body_util::BodyExt as _;
use md5::{Digest as _, Md5};

use super::BlobsArgs;
use super::place::Place;
use super::progress::{Amount, Progress};
use crate::s3_client::Client;
use crate::s3_client::objects::Version;

/// Reasons that are told.
const FAILURES_MAX: usize = 20;
/// What is appended to the name of a file that is not complete.
const PART: &str = ".bole-part";

/// What `bole blobs export` is told.
#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    /// What to export: BUCKET or BUCKET/PREFIX; names of files are what follows the prefix
    #[arg(value_name = "BUCKET/PREFIX")]
    from: Place,
    /// The folder, which is made if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Objects that are read at a time
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    #[command(flatten)]
    node: BlobsArgs,
}

/// Runs the command.
pub(super) async fn run(args: ExportArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let client = args.node.client()?;
    fs::create_dir_all(&args.out).with_context(|| format!("{} cannot be made", args.out.display()))?;
    let (mut done, mut all, mut next) = (Amount::default(), Amount::default(), None);
    let (mut failures, mut progress) = (Vec::new(), Progress::new("objects"));
    loop {
        let page = client.list(&args.from.bucket, &args.from.prefix, next.as_ref()).await?;
        all.things += page.versions.len() as u64;
        all.bytes += page.versions.iter().map(|version| version.bytes).sum::<u64>();
        let (client, args) = (&client, &args);
        let files = page.versions.into_iter().map(|version| async move {
            let written = write(client, &args.from, &args.out, &version).await;
            (version, written)
        });
        let mut files = std::pin::pin!(stream::iter(files).buffer_unordered(usize::from(args.concurrency)));
        while let Some((version, written)) = files.next().await {
            match written {
                Ok(()) => done = Amount { things: done.things + 1, bytes: done.bytes + version.bytes },
                Err(error) => failures.push(format!("{}: {error:#}", version.key.escape_debug())),
            }
            progress.show(done, all);
        }
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    progress.clear();
    for why in failures.iter().take(FAILURES_MAX) {
        writeln!(out, "  failed: {why}")?;
    }
    writeln!(
        out,
        "{} of {} objects are files in {}, {}",
        done.things,
        all.things,
        args.out.display(),
        format_bytes(done.bytes)
    )?;
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The file of a key. Keys that would leave the folder, or be no file, are refused.
fn path_of(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = Path::new(name);
    let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let is_same = path.components().count() == name.split('/').count();
    ensure!(!name.is_empty() && is_plain && is_same && !name.contains('\0'), "no file can have this name");
    ensure!(!name.ends_with(PART), "names of files that end with {PART} are those of parts");
    Ok(folder.join(path))
}

async fn write(client: &Client, from: &Place, folder: &Path, version: &Version) -> Result<()> {
    let path = path_of(folder, version.key.strip_prefix(from.prefix.as_str()).unwrap_or(&version.key))?;
    if is_there(&path, version)? {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
    let mut name = path.clone().into_os_string();
    name.push(PART);
    let part = PathBuf::from(name);
    let written = fill(client, &from.bucket, &part, version).await;
    let written = written.and_then(|()| fs::rename(&part, &path).context("it cannot get its name"));
    if written.is_err() {
        // It is begun anew in any case.
        let _ = fs::remove_file(&part);
    }
    written
}

async fn fill(client: &Client, bucket: &str, part: &Path, version: &Version) -> Result<()> {
    let mut answer = client.get(bucket, &version.key, None, None, Some(&version.etag)).await?;
    let mut file = fs::File::create(part).with_context(|| format!("{} cannot be made", part.display()))?;
    let (mut digest, mut bytes) = (Md5::new(), 0);
    while let Some(frame) = answer.body.frame().await {
        if let Ok(data) = frame.context("the server broke off")?.into_data() {
            digest.update(&data);
            bytes += data.len() as u64;
            file.write_all(&data).with_context(|| format!("{} cannot be written", part.display()))?;
        }
    }
    ensure!(bytes == version.bytes, "{bytes} bytes came of {}", version.bytes);
    let found = format!("{:x}", digest.finalize());
    ensure!(
        version.etag.contains('-') || version.etag == found,
        "its digest is {}, and {found} came",
        version.etag
    );
    file.sync_all()?;
    Ok(())
}

/// Whether the file is there, with the same bytes as far as the `ETag` can tell.
fn is_there(path: &Path, version: &Version) -> Result<bool> {
    let Ok(meta) = fs::metadata(path) else { return Ok(false) };
    if !meta.is_file() || meta.len() != version.bytes {
        return Ok(false);
    }
    if version.etag.contains('-') {
        return Ok(true);
    }
    let mut file = fs::File::open(path)?;
    let (mut digest, mut buffer) = (Md5::new(), vec![0; 256 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(format!("{:x}", digest.finalize()) == version.etag),
            read => digest.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_in_the_folder() {
        for (name, is_good) in [
            ("a", true),
            ("a/b c.txt", true),
            ("..a/b", true),
            ("", false),
            ("/a", false),
            ("a/", false),
            ("a//b", false),
            ("./a", false),
            ("a/../b", false),
            ("a.bole-part", false),
        ] {
            assert_eq!(path_of(Path::new("/x"), name).is_ok(), is_good, "{name}");
        }
    }
}
