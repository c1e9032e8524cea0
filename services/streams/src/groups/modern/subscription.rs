//! Which topics the members of a group subscribe to: by name, and by pattern.
//!
//! Patterns have the syntax of the `regex` crate, which is nearly that of RE2, which Kafka 4 asks for; they match whole names.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::Roster;
use crate::groups::error::{Code, Error};
use crate::groups::limits::{PARTITIONS_PER_GROUP_MAX, PATTERN_COMPILED_BYTES_MAX};
use crate::groups::topics::{Topic, TopicId, Topics};

/// What patterns found, for one version of the topics. At most one pattern for each member.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patterns {
    version: Option<u64>,
    found: HashMap<Arc<str>, Arc<[Arc<str>]>>,
}

/// Compiles a pattern. Errors: `InvalidRegularExpression`.
pub(crate) fn compile(pattern: &str) -> Result<Regex, Error> {
    let refuse = |reason: regex::Error| {
        Code::InvalidRegularExpression.because(format!("pattern {pattern:?} cannot be used: {reason}"))
    };
    // Compiled by itself first: a pattern such as `a)(b` must not become good by the anchors around it.
    for text in [pattern.to_owned(), format!("^(?:{pattern})$")] {
        let compiled =
            RegexBuilder::new(&text).size_limit(PATTERN_COMPILED_BYTES_MAX).build().map_err(refuse)?;
        if text.len() > pattern.len() {
            return Ok(compiled);
        }
    }
    unreachable!("the anchored pattern is longer than the pattern")
}

fn resolve(pattern: &str, topics: &dyn Topics) -> Arc<[Arc<str>]> {
    match compile(pattern) {
        Ok(regex) => topics.names().into_iter().filter(|name| regex.is_match(name)).collect(),
        // It was compiled when the member came; a later version of Bole may know less of the syntax.
        Err(error) => {
            tracing::warn!(%error, "a pattern that was good before finds no topics");
            Arc::default()
        }
    }
}

/// Which topics a group reads, and who of its members which.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions<'a> {
    /// The topics that exist and that any member subscribes to.
    pub(crate) topics: BTreeMap<TopicId, Topic>,
    /// By member; members with the same subscription share one set.
    pub(crate) members: BTreeMap<&'a Arc<str>, Arc<BTreeSet<TopicId>>>,
}

type Wish<'a> = (&'a [Arc<str>], Option<&'a Arc<str>>);

impl<'a> Subscriptions<'a> {
    /// Finds the topics of all members, and what their patterns found.
    pub(crate) fn of(
        roster: &Roster<'a>,
        topics: &dyn Topics,
        version: u64,
        known: Option<&Patterns>,
    ) -> (Self, Patterns) {
        let known = known.filter(|known| known.version == Some(version));
        let mut patterns = Patterns { version: Some(version), found: HashMap::new() };
        let mut sets: HashMap<Wish<'_>, Arc<BTreeSet<TopicId>>> = HashMap::new();
        let mut all = Self::default();
        let mut partitions = 0;
        for (id, member) in roster {
            let wish: Wish<'a> = (&member.topics, member.pattern.as_ref());
            let set = sets.entry(wish).or_insert_with(|| {
                let found = wish.1.map(|pattern| {
                    let cached = known.and_then(|known| known.found.get(pattern)).cloned();
                    let found = cached.unwrap_or_else(|| resolve(pattern, topics));
                    patterns.found.insert(Arc::clone(pattern), Arc::clone(&found));
                    found
                });
                let by_pattern = found.iter().flat_map(|found| found.iter());
                let names = wish.0.iter().chain(by_pattern);
                Arc::new(names.filter_map(|name| all.add(topics, name, &mut partitions)).collect())
            });
            all.members.insert(id, Arc::clone(set));
        }
        (all, patterns)
    }

    /// Takes a topic in, if it exists and there is room for its partitions.
    fn add(&mut self, topics: &dyn Topics, name: &str, partitions: &mut usize) -> Option<TopicId> {
        let topic = topics.by_name(name)?;
        let id = topic.id;
        if let Entry::Vacant(entry) = self.topics.entry(id) {
            let with = *partitions + topic.partitions as usize;
            if with > PARTITIONS_PER_GROUP_MAX {
                tracing::warn!(
                    topic = name,
                    "a group subscribes to too many partitions; the topic stays unassigned"
                );
                return None;
            }
            *partitions = with;
            entry.insert(topic);
        }
        Some(id)
    }

    /// A hash of the topics, so that a change of one of them is noticed, also over restarts.
    pub(crate) fn hash(&self) -> u64 {
        let mut hash = 0xCBF2_9CE4_8422_2325_u64;
        let mut eat = |bytes: &[u8]| {
            hash = bytes
                .iter()
                .fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3));
        };
        for topic in self.topics.values() {
            eat(&topic.id.0);
            eat(topic.name.as_bytes());
            eat(&topic.partitions.to_le_bytes());
        }
        hash
    }
}
