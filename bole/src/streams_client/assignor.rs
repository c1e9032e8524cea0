//! How the leader of a classic group divides partitions: Kafka's range assignor, and one in the manner of its cooperative-sticky
//! assignor. Pure: members with their subscriptions in, partitions by member out.
//!
//! The cooperative assignor moves a partition in two rounds (KIP-429): in the first its owner loses it, in the second, when
//! nobody has it, the new owner gets it. Meanwhile everybody goes on with what stays.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bole_streams::protocol::Text;

/// A topic and a partition.
pub type Place = (Text, i32);

/// What each member gets.
pub type Assignment = BTreeMap<Text, BTreeSet<Place>>;

/// A member's wishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The topics that it wants to read.
    pub topics: BTreeSet<Text>,
    /// What it has.
    pub owned: BTreeSet<Place>,
    /// The generation in which it was given that; of two owners the later one is right.
    pub generation: i32,
}

/// How partitions are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignor {
    /// Neighbours of each topic to each member; everybody stops while it changes.
    Range,
    /// As even as possible with as few moves as possible; what stays is read on while it changes.
    CooperativeSticky,
}

impl Assignor {
    /// The name in the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// Divides the partitions of the topics that `counts` knows.
    pub fn assign(self, members: &BTreeMap<Text, Wishes>, counts: &BTreeMap<Text, i32>) -> Assignment {
        match self {
            Self::Range => range(members, counts),
            Self::CooperativeSticky => cooperative(members, counts),
        }
    }
}

impl fmt::Display for Assignor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn nothing(members: &BTreeMap<Text, Wishes>) -> Assignment {
    members.keys().map(|member| (member.clone(), BTreeSet::new())).collect()
}

fn range(members: &BTreeMap<Text, Wishes>, counts: &BTreeMap<Text, i32>) -> Assignment {
    let mut assignment = nothing(members);
    for (topic, count) in counts {
        let readers: Vec<&Text> = members
            .iter()
            .filter(|(_, wishes)| wishes.topics.contains(topic))
            .map(|(member, _)| member)
            .collect();
        let mut next = 0;
        for (index, member) in readers.iter().enumerate() {
            // The first members get one more where the division leaves a rest.
            let (share, rest) = (*count as usize / readers.len(), *count as usize % readers.len());
            let end = next + share as i32 + i32::from(index < rest);
            let places = (next..end).map(|partition| (topic.clone(), partition));
            assignment.get_mut(*member).expect("every member has a row").extend(places);
            next = end;
        }
    }
    assignment
}

fn cooperative(members: &BTreeMap<Text, Wishes>, counts: &BTreeMap<Text, i32>) -> Assignment {
    let owners = owners(members, counts);
    let mut assignment = sticky(members, counts, &owners);
    for (member, places) in &mut assignment {
        // Somebody else reads it now and has to let go first.
        places.retain(|place| owners.get(place).is_none_or(|owner| owner == member));
    }
    assignment
}

/// Who has each partition. Of two who claim it the later generation is right; of two of the same, neither.
fn owners(members: &BTreeMap<Text, Wishes>, counts: &BTreeMap<Text, i32>) -> BTreeMap<Place, Text> {
    let mut claims = BTreeMap::<Place, Vec<(i32, &Text)>>::new();
    for (member, wishes) in members {
        let exists = |(topic, partition): &&Place| {
            wishes.topics.contains(topic) && counts.get(topic).is_some_and(|count| partition < count)
        };
        for place in wishes.owned.iter().filter(exists) {
            claims.entry(place.clone()).or_default().push((wishes.generation, member));
        }
    }
    let owner = |(place, mut claims): (Place, Vec<(i32, &Text)>)| {
        claims.sort_by_key(|(generation, _)| std::cmp::Reverse(*generation));
        let disputed = claims.get(1).is_some_and(|second| second.0 == claims[0].0);
        (!disputed).then(|| (place, claims[0].1.clone()))
    };
    claims.into_iter().filter_map(owner).collect()
}

