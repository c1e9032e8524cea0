//! The way from a question to records: zone, name, aliases, pools.

use crate::answer::{Resolver, emit};
use crate::chain::{Notes, Pool};
use crate::limits;
use crate::security::dnssec::denial;
use crate::wire::{Name, Owner, Query, Rcode, RecordType, Response, Section};
use crate::zone::{Dynamic, Lookup, Node, Set, Zone, Zones, rdata};
use bole_edge_core::Random;
use smallvec::SmallVec;
use std::net::IpAddr;
use std::sync::Arc;

/// Records' data on their way into an answer.
pub(super) type Data<'z> = SmallVec<[&'z [u8]; 8]>;

/// One walk.
pub struct Walk<'w> {
    pub(super) zones: &'w Zones,
    pub(super) resolver: Option<&'w dyn Resolver>,
    pub(super) query: &'w Query<'w>,
    /// Where the answer is for.
    pub(super) client: IpAddr,
    pub(super) random: &'w mut Random,
    pub(super) notes: &'w mut Notes,
    /// Seconds since 1970, for signatures.
    pub(super) now: u32,
    pub(super) dnssec_ok: bool,
    /// Bits of the client's address on which the answer depends.
    pub(super) scope: u8,
    /// Seconds for which all of it holds.
    pub(super) ttl: u32,
}

