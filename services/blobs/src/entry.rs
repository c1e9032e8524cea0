//! What an entry of the log holds: what happened, and the puts and deletes of rows that it leads to.
//!
//! Everything was decided before it was logged. Whoever applies it writes the rows and evaluates nothing; whoever follows it (feeds, events) reads
//! what happened and need not know rows.
//!
//! # Layout, *persisted*: kind 1, version 1; integers are little-endian
//! ```text
//! u32  bytes of what happened, then that: a list of `Happened` as postcard writes it
//! then steps, to the end, each one of:
//!   u8 0, u8 partition, u16 bytes of key, key                                     a delete
//!   u8 1, u8 partition, u16 bytes of key, u32 bytes of value, key, value          a put
//!   u8 2, u64 upload, u16 first, u16 last                                         deletes of the upload's parts with these numbers
//! ```

use bole_log::PayloadKind;
use bole_ordered::{Effects, Mutations, Partition};
use bole_shard::ApplyError;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::limits::{ENTRY_BYTES_MAX, HAPPENED_MAX, PARTS_MAX};
use crate::rows::{Seq, VersionId, keys};

/// The kind of all entries.
pub const KIND: PayloadKind = PayloadKind(1);
const VERSION: u8 = 1;

/// What happened, for events and feeds. *Persisted*: new kinds come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A bucket was made.
    BucketCreated,
    /// A bucket was deleted.
    BucketDeleted,
    /// A bucket's setting was put or deleted.
    SettingChanged,
    /// A version was made by a put.
    Put,
    /// A version was made by a copy.
    Copied,
    /// A version was made by the completion of an upload.
    Completed,
    /// A version is gone for good.
    Removed,
    /// A delete marker was made.
    MarkerMade,
    /// A version's tags were put.
    TagsPut,
    /// A version's tags were deleted.
    TagsDeleted,
    /// A version's ACL was put.
    AclPut,
    /// A version's retention or legal hold was changed.
    LockChanged,
    /// An upload was begun.
    UploadBegun,
    /// A part came.
    PartPut,
    /// An upload was given up.
    UploadAborted,
    /// Chunks of garbage are gone, or numbers of chunks were set aside.
    Housekeeping,
    /// Lifecycle removed a version or a delete marker.
    Expired,
    /// Lifecycle made a delete marker.
    MarkerExpired,
}

impl Kind {
    /// Whether it leaves less than there was.
    const fn frees(self) -> bool {
        matches!(
            self,
            Self::BucketDeleted | Self::Removed | Self::UploadAborted | Self::TagsDeleted | Self::Expired
        )
    }
}

/// One thing that happened. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// What.
    pub kind: Kind,
    /// In which bucket.
    pub bucket: String,
    /// To which key; empty if to none.
    pub key: String,
    /// To which version.
    pub version: Option<VersionId>,
    /// The version's size and ETag, where one was made.
    pub object: Option<(u64, String)>,
    /// Who asked for it: a canonical id, or nothing for the anonymous and the service itself.
    pub requester: Option<String>,
}

/// A put or a delete of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A row goes.
    Delete(Partition, Bytes),
    /// A row is put.
    Put(Partition, Bytes, Bytes),
    /// The rows of parts go.
    Parts {
        /// Of which upload.
        upload: Seq,
        /// The first number.
        first: u16,
        /// The last number.
        last: u16,
    },
}

/// An entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// What happened.
    pub happened: Vec<Happened>,
    /// What is written.
    pub steps: Vec<Step>,
}

