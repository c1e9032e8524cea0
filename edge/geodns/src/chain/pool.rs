//! A pool: answers with what is known of each, and the chain that chooses among them. Compiled against an [`Atlas`] so that
//! a client's class, what the geographic filters make of it, is one search away, with the widest prefix that shares it.
//!
//! Two clients of one class get the same answers in every state of health and load (chance aside). Classes are made as
//! coarse as that allows: ranks are compared by order only, and who is dropped for certain is not ranked further. Where no
//! chance is in a chain and its answers are few, every state of health is tried out, so that the scope is the widest there is.

use crate::chain::stage::{self, List};
use crate::chain::{Area, Filter, Notes, Place, Stage};
use crate::geo::atlas::merged;
use crate::geo::ranges::{Bits, overlay};
use crate::geo::{Atlas, Both, Facts, Point, Prefix, Ranges};
use crate::health::{Check, Vital};
use crate::wire::RecordType;
use crate::zone::Set;
use bole_edge_core::health::Condition;
use bole_edge_core::{Random, hash};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// One answer of a pool.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its name within the pool.
    pub name: Arc<str>,
    /// The target whose health and load count.
    pub target: Arc<str>,
    /// How the target is checked, if the zone says so.
    pub check: Option<Check>,
    /// That target's vital signs.
    pub vital: Arc<Vital>,
    /// Where it is meant to be used.
    pub area: Area,
    /// Where it stands.
    pub at: Option<Point>,
    /// Its share.
    pub weight: u32,
    /// 0 is used first.
    pub priority: u32,
    /// Loads from and above which it is spared.
    pub load: Option<(f32, f32)>,
    /// Its records.
    pub sets: Vec<Set>,
}

impl Candidate {
    /// Its records of a type.
    pub fn set(&self, kind: RecordType) -> Option<&Set> {
        self.sets.iter().find(|set| set.kind == kind)
    }
}

/// A pool, compiled.
#[derive(Debug)]
pub struct Pool {
    /// Its name.
    pub name: Arc<str>,
    /// Seconds for which its answers hold.
    pub ttl: u32,
    /// Its answers.
    pub candidates: Vec<Candidate>,
    filters: Vec<Box<dyn Filter>>,
    /// Classes of addresses.
    classes: Both,
    /// By class, by filter, by candidate; empty for filters that do not look at where clients are.
    ranks: Vec<Vec<Vec<u16>>>,
    /// By type: all candidates that have it.
    by_kind: Vec<(RecordType, List)>,
    client_bits: [u8; 2],
    seed: u64,
    /// Ranges with the same answers, if classes are finer than that.
    outcomes: Option<Both>,
}

/// Pools with more answers are not tried out: states of health double with each.
const OUTCOME_ANSWERS_MAX: usize = 8;
/// Nor are pools with more classes.
const OUTCOME_CLASSES_MAX: usize = 4_096;

/// Who is chosen, and for which prefix around the client that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Places in [`Pool::candidates`], in order.
    pub list: List,
    /// Bits of the client's address on which it depends; 0: on none.
    pub scope: u8,
}