/// Everybody keeps what it has; what is free goes to whoever has least; then single partitions move until no move makes it more
/// even. Ends, because each move makes the sum of squares smaller.
fn sticky(
    members: &BTreeMap<Text, Wishes>,
    counts: &BTreeMap<Text, i32>,
    owners: &BTreeMap<Place, Text>,
) -> Assignment {
    let mut assignment = nothing(members);
    let places =
        counts.iter().flat_map(|(topic, count)| (0..*count).map(|partition| (topic.clone(), partition)));
    for place in places {
        let least = || {
            let readers = members.iter().filter(|(_, wishes)| wishes.topics.contains(&place.0));
            readers.map(|(member, _)| member).min_by_key(|member| load(&assignment, owners, member))
        };
        let member = owners.get(&place).or_else(least).cloned();
        if let Some(member) = member {
            assignment.get_mut(&member).expect("every member has a row").insert(place);
        }
    }
    while let Some((from, to, place)) = better(members, &assignment) {
        assignment.get_mut(&from).expect("every member has a row").remove(&place);
        assignment.get_mut(&to).expect("every member has a row").insert(place);
    }
    assignment
}

/// Partitions that a member has or will keep.
fn load(assignment: &Assignment, owners: &BTreeMap<Place, Text>, member: &Text) -> usize {
    let given = &assignment[member];
    given.len() + owners.iter().filter(|(place, owner)| *owner == member && !given.contains(*place)).count()
}

/// A move from a member to one that has at least two less.
fn better(members: &BTreeMap<Text, Wishes>, assignment: &Assignment) -> Option<(Text, Text, Place)> {
    let mut by_count: Vec<(&Text, &BTreeSet<Place>)> = assignment.iter().collect();
    by_count.sort_by_key(|(_, places)| places.len());
    for (from, places) in by_count.iter().rev() {
        for (to, _) in by_count.iter().filter(|(_, fewer)| fewer.len() + 2 <= places.len()) {
            let movable = places.iter().rev().find(|(topic, _)| members[*to].topics.contains(topic));
            if let Some(place) = movable {
                return Some(((*from).clone(), (*to).clone(), place.clone()));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a:t,u/t0 t1` is member `a` that wants `t` and `u` and owns two partitions.
    fn member(text: &str) -> (Text, Wishes) {
        let (name, rest) = text.split_once(':').unwrap();
        let (topics, owned) = rest.split_once('/').unwrap_or((rest, ""));
        let place = |text: &str| (Text::from(&text[..1]), text[1..].parse().unwrap());
        let wishes = Wishes {
            topics: topics.split(',').map(Text::from).collect(),
            owned: owned.split_whitespace().map(place).collect(),
            generation: 1,
        };
        (Text::from(name), wishes)
    }

    fn show(assignment: &Assignment) -> String {
        let places = |places: &BTreeSet<Place>| {
            let names: Vec<String> =
                places.iter().map(|(topic, partition)| format!("{topic}{partition}")).collect();
            names.join(" ")
        };
        let rows: Vec<String> =
            assignment.iter().map(|(member, given)| format!("{member}:{}", places(given))).collect();
        rows.join(" | ")
    }

    #[test]
    fn partitions_are_divided() {
        use Assignor::{CooperativeSticky, Range};
        let counts = BTreeMap::from([(Text::from("t"), 5), (Text::from("u"), 2)]);
        for (assignor, members, expected) in [
            (Range, &["a:t,u"][..], "a:t0 t1 t2 t3 t4 u0 u1"),
            (Range, &["a:t,u", "b:t"], "a:t0 t1 t2 u0 u1 | b:t3 t4"),
            (Range, &["a:t", "b:t", "c:x"], "a:t0 t1 t2 | b:t3 t4 | c:"),
            (CooperativeSticky, &["a:t", "b:t"], "a:t0 t2 t4 | b:t1 t3"),
            // What moves is free first: `a` keeps three, and `b` gets two when `a` has let them go.
            (CooperativeSticky, &["a:t/t0 t1 t2 t3 t4", "b:t"], "a:t0 t1 t2 | b:"),
            (CooperativeSticky, &["a:t/t0 t1 t2", "b:t"], "a:t0 t1 t2 | b:t3 t4"),
            (CooperativeSticky, &["a:t/t0 t1", "b:t/t3 t4", "c:u"], "a:t0 t1 t2 | b:t3 t4 | c:u0 u1"),
            // A partition that does not exist, and a topic that the member gave up.
            (CooperativeSticky, &["a:t/t9 u0", "b:u"], "a:t0 t1 t2 t3 t4 | b:u0 u1"),
            // Both claim t0 in the same generation: neither has it, and it goes to who has less.
            (CooperativeSticky, &["a:t/t0", "b:t/t0 t1"], "a:t0 t2 t4 | b:t1 t3"),
        ] {
            let members: BTreeMap<Text, Wishes> = members.iter().map(|text| member(text)).collect();
            assert_eq!(show(&assignor.assign(&members, &counts)), expected, "{assignor} {members:?}");
        }
    }
}
