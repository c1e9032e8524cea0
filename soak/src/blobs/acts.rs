//! What clients change: each operation as the protocol does it, with its bodies.

use std::ops::Range;

use bole_blobs::objects::buckets;
use bole_blobs::objects::copies::{self, Copy, CopyPart, From};
use bole_blobs::objects::deletes::{self, Delete};
use bole_blobs::objects::expiry::{self, Candidate};
use bole_blobs::objects::multipart::{self, Begin, Complete, Listed, PutPart};
use bole_blobs::objects::put::{self, Put};
use bole_blobs::rows::keys::{self, CURRENT, VERSIONS};
use bole_blobs::rows::{self, Etag, UploadId, Version, VersionId, values};
use bole_blobs::rules::conditions::{Conditions, DeleteConditions};
use bole_blobs::state::{Error, Plan};
use bole_testing::harness::Call;

use super::bodies::{attributes, digest, mode_of};
use super::model::{BUCKETS, Body, KEYS, Mode, Objects, Op, Part, Place, Source};
use super::system::{OWNER, Simulated};

/// The bucket of what parts are copied from; nobody changes it.
const SOURCES: &str = "sources";

/// Where a part goes, and how it is encrypted.
struct To {
    bucket: &'static str,
    key: &'static str,
    upload: UploadId,
    number: u16,
    mode: Mode,
}

/// A bucket that is to be made.
pub(super) const fn create(name: &str) -> buckets::Create<'_> {
    buckets::Create { name, owner: OWNER, account: "a", region: "", object_lock: false }
}

/// The id of the nth version of a key, from the newest.
fn nth(plan: &Plan<'_>, bucket: usize, key: usize, nth: usize) -> Result<Option<VersionId>, Error> {
    let row = keys::object(buckets::get(plan, BUCKETS[bucket])?.id, KEYS[key]);
    let current = plan.get(CURRENT, &row)?.into_iter();
    let others = plan.all(VERSIONS, &row)?.into_iter().map(|(_, value)| value);
    let found = current.chain(others).nth(nth);
    let version: Option<Version> =
        found.map(|value| values::decode(&value).map_err(Error::Row)).transpose()?;
    Ok(version.map(|version| version.id()))
}

impl<const FLAW: u8> Simulated<FLAW> {
    pub(super) async fn put(
        &self,
        op: &Op,
        place: Place,
        (mode, body): (Mode, &Body),
        call: &Call<Objects>,
    ) -> Result<Option<usize>, Error> {
        let only_new = matches!(op, Op::PutNew(..)).then_some("*");
        let content = body.content();
        self.with_body((mode, &content, body.is_chunk), async |new| {
            let asked = Put {
                bucket: BUCKETS[place.0],
                key: KEYS[place.1],
                body: new.clone(),
                md5: digest(mode, &content),
                checksum: None,
                attributes: attributes(mode),
                conditions: Conditions { if_none_match: only_new, ..Conditions::default() },
            };
            self.change(op, call, |plan| put::put(plan, &asked).map(drop)).await
        })
        .await
    }

