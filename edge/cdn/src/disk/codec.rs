//! The file of one piece. *Persisted*, version 1, all numbers little endian:
//!
//! ```text
//!  0  8  "BOLECDN1"
//!  8  4  length of the head H          12  8  length of the body B
//! 20  8  object                        28  4  slice
//! 32  8  place of the body's first byte in the representation
//! 40  4  CRC32C of bytes 0..40 and of the head
//! 44  H  head: texts and lists with lengths before them, in the order of [`Record`]
//!     4  CRC32C of each 64 KiB of the body, the last one shorter
//!     B  body
//! ```

use crate::key::Key;
use crate::object::{Meta, Object, Piece};
use bole_cdn_policy::vary::Selection;
use bole_cdn_policy::{Terms, Time};
use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};

const MAGIC: &[u8; 8] = b"BOLECDN1";

/// Bytes before the head.
pub const FIXED_BYTES: usize = 44;

/// Bytes of the body under one checksum.
pub const BLOCK_BYTES: usize = 64 << 10;

/// Longest head that is read.
pub const HEAD_BYTES_MAX: usize = 4 << 20;

/// What a file says about its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The object.
    pub object: u64,
    /// The slice.
    pub slice: u32,
    /// The key, space included.
    pub key: String,
    /// Which requests select it.
    pub selection: Selection,
    /// Head and terms.
    pub meta: Meta,
    /// The length of the whole.
    pub whole: Option<u64>,
    /// The epoch of purges.
    pub epoch: u64,
    /// Rises with each confirmation: the newest head of an object counts.
    pub version: u64,
}

/// The fixed part and where the rest begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// Bytes of the head.
    pub head: usize,
    /// Bytes of the body.
    pub body: usize,
    /// The object.
    pub object: u64,
    /// The slice.
    pub slice: u32,
    /// Where the body stands.
    pub start: u64,
    sum: u32,
}

impl Fixed {
    /// Bytes of the whole file.
    pub fn file_bytes(&self) -> usize {
        FIXED_BYTES + self.head + 4 * self.body.div_ceil(BLOCK_BYTES) + self.body
    }

    /// The head in a file, if it fits its checksum.
    fn head_in<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let head = bytes.get(FIXED_BYTES..FIXED_BYTES + self.head)?;
        let sum = crc32c::crc32c_append(crc32c::crc32c(bytes.get(..40)?), head);
        (sum == self.sum).then_some(head)
    }
}

impl Record {
    /// What is to be said about an object, for the file of one of its slices.
    pub fn of(object: &Object, slice: u32) -> Self {
        let meta = object.meta();
        Self {
            object: object.id,
            slice,
            key: object.key.whole().to_owned(),
            selection: object.selection.clone(),
            version: meta.terms.received.0.unsigned_abs(),
            meta: (*meta).clone(),
            whole: object.whole(),
            epoch: object.epoch(),
        }
    }

    /// The object again. `None`: the key is none.
    pub fn into_object(self) -> Option<Object> {
        let key = Key::read(&self.key)?;
        let object = Object::new(self.object, key, self.selection, self.meta, self.epoch, 0);
        if let Some(whole) = self.whole {
            object.set_whole(whole);
        }
        // What is there needs no second admission, which would write it anew.
        object.let_on_disk();
        Some(object)
    }

    /// A file.
    pub fn write(&self, piece: &Piece) -> Vec<u8> {
        let head = self.write_head();
        let mut file = Vec::with_capacity(FIXED_BYTES + head.len() + piece.bytes.len() + 128);
        file.extend(MAGIC);
        file.extend((head.len() as u32).to_le_bytes());
        file.extend((piece.bytes.len() as u64).to_le_bytes());
        file.extend(self.object.to_le_bytes());
        file.extend(self.slice.to_le_bytes());
        file.extend(piece.start.to_le_bytes());
        let sum = crc32c::crc32c_append(crc32c::crc32c(&file), &head);
        file.extend(sum.to_le_bytes());
        file.extend(head);
        for block in piece.bytes.chunks(BLOCK_BYTES) {
            file.extend(crc32c::crc32c(block).to_le_bytes());
        }
        file.extend_from_slice(&piece.bytes);
        file
    }

