//! One object from a server to the node: its bytes pass through a digest, and go on as they come. Nothing is kept but what is on its way.
//!
//! An object that was uploaded in parts is put in the same parts where they can be told, so that its `ETag` stays and can be compared.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use futures_util::stream::{self, Stream, TryStreamExt as _};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use md5::{Digest as _, Md5};
use parking_lot::Mutex;

use super::Outcome;
use crate::cli::blobs::place::Place;
use crate::s3_client::objects::{Head, Version};
use crate::s3_client::{Client, Payload, Refusal};

/// The largest object that is put at once.
pub(super) const PUT_BYTES_MAX: u64 = 5 << 30;
/// Bytes of a part where nothing says how long the source's are.
pub(super) const PART_BYTES: u64 = 512 << 20;
const PARTS_MAX: u64 = 10_000;
const MIB: u64 = 1 << 20;
const TRIES: u32 = 3;
/// How long a source may be silent.
const SILENCE_MAX: Duration = Duration::from_mins(2);

/// Where objects go, and how.
pub(super) struct Target {
    pub(super) client: Client,
    pub(super) place: Place,
    pub(super) pace: Pace,
    pub(super) overwrites: bool,
}

impl Target {
    /// The key here of one of the source's.
    pub(super) fn key(&self, key: &str, from: &Place) -> Result<String> {
        let rest = key
            .strip_prefix(from.prefix.as_str())
            .with_context(|| format!("it is not below {}", from.prefix))?;
        let key = format!("{}{rest}", self.place.prefix);
        ensure!(!key.is_empty(), "its key would be empty");
        Ok(key)
    }
}

/// Bounds bytes a second, of all that shares it. Cheap to clone.
#[derive(Clone)]
pub(super) struct Pace {
    rate: Option<u64>,
    next: Arc<Mutex<Instant>>,
}

impl Pace {
    pub(super) fn new(rate: Option<u64>) -> Self {
        Self { rate: rate.filter(|rate| *rate > 0), next: Arc::new(Mutex::new(Instant::now())) }
    }

    /// Waits until so many bytes are within the bound.
    pub(super) async fn take(&self, bytes: u64) {
        let Some(rate) = self.rate else { return };
        let due = {
            let mut next = self.next.lock();
            let due = (*next).max(Instant::now());
            *next = due + Duration::from_secs_f64(bytes as f64 / rate as f64);
            due
        };
        tokio::time::sleep_until(due.into()).await;
    }
}

/// What a digest of is kept while bytes pass.
#[derive(Clone, Default)]
pub(super) struct Passing(Arc<Mutex<Md5>>);

impl Passing {
    pub(super) fn update(&self, bytes: &[u8]) {
        self.0.lock().update(bytes);
    }

    /// The digest of all that passed, in hexadecimal digits.
    pub(super) fn digest(&self) -> String {
        format!("{:x}", self.0.lock().clone().finalize())
    }

    /// The same as bytes.
    pub(super) fn bytes(&self) -> [u8; 16] {
        self.0.lock().clone().finalize().into()
    }
}

/// A body to send.
pub(super) fn payload(bytes: u64, pieces: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Payload {
    Payload::Stream(bytes, StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync())
}

fn pieces(body: Incoming, passing: Passing, pace: Pace) -> impl Stream<Item = Result<Bytes>> + Send {
    stream::try_unfold((body, passing, pace), |(mut body, passing, pace)| async move {
        loop {
            let frame = tokio::time::timeout(SILENCE_MAX, body.frame()).await;
            let Some(frame) = frame.context("the source is silent")? else { return Ok(None) };
            if let Ok(bytes) = frame.context("the source broke off")?.into_data() {
                passing.update(&bytes);
                pace.take(bytes.len() as u64).await;
                return Ok(Some((bytes, (body, passing, pace))));
            }
        }
    })
}

/// Copies an object of a bucket without versions, unless it is here.
pub(super) async fn copy(
    client: &Client,
    from: &Place,
    target: &Target,
    version: &Version,
) -> Result<Outcome> {
    let key = target.key(&version.key, from)?;
    if let Some(here) = target.client.head(&target.place.bucket, &key, None, None).await? {
        let is_same = here.bytes == version.bytes && here.etag == version.etag;
        // What came in parts has an ETag that says nothing to who does not know the parts.
        let may_be_same =
            here.bytes == version.bytes && (version.etag.contains('-') || here.etag.contains('-'));
        if is_same || (may_be_same && !target.overwrites) {
            return Ok(Outcome::Present);
        }
        ensure!(
            target.overwrites,
            "it is here with {} bytes and the ETag {}, and there with {} and {}; --overwrite replaces it",
            here.bytes,
            here.etag,
            version.bytes,
            version.etag
        );
    }
    put(client, from, target, version, &key).await
}

/// Puts a version of an object; tries again where that may help.
pub(super) async fn put(
    client: &Client,
    from: &Place,
    target: &Target,
    version: &Version,
    key: &str,
) -> Result<Outcome> {
    let mut wait = Duration::from_millis(500);
    for last in (1..=TRIES).map(|number| number == TRIES) {
        let copying = Copying { client, from, target, version, key };
        match copying.run().await {
            Err(error) if !last && Refusal::of(&error).is_none_or(Refusal::is_passing) => {
                tokio::time::sleep(wait).await;
                wait *= 4;
            }
            done => return done,
        }
    }
    bail!("it was not tried")
}

/// One try.
struct Copying<'a> {
    client: &'a Client,
    from: &'a Place,
    target: &'a Target,
    version: &'a Version,
    key: &'a str,
}

