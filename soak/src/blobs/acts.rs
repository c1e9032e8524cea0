//! What clients change: each operation as the protocol does it, with its bodies.

use bole_blobs::objects::buckets;
use bole_blobs::objects::copies::{self, Copy, From};
use bole_blobs::objects::deletes::{self, Delete};
use bole_blobs::objects::expiry::{self, Candidate};
use bole_blobs::objects::multipart::{self, Begin, Complete, Listed, PutPart};
use bole_blobs::objects::put::{self, Put};
use bole_blobs::rows::keys::{self, CURRENT, VERSIONS};
use bole_blobs::rows::values;
use bole_blobs::rows::{Etag, Version, VersionId};
use bole_blobs::rules::conditions::{Conditions, DeleteConditions};
use bole_blobs::state::{Error, Plan};
use bole_testing::harness::Call;

use super::bodies::{attributes, blocks, md5};
use super::model::{BUCKETS, Body, KEYS, Objects, Op, SEALED_BUCKET};
use super::system::{OWNER, Simulated};

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
        place: (usize, usize),
        body: &Body,
        call: &Call<Objects>,
    ) -> Result<Option<usize>, Error> {
        let only_new = matches!(op, Op::PutNew(..)).then_some("*");
        let content = body.content();
        self.with_body((place.0, &content, body.is_chunk), async |new| {
            let asked = Put {
                bucket: BUCKETS[place.0],
                key: KEYS[place.1],
                body: new.clone(),
                md5: md5(&content),
                checksum: None,
                attributes: attributes(place.0),
                conditions: Conditions { if_none_match: only_new, ..Conditions::default() },
            };
            self.change(op, call, |plan| put::put(plan, &asked).map(drop)).await
        })
        .await
    }

    pub(super) async fn upload(&self, op: &Op, call: &Call<Objects>) -> Result<Option<usize>, Error> {
        let Op::Upload(place, key, parts, chosen) = op else { unreachable!("only uploads are uploaded") };
        let (bucket, key) = (BUCKETS[*place], KEYS[*key]);
        let begin = Begin { bucket, key, initiator: OWNER, attributes: attributes(*place), checksum: None };
        let upload = self.blobs.change(None, 300, |plan| multipart::begin(plan, &begin)).await?.id();
        let mut listed = Vec::new();
        for (number, body) in parts.iter().enumerate() {
            let content = body.content();
            let part = self.with_body((*place, &content, body.is_chunk), async |new| {
                let asked = PutPart {
                    bucket,
                    key,
                    upload,
                    number: number as u16 + 1,
                    body: new.clone(),
                    md5: md5(&content),
                    checksum: None,
                };
                self.blobs.change(None, 300, |plan| multipart::put_part(plan, &asked)).await
            });
            let etag = Etag::of(part.await?.md5).text();
            if chosen.contains(&number) {
                listed.push(Listed { number: number as u16 + 1, etag, checksum: None });
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
        let Op::Copy(from, to) = op else { unreachable!("only copies are copied") };
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
            attributes: attributes(to.0),
            replace_meta: true,
            replace_tags: true,
            digests: None,
            body: None,
        };
        if (from.0 == SEALED_BUCKET) == (to.0 == SEALED_BUCKET) {
            return self.change(op, call, |plan| copies::copy(plan, &asked).map(drop)).await;
        }
        let open = self.blobs.open(asked.from.bucket, asked.from.key, None).await?;
        let mut content = Vec::new();
        for segment in open.segments(&(0..u64::MAX))? {
            for block in blocks(segment, self.blobs.home())? {
                content.extend_from_slice(&block?);
                self.pause().await;
            }
        }
        (asked.from.read, asked.digests) = (Some(open.version.seq), Some((md5(&content), None)));
        self.with_body((to.0, &content, content.len() > 600), async |new| {
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
