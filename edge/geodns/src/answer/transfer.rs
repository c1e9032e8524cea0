//! Whole zones (AXFR, RFC 5936): the SOA record, all others, the SOA record again, in messages of bounded size, signed if the
//! request was.
//!
//! A zone whose answers depend on who asks has no whole that could be written down: it is not transferred.

use crate::answer::{Client, Server};
use crate::limits;
use crate::security::transfer::is_allowed;
use crate::security::tsig::{self, Verified};
use crate::wire::{CLASS_IN, Name, Query, Rcode, RecordType, Response, Section, query, response};
use crate::zone::{Set, Zone};
use std::sync::Arc;

/// The zone that a request may have; otherwise the code that it gets.
pub(super) fn allowed<'z>(
    server: &Server<'z>,
    query: &Query<'_>,
    client: &Client,
    verified: &Verified<'_>,
) -> Result<&'z Arc<Zone>, Rcode> {
    let zone = server.zones.get(query.name.wire()).ok_or(Rcode::NotAuth)?;
    let key = match verified {
        Verified::Good(signing) => Some(signing.key()),
        _ => None,
    };
    if query.class != CLASS_IN
        || !is_allowed(&server.rules.transfers, &zone.origin, client.address, key)
        || zone.is_dynamic()
    {
        return Err(Rcode::Refused);
    }
    Ok(zone)
}

/// The messages that answer a request for which [`super::Server::answer`] said that it gets a zone.
pub fn messages(server: &Server<'_>, message: &[u8], client: &Client) -> Vec<Vec<u8>> {
    let Ok(query) = query::parse(message) else { return Vec::new() };
    let verified = tsig::verify(&query, &server.rules.keys, client.now);
    let Ok(zone) = allowed(server, &query, client, &verified) else { return Vec::new() };
    let mut messages = Messages { query: &query, all: Vec::new(), current: Vec::new(), count: 0 };
    messages.set(&zone.origin, &zone.soa);
    for (name, node) in zone.nodes() {
        for set in node.sets.iter().filter(|set| set.kind != RecordType::SOA) {
            messages.set(name, set);
        }
    }
    messages.set(&zone.origin, &zone.soa);
    messages.close();
    let mut all = messages.all;
    if let Verified::Good(mut signing) = verified {
        all.iter_mut().for_each(|message| signing.sign(message, client.now));
    }
    all
}

struct Messages<'q> {
    query: &'q Query<'q>,
    all: Vec<Vec<u8>>,
    current: Vec<u8>,
    count: u16,
}

impl Messages<'_> {
    fn set(&mut self, name: &Name, set: &Set) {
        for data in &set.data {
            response::whole(name, set.kind, set.ttl, data, &mut self.current);
            self.count += 1;
            if self.current.len() >= limits::TRANSFER_MESSAGE_BYTES {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        if self.count > 0 {
            let mut message = Vec::with_capacity(self.current.len() + 512);
            let mut response = Response::begin(self.query, &mut message);
            response.laid_out(Section::Answer, &self.current, self.count);
            response.finish(Rcode::NoError, None, u16::MAX as usize);
            self.all.push(message);
            self.current.clear();
            self.count = 0;
        }
    }
}