impl Pool {
    /// Compiles.
    pub fn new(
        name: Arc<str>,
        ttl: u32,
        candidates: Vec<Candidate>,
        filters: Vec<Box<dyn Filter>>,
        atlas: &Atlas,
    ) -> Self {
        let (classes, ranks) = classify(&candidates, &filters, atlas);
        let mut kinds: Vec<RecordType> =
            candidates.iter().flat_map(|candidate| candidate.sets.iter().map(|set| set.kind)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let by_kind = kinds.into_iter().map(|kind| (kind, stage::with_records(&candidates, kind))).collect();
        let bits = |family: usize| {
            filters.iter().filter_map(|filter| filter.client_bits()).map(|bits| bits[family]).max()
        };
        let client_bits = [0, 1].map(|family| bits(family).unwrap_or(0));
        let seed = hash::of(0, name.as_bytes());
        let mut pool = Self {
            name,
            ttl,
            candidates,
            filters,
            classes,
            ranks,
            by_kind,
            client_bits,
            seed,
            outcomes: None,
        };
        pool.outcomes = pool.outcomes();
        pool
    }

    /// Types of which any of its answers has records.
    pub fn kinds(&self) -> impl Iterator<Item = RecordType> {
        self.by_kind.iter().map(|(kind, _)| *kind)
    }

    /// Classes into which it divides addresses.
    pub fn class_count(&self) -> usize {
        self.ranks.len()
    }

    /// Chooses answers of `kind` for `client`; `None` if no answer has records of that type.
    pub fn choose(
        &self,
        kind: RecordType,
        client: IpAddr,
        random: &mut Random,
        notes: &mut Notes,
    ) -> Option<Choice> {
        let (_, all) = self.by_kind.iter().find(|(has, _)| *has == kind)?;
        let (class, class_scope) = self.classes.look_up(client);
        let list = self.run(&self.candidates, class, all, client, random, notes);
        let class_scope = self.outcomes.as_ref().map_or(class_scope, |outcomes| outcomes.look_up(client).1);
        let scope = class_scope.max(self.client_bits[usize::from(client.is_ipv6())]);
        Some(Choice { list, scope })
    }

    /// The chain, for a client of `class`. `candidates` are the pool's, in whatever state.
    fn run(
        &self,
        candidates: &[Candidate],
        class: u32,
        all: &List,
        client: IpAddr,
        random: &mut Random,
        notes: &mut Notes,
    ) -> List {
        let ranks = &self.ranks[class as usize];
        let mut stage =
            Stage { candidates, list: all.clone(), ranks: &[], client, seed: self.seed, random, notes };
        for (index, filter) in self.filters.iter().enumerate() {
            stage.ranks = &ranks[index];
            stage.notes.begin(&self.name, filter.name());
            filter.apply(&mut stage);
            stage.notes.end(&stage.list, candidates);
        }
        stage.list
    }

    /// Ranges of addresses that get the same answers in every state of health, though filters may see them differently: what a
    /// later filter does can make that no difference. `None` where that cannot be tried out, or classes tell it already.
    fn outcomes(&self) -> Option<Both> {
        let drawn = self.filters.iter().any(|filter| filter.is_drawn());
        let many = self.candidates.len() > OUTCOME_ANSWERS_MAX || self.ranks.len() > OUTCOME_CLASSES_MAX;
        if drawn || many || self.ranks.len() < 2 {
            return None;
        }
        let mut candidates = self.candidates.clone();
        candidates.iter_mut().for_each(|candidate| candidate.vital = Arc::default());
        let mut known: HashMap<Vec<List>, u32> = HashMap::new();
        let mut outcome_of = Vec::with_capacity(self.ranks.len());
        for class in 0..self.ranks.len() as u32 {
            let next = known.len() as u32;
            outcome_of.push(*known.entry(self.tried(&candidates, class)).or_insert(next));
        }
        let of = |class: u32| outcome_of[class as usize];
        let v4 = Ranges::build(self.classes.v4.rows().map(|(start, class)| (start, of(class))));
        let v6 = Ranges::build(self.classes.v6.rows().map(|(start, class)| (start, of(class))));
        (known.len() < self.ranks.len()).then_some(Both { v4, v6 })
    }

    /// All that a client of `class` may get: by state of health, by type.
    fn tried(&self, candidates: &[Candidate], class: u32) -> Vec<List> {
        let client = IpAddr::from([0; 4]);
        let mut tried = Vec::new();
        for state in 0..1_u32 << candidates.len() {
            for (index, candidate) in candidates.iter().enumerate() {
                let down = state >> index & 1 == 1;
                candidate.vital.set_condition(if down { Condition::Unwell } else { Condition::Well });
            }
            for (_, all) in &self.by_kind {
                tried.push(self.run(candidates, class, all, client, &mut Random::new(0), &mut Notes::off()));
            }
        }
        tried
    }
}

/// Whether and how a client's place counts: ranges of addresses with a class each, and the ranks of each class.
fn classify(
    candidates: &[Candidate],
    filters: &[Box<dyn Filter>],
    atlas: &Atlas,
) -> (Both, Vec<Vec<Vec<u16>>>) {
    let prefixes: Vec<Prefix> =
        candidates.iter().flat_map(|candidate| candidate.area.prefixes.iter().copied()).collect();
    let mut classes =
        Classes { candidates, filters, known: HashMap::new(), ranks: Vec::new(), of: HashMap::new() };
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for (index, prefix) in prefixes.iter().enumerate() {
        match prefix.address {
            IpAddr::V4(address) => v4.push((address.to_bits(), prefix.length, index as u32 + 1)),
            IpAddr::V6(address) => v6.push((address.to_bits(), prefix.length, index as u32 + 1)),
        }
    }
    let v4 = classes.ranges(&atlas.ranges().v4, v4, atlas.all_facts(), &prefixes);
    let v6 = classes.ranges(&atlas.ranges().v6, v6, atlas.all_facts(), &prefixes);
    (Both { v4, v6 }, classes.ranks)
}

struct Classes<'a> {
    candidates: &'a [Candidate],
    filters: &'a [Box<dyn Filter>],
    /// The class of facts and innermost prefix.
    known: HashMap<(u32, u32), u32>,
    ranks: Vec<Vec<Vec<u16>>>,
    /// The class of ranks.
    of: HashMap<Vec<Vec<u16>>, u32>,
}

