//! What clients see, compared with the model as it is in that moment, and all that is there after a crash.

use std::ops::Range;

use bole_base::{Durability, Position};
use bole_blobs::chunks;
use bole_blobs::limits::PAGE_KEYS_MAX;
use bole_blobs::rows::{Version, Versioning};
use bole_blobs::rules::list::Query;
use bole_blobs::state::Error;

use super::bodies::{digest, mode_of};
use super::listeners;
use super::model::{BUCKETS, Content, KEYS, Objects, Place, Seen};
use super::system::Simulated;

impl<const FLAW: u8> Simulated<FLAW> {
    /// Reads a range of an object, in thousandths of it, block by block while others go on, and compares it with what it was when it was opened.
    pub(super) async fn get(&self, place: Place, thousandths: &Range<usize>) -> Result<(), Error> {
        let (bucket, key) = (BUCKETS[place.0], KEYS[place.1]);
        // What the service sees it sees in this step.
        let expected = self.live.borrow().current(place).cloned();
        let written = self.written.borrow().get(&place).copied().unwrap_or(Position::ZERO);
        let opened = self.blobs.open(bucket, key, None).await;
        let is_shown = opened.is_ok() || matches!(opened, Err(Error::Refused(_)));
        let reached = self.runtime.journal().reached(Durability::Sync);
        assert!(
            !is_shown || reached >= written,
            "{bucket}/{key} was written at {written}, durable is {reached}"
        );
        let (open, expected) = match (opened, expected) {
            (Err(Error::Refused(_)), None) => return Ok(()),
            (Ok(open), Some(expected)) => (open, expected),
            (Err(error), _) if !is_shown => return Err(error),
            (opened, expected) => {
                let found = opened.map(|open| open.version);
                panic!("{bucket}/{key} is {found:?}, and should have {expected:?}")
            }
        };
        assert_eq!(mode_of(&open.version)?, expected.mode, "how {bucket}/{key} is encrypted");
        let range = expected.range(thousandths);
        let found = match self.content(&open, range.start as u64..range.end as u64).await {
            Ok(found) => found,
            Err(error @ Error::Chunks(chunks::Error::Io { .. })) => return Err(error),
            Err(error) if self.disk.is_off() => return Err(error),
            Err(error) => panic!("an object that is there cannot be read: {error}"),
        };
        assert!(found == expected.bytes[range.clone()], "{range:?} of {bucket}/{key} is not what was put");
        Ok(())
    }

    /// Lists a bucket, and compares that with the model.
    pub(super) async fn list(&self, bucket: usize) -> Result<(), Error> {
        let query = Query { prefix: "", delimiter: "", marker: None, max: PAGE_KEYS_MAX };
        // A list is made without a pause; only its end waits.
        let expected: Vec<_> = {
            let live = self.live.borrow();
            let of_key = |key: usize| {
                let versions = live.versions(bucket, key).iter().rev();
                versions.map(move |(is_null, content)| {
                    let bytes = content.as_ref().map(|content| content.bytes.len() as u64);
                    (KEYS[key].to_owned(), *is_null, bytes)
                })
            };
            (0..KEYS.len()).flat_map(of_key).collect()
        };
        let (_, page) = self.blobs.list_versions(BUCKETS[bucket], &query).await?;
        let listed = page.entries.into_iter().map(|listed| {
            let version = listed.item.version;
            (listed.key, version.is_null, version.object().map(|object| object.bytes))
        });
        assert_eq!(listed.collect::<Vec<_>>(), expected, "the versions of {}", BUCKETS[bucket]);
        let expected: Vec<_> = {
            let live = self.live.borrow();
            (0..KEYS.len())
                .filter(|key| live.current((bucket, *key)).is_some())
                .map(|key| KEYS[key])
                .collect()
        };
        let (_, page) = self.blobs.list_objects(BUCKETS[bucket], &query).await?;
        let listed: Vec<_> = page.entries.iter().map(|listed| listed.key.as_str()).collect();
        assert_eq!(listed, expected, "the objects of {}", BUCKETS[bucket]);
        Ok(())
    }

    /// All versions, with their bytes.
    pub(super) async fn see(&self) -> Result<Objects, String> {
        let query = Query { prefix: "", delimiter: "", marker: None, max: PAGE_KEYS_MAX };
        let mut seen = Objects::default();
        for (number, name) in BUCKETS.iter().enumerate() {
            let listed = self.blobs.list_versions(name, &query).await.map_err(|error| error.to_string())?;
            let (bucket, page) = listed;
            if number == 1 {
                seen.enabled = match bucket.versioning {
                    Versioning::Off => None,
                    versioning => Some(versioning == Versioning::Enabled),
                };
            }
            for listed in page.entries.iter().rev() {
                let key = KEYS.iter().position(|key| *key == listed.key);
                let key = key.ok_or_else(|| format!("a key that nobody put: {:?}", listed.key))?;
                let one = self.see_one(name, &listed.key, &listed.item.version).await?;
                seen.keys.entry((number, key)).or_default().push(one);
            }
        }
        seen.events = listeners::count(&self.topics)?;
        Ok(seen)
    }

    pub(super) async fn see_one(&self, bucket: &str, key: &str, version: &Version) -> Result<Seen, String> {
        let Some(object) = version.object() else { return Ok((version.is_null, None)) };
        let open =
            self.blobs.open(bucket, key, Some(version.id())).await.map_err(|error| error.to_string())?;
        let mode = mode_of(version).map_err(|error| error.to_string())?;
        let bytes = self.content(&open, 0..u64::MAX).await;
        let bytes = bytes.map_err(|error| format!("{bucket}/{key}: {error}"))?;
        if bytes.len() as u64 != object.bytes
            || (object.etag.parts == 0 && object.etag.md5 != digest(mode, &bytes))
        {
            return Err(format!("{bucket}/{key} is not what its ETag says"));
        }
        Ok((version.is_null, Some(Content::new(bytes, mode))))
    }
}
