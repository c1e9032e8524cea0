//! Access logs on their way into their buckets: lines in memory, and their delivery as objects. Best effort, as S3's are: what is not delivered when the
//! node stops hard is lost, and so is what finds no room or a bucket that does not take it; both are counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bole_base::Timestamp;
use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use parking_lot::Mutex;

use crate::access::{Caller, User};
use crate::error::{Code, Error};
use crate::limits::{LOG_BATCH_BYTES, LOGS_BYTES_MAX};
use crate::objects::buckets;
use crate::operations::forms::{self, Post};
use crate::rules::logging::Logging;
use crate::service::Service;
use crate::state::Plan;

/// How long lines wait for others.
pub const DELIVERY_INTERVAL: Duration = Duration::from_mins(5);
/// How often is looked whether some have to be delivered.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// Lines that were not delivered yet.
#[derive(Debug, Default)]
pub struct Logs {
    batches: Mutex<Batches>,
    dropped: AtomicU64,
    delivered: AtomicU64,
}

#[derive(Debug, Default)]
struct Batches {
    bytes: usize,
    /// By the bucket that they are of, its target and prefix.
    waiting: BTreeMap<(String, String, String), Batch>,
}

#[derive(Debug)]
struct Batch {
    since: Timestamp,
    lines: u64,
    text: String,
}

impl Logs {
    /// Takes a line of a bucket's log.
    pub(crate) fn push(&self, bucket: &str, logging: &Logging, line: &str, now: Timestamp) {
        let mut batches = self.batches.lock();
        if batches.bytes + line.len() + 1 > LOGS_BYTES_MAX {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        batches.bytes += line.len() + 1;
        let key = (bucket.to_owned(), logging.target.clone(), logging.prefix.clone());
        let batch = batches.waiting.entry(key).or_insert(Batch { since: now, lines: 0, text: String::new() });
        batch.lines += 1;
        batch.text.push_str(line);
        batch.text.push('\n');
    }

    /// Takes out what is to be delivered now.
    fn due(&self, now: Timestamp, all: bool) -> Vec<(Logging, Batch)> {
        let mut batches = self.batches.lock();
        let waits_until = |batch: &Batch| batch.since.0.saturating_add(DELIVERY_INTERVAL.as_millis() as u64);
        let is_due =
            |batch: &Batch| all || batch.text.len() >= LOG_BATCH_BYTES || now.0 >= waits_until(batch);
        let due = batches.waiting.extract_if(.., |_, batch| is_due(batch));
        let due: Vec<_> =
            due.map(|((_, target, prefix), batch)| (Logging { target, prefix }, batch)).collect();
        batches.bytes -= due.iter().map(|(_, batch)| batch.text.len()).sum::<usize>();
        due
    }

    /// Lines that were lost: they found no room, or their bucket did not take them.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Lines that are in objects.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> u64 {
        self.batches.lock().bytes as u64
    }
}

impl Service {
    /// The lines of access logs on their way.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Where a bucket's log goes, and the canonical id of the bucket's owner. Nothing where it has none or is not there.
    pub(crate) fn logging(&self, bucket: &str) -> Option<(Logging, String)> {
        let look = |plan: &Plan<'_>| self.facts.bucket(&self.blobs, plan, bucket);
        let known = self.blobs.look(look).ok()?.value?;
        known.logging.clone().map(|logging| (logging, known.bucket.owner.clone()))
    }

    /// Puts lines that have waited long enough, or `all`, into their buckets.
    pub async fn deliver_logs(&self, all: bool) {
        let now = self.clock.now();
        for (logging, batch) in self.logs.due(now, all) {
            let lines = batch.lines;
            match self.deliver(&logging, batch.text, now).await {
                Ok(()) => {
                    self.logs.delivered.fetch_add(lines, Ordering::Relaxed);
                }
                Err(error) => {
                    self.logs.dropped.fetch_add(lines, Ordering::Relaxed);
                    let target = logging.target;
                    tracing::warn!(%error, target_bucket = target, lines, "lines of an access log are lost");
                }
            }
        }
    }

    async fn deliver(&self, logging: &Logging, text: String, now: Timestamp) -> Result<(), s3s::S3Error> {
        // That logs may be put there was asked when logging was switched on; the objects belong to the owner of their bucket.
        let owner = self.blobs.prepare(|plan| Ok(buckets::get(plan, &logging.target)?.owner)).await?;
        let user =
            User { name: "log-delivery".to_owned(), account: self.config.account.clone(), canonical: owner };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        let bytes = Bytes::from(text);
        let length = bytes.len() as u64;
        let post = Post {
            bucket: logging.target.clone(),
            key: logging.key(now, rand::random()),
            headers,
            metadata: std::collections::HashMap::new(),
            body: s3s::Body::from(bytes),
            length: (length, length),
            caller: Caller { user: Some(user), ..Caller::default() },
        };
        forms::put(self, post).await.map(drop)
    }

    /// Checks that a caller may have logs put where it says. Errors: there is no such bucket, or the caller may not put there.
    pub(crate) fn check_target(&self, caller: &Caller, logging: &Logging) -> crate::state::Result<()> {
        let look = |plan: &Plan<'_>| self.facts.bucket(&self.blobs, plan, &logging.target);
        let target = self.blobs.look(look)?.value;
        let Some(target) = target else {
            let text = "The target bucket for logging does not exist";
            return Err(Error::new(Code::InvalidTargetBucketForLogging, text).into());
        };
        let resource = format!("{}/{}", logging.target, logging.prefix);
        Ok(self.judge(caller, "PutObject", Some(&target.bucket), &resource, None)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_batched_and_bounded() {
        let logs = Logs::default();
        let to = |target: &str| Logging { target: target.to_owned(), prefix: String::new() };
        logs.push("a", &to("x"), "one", Timestamp(0));
        logs.push("a", &to("x"), "two", Timestamp(5));
        logs.push("b", &to("x"), "three", Timestamp(10));
        assert_eq!(logs.bytes(), 14);
        let later = DELIVERY_INTERVAL.as_millis() as u64;
        assert!(logs.due(Timestamp(later - 1), false).is_empty());
        let due = logs.due(Timestamp(later), false);
        let texts: Vec<_> = due.iter().map(|(_, batch)| (batch.text.as_str(), batch.lines)).collect();
        assert_eq!(texts, [("one\ntwo\n", 2)]);
        assert_eq!(logs.due(Timestamp(0), true).len(), 1);
        assert_eq!(logs.bytes(), 0);
        let line = "x".repeat(LOG_BATCH_BYTES);
        for _ in 0..=LOGS_BYTES_MAX / LOG_BATCH_BYTES {
            logs.push("a", &to("x"), &line, Timestamp(0));
        }
        assert!(logs.dropped() > 0 && logs.bytes() <= LOGS_BYTES_MAX as u64);
        assert_eq!(logs.due(Timestamp(1), false).len(), 1);
    }
}
