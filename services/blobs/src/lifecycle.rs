//! Does what lifecycle's rules say, by rounds: after each midnight, and when its rules were changed, a bucket that has rules is walked through once.
//!
//! A walk reads the rows of the store, page by page and without the shard's lock, and asks the rules about each. What may be due is decided again under the lock
//! ([`crate::objects::expiry`]) with the rules and versions that are there then, and logged in bounded entries. So a row that was overlooked or a place that was lost costs time and nothing else.
//!
//! Noncurrent versions and delete markers come first, then uploads, then current versions: what frees space goes before what makes delete markers, which a full disk refuses.
//!
//! Everything comes in steps, which a thread or a scheduler drives. Steps block on the store.
//!
//! # Invariants
//! - Nothing is deleted because of what a walk saw; only because of what is there under the lock.
//! - The place that is kept is never ahead of what was done: its entry comes after theirs in the log.
//! - A round that left something undone for want of space is made again.

use std::future::poll_fn;
use std::ops::Bound;
use std::task::{Context, Poll};

use bole_base::{Durability, Kind, Timestamp};
use bole_ordered::{Direction, PageLimits, Partition, Range, Snapshot};
use bole_shard::durable::Durable as _;
use bytes::Bytes;

use crate::entry;
use crate::events::Asker;
use crate::limits::{
    BULK_ENTRY_BYTES_MAX, LIFECYCLE_BUCKETS_MAX, LIFECYCLE_KEPT_ROWS, LIFECYCLE_RETRY, LIFECYCLE_ROWS_MAX,
};
use crate::objects::expiry::{self, Candidate, Stored};
use crate::rows::keys::{BUCKETS, CURRENT, OWN, UPLOADS, VERSIONS};
use crate::rows::{Bucket, BucketId, Place, Round, Seq, Upload, Version, keys, values};
use crate::rules::lifecycle::{Lifecycle, Rule, Standing};
use crate::state::{Blobs, Error, Plan, Result};

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There was something to do; there may be more.
    Worked,
    /// No bucket needs a round now.
    Idle,
}

/// Where lifecycle is: in memory, to be begun anew at each start and after each error.
#[derive(Debug, Default)]
pub struct Walker {
    open: Option<Open>,
    /// The bucket after which the search for rounds goes on.
    after: Option<Bytes>,
    /// For which midnight and which settings a search is under way, and for which one came to its end.
    searching: Option<(Timestamp, u64)>,
    searched: Option<(Timestamp, u64)>,
    /// When a round that left something is made again.
    again_at: Option<Timestamp>,
}

/// A bucket with a round under way.
#[derive(Debug)]
struct Open {
    name: String,
    id: BucketId,
    rules: Lifecycle,
    walks: Vec<Walk>,
    round: Round,
    place: Place,
    newest: Option<Newest>,
    /// Rows since the place was kept.
    unkept: usize,
    settings: u64,
}

/// One way through rows of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Walk {
    partition: Partition,
    prefix: String,
}

/// What a walk through versions remembers of the key that it is in.
#[derive(Debug)]
struct Newest {
    /// The beginning of the key's rows.
    key: Bytes,
    /// When the version before was made.
    created: Timestamp,
    /// Versions so far that are not current.
    noncurrent: u32,
}

/// The walks that rules need, in the order in which they are made.
fn walks(rules: &Lifecycle) -> Vec<Walk> {
    let expires = |rule: &Rule| {
        rule.expiration.as_ref().is_some_and(|when| when.days.is_some() || when.date_ms.is_some())
    };
    let others = |rule: &Rule| rule.noncurrent.is_some() || rule.expiration.is_some();
    let mut walks = walks_of(rules, VERSIONS, others);
    walks.extend(walks_of(rules, UPLOADS, |rule| rule.abort_days.is_some()));
    walks.extend(walks_of(rules, CURRENT, expires));
    walks
}

