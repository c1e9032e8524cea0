//! Puts records into an answer, with signatures where they are wanted and the zone is signed.

use crate::answer::walk::{Data, Walk};
use crate::limits;
use crate::wire::{Name, Owner, Rcode, RecordType, Response, Section};
use crate::zone::{Lookup, Set, Zone, rdata};

/// The data of the HINFO record that answers ANY (RFC 8482 section 4.2): `RFC8482` and nothing.
const ANY_DATA: &[u8] = b"\x07RFC8482\x00";
/// Its TTL: an hour and a little, so that it is recognized in captures.
const ANY_TTL: u32 = 3_789;

/// A set, to a question for its name or, under `owner`, behind an alias.
pub(super) fn set(
    walk: &mut Walk<'_>,
    zone: &Zone,
    name: &[u8],
    owner: Owner<'_>,
    set: &Set,
    response: &mut Response<'_>,
) -> Rcode {
    walk.ttl = walk.ttl.min(set.ttl);
    walk.notes.step(|| format!("{} records of {}: {}", set.kind, shown(name), place(zone, set.line)));
    match owner {
        Owner::Question => response.laid_out(Section::Answer, &set.laid_out, set.data.len() as u16),
        Owner::Name(_) => {
            for data in &set.data {
                response.record(Section::Answer, owner, set.kind, set.ttl, data);
            }
        }
    }
    if walk.dnssec_ok && zone.signer.is_some() {
        let data: Data<'_> = set.data.iter().map(|data| &**data).collect();
        if !signature(walk, zone, name, owner, set.kind, set.ttl, &data, Section::Answer, response) {
            return Rcode::ServFail;
        }
    }
    if matches!(set.kind, RecordType::MX | RecordType::SRV | RecordType::SVCB | RecordType::HTTPS) {
        additional(zone, name, set, response);
    }
    Rcode::NoError
}

/// Addresses that a client needs next, where they are in the zone and the same for everybody. They help; nobody needs them, so
/// they are not signed, and go where they do not fit.
fn additional(zone: &Zone, name: &[u8], set: &Set, response: &mut Response<'_>) {
    let mut done: Vec<Name> = Vec::new();
    for target in set.data.iter().filter_map(|data| rdata::service_target(set.kind, data, name)) {
        if done.len() >= limits::ADDITIONAL_NAMES_MAX
            || done.contains(&target)
            || !target.is_within(&zone.origin)
        {
            continue;
        }
        let Lookup::Node(node) = zone.look_up(target.wire()) else { continue };
        for set in node.sets.iter().filter(|set| matches!(set.kind, RecordType::A | RecordType::AAAA)) {
            for data in &set.data {
                response.helpful(Owner::Name(target.wire()), set.kind, set.ttl, data);
            }
        }
        done.push(target);
    }
}

fn shown(name: &[u8]) -> String {
    Name::from_wire(name).map_or_else(String::new, |name| name.to_string())
}

/// Where something stands in a zone's text.
pub(super) fn place(zone: &Zone, line: u32) -> String {
    match line {
        0 => zone.file.to_string(),
        line => format!("{}:{line}", zone.file),
    }
}

/// Records in the order in which they were chosen.
#[expect(clippy::too_many_arguments, reason = "a record's fields, and where they go")]
pub(super) fn data(
    walk: &mut Walk<'_>,
    zone: &Zone,
    name: &[u8],
    owner: Owner<'_>,
    kind: RecordType,
    ttl: u32,
    data: &[&[u8]],
    response: &mut Response<'_>,
) -> Rcode {
    walk.ttl = walk.ttl.min(ttl);
    for data in data {
        response.record(Section::Answer, owner, kind, ttl, data);
    }
    if !walk.dnssec_ok || zone.signer.is_none() {
        return Rcode::NoError;
    }
    let mut sorted: Data<'_> = data.iter().copied().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let signed = signature(walk, zone, name, owner, kind, ttl, &sorted, Section::Answer, response);
    if signed { Rcode::NoError } else { Rcode::ServFail }
}

/// The signature of records whose data is sorted; whether it could be made.
#[expect(clippy::too_many_arguments, reason = "a record's fields, and where they go")]
pub(super) fn signature(
    walk: &Walk<'_>,
    zone: &Zone,
    name: &[u8],
    owner: Owner<'_>,
    kind: RecordType,
    ttl: u32,
    data: &[&[u8]],
    section: Section,
    response: &mut Response<'_>,
) -> bool {
    let Some(signer) = &zone.signer else { return true };
    let Some(signed) = signer.sign(name, kind, ttl, data, walk.now) else { return false };
    response.record(section, owner, RecordType::RRSIG, ttl, &signed);
    true
}

/// The SOA record that goes with an answer that there is nothing; whether that must be signed too.
pub(super) fn start_of_authority(walk: &mut Walk<'_>, zone: &Zone, response: &mut Response<'_>) -> bool {
    let soa = &zone.negative;
    walk.ttl = walk.ttl.min(soa.ttl);
    let owner = Owner::Name(zone.origin.wire());
    for data in &soa.data {
        response.record(Section::Authority, owner, soa.kind, soa.ttl, data);
    }
    let signed = walk.dnssec_ok && zone.signer.is_some();
    if signed {
        let data: Data<'_> = soa.data.iter().map(|data| &**data).collect();
        signature(
            walk,
            zone,
            zone.origin.wire(),
            owner,
            soa.kind,
            soa.ttl,
            &data,
            Section::Authority,
            response,
        );
    }
    signed
}

/// An NSEC record and its signature; whether they could be made.
pub(super) fn denial(
    walk: &Walk<'_>,
    zone: &Zone,
    name: &[u8],
    owner: Owner<'_>,
    data: Option<Vec<u8>>,
    response: &mut Response<'_>,
) -> bool {
    let Some(data) = data else { return false };
    response.record(Section::Authority, owner, RecordType::NSEC, zone.negative.ttl, &data);
    signature(
        walk,
        zone,
        name,
        owner,
        RecordType::NSEC,
        zone.negative.ttl,
        &[&data],
        Section::Authority,
        response,
    )
}

/// The answer to ANY: one record that is of no use to who floods others (RFC 8482).
pub(super) fn any(
    walk: &mut Walk<'_>,
    zone: &Zone,
    name: &[u8],
    owner: Owner<'_>,
    response: &mut Response<'_>,
) -> Rcode {
    walk.notes
        .step(|| format!("ANY of {} gets one record", Name::from_wire(name).unwrap_or_else(Name::root)));
    data(walk, zone, name, owner, RecordType::HINFO, ANY_TTL, &[ANY_DATA], response)
}