impl Entry {
    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let happened = postcard::to_allocvec(&self.happened)
            .expect("what happened holds strings and numbers only, which postcard can write");
        out.extend_from_slice(&(happened.len() as u32).to_le_bytes());
        out.extend_from_slice(&happened);
        for step in &self.steps {
            match step {
                Step::Delete(partition, key) => {
                    out.extend_from_slice(&[0, partition.number()]);
                    out.extend_from_slice(&(key.len() as u16).to_le_bytes());
                    out.extend_from_slice(key);
                }
                Step::Put(partition, key, value) => {
                    out.extend_from_slice(&[1, partition.number()]);
                    out.extend_from_slice(&(key.len() as u16).to_le_bytes());
                    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
                    out.extend_from_slice(key);
                    out.extend_from_slice(value);
                }
                Step::Parts { upload, first, last } => {
                    out.push(2);
                    out.extend_from_slice(&upload.0.to_le_bytes());
                    out.extend_from_slice(&first.to_le_bytes());
                    out.extend_from_slice(&last.to_le_bytes());
                }
            }
        }
    }

    /// About how long the payload is, never less.
    pub fn bytes(&self) -> usize {
        let happened = |one: &Happened| {
            let texts = one.bucket.len() + one.key.len() + one.requester.as_ref().map_or(0, String::len);
            texts + one.object.as_ref().map_or(0, |(_, etag)| etag.len()) + 48
        };
        let step = |step: &Step| match step {
            Step::Delete(_, key) => 4 + key.len(),
            Step::Put(_, key, value) => 8 + key.len() + value.len(),
            Step::Parts { .. } => 13,
        };
        16 + self.happened.iter().map(happened).sum::<usize>() + self.steps.iter().map(step).sum::<usize>()
    }

    /// Reads a payload. Memory: its bytes once, and a small multiple of them for what is told of them.
    pub fn decode(payload: &[u8]) -> Result<Self, ApplyError> {
        let wrong =
            |what: &str| ApplyError::Malformed(format!("{what}, in an entry of {} bytes", payload.len()));
        if payload.len() > ENTRY_BYTES_MAX {
            return Err(wrong("it is too long"));
        }
        let mut rest = Bytes::copy_from_slice(payload);
        let mut happened = take(&mut rest, 4)
            .and_then(|bytes| take(&mut rest, little(&bytes) as usize))
            .ok_or_else(|| wrong("it ends within what happened"))?;
        let (list, left): (Vec<Happened>, _) =
            postcard::take_from_bytes(&happened).map_err(|_| wrong("what happened cannot be read"))?;
        if !left.is_empty() || list.len() > HAPPENED_MAX {
            return Err(wrong("what happened is too much"));
        }
        happened.clear();
        let (mut steps, mut parts) = (Vec::new(), 0);
        while !rest.is_empty() {
            let step = step(&mut rest).ok_or_else(|| wrong("a step cannot be read"))?;
            if let Step::Parts { first, last, .. } = &step {
                parts += u32::from(last - first) + 1;
            }
            if parts > PARTS_MAX {
                return Err(wrong("more parts go than an upload has"));
            }
            steps.push(step);
        }
        Ok(Self { happened: list, steps })
    }
}

fn take(rest: &mut Bytes, bytes: usize) -> Option<Bytes> {
    (bytes <= rest.len()).then(|| rest.split_to(bytes))
}