impl Copying<'_> {
    fn id(&self) -> Option<&str> {
        Some(self.version.id.as_str()).filter(|id| !id.is_empty())
    }

    /// An object that another replaced meanwhile is refused; a version stays.
    fn etag(&self) -> Option<&str> {
        if self.version.id.is_empty() { Some(&self.version.etag) } else { None }
    }

    async fn run(&self) -> Result<Outcome> {
        match self.part_bytes().await? {
            Some(part_bytes) => self.in_parts(part_bytes).await,
            None if self.version.bytes > PUT_BYTES_MAX => self.in_parts(PART_BYTES).await,
            None => self.at_once().await,
        }
    }

    /// How long the parts are that an object came in, if it came in parts of one length and that can be told.
    async fn part_bytes(&self) -> Result<Option<u64>> {
        let Version { bytes, etag, key, .. } = self.version;
        let count = etag.split_once('-').and_then(|(_, count)| count.parse::<u64>().ok());
        let Some(count) = count.filter(|count| (1..=PARTS_MAX).contains(count)) else { return Ok(None) };
        let first = self.client.head(&self.from.bucket, key, self.id(), Some(1)).await?;
        let said = first.filter(|first| first.parts.is_some_and(|parts| u64::from(parts) == count));
        // Most clients cut at whole MiB; the ETag shows whether that was right.
        let part_bytes =
            said.map_or_else(|| bytes.div_ceil(count).next_multiple_of(MIB), |first| first.bytes);
        Ok(Some(part_bytes)
            .filter(|part| *part > 0 && bytes.div_ceil(*part) == count && *part <= PUT_BYTES_MAX))
    }

    async fn headers(&self, head: &Head) -> Result<Vec<(String, String)>> {
        let mut headers = head.headers.clone();
        if head.tags.is_some_and(|tags| tags > 0) {
            let tags = self.client.tags(&self.from.bucket, &self.version.key, self.id()).await;
            headers.push(("x-amz-tagging".to_owned(), tags.context("its tags cannot be read")?));
        }
        Ok(headers)
    }

    async fn at_once(&self) -> Result<Outcome> {
        let Self { client, from, target, version, key } = self;
        let answer = client.get(&from.bucket, &version.key, self.id(), None, self.etag()).await?;
        let head = Head::of(&answer.headers)?;
        ensure!(head.bytes == version.bytes, "{} bytes were listed, and {} come", version.bytes, head.bytes);
        let headers = self.headers(&head).await?;
        let passing = Passing::default();
        let payload = payload(head.bytes, pieces(answer.body, passing.clone(), target.pace.clone()));
        let arrived = target.client.put(&target.place.bucket, key, headers, payload).await?;
        let sent = passing.digest();
        ensure!(arrived == sent, "what arrived has the digest {arrived}, and {sent} was sent");
        if version.etag == sent {
            return Ok(Outcome::Copied);
        }
        let is_digest = version.etag.len() == 32 && !head.is_encrypted;
        ensure!(!is_digest, "its digest is {}, and {sent} came", version.etag);
        Ok(Outcome::Arrived)
    }

    async fn in_parts(&self, part_bytes: u64) -> Result<Outcome> {
        let Self { client, from, target, version, key } = self;
        let head = client.head(&from.bucket, &version.key, self.id(), None).await?.context("it is gone")?;
        let headers = self.headers(&head).await?;
        let bucket = target.place.bucket.as_str();
        let upload = target.client.begin_parts(bucket, key, headers).await?;
        let arrived = match self.put_parts(&upload, part_bytes).await {
            Ok(etags) => target.client.complete(bucket, key, &upload, &etags).await?,
            Err(error) => {
                // The lifecycle of the bucket removes what cannot be given up now.
                let _ = target.client.abort(bucket, key, &upload).await;
                return Err(error);
            }
        };
        Ok(if arrived == version.etag { Outcome::Copied } else { Outcome::Arrived })
    }

    async fn put_parts(&self, upload: &str, part_bytes: u64) -> Result<Vec<String>> {
        let Self { client, from, target, version, key } = self;
        let mut etags = Vec::new();
        for range in ranges(version.bytes, part_bytes) {
            let bytes = range.end - range.start;
            let answer = client.get(&from.bucket, &version.key, self.id(), Some(range), self.etag()).await?;
            let passing = Passing::default();
            let payload = payload(bytes, pieces(answer.body, passing.clone(), target.pace.clone()));
            let bucket = &target.place.bucket;
            let arrived = target.client.put_part(bucket, key, upload, etags.len() + 1, payload).await?;
            let sent = passing.digest();
            ensure!(arrived == sent, "of a part, what arrived has the digest {arrived}, and {sent} was sent");
            etags.push(arrived);
        }
        Ok(etags)
    }
}

/// The parts of so many bytes.
pub(super) fn ranges(bytes: u64, part_bytes: u64) -> impl Iterator<Item = Range<u64>> {
    (0..bytes.div_ceil(part_bytes)).map(move |part| part * part_bytes..bytes.min((part + 1) * part_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut() {
        let cut = |bytes, part| ranges(bytes, part).collect::<Vec<_>>();
        assert_eq!(cut(10, 4), [0..4, 4..8, 8..10]);
        assert_eq!(cut(8, 4), [0..4, 4..8]);
        assert_eq!(cut(0, 4), []);
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_are_paced() {
        let pace = Pace::new(Some(1_000));
        let clock = tokio::time::Instant::now();
        for _ in 0..4 {
            pace.take(500).await;
        }
        assert!(clock.elapsed() >= Duration::from_millis(1_400), "{:?}", clock.elapsed());
        let clock = tokio::time::Instant::now();
        Pace::new(None).take(u64::MAX).await;
        assert_eq!(clock.elapsed(), Duration::ZERO);
    }
}
