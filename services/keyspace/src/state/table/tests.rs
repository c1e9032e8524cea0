//! The table against a map, and the promise of scans.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

impl Element for (u32, [u8; 4], u32) {
    fn key(&self) -> &[u8] {
        &self.1
    }
}

type Item = (u32, [u8; 4], u32);

const SEED: Seed = Seed(7, 9);

fn item(number: u32, value: u32) -> Item {
    (number, number.to_be_bytes(), value)
}

fn hash(number: u32) -> u64 {
    SEED.hash(&number.to_be_bytes())
}

/// Every element stands in the segment of its hash, and the segments tile the space.
fn check<M: Clone>(table: &Table<Item, M>) {
    let (mut from, mut len) = (0, 0);
    loop {
        let segment = table.segment(from);
        assert_eq!(segment.start(), from);
        assert!(segment.iter().all(|item| (from..=segment.end()).contains(&hash(item.0))));
        len += segment.len();
        match segment.end().checked_add(1) {
            Some(next) => from = next,
            None => break,
        }
    }
    assert_eq!(len, table.len());
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u32, u32),
    Remove(u32),
    RemoveRange(u32, u32),
    InsertRange(u32, u32),
    Scan(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..6000_u32;
    prop_oneof![
        (key.clone(), any::<u32>()).prop_map(|(key, value)| Step::Insert(key, value)),
        key.clone().prop_map(Step::Remove),
        (key.clone(), 1..3000_u32).prop_map(|(key, len)| Step::RemoveRange(key, len)),
        (key, 1..3000_u32).prop_map(|(key, len)| Step::InsertRange(key, len)),
        (1..400_usize).prop_map(Step::Scan),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_table_is_a_map_and_a_scan_misses_and_repeats_nothing(steps in prop::collection::vec(step(), 1..60)) {
        let mut table: Table<Item> = Table::new(SEED, ());
        let mut model: HashMap<u32, u32> = HashMap::new();
        // The scan that goes on through all changes.
        let (mut cursor, mut seen, mut stayed) = (0, HashSet::new(), HashSet::new());
        for step in steps {
            match step {
                Step::Insert(key, value) => {
                    let old = table.insert(hash(key), item(key, value)).map(|item| item.2);
                    prop_assert_eq!(old, model.insert(key, value));
                }
                Step::Remove(key) => {
                    let old = table.remove(hash(key), &key.to_be_bytes()).map(|item| item.2);
                    prop_assert_eq!(old, model.remove(&key));
                    stayed.remove(&key);
                }
                Step::RemoveRange(key, len) => for key in key..key + len {
                    let old = table.remove(hash(key), &key.to_be_bytes()).map(|item| item.2);
                    prop_assert_eq!(old, model.remove(&key));
                    stayed.remove(&key);
                },
                Step::InsertRange(key, len) => for key in key..key + len {
                    if model.insert(key, 1).is_none() {
                        table.insert_new(hash(key), item(key, 1));
                    } else if let Some(item) = table.get_mut(hash(key), &key.to_be_bytes()) {
                        item.2 = 1;
                    }
                },
                Step::Scan(count) => {
                    if cursor == 0 {
                        seen.clear();
                        stayed = model.keys().copied().collect();
                    }
                    let mut visited = 0;
                    let mut repeated = false;
                    cursor = table.scan(cursor, count, |item| {
                        visited += 1;
                        repeated |= !seen.insert(item.0) && stayed.contains(&item.0);
                    });
                    prop_assert!(!repeated && visited <= count);
                    prop_assert!(cursor % (1 << CURSOR_BITS) == 0);
                    if cursor == 0 {
                        prop_assert!(stayed.is_subset(&seen));
                    }
                }
            }
        }
        check(&table);
        for key in 0..9000 {
            prop_assert_eq!(table.get(hash(key), &key.to_be_bytes()).map(|item| item.2), model.get(&key).copied());
        }
        prop_assert_eq!(table.iter().count(), model.len());
    }
}

#[test]
fn churn_does_not_grow_a_table_and_emptying_shrinks_it() {
    let mut table: Table<Item> = Table::new(SEED, ());
    for number in 0..20_000 {
        table.insert(hash(number), item(number, 0));
    }
    let full = table.own_bytes();
    assert!(full < 20_000 * 45, "{full}");
    for number in 20_000..400_000 {
        table.insert(hash(number), item(number, 0));
        table.remove(hash(number - 20_000), &(number - 20_000).to_be_bytes());
    }
    check(&table);
    assert!(table.own_bytes() < 20_000 * 40, "{} after {full}", table.own_bytes());
    for number in 380_000..400_000 {
        table.remove(hash(number), &number.to_be_bytes());
    }
    assert!(table.own_bytes() < full / 8, "{} after {full}", table.own_bytes());
}

#[test]
fn random_elements_are_spread() {
    let mut table: Table<Item> = Table::new(SEED, ());
    let mut state = 1_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state ^ (state >> 29)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    };
    assert!(table.random(&mut random).is_none());
    for number in 0..2000 {
        table.insert(hash(number), item(number, 0));
    }
    let mut counts = [0_u32; 2000];
    for _ in 0..200_000 {
        counts[table.random(&mut random).unwrap().0 as usize] += 1;
    }
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(*least > 40 && *most < 200, "{least} to {most}");
}

#[test]
fn equal_prefixes_do_not_blow_up_the_directory() {
    let mut table: Table<Item> = Table::new(SEED, ());
    // Only elements whose hashes begin with ten zeros.
    let numbers: Vec<u32> = (0..3_000_000).filter(|number| hash(*number) >> 54 == 0).collect();
    for number in &numbers {
        table.insert(hash(*number), item(*number, 0));
    }
    assert!(numbers.len() > 2000);
    check(&table);
    assert!(table.directory.len() <= 2 * DIRECTORY_PER_SEGMENT * table.segments.len());
    assert!(numbers.iter().all(|number| table.get(hash(*number), &number.to_be_bytes()).is_some()));
}
