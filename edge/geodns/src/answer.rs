//! From a message to its answer: a function of the message, the client, the zones, the state of targets, a clock and chance.
//! No I/O, no lock.
//!
//! ```text
//! message ─► read ─► signed? cookie? ─► zone ─► records, aliases, pools ─► signatures ─► fits? ─► not too many? ─► bytes
//! ```
//!
//! Reading order: this file → [`walk`] → [`emit`] → [`transfer`].

pub mod emit;
pub mod transfer;
pub mod walk;

use crate::chain::Notes;
use crate::limits;
use crate::security::cookies::Secrets;
use crate::security::rate::{Class, Limiter, Verdict};
use crate::security::transfer::Permission;
use crate::security::tsig::{self, Verified};
use crate::wire::edns::{Reply, Subnet};
use crate::wire::{CLASS_IN, Name, Query, Rcode, RecordType, Response, Unanswerable, query};
use crate::zone::Zones;
use bole_edge_core::Random;
use std::net::IpAddr;
use std::sync::Arc;

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// A datagram: its sender may be forged.
    Udp,
    /// A TCP connection.
    Tcp,
    /// A TLS connection (RFC 7858).
    Tls,
    /// A request by HTTPS (RFC 8484).
    Https,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Udp, Self::Tcp, Self::Tls, Self::Https];

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        ["udp", "tcp", "tls", "https"][self as usize]
    }
}

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Its address.
    pub address: IpAddr,
    /// How it came.
    pub transport: Transport,
    /// Seconds since 1970.
    pub now: u64,
    /// Milliseconds of a clock that does not step back.
    pub now_ms: u64,
}

/// Addresses of names that are not in the server's zones, for ALIAS.
pub trait Resolver: Send + Sync {
    /// What is known now of `name`: seconds for which it holds, and addresses as data of records of `kind` (A or AAAA).
    /// `None` if nothing is known yet; then the answer is SERVFAIL. It must not wait: who implements it asks beforehand and
    /// again in the background.
    fn addresses(&self, name: &Name, kind: RecordType) -> Option<(u32, Vec<Box<[u8]>>)>;
}

/// What answers are made from, beside the zones.
pub struct Rules {
    /// Whether client subnets are honoured.
    pub ecs: bool,
    /// Bytes of a datagram that is sent at most.
    pub udp_bytes: u16,
    /// The name of this server, for who asks (NSID).
    pub nsid: Option<String>,
    /// Secrets of cookies.
    pub cookies: Secrets,
    /// Whether a client that knows of cookies must show a good one by UDP.
    pub cookies_required: bool,
    /// How many answers a client gets.
    pub limiter: Limiter,
    /// Shared keys.
    pub keys: Vec<tsig::Key>,
    /// Who may have zones whole.
    pub transfers: Vec<Permission>,
    /// Who knows addresses of other names.
    pub resolver: Option<Arc<dyn Resolver>>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It gets no answer.
    Silent,
    /// It gets this one.
    Sent(Sent),
    /// It gets a zone whole: [`transfer::messages`] makes it.
    Transfer,
}

/// An answer that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its code.
    pub rcode: Rcode,
    /// Whether it was cut short because it did not fit.
    pub cut: bool,
    /// Whether it was emptied by rate limiting.
    pub slipped: bool,
    /// Bits of the client's address on which it depends, if the query gave a subnet.
    pub scope: Option<u8>,
    /// Seconds for which all of it holds.
    pub ttl: u32,
}

/// A server's mind: zones and rules.
#[derive(Clone, Copy)]
pub struct Server<'a> {
    /// Its zones.
    pub zones: &'a Zones,
    /// Its rules.
    pub rules: &'a Rules,
}

/// What an answer says of EDNS, gathered.
struct Frame<'q> {
    reply: Option<Reply<'q>>,
    bytes_max: usize,
    trusted: bool,
}

