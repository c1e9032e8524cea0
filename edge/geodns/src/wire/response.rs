//! Writes a response: header, the question as it came, records, OPT. Owners are compressed against the question; what was
//! laid out beforehand is copied.

use crate::wire::edns;
use crate::wire::query::QueryName;
use crate::wire::{CLASS_IN, HEADER_BYTES, Name, Query, Rcode, RecordType, flags};

/// A pointer to the question's name.
pub const QUESTION_POINTER: [u8; 2] = [0xC0, HEADER_BYTES as u8];

/// A part of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What was asked for.
    Answer = 0,
    /// Who knows more, or that there is nothing.
    Authority = 1,
    /// What helps.
    Additional = 2,
}

/// Whose a record is.
#[derive(Clone, Copy, Debug)]
pub enum Owner<'a> {
    /// The name that was asked for.
    Question,
    /// Another.
    Name(&'a [u8]),
}

/// A response in the making.
#[derive(Debug)]
pub struct Response<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    flags: u16,
    counts: [u16; 3],
    /// The name in the question, folded.
    name: QueryName,
    question_end: usize,
    /// Where what nobody needs begins, and how many records of its section come before.
    helpful: Option<(usize, u16)>,
}

impl<'o> Response<'o> {
    /// Begins an authoritative response to `query` at the end of `out`.
    pub fn begin(query: &Query<'_>, out: &'o mut Vec<u8>) -> Self {
        let start = out.len();
        out.extend_from_slice(&query.message[..2]);
        out.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        out.extend_from_slice(query.question);
        let bits = flags::QR | flags::AA | (query.flags & (flags::RD | flags::CD));
        let question_end = out.len();
        Self {
            out,
            start,
            flags: bits,
            counts: [0; 3],
            name: query.name.clone(),
            question_end,
            helpful: None,
        }
    }

    /// A header without a question: what a message gets that cannot be read.
    pub fn bare(id: u16, query_flags: u16, rcode: Rcode, out: &mut Vec<u8>) {
        let bits = flags::QR | (query_flags & (flags::OPCODE | flags::RD)) | rcode as u16;
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&bits.to_be_bytes());
        out.extend_from_slice(&[0; 8]);
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.out.len() - self.start
    }

    /// Whether nothing but header and question is there.
    pub fn is_empty(&self) -> bool {
        self.out.len() == self.question_end
    }

    /// Records of a section so far.
    pub fn count(&self, section: Section) -> u16 {
        self.counts[section as usize]
    }

    /// Says that the answer is another's.
    pub fn not_authoritative(&mut self) {
        self.flags &= !flags::AA;
    }

    /// Appends records that were laid out for a question's owner.
    pub fn laid_out(&mut self, section: Section, records: &[u8], count: u16) {
        self.out.extend_from_slice(records);
        self.counts[section as usize] += count;
    }

    /// Appends a record.
    pub fn record(&mut self, section: Section, owner: Owner<'_>, kind: RecordType, ttl: u32, data: &[u8]) {
        match owner {
            Owner::Question => self.out.extend_from_slice(&QUESTION_POINTER),
            Owner::Name(name) => self.name(name),
        }
        tail(kind, ttl, data, self.out);
        self.counts[section as usize] += 1;
    }

    /// Appends a record that helps, and goes if there is no room. What is needed comes before.
    pub fn helpful(&mut self, owner: Owner<'_>, kind: RecordType, ttl: u32, data: &[u8]) {
        self.helpful.get_or_insert((self.out.len(), self.counts[Section::Additional as usize]));
        self.record(Section::Additional, owner, kind, ttl, data);
    }

    /// Appends a name, its end as a pointer into the question where they share it.
    fn name(&mut self, name: &[u8]) {
        let question = self.name.wire();
        let mut rest = name;
        while rest[0] != 0 {
            if let Some(at) = question.len().checked_sub(rest.len())
                && question[at..] == *rest
                && crate::wire::name::suffixes(question).any(|suffix| suffix.len() == rest.len())
            {
                let pointer = 0xC000 | (HEADER_BYTES + at) as u16;
                self.out.extend_from_slice(&pointer.to_be_bytes());
                return;
            }
            let (label, tail) = rest.split_at(rest[0] as usize + 1);
            self.out.extend_from_slice(label);
            rest = tail;
        }
        self.out.push(0);
    }

    /// Drops all records.
    pub fn clear(&mut self) {
        self.out.truncate(self.question_end);
        self.counts = [0; 3];
        self.helpful = None;
    }

    /// Ends it. If it has more than `bytes_max` bytes, OPT included, what only helps goes; if it is still too long, it is sent
    /// empty and marked as cut short, and the result says so.
    pub fn finish(mut self, rcode: Rcode, reply: Option<&edns::Reply<'_>>, bytes_max: usize) -> bool {
        let before_opt = self.out.len();
        self.opt(rcode, reply);
        if self.len() > bytes_max
            && let Some((end, count)) = self.helpful.take()
        {
            self.out.truncate(end);
            self.counts[Section::Additional as usize] = count;
            self.opt(rcode, reply);
        }
        let cut = self.len() > bytes_max;
        if cut {
            self.clear();
            self.flags |= flags::TC;
            self.opt(rcode, reply);
            if self.len() > bytes_max {
                // A question of 255 bytes and every option: the options are what can go.
                self.clear();
                self.opt(
                    rcode,
                    reply
                        .map(|reply| edns::Reply {
                            dnssec_ok: reply.dnssec_ok,
                            rcode_high: reply.rcode_high,
                            udp_bytes: reply.udp_bytes,
                            ..edns::Reply::default()
                        })
                        .as_ref(),
                );
            }
        }
        debug_assert!(before_opt >= self.question_end);
        self.patch(rcode);
        cut
    }

    /// Ends it with nothing but the mark that it was cut short: the client shall come by TCP.
    pub fn slip(mut self, reply: Option<&edns::Reply<'_>>) {
        self.clear();
        self.flags |= flags::TC;
        self.opt(Rcode::NoError, reply);
        self.patch(Rcode::NoError);
    }

    fn opt(&mut self, rcode: Rcode, reply: Option<&edns::Reply<'_>>) {
        if let Some(reply) = reply {
            let start = self.start;
            let reply = edns::Reply { rcode_high: (rcode as u16 >> 4) as u8, ..reply.clone() };
            // Padding counts from the start of this message.
            debug_assert!(start == 0 || reply.padded_to == 0);
            edns::write(&reply, self.out);
            self.counts[Section::Additional as usize] += 1;
        }
    }

    fn patch(&mut self, rcode: Rcode) {
        let bits = self.flags | (rcode as u16 & 0xF);
        let header = &mut self.out[self.start..self.start + HEADER_BYTES];
        header[2..4].copy_from_slice(&bits.to_be_bytes());
        for (field, count) in header[6..].chunks_exact_mut(2).zip(self.counts) {
            field.copy_from_slice(&count.to_be_bytes());
        }
    }
}

/// Appends what follows an owner: type, class, TTL, data.
pub fn tail(kind: RecordType, ttl: u32, data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&kind.0.to_be_bytes());
    out.extend_from_slice(&CLASS_IN.to_be_bytes());
    out.extend_from_slice(&ttl.to_be_bytes());
    out.extend_from_slice(&(data.len() as u16).to_be_bytes());
    out.extend_from_slice(data);
}

/// A record of `name`, whole.
pub fn whole(name: &Name, kind: RecordType, ttl: u32, data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.wire());
    tail(kind, ttl, data, out);
}
