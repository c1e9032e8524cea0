//! Numbers of what was made, and how clients see them.

use std::fmt;

use bole_base::Offset;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result, shown};

/// What one entry can make.
pub const MADE_BY_ENTRY_MAX: u64 = 1 << 16;

/// Which version, part or upload: the offset of the entry that made it and its number within that, so it is unique and rises. *Persisted.*
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The `number`th of the entry at `offset`. Offsets stay below 2^48, which is 9,000 years at a thousand entries a second.
    pub const fn new(offset: Offset, number: u32) -> Self {
        assert!((number as u64) < MADE_BY_ENTRY_MAX, "an entry makes at most 65,536 things");
        Self(offset.0 * MADE_BY_ENTRY_MAX + number as u64)
    }
}

/// Which bucket: the seq of its creation, so that a bucket that is made anew under an old name is another. *Persisted.*
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BucketId(pub u64);

/// Writes a seq for clients: 16 hexadecimal digits, and 8 of a CRC32C over `what` and the seq, so that an id of something else is seen.
fn write(what: &str, seq: Seq) -> String {
    format!("{:016x}{:08x}", seq.0, checksum(what, seq))
}

fn checksum(what: &str, seq: Seq) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(what.as_bytes()), &seq.0.to_be_bytes())
}

fn read(what: &str, text: &str) -> Option<Seq> {
    let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let (seq, sum) = Some(text).filter(|text| text.len() == 24 && digits)?.split_at(16);
    let seq = Seq(u64::from_str_radix(seq, 16).ok()?);
    (u32::from_str_radix(sum, 16).ok()? == checksum(what, seq)).then_some(seq)
}

/// A version's id as clients know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum VersionId {
    /// `null`: one that was put while the bucket had no versions.
    Null,
    /// Any other.
    Seq(Seq),
}

impl VersionId {
    /// Reads a client's `versionId`.
    pub fn parse(text: &str) -> Result<Self> {
        if text == "null" {
            return Ok(Self::Null);
        }
        let wrong = || {
            Error::new(Code::InvalidArgument, format!("Invalid version id specified: \"{}\"", shown(text)))
        };
        read("version", text).map(Self::Seq).ok_or_else(wrong)
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Seq(seq) => f.write_str(&write("version", *seq)),
        }
    }
}

/// A multipart upload's id as clients know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId(pub Seq);

impl UploadId {
    /// Reads a client's `uploadId`.
    pub fn parse(text: &str) -> Result<Self> {
        read("upload", text).map(Self).ok_or_else(no_such_upload)
    }
}

/// There is none with that id, or none any more.
pub fn no_such_upload() -> Error {
    let text = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
    Error::new(Code::NoSuchUpload, text)
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&write("upload", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_written_and_nothing_else_is() {
        let seq = Seq::new(Offset(0x1234), 7);
        let text = VersionId::Seq(seq).to_string();
        // This is in links and databases of clients: it stays.
        assert_eq!(text, "0000000012340007713e697d");
        assert_eq!(VersionId::parse(&text), Ok(VersionId::Seq(seq)));
        assert_eq!(VersionId::parse("null"), Ok(VersionId::Null));
        let upload = UploadId(seq).to_string();
        assert_eq!(UploadId::parse(&upload), Ok(UploadId(seq)));
        for wrong in ["", "NULL", &upload, &text[1..], &text.to_uppercase(), "0000000012340008713e697d"] {
            assert_eq!(VersionId::parse(wrong).unwrap_err().code, Code::InvalidArgument, "{wrong}");
        }
        assert_eq!(UploadId::parse(&text).unwrap_err().code, Code::NoSuchUpload);
    }

    #[test]
    fn later_is_higher() {
        let rows = [(1, 0), (1, 1), (1, 65_535), (2, 0), ((1 << 48) - 1, 65_535)];
        let seqs: Vec<_> = rows.iter().map(|(offset, number)| Seq::new(Offset(*offset), *number)).collect();
        assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
    }
}