impl Server<'_> {
    /// Answers `message` into `out`, which is empty.
    pub fn answer(
        &self,
        message: &[u8],
        client: &Client,
        random: &mut Random,
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let query = match query::parse(message) {
            Ok(query) => query,
            Err(Unanswerable::Ignore) => return Outcome::Silent,
            Err(Unanswerable::Code { id, flags, rcode }) => {
                return self.limited(client, || {
                    Response::bare(id, flags, rcode, out);
                    Sent { rcode, cut: false, slipped: false, scope: None, ttl: 0 }
                });
            }
        };
        let mut verified = tsig::verify(&query, &self.rules.keys, client.now);
        if let Verified::Bad(error, signing) = &mut verified {
            let response = Response::begin(&query, out);
            response.finish(Rcode::NotAuth, None, limits::STREAM_QUERY_BYTES_MAX);
            match (signing, &query.tsig) {
                (Some(signing), _) => signing.sign(out, client.now),
                (None, Some(tsig)) => tsig::append_error(tsig, *error, out),
                (None, None) => {}
            }
            let sent = Sent { rcode: Rcode::NotAuth, cut: false, slipped: false, scope: None, ttl: 0 };
            return self.limited(client, || sent);
        }
        let outcome = self.respond(&query, client, &verified, random, notes, out);
        if let (Outcome::Sent(_), Verified::Good(signing)) = (outcome, &mut verified) {
            signing.sign(out, client.now);
        }
        outcome
    }

    /// Answers a query that can be read and whose signature, if it has one, is good.
    fn respond(
        &self,
        query: &Query<'_>,
        client: &Client,
        verified: &Verified<'_>,
        random: &mut Random,
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let mut frame = self.frame(query, client, verified);
        if let Some(refusal) = self.refusal(query, client) {
            let response = Response::begin(query, out);
            return self.finish(response, refusal, None, &frame, client, (Class::Error, &[]));
        }
        if matches!(query.kind, RecordType::AXFR | RecordType::IXFR) {
            return self.transfer(query, client, verified, &frame, notes, out);
        }
        // A DS record is the parent's.
        let zone = self.zones.find(query.name.wire());
        let zone = match zone {
            Some(zone) if query.kind == RecordType::DS && *zone.origin.wire() == *query.name.wire() => {
                self.zones.find_above(query.name.wire()).or(Some(zone))
            }
            zone => zone,
        };
        let Some(zone) = zone else {
            notes.step(|| format!("{} is in no zone of this server: refused", query.name.to_name()));
            if let Some(reply) = &mut frame.reply {
                // Not authoritative (RFC 8914 section 4.21).
                reply.error = Some(20);
            }
            let mut response = Response::begin(query, out);
            response.not_authoritative();
            return self.finish(response, Rcode::Refused, None, &frame, client, (Class::Error, &[]));
        };
        notes.step(|| format!("zone {}, serial {}, from {}", zone.origin, zone.serial(), zone.file));
        let subnet = query.edns.as_ref().and_then(|edns| edns.subnet).filter(|_| self.rules.ecs);
        let place = subnet.filter(|subnet| subnet.source > 0).map_or(client.address, |subnet| subnet.address);
        let mut walk = walk::Walk {
            zones: self.zones,
            resolver: self.rules.resolver.as_deref(),
            query,
            client: place,
            random,
            notes,
            now: client.now as u32,
            dnssec_ok: query.edns.as_ref().is_some_and(|edns| edns.dnssec_ok),
            scope: 0,
            ttl: u32::MAX,
        };
        let mut response = Response::begin(query, out);
        let rcode = walk.answer(zone, &mut response);
        let (scope, ttl) = (walk.scope, walk.ttl);
        if rcode == Rcode::ServFail {
            response.clear();
        }
        if let (Some(subnet), Some(reply)) = (subnet, &mut frame.reply) {
            reply.subnet = Some((subnet, if subnet.source > 0 { scope } else { 0 }));
        }
        let about = match rcode {
            Rcode::NoError => (Class::Answer, query.name.wire()),
            Rcode::NxDomain => (Class::NxDomain, zone.origin.wire()),
            _ => (Class::Error, &[][..]),
        };
        self.finish(response, rcode, Some(ttl), &frame, client, about)
    }

    /// A query that is refused whatever it is about.
    fn refusal(&self, query: &Query<'_>, client: &Client) -> Option<Rcode> {
        let edns = query.edns.as_ref();
        if edns.is_some_and(|edns| edns.version > 0) {
            return Some(Rcode::BadVers);
        }
        let cookie = edns.and_then(|edns| edns.cookie.as_ref());
        if self.rules.cookies_required
            && client.transport == Transport::Udp
            && cookie
                .is_some_and(|cookie| !self.rules.cookies.is_good(cookie, client.address, client.now as u32))
        {
            return Some(Rcode::BadCookie);
        }
        match query.kind {
            _ if query.class != CLASS_IN => Some(Rcode::Refused),
            RecordType::TSIG | RecordType::OPT | RecordType(0 | 249 | 253 | 254) => Some(Rcode::FormErr),
            _ => None,
        }
    }

    fn frame<'q>(&'q self, query: &Query<'_>, client: &Client, verified: &Verified<'_>) -> Frame<'q> {
        let now = client.now as u32;
        let cookie = query.edns.as_ref().and_then(|edns| edns.cookie);
        let good =
            cookie.as_ref().is_some_and(|cookie| self.rules.cookies.is_good(cookie, client.address, now));
        let reply = query.edns.as_ref().map(|edns| Reply {
            udp_bytes: self.rules.udp_bytes,
            dnssec_ok: edns.dnssec_ok,
            cookie: cookie
                .map(|cookie| (cookie.client, self.rules.cookies.answer(&cookie, client.address, now))),
            nsid: self.rules.nsid.as_deref().filter(|_| edns.nsid),
            padded_to: if edns.padded && client.transport >= Transport::Tls { 468 } else { 0 },
            ..Reply::default()
        });
        let bytes_max = match (client.transport, &query.edns) {
            (Transport::Udp, None) => limits::PLAIN_UDP_BYTES,
            (Transport::Udp, Some(edns)) => {
                (edns.udp_bytes.min(self.rules.udp_bytes) as usize).max(limits::PLAIN_UDP_BYTES)
            }
            _ => u16::MAX as usize,
        };
        let signed = matches!(verified, Verified::Good(_));
        // A signature comes behind: two names, a code of 64 bytes at most, and what frames them.
        let room = if signed {
            64 + 26 + query.tsig.as_ref().map_or(0, |tsig| tsig.key.wire().len() + 14)
        } else {
            0
        };
        Frame {
            reply,
            bytes_max: bytes_max - room,
            trusted: good || signed || client.transport != Transport::Udp,
        }
    }

    fn finish(
        &self,
        response: Response<'_>,
        rcode: Rcode,
        ttl: Option<u32>,
        frame: &Frame<'_>,
        client: &Client,
        (class, name): (Class, &[u8]),
    ) -> Outcome {
        let scope = frame.reply.as_ref().and_then(|reply| reply.subnet).map(|(_, scope): (Subnet, u8)| scope);
        let ttl = ttl.unwrap_or(0);
        let verdict = if frame.trusted {
            Verdict::Send
        } else {
            self.rules.limiter.count(client.address, class, name, client.now_ms)
        };
        match verdict {
            Verdict::Drop => Outcome::Silent,
            Verdict::Slip => {
                response.slip(frame.reply.as_ref());
                Outcome::Sent(Sent { rcode: Rcode::NoError, cut: false, slipped: true, scope, ttl: 0 })
            }
            Verdict::Send => {
                let cut = response.finish(rcode, frame.reply.as_ref(), frame.bytes_max);
                Outcome::Sent(Sent { rcode, cut, slipped: false, scope, ttl })
            }
        }
    }

    /// An error that is already made, if its client may have it.
    fn limited(&self, client: &Client, make: impl FnOnce() -> Sent) -> Outcome {
        let forged = client.transport == Transport::Udp;
        if forged
            && self.rules.limiter.count(client.address, Class::Error, &[], client.now_ms) != Verdict::Send
        {
            return Outcome::Silent;
        }
        Outcome::Sent(make())
    }

    /// AXFR and IXFR: whole zones by TCP to whom they are allowed; the SOA record alone to who asks for changes by UDP, which
    /// makes the client come by TCP (RFC 1995 section 2).
    fn transfer(
        &self,
        query: &Query<'_>,
        client: &Client,
        verified: &Verified<'_>,
        frame: &Frame<'_>,
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let allowed = transfer::allowed(self, query, client, verified);
        let by_stream = matches!(client.transport, Transport::Tcp | Transport::Tls);
        match allowed {
            Ok(_) if by_stream => return Outcome::Transfer,
            Ok(zone) if query.kind == RecordType::IXFR => {
                let mut response = Response::begin(query, out);
                response.laid_out(crate::wire::Section::Answer, &zone.soa.laid_out, 1);
                return self.finish(
                    response,
                    Rcode::NoError,
                    Some(0),
                    frame,
                    client,
                    (Class::Answer, query.name.wire()),
                );
            }
            Ok(_) => notes.step(|| "a zone is transferred by TCP only".to_owned()),
            Err(_) => {}
        }
        let rcode = allowed.err().unwrap_or(Rcode::Refused);
        let mut response = Response::begin(query, out);
        response.not_authoritative();
        self.finish(response, rcode, None, frame, client, (Class::Error, &[]))
    }
}
