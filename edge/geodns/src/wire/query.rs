//! Reads a query: its header, its one question, its EDNS options and its TSIG, borrowed from the bytes that came.

use crate::wire::edns::{self, Edns};
use crate::wire::name::{LABEL_BYTES_MAX, NAME_BYTES_MAX};
use crate::wire::{HEADER_BYTES, Name, Rcode, RecordType, flags};

/// Records that a query may carry beside its question: OPT and TSIG, and room for what other clients send along.
const RECORDS_MAX: u16 = 8;

/// A query that can be answered.
#[derive(Clone, Debug)]
pub struct Query<'a> {
    /// All of its bytes.
    pub message: &'a [u8],
    /// Its id.
    pub id: u16,
    /// Its header's second word.
    pub flags: u16,
    /// The question as it was sent, case and all: name, type, class.
    pub question: &'a [u8],
    /// The name that is asked for, folded.
    pub name: QueryName,
    /// The type that is asked for.
    pub kind: RecordType,
    /// The class that is asked for.
    pub class: u16,
    /// Its OPT record.
    pub edns: Option<Edns>,
    /// Its signature.
    pub tsig: Option<Signature<'a>>,
}

/// A name of a query, folded, without an allocation.
#[derive(Clone)]
pub struct QueryName {
    bytes: [u8; NAME_BYTES_MAX + 1],
    length: u8,
}

/// A TSIG record (RFC 8945 section 4.2).
#[derive(Clone, Debug)]
pub struct Signature<'a> {
    /// Where its record begins in the message.
    pub at: usize,
    /// The key's name.
    pub key: Name,
    /// The algorithm's name.
    pub algorithm: Name,
    /// When it was made, in seconds since 1970.
    pub time: u64,
    /// Seconds by which clocks may differ.
    pub fudge: u16,
    /// The code.
    pub mac: &'a [u8],
    /// The id that was signed.
    pub original_id: u16,
    /// Its error.
    pub error: u16,
    /// What belongs to the error.
    pub other: &'a [u8],
}

/// Why a message is no query that can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswerable {
    /// It is not even a header, or it is a response: silence is the only answer that does no harm.
    Ignore,
    /// It gets a header with this code.
    Code {
        /// Its id.
        id: u16,
        /// Its header's second word.
        flags: u16,
        /// The code.
        rcode: Rcode,
    },
}

impl QueryName {
    /// Its wire form.
    pub fn wire(&self) -> &[u8] {
        &self.bytes[..self.length as usize]
    }

    /// The same as a name of its own.
    pub fn to_name(&self) -> Name {
        Name::from_wire(self.wire()).unwrap_or_else(Name::root)
    }
}

impl From<&Name> for QueryName {
    fn from(name: &Name) -> Self {
        let mut bytes = [0; NAME_BYTES_MAX + 1];
        bytes[..name.wire().len()].copy_from_slice(name.wire());
        Self { bytes, length: name.wire().len() as u8 }
    }
}

impl std::fmt::Debug for QueryName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        crate::wire::name::show(self.wire(), formatter)
    }
}

/// Reads a message. Nothing that it says is believed without its bytes.
pub fn parse(message: &[u8]) -> Result<Query<'_>, Unanswerable> {
    let header = message.first_chunk::<HEADER_BYTES>().ok_or(Unanswerable::Ignore)?;
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (id, bits) = (word(0), word(2));
    if bits & flags::QR != 0 {
        return Err(Unanswerable::Ignore);
    }
    let code = |rcode| Unanswerable::Code { id, flags: bits, rcode };
    if bits & flags::OPCODE != 0 {
        return Err(code(Rcode::NotImp));
    }
    let records = word(6).saturating_add(word(8)).saturating_add(word(10));
    if word(4) != 1 || records > RECORDS_MAX {
        return Err(code(Rcode::FormErr));
    }
    read(message, id, bits, [word(6) + word(8), word(10)]).ok_or(code(Rcode::FormErr))
}