/// A walk for each prefix of the rules that is not within another.
fn walks_of(rules: &Lifecycle, partition: Partition, is_about: impl Fn(&Rule) -> bool) -> Vec<Walk> {
    let about = rules.0.iter().filter(|rule| rule.enabled && is_about(rule));
    let mut prefixes: Vec<String> =
        about.map(|rule| rule.filter.prefix.clone().unwrap_or_default()).collect();
    prefixes.sort_unstable();
    // One that is within another comes right after it or after others within it.
    prefixes.dedup_by(|later, earlier| later.starts_with(earlier.as_str()));
    prefixes.into_iter().map(|prefix| Walk { partition, prefix }).collect()
}

impl Blobs {
    /// The next step. After an error the walker is to be made anew.
    pub async fn lifecycle(&self, walker: &mut Walker) -> Result<Step> {
        if let Some(open) = &mut walker.open {
            if open.settings != self.counters().settings() {
                self.keep_place(open).await?;
                // The rules may be others, or the bucket gone.
                (walker.open, walker.after, walker.searching) = (None, None, None);
            } else if self.walk(open).await? {
                let left = self.end_round(open).await?;
                if left {
                    let again = self.now().0.saturating_add(LIFECYCLE_RETRY.as_millis() as u64);
                    walker.again_at = Some(Timestamp(again));
                }
                if left || open.round.place.is_none() {
                    walker.open = None;
                }
            }
            return Ok(Step::Worked);
        }
        self.search(walker)
    }

    fn now(&self) -> Timestamp {
        self.runtime().clock().now()
    }

    /// Looks through the next buckets for one that needs a round.
    fn search(&self, walker: &mut Walker) -> Result<Step> {
        let now = self.now();
        let wanted = (self.day().midnight(now), self.counters().settings());
        if walker.after.is_none() {
            let is_over = walker.again_at.is_some_and(|again| again <= now);
            if walker.searched == Some(wanted) && !is_over {
                return Ok(Step::Idle);
            }
            walker.searching = Some(wanted);
            walker.again_at = None;
        }
        let after = walker.after.take();
        let (found, last) = self.look(|plan| needing(plan, wanted.0, after))?.value;
        walker.after = last;
        if let Some((name, bucket, stored, round)) = found {
            let rules = stored.read()?;
            let walks = walks(&rules);
            let place = round.place.clone().unwrap_or_default();
            let (newest, unkept, settings) = (None, 0, wanted.1);
            let id = bucket.id;
            walker.open = Some(Open { name, id, rules, walks, round, place, newest, unkept, settings });
        } else if walker.after.is_none() {
            walker.searched = walker.searching.take();
        }
        Ok(Step::Worked)
    }