fn little(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn number(rest: &mut Bytes, bytes: usize) -> Option<u64> {
    take(rest, bytes).map(|bytes| little(&bytes))
}

fn partition(rest: &mut Bytes) -> Option<Partition> {
    let number = number(rest, 1)?;
    keys::ALL.into_iter().find(|partition| u64::from(partition.number()) == number)
}

fn step(rest: &mut Bytes) -> Option<Step> {
    match number(rest, 1)? {
        0 => {
            let partition = partition(rest)?;
            let length = number(rest, 2)?;
            Some(Step::Delete(partition, take(rest, length as usize)?))
        }
        1 => {
            let partition = partition(rest)?;
            let lengths = (number(rest, 2)?, number(rest, 4)?);
            let key = take(rest, lengths.0 as usize)?;
            Some(Step::Put(partition, key, take(rest, lengths.1 as usize)?))
        }
        2 => {
            let upload = Seq(number(rest, 8)?);
            let (first, last) = (number(rest, 2)? as u16, number(rest, 2)? as u16);
            (first <= last).then_some(Step::Parts { upload, first, last })
        }
        _ => None,
    }
}

/// How entries act on the ordered state.
pub struct Rows;

impl Effects for Rows {
    type Effect = Entry;

    fn kind(_: &Entry) -> (PayloadKind, u8) {
        (KIND, VERSION)
    }

    fn encode(entry: &Entry, out: &mut Vec<u8>) {
        entry.encode(out);
    }

    fn decode(kind: PayloadKind, version: u8, payload: &[u8]) -> Result<Entry, ApplyError> {
        if (kind, version) != (KIND, VERSION) {
            return Err(ApplyError::Unknown { kind: kind.0, version });
        }
        Entry::decode(payload)
    }

    fn mutations(entry: &Entry, out: &mut Mutations) {
        for step in &entry.steps {
            match step {
                Step::Delete(partition, key) => out.delete(*partition, key.clone()),
                Step::Put(partition, key, value) => out.put(*partition, key.clone(), value.clone()),
                Step::Parts { upload, first, last } => {
                    (*first..=*last).for_each(|number| out.delete(keys::PARTS, keys::part(*upload, number)));
                }
            }
        }
    }

    fn frees(entry: &Entry) -> bool {
        let only_deletes = entry.steps.iter().all(|step| !matches!(step, Step::Put(..)));
        only_deletes || entry.happened.iter().all(|happened| happened.kind.frees())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Entry {
        let happened = Happened {
            kind: Kind::Completed,
            bucket: "b".to_owned(),
            key: "k".to_owned(),
            version: Some(VersionId::Seq(Seq(300))),
            object: Some((5, "e".to_owned())),
            requester: Some("u".to_owned()),
        };
        let steps = vec![
            Step::Delete(keys::CURRENT, Bytes::from_static(b"key")),
            Step::Put(keys::INLINE, Bytes::from_static(b"k"), Bytes::from_static(b"value")),
            Step::Parts { upload: Seq(1), first: 2, last: 10_000 },
        ];
        Entry { happened: vec![happened], steps }
    }

    fn encoded(entry: &Entry) -> Vec<u8> {
        let mut out = Vec::new();
        entry.encode(&mut out);
        out
    }

    #[test]
    fn version_1_is_read_and_written() {
        let stored = b"\x11\0\0\0\x01\x05\x01b\x01k\x01\x01\xac\x02\x01\x05\x01e\x01\x01u\
            \0C\x03\0key\x01I\x01\0\x05\0\0\0kvalue\x02\x01\0\0\0\0\0\0\0\x02\0\x10\x27";
        assert_eq!(encoded(&sample()).escape_ascii().to_string(), stored.escape_ascii().to_string());
        assert_eq!(Entry::decode(stored), Ok(sample()));
        assert_eq!(Rows::decode(KIND, 1, stored), Ok(sample()));
        assert_eq!(Rows::decode(KIND, 2, stored), Err(ApplyError::Unknown { kind: 1, version: 2 }));
        let mut mutations = Mutations::new();
        Rows::mutations(&sample(), &mut mutations);
        assert_eq!(mutations.len(), 2 + 9_999);
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        let whole = encoded(&sample());
        for cut in (0..whole.len()).filter(|cut| ![21, 28, 42].contains(cut)) {
            assert!(Entry::decode(&whole[..cut]).is_err(), "{cut} bytes are read");
        }
        let with = |steps: &[u8]| [&b"\x01\0\0\0\0"[..], steps].concat();
        for (steps, expected) in [
            (&b"\x03"[..], "a step cannot be read"),
            (b"\0Z\0\0", "a step cannot be read"),
            (b"\x02\x01\0\0\0\0\0\0\0\x03\0\x02\0", "a step cannot be read"),
            (b"\x02\x01\0\0\0\0\0\0\0\0\0\xff\xff", "more parts go"),
        ] {
            let error = Entry::decode(&with(steps)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(Entry::decode(&vec![0; ENTRY_BYTES_MAX + 1]).unwrap_err().to_string().contains("too long"));
    }

    #[test]
    fn what_leaves_less_is_taken_on_a_full_disk() {
        let of = |kind| {
            let mut entry = sample();
            entry.happened[0].kind = kind;
            entry
        };
        for (entry, expected) in [
            (of(Kind::Put), false),
            (of(Kind::MarkerMade), false),
            (of(Kind::Removed), true),
            (of(Kind::UploadAborted), true),
            (of(Kind::Expired), true),
            (of(Kind::MarkerExpired), false),
            (
                Entry { steps: vec![Step::Delete(keys::GARBAGE, Bytes::new())], ..of(Kind::Housekeeping) },
                true,
            ),
        ] {
            assert_eq!(Rows::frees(&entry), expected, "{entry:?}");
        }
    }

    prop_compose! {
        fn steps()(
            rows in prop::collection::vec(
                (0..keys::ALL.len(), prop::collection::vec(any::<u8>(), 0..40), prop::option::of(prop::collection::vec(any::<u8>(), 0..80))),
                0..20,
            ),
        ) -> Vec<Step> {
            rows.into_iter().map(|(partition, key, value)| match value {
                None => Step::Delete(keys::ALL[partition], key.into()),
                Some(value) => Step::Put(keys::ALL[partition], key.into(), value.into()),
            }).collect()
        }
    }

    proptest! {
        #[test]
        fn entries_are_read_as_written(steps in steps()) {
            let entry = Entry { steps, ..sample() };
            let bytes = encoded(&entry);
            prop_assert!(bytes.len() <= entry.bytes());
            prop_assert_eq!(Entry::decode(&bytes), Ok(entry));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(entry) = Entry::decode(&bytes) {
                prop_assert_eq!(Entry::decode(&encoded(&entry)), Ok(entry));
            }
        }
    }
}