fn read(message: &[u8], id: u16, bits: u16, [before, additional]: [u16; 2]) -> Option<Query<'_>> {
    let mut reader = Reader { bytes: message, at: HEADER_BYTES };
    let name = reader.query_name()?;
    let (kind, class) = (RecordType(reader.u16()?), reader.u16()?);
    let question = &message[HEADER_BYTES..reader.at];
    let mut query = Query { message, id, flags: bits, question, name, kind, class, edns: None, tsig: None };
    for _ in 0..before {
        reader.record()?;
    }
    for index in 0..additional {
        let record = reader.record()?;
        match RecordType(record.kind) {
            RecordType::OPT if query.edns.is_some() || message[record.at] != 0 => return None,
            RecordType::OPT => query.edns = Some(edns::read(record.class, record.ttl, record.data)?),
            // It is the last of all, or the message is not well formed (RFC 8945 section 5.1).
            RecordType::TSIG if index + 1 != additional => return None,
            RecordType::TSIG => query.tsig = Some(signature(&record, message)?),
            _ => {}
        }
    }
    Some(query)
}

struct Record<'a> {
    at: usize,
    kind: u16,
    class: u16,
    ttl: u32,
    data: &'a [u8],
}

fn signature<'a>(record: &Record<'a>, message: &'a [u8]) -> Option<Signature<'a>> {
    let key = Reader { bytes: message, at: record.at }.name()?;
    let mut reader = Reader { bytes: record.data, at: 0 };
    let algorithm = reader.name()?;
    let time = u64::from(reader.u16()?) << 32 | u64::from(reader.u32()?);
    let fudge = reader.u16()?;
    let length = reader.u16()? as usize;
    let mac = reader.take(length)?;
    let (original_id, error) = (reader.u16()?, reader.u16()?);
    let length = reader.u16()? as usize;
    let other = reader.take(length)?;
    let whole = reader.at == record.data.len();
    whole.then_some(Signature { at: record.at, key, algorithm, time, fudge, mac, original_id, error, other })
}

/// A place in bytes that are not trusted.
pub(crate) struct Reader<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> Option<&'a [u8]> {
        self.take(self.bytes.len() - self.at)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|taken| taken[0])
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|taken| u16::from_be_bytes([taken[0], taken[1]]))
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take(4).map(|taken| u32::from_be_bytes([taken[0], taken[1], taken[2], taken[3]]))
    }

    /// A name without compression: nothing stands before a question that it could point to, and TSIG has none.
    fn query_name(&mut self) -> Option<QueryName> {
        let mut name = QueryName { bytes: [0; NAME_BYTES_MAX + 1], length: 0 };
        let start = self.at;
        loop {
            let length = self.u8()? as usize;
            if length > LABEL_BYTES_MAX || self.at - start + length > NAME_BYTES_MAX {
                return None;
            }
            if length == 0 {
                break;
            }
            self.take(length)?;
        }
        let wire = &self.bytes[start..self.at];
        name.length = wire.len() as u8;
        // Lengths of labels are below 'A' and stay as they are.
        for (to, from) in name.bytes.iter_mut().zip(wire) {
            *to = from.to_ascii_lowercase();
        }
        Some(name)
    }

    pub(crate) fn name(&mut self) -> Option<Name> {
        self.query_name().map(|name| name.to_name())
    }

    /// Passes a name that may end in a pointer, without following it.
    fn pass_name(&mut self) -> Option<()> {
        loop {
            match self.u8()? {
                0 => return Some(()),
                length @ 1..=63 => self.take(length as usize)?,
                0xC0..=0xFF => return self.u8().map(|_| ()),
                _ => return None,
            };
        }
    }

    fn record(&mut self) -> Option<Record<'a>> {
        let at = self.at;
        self.pass_name()?;
        let (kind, class, ttl) = (self.u16()?, self.u16()?, self.u32()?);
        let length = self.u16()? as usize;
        Some(Record { at, kind, class, ttl, data: self.take(length)? })
    }
}
