//! Why a client gets an answer: the same walk, with everything noted.

use crate::answer::{Client, Outcome, Server, Transport};
use crate::chain::{Note, Notes};
use crate::geo::{Atlas, Facts, Prefix};
use crate::wire::edns::{Reply, Subnet};
use crate::wire::{Name, RecordType, edns};
use crate::zone::rdata;
use bole_edge_core::Random;
use serde::Serialize;
use std::fmt;

/// What `bole dns explain NAME --from IP` tells.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The name.
    pub name: String,
    /// The type.
    pub kind: String,
    /// Where it is asked from: an address, or the subnet that a resolver tells.
    pub from: String,
    /// What is known of that place.
    pub place: String,
    /// Step by step on the way to the answer.
    pub steps: Vec<String>,
    /// Filter by filter, what it kept and dropped and why.
    pub filters: Vec<Note>,
    /// The code of the answer.
    pub rcode: String,
    /// Records of the answer, as text.
    pub answer: Vec<String>,
    /// For how many bits of the client's address it holds, as a resolver would be told.
    pub scope: u8,
}

/// Explains the answer to `name` and `kind` for clients in `from`. Chance is drawn as for a query of its own.
pub fn explain(
    server: &Server<'_>,
    atlas: &Atlas,
    name: &Name,
    kind: RecordType,
    from: Prefix,
    now: u64,
    random: &mut Random,
) -> Explanation {
    let mut message = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    message.extend_from_slice(name.wire());
    message.extend_from_slice(&kind.0.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    let subnet = Subnet { address: from.address, source: from.length };
    edns::write(&Reply { udp_bytes: u16::MAX, subnet: Some((subnet, 0)), ..Reply::default() }, &mut message);
    let client = Client { address: from.address, transport: Transport::Tcp, now, now_ms: 0 };
    let (mut notes, mut out) = (Notes::on(), Vec::new());
    let outcome = server.answer(&message, &client, random, &mut notes, &mut out);
    let (rcode, scope) = match outcome {
        Outcome::Sent(sent) => (sent.rcode.name().to_owned(), sent.scope.unwrap_or(0)),
        Outcome::Silent | Outcome::Transfer => ("none".to_owned(), 0),
    };
    let facts: &Facts = atlas.facts(from.address);
    Explanation {
        name: name.to_string(),
        kind: kind.to_string(),
        from: if from.is_address() { from.address.to_string() } else { from.to_string() },
        place: facts.to_string(),
        steps: notes.steps,
        filters: notes.rows,
        rcode,
        answer: answers(&out, name),
        scope,
    }
}

/// The records in the answer section of a message of ours.
fn answers(message: &[u8], name: &Name) -> Vec<String> {
    let count = message.get(6..8).map_or(0, |count| u16::from_be_bytes([count[0], count[1]]));
    let mut at = 12 + name.wire().len() + 4;
    let mut shown = Vec::new();
    for _ in 0..count {
        let Some((owner, head)) = owner(message, at) else { break };
        let Some(fields) = message.get(head..head + 10) else { break };
        let kind = RecordType(u16::from_be_bytes([fields[0], fields[1]]));
        let ttl = u32::from_be_bytes([fields[4], fields[5], fields[6], fields[7]]);
        let length = u16::from_be_bytes([fields[8], fields[9]]) as usize;
        let Some(data) = message.get(head + 10..head + 10 + length) else { break };
        shown.push(format!("{owner} {ttl} IN {kind} {}", rdata::show(kind, data).unwrap_or_default()));
        at = head + 10 + length;
    }
    shown
}

/// A record's owner, and where its type stands.
fn owner(message: &[u8], at: usize) -> Option<(Name, usize)> {
    let (mut wire, mut place, mut end) = (Vec::new(), at, None);
    // Ours point backwards to the question only, at most once.
    for _ in 0..128 {
        match *message.get(place)? {
            0 => {
                wire.push(0);
                return Name::from_wire(&wire).map(|name| (name, end.unwrap_or(place + 1)));
            }
            high @ 0xC0.. => {
                end = end.or(Some(place + 2));
                place = usize::from(u16::from_be_bytes([high & 0x3F, *message.get(place + 1)?]));
            }
            length => {
                wire.extend_from_slice(message.get(place..=place + length as usize)?);
                place += length as usize + 1;
            }
        }
    }
    None
}

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} {} from {} ({})", self.name, self.kind, self.from, self.place)?;
        for step in &self.steps {
            writeln!(formatter, "  {step}")?;
        }
        for note in &self.filters {
            writeln!(formatter, "  {} / {}: keeps {}", note.pool, note.filter, list(&note.kept))?;
            for (name, why) in &note.dropped {
                writeln!(formatter, "    drops {name}: {why}")?;
            }
            for remark in &note.remarks {
                writeln!(formatter, "    {remark}")?;
            }
        }
        writeln!(formatter, "  {}, scope /{}", self.rcode, self.scope)?;
        for record in &self.answer {
            writeln!(formatter, "  {record}")?;
        }
        Ok(())
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}
