//! A source that is right becomes a zone; one that is not becomes its problems.

use crate::chain::{self, Candidate, Pool};
use crate::geo::Atlas;
use crate::health::Health;
use crate::limits;
use crate::security::dnssec::Signer;
use crate::wire::{Name, RecordType};
use crate::zone::set::{SoaNumber, soa_number};
use crate::zone::source::{AnswerSource, Entry, PoolSource, Problems, Source, What};
use crate::zone::validate;
use crate::zone::{Dynamic, Node, Set, Zone};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What a zone is compiled with.
#[derive(Clone)]
pub struct With<'a> {
    /// Who knows how targets are.
    pub health: &'a dyn Health,
    /// Where addresses are.
    pub atlas: &'a Atlas,
    /// What signs the zone, if it is signed.
    pub signer: Option<Arc<Signer>>,
}

/// Records of a name by type, as they are gathered.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// By type: the line of the first, TTL, data.
    pub(super) sets: BTreeMap<RecordType, (usize, u32, Vec<Box<[u8]>>)>,
    /// An alias or a pool, and where it stands.
    pub(super) dynamic: Option<(usize, Dynamic)>,
}

pub(super) type Names = HashMap<Name, Gathered>;

/// Compiles.
pub fn compile(source: &Source, with: &With<'_>) -> Result<Zone, Problems> {
    let mut problems = Problems::new(&source.file);
    if source.entries.len() > limits::ZONE_RECORDS_MAX {
        problems.push(0, format!("the zone has more than {} records", limits::ZONE_RECORDS_MAX));
        return Err(problems);
    }
    let mut pools: BTreeMap<&str, Arc<Pool>> = BTreeMap::new();
    for pool in &source.pools {
        if let Some(compiled) = compile_pool(pool, source, with, &mut problems) {
            pools.insert(&pool.name, Arc::new(compiled));
        }
    }
    let mut names = Names::new();
    for entry in &source.entries {
        gather(entry, source, &pools, &mut names, &mut problems);
    }
    validate::check(&source.origin, &names, &mut problems);
    if !problems.is_empty() {
        problems.list.sort_by_key(|problem| problem.line);
        return Err(problems);
    }
    Ok(assemble(source, names, pools.into_values().collect(), with.signer.clone()))
}

fn gather(
    entry: &Entry,
    source: &Source,
    pools: &BTreeMap<&str, Arc<Pool>>,
    names: &mut Names,
    problems: &mut Problems,
) {
    if !entry.owner.is_within(&source.origin) {
        return problems.push(entry.line, format!("{} is not in the zone {}", entry.owner, source.origin));
    }
    let gathered = names.entry(entry.owner.clone()).or_default();
    let dynamic = match &entry.what {
        What::Record(kind, data) => {
            let (_, ttl, all) =
                gathered.sets.entry(*kind).or_insert_with(|| (entry.line, entry.ttl, Vec::new()));
            if *ttl != entry.ttl {
                let text = format!(
                    "{} {kind} has the TTLs {ttl} and {}: records of one type have one",
                    entry.owner, entry.ttl
                );
                problems.push(entry.line, text);
            }
            return all.push(data.clone());
        }
        What::Alias(target) => Dynamic::Alias { target: target.clone(), ttl: entry.ttl },
        What::Pool(name) => match pools.get(name.as_str()) {
            Some(pool) => Dynamic::Pool(pool.clone()),
            None if source.pools.iter().any(|pool| pool.name == *name) => return,
            None => return problems.push(entry.line, format!("there is no pool \"{name}\"")),
        },
    };
    if gathered.dynamic.replace((entry.line, dynamic)).is_some() {
        problems.push(entry.line, format!("{} has more than one ALIAS or POOL", entry.owner));
    }
}

fn compile_pool(
    pool: &PoolSource,
    source: &Source,
    with: &With<'_>,
    problems: &mut Problems,
) -> Option<Pool> {
    let mut filters = Vec::new();
    for (line, name, options) in &pool.filters {
        match chain::build(name, options) {
            Ok(filter) => filters.push(filter),
            Err(problem) => problems.push(*line, problem),
        }
    }
    let before = problems.list.len() + problems.more;
    let mut known: HashMap<&str, usize> = HashMap::new();
    for answer in &pool.answers {
        if let Some(line) = known.insert(&answer.name, answer.line) {
            problems.push(
                answer.line,
                format!("the answer \"{}\" is there twice, first on line {line}", answer.name),
            );
        }
        validate::answer(answer, problems);
    }
    if problems.list.len() + problems.more > before {
        return None;
    }
    // Answers without a target of their own are checked by their place in the configuration.
    let target = |answer: &AnswerSource| {
        let checked = || answer.check.as_ref().map(ToString::to_string);
        let place = || format!("{}{}/{}", source.origin, pool.name, answer.name);
        answer.target.clone().or_else(checked).unwrap_or_else(place)
    };
    let candidate = |answer: &AnswerSource| {
        let target = target(answer);
        Candidate {
            name: answer.name.as_str().into(),
            vital: with.health.target(&target),
            target: target.into(),
            check: answer.check.clone(),
            area: answer.area.clone(),
            at: answer.at,
            weight: answer.weight,
            priority: answer.priority,
            load: answer.load,
            sets: sets(answer, pool.ttl),
        }
    };
    let candidates = pool.answers.iter().map(candidate).collect();
    Some(Pool::new(pool.name.as_str().into(), pool.ttl, candidates, filters, with.atlas))
}

fn sets(answer: &AnswerSource, ttl: u32) -> Vec<Set> {
    let mut by_kind: BTreeMap<RecordType, Vec<Box<[u8]>>> = BTreeMap::new();
    for (kind, data) in &answer.records {
        by_kind.entry(*kind).or_default().push(data.clone());
    }
    by_kind.into_iter().map(|(kind, data)| Set::new(kind, ttl, data)).collect()
}

fn assemble(source: &Source, names: Names, pools: Vec<Arc<Pool>>, signer: Option<Arc<Signer>>) -> Zone {
    let mut nodes: HashMap<Name, Node> = HashMap::with_capacity(names.len());
    let (mut has_cuts, mut has_wildcards) = (false, false);
    for (name, gathered) in names {
        let sets: Vec<Set> = gathered
            .sets
            .into_iter()
            .map(|(kind, (line, ttl, data))| Set::new(kind, ttl, data).at_line(line))
            .collect();
        let is_cut = name != source.origin && sets.iter().any(|set| set.kind == RecordType::NS);
        has_cuts |= is_cut;
        has_wildcards |= name.is_wildcard();
        // Names between this one and the apex exist, if only as places (RFC 4592 section 2.2.2).
        let mut above = name.parent();
        while let Some(parent) = above.filter(|parent| parent.is_within(&source.origin)) {
            nodes.entry(parent.clone()).or_default();
            above = parent.parent();
        }
        let node = nodes.entry(name).or_default();
        let (dynamic_line, dynamic) =
            gathered.dynamic.map_or((0, None), |(line, dynamic)| (line as u32, Some(dynamic)));
        *node = Node { sets, dynamic, dynamic_line, is_cut };
    }
    let soa = nodes.get(source.origin.wire()).and_then(|node| node.set(RecordType::SOA)).cloned();
    let soa = soa.unwrap_or_else(|| Set::new(RecordType::SOA, 0, Vec::new()));
    let negative = soa.with_ttl(soa.ttl.min(soa_number(&soa, SoaNumber::Minimum)));
    let file = source.file.as_str().into();
    Zone { origin: source.origin.clone(), file, soa, negative, nodes, has_cuts, has_wildcards, pools, signer }
}