    /// Waits until the store has all that was logged before: a walk does not see what is in the overlay.
    async fn settled(&self) -> Result<()> {
        let (next, position) = {
            let locked = self.shard().lock()?;
            (locked.next(), locked.position())
        };
        let journal = self.runtime().journal();
        let reached = poll_fn(|context| journal.poll_reached(Durability::Sync, position, context)).await;
        reached.map_err(bole_shard::Error::from)?;
        loop {
            self.shard().settle(&**journal)?;
            if self.shard().lock()?.store().stand().next >= next {
                return Ok(());
            }
            let ready = |context: &mut Context<'_>| match self.shard().lock() {
                Ok(locked) => locked.store().poll_ready(context),
                Err(_) => Poll::Ready(()),
            };
            poll_fn(ready).await;
        }
    }

    /// Looks at a page of rows. Whether the round came to its end.
    async fn walk(&self, open: &mut Open) -> Result<bool> {
        let Some(walk) = open.walks.get(open.place.walk as usize).cloned() else { return Ok(true) };
        if open.place.after.is_none() {
            self.settled().await?;
        }
        let snapshot = self.shard().lock()?.store().store()?.snapshot();
        let mut range = Range::prefix(walk.partition, &keys::from(open.id, walk.prefix.as_bytes()));
        if let Some(after) = &open.place.after {
            range.start = Bound::Excluded(Bytes::copy_from_slice(after));
        }
        let page = snapshot.page(&range, Direction::Forward, PageLimits::entries(LIFECYCLE_ROWS_MAX))?;
        let candidates = self.candidates(open, &snapshot, walk.partition, &page.entries)?;
        drop(snapshot);
        self.counters().looked_at(page.entries.len());
        self.act(open, &candidates).await?;
        open.unkept += page.entries.len().max(1);
        open.place.after = page.entries.last().filter(|_| page.more).map(|(row, _)| row.to_vec());
        if open.place.after.is_none() {
            open.place.walk += 1;
            open.newest = None;
        }
        if open.unkept >= LIFECYCLE_KEPT_ROWS {
            self.keep_place(open).await?;
        }
        Ok(open.place.walk as usize >= open.walks.len())
    }

    /// Which of a page's rows may be due.
    fn candidates(
        &self,
        open: &mut Open,
        snapshot: &Snapshot,
        partition: Partition,
        rows: &[(Bytes, Bytes)],
    ) -> Result<Vec<Candidate>> {
        let mut candidates = Vec::new();
        for (index, (row, value)) in rows.iter().enumerate() {
            let (key, rest) = keys::read_object(row)
                .ok_or_else(|| Error::Row(format!("\"{}\" has no key of an object", row.escape_ascii())))?;
            let prefix = row.slice(..row.len() - rest.len());
            let candidate = if partition == UPLOADS {
                let upload: Upload = values::decode(value).map_err(Error::Row)?;
                let described = expiry::described_upload(&key, &upload);
                self.is_due(open, &described).then(|| Candidate::Upload(key.clone(), upload.seq))
            } else {
                let version: Version = values::decode(value).map_err(Error::Row)?;
                let standing = if partition == CURRENT {
                    Standing::Current
                } else {
                    let next = rows.get(index + 1);
                    let is_last = next.is_none_or(|(next, _)| !next.starts_with(&prefix));
                    open.standing(snapshot, prefix, &version, is_last)?
                };
                let described = expiry::described(&key, &version, standing);
                self.is_due(open, &described).then(|| candidate(key.clone(), version.seq, standing))
            };
            candidates.extend(candidate);
        }
        Ok(candidates)
    }

    fn is_due(&self, open: &Open, version: &crate::rules::lifecycle::Version<'_>) -> bool {
        open.rules.due(version, self.day()).is_some_and(|due| due.at <= self.now())
    }

    /// Does what is due. What the disk has no room for is left.
    async fn act(&self, open: &mut Open, candidates: &[Candidate]) -> Result<()> {
        let (mut looked_at, mut position) = (0, None);
        while looked_at < candidates.len() {
            let rest = &candidates[looked_at..];
            let bytes = (rest.len() * 512).min(BULK_ENTRY_BYTES_MAX);
            let decide = |plan: &mut Plan<'_>| expiry::act(plan, &open.name, open.id, rest, self.day());
            match self.append(Asker::default(), bytes, decide).await {
                Ok(placed) => {
                    let (some, done) = placed.value;
                    looked_at += some;
                    position = Some(placed.position);
                    self.counters().did(&done);
                }
                Err(error) if error.kind() == Kind::Full => {
                    open.place.left = true;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        match position {
            Some(position) => self.durable(position).await,
            None => Ok(()),
        }
    }

    /// Keeps the place, from which the next start goes on.
    async fn keep_place(&self, open: &mut Open) -> Result<()> {
        let mut place = open.place.clone();
        if let (Some(newest), Some(_)) = (&open.newest, &place.after) {
            // What a walk remembers of a key is had again from its first version on.
            place.after = Some(newest.key.to_vec());
        }
        open.round.place = Some(place);
        open.unkept = 0;
        self.keep(open).await.map(drop)
    }

    /// Ends the round, and begins the next if it is late. Whether something was left undone.
    async fn end_round(&self, open: &mut Open) -> Result<bool> {
        let left = open.place.left;
        let midnight = self.day().midnight(self.now());
        let is_late = open.round.midnight_ms < midnight.0;
        open.place = Place::default();
        open.newest = None;
        open.round.place = (left || is_late).then(Place::default);
        if is_late {
            open.round.midnight_ms = midnight.0;
        }
        self.counters().round_ended();
        let kept = self.keep(open).await?;
        Ok(left || !kept)
    }

    /// Logs how far a round is, unless the bucket or its rules are others by now. Whether the disk had room for that.
    async fn keep(&self, open: &Open) -> Result<bool> {
        let keep = |plan: &mut Plan<'_>| {
            let bucket: Option<Bucket> = plan.row(BUCKETS, open.name.as_bytes())?;
            let Some(bucket) = bucket.filter(|bucket| bucket.id == open.id) else { return Ok(()) };
            if Stored::of(plan, &bucket)?.crc() == Some(open.round.rules) {
                plan.put_row(OWN, keys::round(open.id), &open.round);
                plan.happened(entry::Kind::Housekeeping, "", "");
            }
            Ok(())
        };
        match self.change(Asker::default(), 256, keep).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == Kind::Full => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn candidate(key: String, seq: Seq, standing: Standing) -> Candidate {
    match standing {
        Standing::Current => Candidate::Current(key, seq),
        _ => Candidate::Other(key, seq),
    }
}

impl Open {
    /// What a version in `V` is, as far as the walk can tell.
    fn standing(
        &mut self,
        snapshot: &Snapshot,
        key: Bytes,
        version: &Version,
        is_last: bool,
    ) -> Result<Standing> {
        let created = Timestamp(version.created_ms);
        if let Some(newest) = self.newest.as_mut().filter(|newest| newest.key == key) {
            let standing = Standing::Noncurrent { since: newest.created, newer: newest.noncurrent };
            newest.created = created;
            newest.noncurrent = newest.noncurrent.saturating_add(1);
            return Ok(standing);
        }
        let current = snapshot.get(CURRENT, &key)?;
        let current: Option<Version> =
            current.map(|row| values::decode(&row).map_err(Error::Row)).transpose()?;
        let noncurrent = u32::from(current.is_some());
        self.newest = Some(Newest { key, created, noncurrent });
        Ok(match current {
            Some(current) => Standing::Noncurrent { since: Timestamp(current.created_ms), newer: 0 },
            None => Standing::DeleteMarker { alone: is_last },
        })
    }
}

type Needing = (String, Bucket, Stored, Round);

/// The first bucket after `after` that needs a round, of those that are looked at under one lock; and after which bucket the search goes on.
fn needing(
    plan: &Plan<'_>,
    midnight: Timestamp,
    after: Option<Bytes>,
) -> Result<(Option<Needing>, Option<Bytes>)> {
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    let page = plan.page(BUCKETS, &[], start, LIFECYCLE_BUCKETS_MAX)?;
    for (name, value) in &page.entries {
        let bucket: Bucket = values::decode(value).map_err(Error::Row)?;
        let stored = Stored::of(plan, &bucket)?;
        let Some(rules) = stored.crc() else { continue };
        let last: Option<Round> = plan.row(OWN, &keys::round(bucket.id))?;
        let Some(round) = next_round(last, rules, midnight, plan.now()) else { continue };
        let name_text = String::from_utf8_lossy(name).into_owned();
        // The search goes on behind it even where it is the last, and finds the end: no bucket comes twice.
        return Ok((Some((name_text, bucket, stored, round)), Some(name.clone())));
    }
    Ok((None, page.entries.last().filter(|_| page.more).map(|(name, _)| name.clone())))
}

/// The round that a bucket needs: the one that is not at its end, or a new one where the last was of other rules, or of another day.
fn next_round(last: Option<Round>, rules: u32, midnight: Timestamp, now: Timestamp) -> Option<Round> {
    let new = Round { midnight_ms: midnight.0, rules, place: Some(Place::default()) };
    match last {
        // A clock that was set back makes rounds of a day that has not come.
        Some(last) if last.rules != rules || last.midnight_ms > now.0 => Some(new),
        Some(last) if last.place.is_some() => Some(last),
        Some(last) if last.midnight_ms >= midnight.0 => None,
        Some(_) | None => Some(new),
    }
}

#[cfg(test)]
mod tests;
