//! Each collection against a simple model.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use proptest::prelude::*;

use super::*;

/// Limits so small that all shapes come up.
fn rules(small: bool) -> Rules {
    let limits = Limits {
        hash_entries_max: 4,
        hash_value_bytes_max: 20,
        set_integers_max: 6,
        set_entries_max: 5,
        set_value_bytes_max: 20,
        sorted_set_entries_max: 5,
        sorted_set_value_bytes_max: 20,
        list_node_bytes_max: 40,
    };
    Rules { limits: if small { limits } else { Limits::default() }, seed: Seed(3, 4) }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0..30_u8).prop_map(|byte| vec![byte]),
        4 => (-20..20_i64).prop_map(|integer| integer.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

#[derive(Clone, Debug)]
enum ListStep {
    Push(bool, Vec<u8>),
    Pop(bool, usize),
    Set(usize, Vec<u8>),
    Insert(usize, Vec<u8>),
    Remove(Vec<u64>),
    Trim(usize, usize),
}

fn list_step() -> impl Strategy<Value = ListStep> {
    prop_oneof![
        8 => (any::<bool>(), bytes()).prop_map(|(front, bytes)| ListStep::Push(front, bytes)),
        2 => (any::<bool>(), 0..5_usize).prop_map(|(front, count)| ListStep::Pop(front, count)),
        2 => (0..60_usize, bytes()).prop_map(|(index, bytes)| ListStep::Set(index, bytes)),
        2 => (0..60_usize, bytes()).prop_map(|(index, bytes)| ListStep::Insert(index, bytes)),
        1 => prop::collection::vec(0..60_u64, 0..9).prop_map(|mut indices| {
            indices.sort_unstable();
            ListStep::Remove(indices)
        }),
        1 => (0..10_usize, 0..60_usize).prop_map(|(start, len)| ListStep::Trim(start, len)),
    ]
}

fn apply_list(model: &mut Vec<Vec<u8>>, list: &mut List, step: ListStep, rules: &Rules) {
    match step {
        ListStep::Push(front, bytes) => {
            list.push(front, &bytes, rules);
            model.insert(if front { 0 } else { model.len() }, bytes);
        }
        ListStep::Pop(front, count) => {
            list.pop(front, count);
            let count = count.min(model.len());
            model.drain(if front { 0..count } else { model.len() - count..model.len() });
        }
        ListStep::Set(index, bytes) => {
            list.set(index, &bytes, rules);
            if let Some(element) = model.get_mut(index) {
                *element = bytes;
            }
        }
        ListStep::Insert(index, bytes) => {
            list.insert(index, &bytes, rules);
            if index <= model.len() {
                model.insert(index, bytes);
            }
        }
        ListStep::Remove(indices) => {
            list.remove(indices.iter().copied(), rules);
            let mut index = 0;
            model.retain(|_| {
                index += 1;
                !indices.contains(&(index - 1))
            });
        }
        ListStep::Trim(start, len) => {
            list.trim(start, len);
            *model = model.iter().skip(start).take(len).cloned().collect();
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Score(f64);

impl PartialEq for Score {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Score {}
impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Score {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.partial_cmp(&other.0).unwrap()
    }
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-3..4_i32).prop_map(f64::from),
        Just(-0.0),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        -3.0..3.0_f64,
    ]
}

fn bound<T: Clone + std::fmt::Debug>(inner: impl Strategy<Value = T>) -> impl Strategy<Value = Bound<T>> {
    (0..5_u8, inner).prop_map(|(kind, value)| match kind {
        0 => Bound::Unbounded,
        1 | 2 => Bound::Excluded(value),
        _ => Bound::Included(value),
    })
}

fn inside<T: PartialOrd>(value: &T, min: &Bound<T>, max: &Bound<T>) -> bool {
    let above = match min {
        Bound::Unbounded => true,
        Bound::Included(min) => *value >= *min,
        Bound::Excluded(min) => *value > *min,
    };
    above
        && match max {
            Bound::Unbounded => true,
            Bound::Included(max) => *value <= *max,
            Bound::Excluded(max) => *value < *max,
        }
}

/// A sorted set says the same as a set of pairs, in every way to ask.
fn check_sorted(
    sorted: &SortedSet,
    model: &BTreeMap<Vec<u8>, f64>,
    score: (Bound<f64>, Bound<f64>),
) -> Result<(), TestCaseError> {
    let mut order: Vec<(Score, &[u8])> =
        model.iter().map(|(member, score)| (Score(*score), &member[..])).collect();
    order.sort();
    let expected: Vec<(&[u8], f64)> = order.iter().map(|(score, member)| (*member, score.0)).collect();
    prop_assert_eq!(sorted.len(), model.len());
    prop_assert_eq!(&sorted.iter().collect::<Vec<_>>(), &expected);
    let mut backwards: Vec<_> = sorted.iter().rev().collect();
    backwards.reverse();
    prop_assert_eq!(&backwards, &expected);
    for (rank, (member, score)) in expected.iter().enumerate() {
        prop_assert_eq!(sorted.rank(member), Some(rank));
        prop_assert_eq!(sorted.score(member), Some(*score));
        prop_assert_eq!(
            sorted.range(rank..rank + 2).collect::<Vec<_>>(),
            &expected[rank..expected.len().min(rank + 2)]
        );
    }
    let found: Vec<_> = sorted.range(sorted.ranks_by_score(score.0, score.1)).collect();
    let expected: Vec<_> = expected.into_iter().filter(|(_, at)| inside(at, &score.0, &score.1)).collect();
    prop_assert_eq!(found, expected);
    prop_assert_eq!(sorted.rank(b"no such member"), None);
    Ok(())
}

proptest! {
    #[test]
    fn a_list_is_a_vector(steps in prop::collection::vec(list_step(), 1..80), small: bool) {
        let rules = rules(small);
        let (mut list, mut model) = (List::default(), Vec::new());
        for step in steps {
            apply_list(&mut model, &mut list, step, &rules);
            prop_assert_eq!(list.len(), model.len());
            prop_assert_eq!(&list.iter().collect::<Vec<_>>(), &model);
        }
        for index in 0..model.len() + 2 {
            prop_assert_eq!(list.get(index), model.get(index).map(|element| &element[..]));
            let end = index.min(model.len());
            prop_assert_eq!(list.iter_from(index).collect::<Vec<_>>(), &model[end..]);
            let mut before: Vec<_> = list.iter_back_from(index).collect();
            before.reverse();
            prop_assert_eq!(before, &model[..end]);
        }
    }

    #[test]
    fn a_hash_is_a_map(steps in prop::collection::vec((0..3_u8, bytes(), bytes()), 1..80), small: bool) {
        let rules = rules(small);
        let (mut hash, mut model) = (Hash::default(), BTreeMap::new());
        for (kind, field, value) in steps {
            if kind == 0 {
                prop_assert_eq!(hash.remove(&field), model.remove(&field).is_some());
            } else {
                let new = hash.set(&field, &value, &rules);
                prop_assert_eq!(new, model.insert(field.clone(), value).is_none());
            }
            prop_assert_eq!(hash.get(&field), model.get(&field).map(|value| &value[..]));
            prop_assert_eq!(hash.len(), model.len());
        }
        let mut found: Vec<_> = hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect();
        found.sort();
        let mut scanned = Vec::new();
        hash.scan(0, 10_000, |field, value| scanned.push((field.to_vec(), value.to_vec())));
        scanned.sort();
        prop_assert_eq!(&scanned, &found);
        prop_assert_eq!(found, model.iter().map(|(k, v)| (k.clone(), v.clone())).collect::<Vec<_>>());
        let random = hash.random(&mut || 12_345).map(|(field, value)| (field.to_vec(), value.to_vec()));
        prop_assert!(random.is_none_or(|(field, value)| model.get(&field) == Some(&value)));
    }

    #[test]
    fn a_set_is_a_set(steps in prop::collection::vec((0..3_u8, bytes()), 1..80), small: bool, integers: bool) {
        let rules = rules(small);
        let (mut set, mut model) = (Set::default(), BTreeSet::new());
        let mut text = itoa::Buffer::new();
        for (kind, member) in steps {
            if integers && crate::state::parse_integer(&member).is_none() {
                continue;
            }
            if kind == 0 {
                prop_assert_eq!(set.remove(&member), model.remove(&member));
            } else {
                prop_assert_eq!(set.add(&member, &rules), model.insert(member.clone()));
            }
            prop_assert_eq!(set.contains(&member), model.contains(&member));
            prop_assert_eq!(set.len(), model.len());
        }
        let found: Vec<_> = set.iter().map(|member| member.bytes(&mut text).to_vec()).collect();
        prop_assert_eq!(found.len(), model.len());
        prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), model.clone());
        let random = set.random(&mut || 12_345).map(|member| member.bytes(&mut text).to_vec());
        prop_assert!(random.is_none_or(|member| model.contains(&member)));
    }

    #[test]
    fn a_sorted_set_is_ordered_pairs(
        steps in prop::collection::vec((0..4_u8, score(), bytes()), 1..120),
        small: bool,
        min in bound(score()),
        max in bound(score()),
    ) {
        let rules = rules(small);
        let (mut sorted, mut model) = (SortedSet::default(), BTreeMap::new());
        for (kind, score, member) in steps {
            if kind == 0 {
                prop_assert_eq!(sorted.remove(&member), model.remove(&member).is_some());
                continue;
            }
            let expected = match model.get(&member) {
                None => Added::New,
                Some(old) if Score(*old) == Score(score) => Added::Same,
                Some(_) => Added::Changed,
            };
            prop_assert_eq!(sorted.add(score, &member, &rules), expected);
            if expected != Added::Same {
                model.insert(member, score);
            }
        }
        check_sorted(&sorted, &model, (min, max))?;
    }

    #[test]
    fn members_of_equal_score_range_by_bytes(
        members in prop::collection::btree_set(bytes(), 0..40),
        small: bool,
        min in bound(bytes()),
        max in bound(bytes()),
    ) {
        let rules = rules(small);
        let mut sorted = SortedSet::default();
        members.iter().rev().for_each(|member| { sorted.add(0.0, member, &rules); });
        let (low, high) = (min.as_ref().map(|min| &min[..]), max.as_ref().map(|max| &max[..]));
        let found: Vec<_> = sorted.range(sorted.ranks_by_lex(low, high)).map(|(member, _)| member).collect();
        let expected: Vec<_> = members.iter().map(|member| &member[..]).filter(|member| inside(member, &low, &high)).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_large_sorted_set_keeps_its_order_through_splits_and_merges() {
    let rules = rules(false);
    let (mut sorted, mut model) = (SortedSet::default(), BTreeMap::new());
    let mut state = 1_u32;
    let unbounded = (Bound::Unbounded, Bound::Unbounded);
    for round in 0..6 {
        for _ in 0..3000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let member = (state >> 18).to_be_bytes().to_vec();
            // Rounds of growing and of shrinking.
            if state >> 8 & 7 < 2 + round % 2 * 5 {
                assert_eq!(sorted.remove(&member), model.remove(&member).is_some());
            } else {
                let score = f64::from(state >> 12 & 63);
                sorted.add(score, &member, &rules);
                model.insert(member, score);
            }
        }
        check_sorted(&sorted, &model, unbounded).unwrap();
    }
    let members: Vec<_> = model.keys().cloned().collect();
    assert!(members.iter().all(|member| sorted.remove(member)));
    assert_eq!(sorted.iter().count(), 0);
}

#[test]
fn encodings_change_at_the_limits_of_redis() {
    let rules = rules(false);
    let mut hash = Hash::default();
    let mut set = Set::default();
    let mut strings = Set::default();
    let mut sorted = SortedSet::default();
    let mut list = List::default();
    let mut text = itoa::Buffer::new();
    for count in 1..=600_i64 {
        let member = text.format(count).as_bytes();
        hash.set(member, b"v", &rules);
        set.add(member, &rules);
        strings.add(&[b"m", member].concat(), &rules);
        sorted.add(1.0, member, &rules);
        list.push(true, &[0; 30], &rules);
        let expect = |limit, small, large| if count <= limit { small } else { large };
        assert_eq!(hash.encoding(), expect(128, "listpack", "hashtable"), "{count}");
        assert_eq!(set.encoding(), expect(512, "intset", "hashtable"), "{count}");
        assert_eq!(strings.encoding(), expect(128, "listpack", "hashtable"), "{count}");
        assert_eq!(sorted.encoding(), expect(128, "listpack", "skiplist"), "{count}");
        assert_eq!(list.encoding(), expect(8192 / 32, "listpack", "quicklist"), "{count}");
    }
    let mut wide = Hash::default();
    wide.set(b"f", &[1; 64], &rules);
    assert_eq!(wide.encoding(), "listpack");
    wide.set(b"f", &[1; 65], &rules);
    assert_eq!(wide.encoding(), "hashtable");
}