    pub(super) async fn upload(&self, op: &Op, call: &Call<Objects>) -> Result<Option<usize>, Error> {
        let Op::Upload(place, mode, parts, chosen) = op else { unreachable!("only uploads are uploaded") };
        let (bucket, key) = (BUCKETS[place.0], KEYS[place.1]);
        let begin = Begin { bucket, key, initiator: OWNER, attributes: attributes(*mode), checksum: None };
        let upload = self.blobs.change(None, 300, |plan| multipart::begin(plan, &begin)).await?.id();
        let mut listed = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            let to = To { bucket, key, upload, number: number as u16 + 1, mode: *mode };
            let made = match part {
                Part::Body(body) => self.put_part(&to, body).await?,
                Part::Copied(source, range) => self.copy_part(&to, *source, range).await?,
            };
            if chosen.contains(&number) {
                let etag = Etag::of(made.md5).text();
                listed.push(Listed { number: to.number, etag, checksum: None });
            }
        }
        if listed.is_empty() {
            return self.change(op, call, |plan| multipart::abort(plan, bucket, key, upload)).await;
        }
        let asked = Complete {
            bucket,
            key,
            upload,
            parts: &listed,
            checksum: None,
            bytes: None,
            conditions: Conditions::default(),
            part_bytes_min: 0,
        };
        self.change(op, call, |plan| multipart::complete(plan, &asked).map(drop)).await
    }

    async fn put_part(&self, to: &To, body: &Body) -> Result<rows::Part, Error> {
        let content = body.content();
        self.with_body((to.mode, &content, body.is_chunk), async |new| {
            let asked = PutPart {
                bucket: to.bucket,
                key: to.key,
                upload: to.upload,
                number: to.number,
                body: new.clone(),
                md5: digest(to.mode, &content),
                checksum: None,
            };
            self.blobs.change(None, 300, |plan| multipart::put_part(plan, &asked)).await
        })
        .await
    }

    /// Copies a range of a source: by its chunk or its row where neither is encrypted, else by its bytes.
    async fn copy_part(&self, to: &To, source: Source, range: &Range<usize>) -> Result<rows::Part, Error> {
        let range = range.start as u64..range.end as u64;
        let key = source.key();
        let open = self.blobs.open(SOURCES, &key, None).await?;
        let content = self.content(&open, range.clone()).await?;
        assert_eq!(content.len() as u64, range.end - range.start, "bytes of {range:?} of {source:?}");
        let from = From {
            bucket: SOURCES,
            key: &key,
            version: None,
            conditions: Conditions::default(),
            read: Some(open.version.seq),
        };
        let mut asked = CopyPart {
            from,
            range: Some(range),
            bucket: to.bucket,
            key: to.key,
            upload: to.upload,
            number: to.number,
            body: None,
            md5: digest(to.mode, &content),
            checksum: None,
        };
        if source.mode == Mode::Plain && to.mode == Mode::Plain {
            return self.blobs.change(None, 300, |plan| copies::copy_part(plan, &asked)).await;
        }
        self.with_body((to.mode, &content, content.len() > 600), async |new| {
            asked.body = Some(new.clone());
            self.blobs.change(None, 300, |plan| copies::copy_part(plan, &asked)).await
        })
        .await
    }

    /// Puts what parts are copied from, if it is not there.
    pub(super) async fn put_sources(&self) -> Result<(), Error> {
        if self.blobs.look(|plan| buckets::get(plan, SOURCES).map(drop)).is_ok() {
            return Ok(());
        }
        let mut sources = Vec::new();
        for source in Source::all() {
            let (content, key) = (source.body().content(), source.key());
            let body = self.body(source.mode, &content, source.is_chunk).await?;
            sources.push((source.mode, key, digest(source.mode, &content), body));
        }
        let create = create(SOURCES);
        let make = |plan: &mut Plan<'_>| {
            buckets::create(plan, &create)?;
            sources.iter().try_for_each(|(mode, key, md5, body)| {
                let asked = Put {
                    bucket: SOURCES,
                    key,
                    body: body.clone(),
                    md5: *md5,
                    checksum: None,
                    attributes: attributes(*mode),
                    conditions: Conditions::default(),
                };
                put::put(plan, &asked).map(drop)
            })
        };
        self.blobs.change(None, 8_000, make).await
    }

    pub(super) async fn expire(
        &self,
        op: &Op,
        bucket: usize,
        call: &Call<Objects>,
    ) -> Result<Option<usize>, Error> {
        self.change(op, call, |plan| {
            let name = BUCKETS[bucket];
            let id = buckets::get(plan, name)?.id;
            let mut candidates = Vec::new();
            for partition in [VERSIONS, CURRENT] {
                for (row, value) in plan.all(partition, &keys::in_bucket(id))? {
                    let version: Version = values::decode(&value).map_err(Error::Row)?;
                    let (key, _) = keys::read_object(&row).ok_or_else(|| Error::Row("no key".to_owned()))?;
                    let of = if partition == CURRENT { Candidate::Current } else { Candidate::Other };
                    candidates.push(of(key, version.seq));
                }
            }
            expiry::act(plan, name, id, &candidates, self.blobs.day()).map(drop)
        })
        .await
    }

    pub(super) async fn copy(&self, op: &Op, call: &Call<Objects>) -> Result<Option<usize>, Error> {
        let Op::Copy(from, to, mode) = op else { unreachable!("only copies are copied") };
        let open = self.blobs.open(BUCKETS[from.0], KEYS[from.1], None).await?;
        let mut asked = Copy {
            from: From {
                bucket: BUCKETS[from.0],
                key: KEYS[from.1],
                version: None,
                conditions: Conditions::default(),
                read: None,
            },
            bucket: BUCKETS[to.0],
            key: KEYS[to.1],
            conditions: Conditions::default(),
            attributes: attributes(*mode),
            replace_meta: true,
            replace_tags: true,
            digests: None,
            body: None,
        };
        if mode_of(&open.version)? == *mode {
            drop(open);
            return self.change(op, call, |plan| copies::copy(plan, &asked).map(drop)).await;
        }
        let content = self.content(&open, 0..u64::MAX).await?;
        (asked.from.read, asked.digests) = (Some(open.version.seq), Some((digest(*mode, &content), None)));
        self.with_body((*mode, &content, content.len() > 600), async |new| {
            asked.body = Some(new.clone());
            self.change(op, call, |plan| copies::copy(plan, &asked).map(drop)).await
        })
        .await
    }

    pub(super) async fn delete(&self, op: &Op, call: &Call<Objects>) -> Result<Option<usize>, Error> {
        let one = |plan: &mut Plan<'_>, bucket: usize, key: usize, version| {
            let asked = Delete { key: KEYS[key], version, conditions: DeleteConditions::default() };
            deletes::delete(plan, BUCKETS[bucket], &asked, OWNER, false).map(drop)
        };
        self.change(op, call, |plan| match op {
            Op::DeleteVersion(bucket, key, number) => match nth(plan, *bucket, *key, *number)? {
                Some(id) => one(plan, *bucket, *key, Some(id)),
                None => Ok(()),
            },
            Op::DeleteAll(bucket) => (0..KEYS.len()).try_for_each(|key| one(plan, *bucket, key, None)),
            Op::Delete(bucket, key) => one(plan, *bucket, *key, None),
            _ => unreachable!("only deletes delete"),
        })
        .await
    }
}
