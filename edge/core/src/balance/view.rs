//! What a pick reads: groups of members with their algorithm and their share of the traffic. Immutable.

use crate::balance::algorithm::{Algorithm, Ask, Member};
use crate::balance::endpoint::{Endpoint, Spec, Token};
use crate::balance::tiers::{Level, Share};
use crate::balance::{Panic, Settings};
use crate::health::Condition;
use crate::{Random, hash};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// An endpoint of the set, as the balancer keeps it between views.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) spec: Spec,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) condition: Condition,
    /// What adaptive weighting makes of the weight; 1 leaves it.
    pub(super) factor: f64,
    /// The weight that views give it.
    pub(super) weight: f64,
}

/// Members of one level, and of one zone or all others, with an algorithm built for them.
#[derive(Debug)]
struct Group {
    members: Box<[Member]>,
    algorithm: Arc<dyn Algorithm>,
    /// Draws below this, and not below the group's before, are its.
    up_to: f64,
}

#[derive(Debug, Default)]
pub(super) struct View {
    groups: Box<[Group]>,
    /// Who may keep clients that were there before: those that are well or drain.
    keep: HashMap<Token, Arc<Endpoint>>,
    /// Whether any level ignores health.
    pub(super) panics: bool,
}

/// How often an algorithm is asked again before the first member that is not avoided is taken.
const ATTEMPTS_MAX: u32 = 4;

impl View {
    /// Builds a view. Algorithms whose members did not change are taken over from `before`.
    pub(super) fn new(
        entries: &BTreeMap<Arc<str>, Entry>,
        settings: &Settings,
        before: &View,
        start: u64,
    ) -> Self {
        let mut levels: BTreeMap<u8, Vec<&Entry>> = BTreeMap::new();
        for entry in entries.values().filter(|entry| entry.condition != Condition::Draining) {
            levels.entry(entry.spec.priority).or_default().push(entry);
        }
        let well = |entry: &&&Entry| entry.condition == Condition::Well;
        let health =
            |level: &Vec<&Entry>| Level { well: level.iter().filter(well).count(), all: level.len() };
        let shares = settings.tiers.levels(&levels.values().map(health).collect::<Vec<_>>());
        let mut parts: Vec<(Vec<&Entry>, f64)> = Vec::new();
        for (level, share) in levels.values().zip(&shares) {
            parts.extend(zones(level, *share, settings));
        }
        let mut up_to = 0.0;
        let group = |(entries, share): (Vec<&Entry>, f64)| {
            up_to += share;
            Group::new(&entries, settings, before, start, up_to)
        };
        let groups = parts.into_iter().filter(|(entries, share)| !entries.is_empty() && *share > 0.0);
        let keep = entries.values().filter(|entry| entry.condition != Condition::Unwell);
        Self {
            groups: groups.map(group).collect(),
            keep: keep.map(|entry| (entry.endpoint.token(), entry.endpoint.clone())).collect(),
            panics: shares.iter().any(|share| share.panics),
        }
    }

    /// The endpoint that a client was at, if it may still be used.
    pub(super) fn kept(&self, token: Token) -> Option<&Arc<Endpoint>> {
        self.keep.get(&token)
    }

    /// Picks by the groups' shares and their algorithm. An endpoint in `avoid` is taken only if there is no other in any
    /// group.
    pub(super) fn pick(
        &self,
        key: Option<u64>,
        avoid: &[Token],
        now: Duration,
        random: &mut Random,
    ) -> Option<&Arc<Endpoint>> {
        let key = key.unwrap_or_else(|| random.bits());
        let group = match &*self.groups {
            [] => return None,
            [only] => only,
            groups => {
                // By the key, so that it always finds the same group; the group's place for it must not depend on that.
                let draw = (hash::mix(key ^ 0x7469_6572) >> 11) as f64 / (1_u64 << 53) as f64;
                let last = groups.len() - 1;
                groups[..last].iter().find(|group| draw < group.up_to).unwrap_or(&groups[last])
            }
        };
        let first = group.pick(key, 0, now, random);
        if avoid.is_empty() || !avoid.contains(&first.token()) {
            return Some(first);
        }
        let instead = group.other(key, avoid, now, random);
        let elsewhere = || self.groups.iter().find_map(|group| group.other(key, avoid, now, random));
        instead.or_else(elsewhere).or(Some(first))
    }
}

/// Divides a level between the local zone and the others.
fn zones<'a>(level: &[&'a Entry], share: Share, settings: &Settings) -> Vec<(Vec<&'a Entry>, f64)> {
    let refuse = settings.tiers.panic == Panic::Refuse;
    let usable = |entry: &&Entry| entry.condition == Condition::Well || (share.panics && !refuse);
    let is_local = |entry: &&Entry| settings.tiers.zone.as_ref() == Some(&entry.spec.zone);
    let weight = |entries: &[&Entry]| entries.iter().map(|entry| f64::from(entry.spec.weight)).sum::<f64>();
    let members: Vec<&Entry> = level.iter().copied().filter(usable).collect();
    let (local, others): (Vec<&Entry>, Vec<&Entry>) = members.iter().copied().partition(is_local);
    let zone: Vec<&Entry> = level.iter().copied().filter(is_local).collect();
    if settings.tiers.zone.is_none() {
        return vec![(members, share.of_traffic)];
    }
    let kept = settings.tiers.local(weight(&local), weight(&zone), weight(&members));
    vec![(local, share.of_traffic * kept), (others, share.of_traffic * (1.0 - kept))]
}

impl Group {
    fn new(entries: &[&Entry], settings: &Settings, before: &View, start: u64, up_to: f64) -> Self {
        let member = |entry: &&Entry| Member {
            endpoint: entry.endpoint.clone(),
            configured: entry.spec.weight,
            weight: entry.weight,
            slow_start: settings.slow_start,
        };
        let members: Box<[Member]> = entries.iter().map(member).collect();
        let row = settings.algorithm.row();
        let known = before.groups.iter().find(|group| same(&group.members, &members, row.keyed));
        let build = || (row.build)(&members, settings, start);
        let algorithm = known.map_or_else(build, |group| group.algorithm.clone());
        Self { members, algorithm, up_to }
    }

    fn pick(&self, key: u64, attempt: u32, now: Duration, random: &mut Random) -> &Arc<Endpoint> {
        let index = self.algorithm.pick(&self.members, Ask { key, attempt, now }, random);
        &self.members[index].endpoint
    }

    /// One that is not to be avoided: by the algorithm within a few attempts, else the next from a place that the key
    /// gives; `None` if there is none.
    fn other(&self, key: u64, avoid: &[Token], now: Duration, random: &mut Random) -> Option<&Arc<Endpoint>> {
        let wanted = |endpoint: &&Arc<Endpoint>| !avoid.contains(&endpoint.token());
        let again = (1..ATTEMPTS_MAX).map(|attempt| self.pick(key, attempt, now, random)).find(wanted);
        let start = (key % self.members.len() as u64) as usize;
        let (before, after) = self.members.split_at(start);
        let scan = || after.iter().chain(before).map(|member| &member.endpoint).find(wanted);
        again.or_else(scan)
    }
}

/// Whether an algorithm built for one list of members serves for the other.
fn same(old: &[Member], new: &[Member], keyed: bool) -> bool {
    let alike = |(old, new): (&Member, &Member)| {
        old.endpoint.token() == new.endpoint.token()
            && old.configured == new.configured
            && (keyed || old.weight.to_bits() == new.weight.to_bits())
    };
    old.len() == new.len() && old.iter().zip(new).all(alike)
}