    fn write_head(&self) -> Vec<u8> {
        let mut out = Out(Vec::with_capacity(512));
        out.bytes(self.key.as_bytes());
        out.number(self.selection.fields.len() as u64);
        for (name, value) in &self.selection.fields {
            out.bytes(name.as_str().as_bytes());
            out.number(u64::from(value.is_some()));
            out.bytes(value.as_deref().unwrap_or("").as_bytes());
        }
        out.number(u64::from(self.meta.status.as_u16()));
        let headers = self.meta.headers();
        out.number(headers.len() as u64);
        for (name, value) in &headers {
            out.bytes(name.as_str().as_bytes());
            out.bytes(value.as_bytes());
        }
        let terms = &self.meta.terms;
        let flags =
            u64::from(terms.no_cache) | u64::from(terms.no_stale) << 1 | u64::from(terms.immutable) << 2;
        let numbers = [
            terms.initial_age,
            terms.received.0 as u64,
            terms.lifetime,
            terms.while_revalidate,
            terms.if_error,
        ];
        for number in numbers.into_iter().chain([terms.if_disconnected, flags, self.epoch, self.version]) {
            out.number(number);
        }
        out.number(u64::from(self.whole.is_some()));
        out.number(self.whole.unwrap_or(0));
        out.0
    }

    /// The head of a file. `None`: it is not one, or does not fit its checksum.
    pub fn read(fixed: &Fixed, bytes: &[u8]) -> Option<Self> {
        let mut input = In(fixed.head_in(bytes)?);
        let key = input.text()?;
        let mut selection = Selection::default();
        for _ in 0..input.number()? {
            let name = HeaderName::from_bytes(input.bytes()?).ok()?;
            let there = input.number()? == 1;
            let value = input.text()?;
            selection.fields.push((name, there.then_some(value)));
        }
        let status = StatusCode::from_u16(u16::try_from(input.number()?).ok()?).ok()?;
        let mut headers = HeaderMap::new();
        for _ in 0..input.number()? {
            let name = HeaderName::from_bytes(input.bytes()?).ok()?;
            headers.try_append(name, HeaderValue::from_bytes(input.bytes()?).ok()?).ok()?;
        }
        let terms = input.terms()?;
        let (epoch, version) = (input.number()?, input.number()?);
        let there = input.number()? == 1;
        let whole = input.number()?;
        let whole = there.then_some(whole);
        let meta = Meta::new(status, &headers, terms);
        let record =
            Self { object: fixed.object, slice: fixed.slice, key, selection, meta, whole, epoch, version };
        input.0.is_empty().then_some(record)
    }
}

/// The fixed part. `None`: not a file of this version, or one whose numbers cannot be.
pub fn read_fixed(bytes: &[u8]) -> Option<Fixed> {
    let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let short = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    if bytes.get(..8)? != MAGIC {
        return None;
    }
    let (head, body) = (short(8)? as usize, usize::try_from(number(12)?).ok()?);
    let good = head <= HEAD_BYTES_MAX && body <= crate::limits::SLICE_BYTES as usize;
    let fixed =
        Fixed { head, body, object: number(20)?, slice: short(28)?, start: number(32)?, sum: short(40)? };
    good.then_some(fixed)
}

/// The body of a file, which keeps all of its bytes. `None`: any of it is not what was written.
pub fn read(bytes: impl Into<Bytes>) -> Option<(Fixed, Piece)> {
    let bytes = bytes.into();
    let fixed = read_fixed(&bytes)?;
    if bytes.len() != fixed.file_bytes() {
        return None;
    }
    fixed.head_in(&bytes)?;
    let sums = &bytes[FIXED_BYTES + fixed.head..bytes.len() - fixed.body];
    let body = bytes.slice(bytes.len() - fixed.body..);
    let sound = body
        .chunks(BLOCK_BYTES)
        .zip(sums.chunks(4))
        .all(|(block, sum)| crc32c::crc32c(block).to_le_bytes() == *sum);
    sound.then(|| (fixed, Piece::new(fixed.start, body)))
}

struct Out(Vec<u8>);

impl Out {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend((bytes.len() as u32).to_le_bytes());
        self.0.extend(bytes);
    }
}

struct In<'a>(&'a [u8]);

impl<'a> In<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = u32::from_le_bytes(self.take(4)?.try_into().ok()?);
        self.take(count as usize)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    fn terms(&mut self) -> Option<Terms> {
        let (initial_age, received) = (self.number()?, Time(self.number()? as i64));
        let (lifetime, while_revalidate, if_error) = (self.number()?, self.number()?, self.number()?);
        let (if_disconnected, flags) = (self.number()?, self.number()?);
        Some(Terms {
            initial_age,
            received,
            lifetime,
            no_cache: flags & 1 != 0,
            no_stale: flags & 2 != 0,
            while_revalidate,
            if_error,
            if_disconnected,
            immutable: flags & 4 != 0,
        })
    }
}