/// Where a name's records of the type that is asked for are.
enum Records<'z> {
    /// In a set.
    Set(&'z Set),
    /// Chosen from a pool, in this order.
    Chosen { kind: RecordType, ttl: u32, data: Data<'z> },
    /// Under another name.
    CName(Name),
    /// Under another name, and told as this one's.
    Flat(Name, u32),
    /// There are none.
    None,
}

impl<'w> Walk<'w> {
    /// Answers from `zone`, in which the name is.
    pub(super) fn answer(&mut self, zone: &'w Arc<Zone>, response: &mut Response<'_>) -> Rcode {
        let mut zone = zone;
        // The name that is looked at: the question's, until an alias leads on.
        let mut alias: Option<Name> = None;
        for _ in 0..limits::ALIASES_MAX {
            let current = alias.clone();
            let name = current.as_ref().map_or(self.query.name.wire(), Name::wire);
            let owner = current.as_ref().map_or(Owner::Question, |name| Owner::Name(name.wire()));
            let node = match zone.look_up(name) {
                Lookup::Node(node) => node,
                Lookup::Wildcard(node) => {
                    self.notes.step(|| format!("{} does not exist; a wildcard stands in", shown(name)));
                    node
                }
                // The delegation's DS records are ours.
                Lookup::Cut(node, cut) if self.query.kind == RecordType::DS && *cut.wire() == *name => node,
                Lookup::Cut(node, cut) => {
                    self.notes.step(|| format!("{cut} is delegated"));
                    if current.is_none() {
                        self.refer(zone, node, cut, response);
                    }
                    return Rcode::NoError;
                }
                Lookup::Nothing => return self.nothing(zone, name, response),
            };
            if self.query.kind == RecordType::ANY {
                return emit::any(self, zone, name, owner, response);
            }
            match self.records(zone, node, self.query.kind) {
                Records::Set(set) => return emit::set(self, zone, name, owner, set, response),
                Records::Chosen { kind, ttl, data } => {
                    let rcode = emit::data(self, zone, name, owner, kind, ttl, &data, response);
                    if kind == self.query.kind || rcode != Rcode::NoError {
                        return rcode;
                    }
                    alias = data.first().and_then(|data| Name::from_wire(data));
                }
                Records::CName(target) => {
                    if let Some(set) = node.set(RecordType::CNAME) {
                        let rcode = emit::set(self, zone, name, owner, set, response);
                        if rcode != Rcode::NoError {
                            return rcode;
                        }
                    }
                    self.notes.step(|| format!("{} is an alias of {target}", shown(name)));
                    alias = Some(target);
                }
                Records::Flat(target, ttl) => return self.flat(zone, name, owner, target, ttl, response),
                Records::None => {
                    self.notes.step(|| format!("{} has no {} records", shown(name), self.query.kind));
                    return self.no_data(zone, name, node, response);
                }
            }
            let Some(next) = alias.as_ref().and_then(|alias| self.zones.find(alias.wire())) else {
                self.notes.step(|| "the alias leads to another server's name: the client goes on".to_owned());
                return Rcode::NoError;
            };
            zone = next;
        }
        self.notes.step(|| format!("more than {} aliases: given up", limits::ALIASES_MAX));
        Rcode::ServFail
    }

    /// Where a node's records of `kind` are.
    fn records(&mut self, zone: &'w Zone, node: &'w Node, kind: RecordType) -> Records<'w> {
        if let Some(set) = node.set(kind) {
            return Records::Set(set);
        }
        if kind == RecordType::DNSKEY
            && let Some(signer) = &zone.signer
            && node.set(RecordType::SOA).is_some()
        {
            return Records::Set(&signer.keys);
        }
        match &node.dynamic {
            Some(Dynamic::Pool(pool)) => {
                self.notes.step(|| format!("pool {}: {}", pool.name, emit::place(zone, node.dynamic_line)));
                let found = self.choose(pool, kind).or_else(|| self.choose(pool, RecordType::CNAME));
                return found.unwrap_or(Records::None);
            }
            Some(Dynamic::Alias { target, ttl }) if matches!(kind, RecordType::A | RecordType::AAAA) => {
                return Records::Flat(target.clone(), *ttl);
            }
            _ => {}
        }
        let target =
            node.set(RecordType::CNAME).and_then(|set| rdata::target(RecordType::CNAME, &set.data[0]));
        target.map_or(Records::None, Records::CName)
    }

    /// A pool's choice; `None` if it has no records of this type.
    fn choose(&mut self, pool: &'w Arc<Pool>, kind: RecordType) -> Option<Records<'w>> {
        let choice = pool.choose(kind, self.client, self.random, self.notes)?;
        self.scope = self.scope.max(choice.scope);
        let mut data = Data::new();
        for set in choice.list.iter().filter_map(|index| pool.candidates[*index as usize].set(kind)) {
            for one in set.data.iter().map(|one| &**one) {
                if !data.contains(&one) {
                    data.push(one);
                }
            }
        }
        if kind == RecordType::CNAME {
            data.truncate(1);
        }
        Some(if data.is_empty() { Records::None } else { Records::Chosen { kind, ttl: pool.ttl, data } })
    }

    /// Addresses of `target`, told as those of `name`.
    fn flat(
        &mut self,
        zone: &'w Zone,
        name: &[u8],
        owner: Owner<'_>,
        target: Name,
        ttl: u32,
        response: &mut Response<'_>,
    ) -> Rcode {
        let kind = self.query.kind;
        let (mut target, mut ttl) = (target, ttl);
        for _ in 0..limits::ALIASES_MAX {
            self.notes.step(|| format!("{} has the addresses of {target}", shown(name)));
            let Some(next) = self.zones.find(target.wire()) else {
                let found = self.resolver.and_then(|resolver| resolver.addresses(&target, kind));
                let Some((holds, addresses)) = found else {
                    self.notes.step(|| {
                        format!("nothing is known of {target}, which is not in a zone of this server")
                    });
                    return Rcode::ServFail;
                };
                let data: Data<'_> = addresses.iter().map(|address| &**address).collect();
                return self.flattened(zone, name, owner, ttl.min(holds), &data, response);
            };
            let node = match next.look_up(target.wire()) {
                Lookup::Node(node) | Lookup::Wildcard(node) => node,
                Lookup::Cut(..) | Lookup::Nothing => {
                    return self.flattened(zone, name, owner, ttl, &[], response);
                }
            };
            match self.records(next, node, kind) {
                Records::Set(set) => {
                    let data: Data<'_> = set.data.iter().map(|data| &**data).collect();
                    return self.flattened(zone, name, owner, ttl.min(set.ttl), &data, response);
                }
                Records::Chosen { kind: RecordType::CNAME, ttl: holds, data } => {
                    let Some(next) = data.first().and_then(|data| Name::from_wire(data)) else { break };
                    (target, ttl) = (next, ttl.min(holds));
                }
                Records::Chosen { ttl: holds, data, .. } => {
                    return self.flattened(zone, name, owner, ttl.min(holds), &data, response);
                }
                Records::CName(next) => {
                    ttl = ttl.min(node.set(RecordType::CNAME).map_or(ttl, |set| set.ttl));
                    target = next;
                }
                Records::Flat(next, holds) => (target, ttl) = (next, ttl.min(holds)),
                Records::None => return self.flattened(zone, name, owner, ttl, &[], response),
            }
        }
        self.notes.step(|| format!("more than {} aliases: given up", limits::ALIASES_MAX));
        Rcode::ServFail
    }

    fn flattened(
        &mut self,
        zone: &Zone,
        name: &[u8],
        owner: Owner<'_>,
        ttl: u32,
        data: &[&[u8]],
        response: &mut Response<'_>,
    ) -> Rcode {
        if data.is_empty() {
            return match zone.look_up(name) {
                Lookup::Node(node) | Lookup::Wildcard(node) => self.no_data(zone, name, node, response),
                _ => Rcode::ServFail,
            };
        }
        emit::data(self, zone, name, owner, self.query.kind, ttl, data, response)
    }

    /// Sends the client to the servers of a zone that is delegated.
    fn refer(&mut self, zone: &Zone, node: &Node, cut: &Name, response: &mut Response<'_>) {
        let Some(servers) = node.set(RecordType::NS) else { return };
        response.not_authoritative();
        self.ttl = self.ttl.min(servers.ttl);
        for data in &servers.data {
            response.record(Section::Authority, Owner::Name(cut.wire()), RecordType::NS, servers.ttl, data);
        }
        if self.dnssec_ok && zone.signer.is_some() {
            self.vouch(zone, node, cut, response);
        }
        let hosts = servers.data.iter().filter_map(|data| rdata::target(RecordType::NS, data));
        for host in hosts.filter(|host| host.is_within(&zone.origin)) {
            let Some(node) = zone.node(host.wire()) else { continue };
            for set in node.sets.iter().filter(|set| matches!(set.kind, RecordType::A | RecordType::AAAA)) {
                for data in &set.data {
                    response.record(Section::Additional, Owner::Name(host.wire()), set.kind, set.ttl, data);
                }
            }
        }
    }

    /// Vouches for the keys of a delegated zone, or that it has none: that it is not signed must be signed.
    fn vouch(&self, zone: &Zone, node: &Node, cut: &Name, response: &mut Response<'_>) {
        let owner = Owner::Name(cut.wire());
        let Some(set) = node.set(RecordType::DS) else {
            let data = denial(cut.wire(), &[RecordType::NS]);
            emit::denial(self, zone, cut.wire(), owner, data, response);
            return;
        };
        let data: Data<'_> = set.data.iter().map(|data| &**data).collect();
        for data in &data {
            response.record(Section::Authority, owner, set.kind, set.ttl, data);
        }
        let (kind, ttl) = (set.kind, set.ttl);
        emit::signature(self, zone, cut.wire(), owner, kind, ttl, &data, Section::Authority, response);
    }

    /// The name is there and has nothing of this type.
    fn no_data(&mut self, zone: &Zone, name: &[u8], node: &Node, response: &mut Response<'_>) -> Rcode {
        if emit::start_of_authority(self, zone, response) {
            let mut kinds = node.kinds();
            if zone.origin.wire() == name {
                kinds.push(RecordType::DNSKEY);
            }
            kinds.retain(|kind| *kind != self.query.kind);
            let owner = if name == self.query.name.wire() { Owner::Question } else { Owner::Name(name) };
            let data = denial(name, &kinds);
            if !emit::denial(self, zone, name, owner, data, response) {
                return Rcode::ServFail;
            }
        }
        Rcode::NoError
    }

    /// The name is not there.
    fn nothing(&mut self, zone: &Zone, name: &[u8], response: &mut Response<'_>) -> Rcode {
        self.notes.step(|| format!("{} does not exist in {}", shown(name), zone.origin));
        if !emit::start_of_authority(self, zone, response) {
            return Rcode::NxDomain;
        }
        let owner = if name == self.query.name.wire() { Owner::Question } else { Owner::Name(name) };
        let data = denial(name, &[RecordType::NXNAME]);
        if emit::denial(self, zone, name, owner, data, response) { Rcode::NoError } else { Rcode::ServFail }
    }
}

fn shown(name: &[u8]) -> String {
    Name::from_wire(name).map_or_else(String::new, |name| name.to_string())
}
