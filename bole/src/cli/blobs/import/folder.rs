//! The files of a folder as objects: keys are their paths below it, with `/`; the time of the last change goes into `x-amz-meta-mtime`, as other tools keep it.
//!
//! Links are not followed, and names that are not UTF-8 cannot be keys: both are told as failures.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use md5::{Digest as _, Md5};

use super::Outcome;
use super::media::type_of;
use super::source::Work;
use super::transfer::{PART_BYTES, PUT_BYTES_MAX, Pace, Passing, Target, payload, ranges};

/// Bytes that are read at once.
const READ_BYTES: usize = 256 << 10;
/// Folders within each other, at most.
const DEPTH_MAX: usize = 256;

/// A file.
#[derive(Clone, Debug)]
pub(super) struct File {
    path: PathBuf,
    pub(super) key: String,
    pub(super) bytes: u64,
    modified: Option<u64>,
}

/// What is in a folder.
#[derive(Clone, Debug)]
pub(super) enum Found {
    File(File),
    /// What it is called, and why it cannot be an object.
    Refused(String, String),
}

impl Found {
    pub(super) fn work(&self) -> Work {
        match self {
            Self::File(file) => Work::File(file.clone()),
            Self::Refused(name, why) => Work::Refused(name.clone(), why.clone()),
        }
    }
}

/// All files below `root`, in order. Memory: their paths.
pub(super) fn walk(root: &Path) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    ensure!(root.is_dir(), "{} is not a folder; a bucket is s3://BUCKET/PREFIX", root.display());
    walk_into(root, "", 0, &mut found)?;
    Ok(found)
}

fn walk_into(folder: &Path, prefix: &str, depth: usize, found: &mut Vec<Found>) -> Result<()> {
    let reads = || format!("{} cannot be read", folder.display());
    ensure!(depth < DEPTH_MAX, "{} is more than {DEPTH_MAX} folders deep", folder.display());
    let entries = fs::read_dir(folder).with_context(reads)?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>().with_context(reads)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let refuse = |why: &str| Found::Refused(entry.path().display().to_string(), why.to_owned());
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            found.push(refuse("its name is not UTF-8"));
            continue;
        };
        let (meta, key) = (entry.metadata().with_context(reads)?, format!("{prefix}{name}"));
        if meta.is_dir() {
            walk_into(&entry.path(), &format!("{key}/"), depth + 1, found)?;
        } else if meta.is_file() {
            let modified = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let modified = modified.map(|since| since.as_secs());
            found.push(Found::File(File { path: entry.path(), key, bytes: meta.len(), modified }));
        } else {
            found.push(refuse("it is neither a file nor a folder"));
        }
    }
    Ok(())
}

/// Puts a file, unless it is here.
pub(super) async fn copy(target: &Target, file: &File) -> Result<Outcome> {
    let (bucket, key) = (target.place.bucket.as_str(), format!("{}{}", target.place.prefix, file.key));
    let here = target.client.head(bucket, &key, None, None).await?;
    if let Some(here) = here {
        if here.bytes == file.bytes && here.etag == etag(file)? {
            return Ok(Outcome::Present);
        }
        ensure!(target.overwrites, "it is here with other bytes; --overwrite replaces it");
    }
    let mut headers = vec![("content-type".to_owned(), type_of(&file.key).to_owned())];
    headers.extend(file.modified.map(|seconds| ("x-amz-meta-mtime".to_owned(), seconds.to_string())));
    if file.bytes <= PUT_BYTES_MAX {
        let (payload, passing) = part(target, file, 0, file.bytes)?;
        let arrived = target.client.put(bucket, &key, headers, payload).await?;
        check(&arrived, &passing)?;
        return Ok(Outcome::Copied);
    }
    let upload = target.client.begin_parts(bucket, &key, headers).await?;
    let mut etags = Vec::new();
    for range in ranges(file.bytes, PART_BYTES) {
        let (payload, passing) = part(target, file, range.start, range.end - range.start)?;
        let put = target.client.put_part(bucket, &key, &upload, etags.len() + 1, payload).await;
        match put.and_then(|arrived| check(&arrived, &passing).map(|()| arrived)) {
            Ok(etag) => etags.push(etag),
            Err(error) => {
                let _ = target.client.abort(bucket, &key, &upload).await;
                return Err(error);
            }
        }
    }
    target.client.complete(bucket, &key, &upload, &etags).await?;
    Ok(Outcome::Copied)
}

