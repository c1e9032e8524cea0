//! Assignors: complete, fair, steady.

use std::collections::BTreeSet;

use bole_testing::Rng;

use super::*;
use crate::groups::state::modern::Member;
use crate::groups::topics::{Fake, Topics};

struct Case {
    topics: Fake,
    members: BTreeMap<Arc<str>, Member>,
    before: Targets,
}

impl Case {
    fn new(topics: &[(&str, u32)], members: &[(&str, &[&str])]) -> Self {
        let member = |topics: &[&str]| Member {
            topics: topics.iter().map(|topic| Arc::from(*topic)).collect(),
            ..Member::default()
        };
        Self {
            topics: Fake::new(topics),
            members: members.iter().map(|(id, topics)| (Arc::from(*id), member(topics))).collect(),
            before: Targets::new(),
        }
    }

    /// Assigns, and checks what holds for every assignment; how many partitions moved from one member to another.
    fn run(&mut self, assignor: Assignor) -> usize {
        let roster: Roster<'_> = self.members.iter().collect();
        let (subscriptions, _) = Subscriptions::of(&roster, &self.topics, self.topics.version(), None);
        let targets = assignor.assign(&roster, &subscriptions, &self.before);
        let again = assignor.assign(&roster, &subscriptions, &targets);
        assert_eq!(again, targets, "where nothing changed, nothing moves");
        let mut owners: BTreeMap<(TopicId, i32), BTreeSet<&str>> = BTreeMap::new();
        for (id, target) in &targets {
            for (topic, partitions) in &**target {
                assert!(subscriptions.members[id].contains(topic), "{id} subscribes to what it gets");
                assert!(partitions.is_sorted_by(|one, other| one < other));
                for partition in partitions {
                    owners.entry((*topic, *partition)).or_default().insert(id);
                }
            }
        }
        let readable = |topic: &TopicId| subscriptions.members.values().any(|topics| topics.contains(topic));
        let partitions: usize = subscriptions
            .topics
            .values()
            .filter(|topic| readable(&topic.id))
            .map(|topic| topic.partitions as usize)
            .sum();
        assert_eq!(owners.len(), partitions, "every partition that has a reader is assigned");
        if assignor != Assignor::Simple {
            assert!(owners.values().all(|owners| owners.len() == 1), "to one member");
        }
        let had = |place: &(TopicId, i32)| {
            self.before
                .iter()
                .find(|(_, target)| target.get(&place.0).is_some_and(|parts| parts.contains(&place.1)))
                .map(|(id, _)| id)
        };
        let moved = owners
            .iter()
            .filter(|(place, now)| {
                had(place).is_some_and(|id| self.members.contains_key(id) && !now.contains(&**id))
            })
            .count();
        self.before = targets;
        moved
    }

    fn counts(&self) -> Vec<usize> {
        let count = |target: &Arc<Assignment>| target.values().map(Vec::len).sum();
        self.before.values().map(count).collect()
    }

    fn spread(&self) -> usize {
        let counts = self.counts();
        counts.iter().max().unwrap() - counts.iter().min().unwrap()
    }
}

#[test]
fn uniform_is_fair_and_moves_little() {
    let mut case = Case::new(&[("t", 10), ("u", 5)], &[("a", &["t", "u"])]);
    assert_eq!(case.run(Assignor::Uniform), 0);
    let both: Vec<Arc<str>> = vec!["t".into(), "u".into()];
    for (id, moves) in [("b", 7), ("c", 5), ("d", 3)] {
        case.members.insert(id.into(), Member { topics: both.clone(), ..Member::default() });
        assert_eq!(case.run(Assignor::Uniform), moves, "{id} gets no more than its share");
        assert!(case.spread() <= 1, "{:?}", case.counts());
    }
    case.members.remove("a");
    assert_eq!(case.run(Assignor::Uniform), 0, "only what nobody has any more is given away");
    assert!(case.spread() <= 1);
    case.topics.set("t", 16);
    case.run(Assignor::Uniform);
    assert!(case.spread() <= 1);
}

#[test]
fn uniform_respects_different_subscriptions() {
    let mut case =
        Case::new(&[("t", 6), ("u", 6), ("v", 2)], &[("a", &["t"]), ("b", &["t", "u"]), ("c", &["u", "v"])]);
    case.run(Assignor::Uniform);
    assert!(case.spread() <= 1, "{:?}", case.counts());
    let mut case = Case::new(&[("t", 9), ("u", 1)], &[("a", &["t"]), ("b", &["u"]), ("c", &["z"])]);
    case.run(Assignor::Uniform);
    assert_eq!(case.counts(), [9, 1, 0]);
}

#[test]
fn range_keeps_partitions_of_one_number_together() {
    let mut case = Case::new(&[("t", 5), ("u", 5)], &[("a", &["t", "u"]), ("b", &["t", "u"])]);
    case.run(Assignor::Range);
    let target = &case.before["a"];
    assert!(target.values().all(|partitions| *partitions == [0, 1, 2]));
    assert_eq!(target.len(), 2);
}

#[test]
fn simple_shares_partitions_and_leaves_nobody_idle() {
    let rows = [(1, 1), (2, 5), (5, 2), (3, 3), (1, 7)];
    for (partitions, members) in rows {
        let ids: Vec<String> = (0..members).map(|number| number.to_string()).collect();
        let members: Vec<(&str, &[&str])> = ids.iter().map(|id| (id.as_str(), &["t"][..])).collect();
        let mut case = Case::new(&[("t", partitions)], &members);
        case.run(Assignor::Simple);
        assert!(case.counts().iter().all(|count| *count > 0), "{partitions} partitions: {:?}", case.counts());
        assert!(case.spread() <= 1);
    }
}

#[test]
fn the_majority_chooses_the_assignor() {
    let rows: [(&[Option<&str>], Assignor); 5] = [
        (&[None], Assignor::Uniform),
        (&[Some("range")], Assignor::Range),
        (&[Some("range"), Some("uniform")], Assignor::Uniform),
        (&[Some("range"), Some("range"), Some("uniform"), None], Assignor::Range),
        (&[None, None, Some("range")], Assignor::Range),
    ];
    for (wishes, expected) in rows {
        let members: BTreeMap<Arc<str>, Member> = wishes
            .iter()
            .enumerate()
            .map(|(number, wish)| {
                let member = Member { assignor: wish.map(Arc::from), ..Member::default() };
                (number.to_string().into(), member)
            })
            .collect();
        assert_eq!(Assignor::elected(&members.iter().collect()), expected, "{wishes:?}");
    }
}

#[test]
fn any_membership_is_assigned_completely() {
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let mut case = Case::new(&[("t", 7), ("u", 3), ("v", 12)], &[]);
        let assignor = *rng.pick(&[Assignor::Uniform, Assignor::Range, Assignor::Simple]);
        for _ in 0..20 {
            let id: Arc<str> = rng.below(8).to_string().into();
            if rng.one_in(3) {
                case.members.remove(&id);
            } else {
                let names = ["t", "u", "v", "w"].into_iter().filter(|_| rng.one_in(2));
                let topics = names.map(Arc::from).collect();
                case.members.insert(id, Member { topics, ..Member::default() });
            }
            if rng.one_in(5) {
                case.topics.set("u", rng.in_range(1..9) as u32);
            }
            case.run(assignor);
        }
    }
}