impl Classes<'_> {
    fn ranges<T: Bits>(
        &mut self,
        atlas: &Ranges<T>,
        rows: Vec<(T, u8, u32)>,
        facts: &[Facts],
        prefixes: &[Prefix],
    ) -> Ranges<T> {
        let innermost = Ranges::build(overlay(rows, 0));
        Ranges::build(merged(atlas, &innermost, |fact, prefix| {
            if let Some(class) = self.known.get(&(fact, prefix)) {
                return *class;
            }
            let within = (prefix as usize).checked_sub(1).map(|index| prefixes[index]);
            let class = self.class(&Place { facts: &facts[fact as usize], within });
            self.known.insert((fact, prefix), class);
            class
        }))
    }

    fn class(&mut self, place: &Place<'_>) -> u32 {
        let mut alive = vec![true; self.candidates.len()];
        // Chains begin with those who have records of the type that is asked for: only if that is the same for all types can
        // it be said who is beaten by whom.
        let kinds = |candidate: &Candidate| -> Vec<RecordType> {
            candidate.sets.iter().map(|set| set.kind).collect()
        };
        let mut certain = self.candidates.windows(2).all(|pair| kinds(&pair[0]) == kinds(&pair[1]));
        let mut ranks = Vec::with_capacity(self.filters.len());
        for filter in self.filters {
            certain &= !filter.is_dynamic();
            let row = filter.ranks(self.candidates, place).unwrap_or_default();
            ranks.push(coarsest(filter.as_ref(), row, &mut alive, certain));
        }
        let next = self.ranks.len() as u32;
        *self.of.entry(ranks).or_insert_with_key(|ranks| {
            self.ranks.push(ranks.clone());
            next
        })
    }
}

/// Ranks that lead to the same answers and are alike wherever that is possible: who is gone for certain has none, and of
/// the others only the order counts. `alive` loses those whom this filter drops for certain.
fn coarsest(filter: &dyn Filter, row: Vec<u16>, alive: &mut [bool], certain: bool) -> Vec<u16> {
    if row.is_empty() {
        return row;
    }
    let living = |row: &[u16], alive: &[bool]| -> Vec<u16> {
        row.iter().zip(alive).filter_map(|(rank, alive)| alive.then_some(*rank)).collect()
    };
    let best = living(&row, alive).into_iter().max().unwrap_or(0);
    for (rank, alive) in row.iter().zip(alive.iter_mut()) {
        // A rank that goes against any other goes against this one too.
        let gone = filter.drops(*rank, if certain { best } else { *rank });
        *alive &= !gone;
    }
    let mut order = living(&row, alive);
    order.sort_unstable();
    order.dedup();
    // 0 is left to those who are gone: a fence drops it.
    let rank = |(rank, alive): (&u16, &bool)| match order.binary_search(rank) {
        Ok(place) if *alive => place as u16 + 1,
        _ => 0,
    };
    row.iter().zip(alive.iter()).map(rank).collect()
}