fn check(arrived: &str, passing: &Passing) -> Result<()> {
    let sent = passing.digest();
    ensure!(arrived == sent, "what arrived has the digest {arrived}, and {sent} was sent");
    Ok(())
}

fn part(target: &Target, file: &File, from: u64, bytes: u64) -> Result<(crate::s3_client::Payload, Passing)> {
    let passing = Passing::default();
    let pieces = pieces(file, from, bytes, passing.clone(), target.pace.clone())?;
    Ok((payload(bytes, pieces), passing))
}

/// The bytes of a part. The local disk is read where the command runs.
fn pieces(
    file: &File,
    from: u64,
    bytes: u64,
    passing: Passing,
    pace: Pace,
) -> Result<impl Stream<Item = Result<Bytes>> + Send + use<>> {
    use std::io::Seek as _;
    let shown = file.path.display().to_string();
    let mut open = fs::File::open(&file.path).with_context(|| format!("{shown} cannot be opened"))?;
    open.seek(std::io::SeekFrom::Start(from))?;
    let state = (open, bytes, passing, pace, shown);
    Ok(stream::try_unfold(state, |(mut open, left, passing, pace, shown)| async move {
        if left == 0 {
            return Ok(None);
        }
        let mut piece = vec![0; usize::try_from(left).unwrap_or(READ_BYTES).min(READ_BYTES)];
        let read = open.read(&mut piece).with_context(|| format!("{shown} cannot be read"))?;
        ensure!(read > 0, "{shown} became shorter while it was read");
        piece.truncate(read);
        passing.update(&piece);
        pace.take(read as u64).await;
        Ok(Some((Bytes::from(piece), (open, left - read as u64, passing, pace, shown))))
    }))
}

/// The `ETag` that the file's object has if it was put by this command.
fn etag(file: &File) -> Result<String> {
    let shown = || format!("{} cannot be read", file.path.display());
    let mut open = fs::File::open(&file.path).with_context(shown)?;
    let part_bytes = if file.bytes <= PUT_BYTES_MAX { file.bytes.max(1) } else { PART_BYTES };
    let mut digests = Vec::new();
    let mut buffer = vec![0; READ_BYTES];
    for range in ranges(file.bytes, part_bytes) {
        let (mut left, passing) = (range.end - range.start, Passing::default());
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(READ_BYTES).min(READ_BYTES);
            let read = open.read(&mut buffer[..wanted]).with_context(shown)?;
            ensure!(read > 0, "{} became shorter while it was read", file.path.display());
            passing.update(&buffer[..read]);
            left -= read as u64;
        }
        digests.push(passing.bytes());
    }
    Ok(match &digests[..] {
        [] => format!("{:x}", Md5::digest(b"")),
        [_] if file.bytes <= PUT_BYTES_MAX => hex(&digests[0]),
        all => format!("{}-{}", hex(&Md5::digest(all.concat())), all.len()),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to a string does not fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_walked() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("b/c")).unwrap();
        fs::write(dir.path().join("b/c/x.txt"), "abc").unwrap();
        fs::write(dir.path().join("a"), "").unwrap();
        std::os::unix::fs::symlink("a", dir.path().join("link")).unwrap();
        let found = walk(dir.path()).unwrap();
        let [Found::File(first), Found::File(second), Found::Refused(name, _)] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!((first.key.as_str(), second.key.as_str(), second.bytes), ("a", "b/c/x.txt", 3));
        assert!(name.ends_with("/link"));
        assert_eq!(etag(first).unwrap(), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(etag(second).unwrap(), "900150983cd24fb0d6963f7d28e17f72");
        assert!(walk(&dir.path().join("a")).is_err());
    }
}
