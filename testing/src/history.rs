//! A checker for batches that are atomic over several keys, by the *list-append* method (Elle: Kingsbury and Alvaro, 2020):
//! each batch appends its own number to a list under each of its keys; reads of the lists then tell whether a batch is
//! there as a whole, in which order batches happened, and whether a read saw half of one.
//!
//! It needs no model and no knowledge of positions, so it also serves with real processes: clients note what they did,
//! a last read of all lists decides.

use std::collections::{BTreeMap, BTreeSet};

/// How a batch ended for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It must be there.
    Acknowledged,
    /// It must not be there.
    Refused,
    /// It may be there, as a whole.
    Unknown,
}

/// Lists by key, as one read saw them. A key that is not in it was not read.
pub type Lists = BTreeMap<String, Vec<u64>>;

/// What clients did and saw.
#[derive(Clone, Debug, Default)]
pub struct ListAppend {
    batches: BTreeMap<u64, (BTreeSet<String>, End)>,
    reads: Vec<Lists>,
}

impl ListAppend {
    /// Nothing done yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a batch that appended `number` to the list of each of `keys`. Numbers are unique.
    pub fn batch(&mut self, number: u64, keys: impl IntoIterator<Item = impl Into<String>>, end: End) {
        let keys = keys.into_iter().map(Into::into).collect();
        let before = self.batches.insert(number, (keys, end));
        assert!(before.is_none(), "batch number {number} is used twice");
    }

    /// Notes an atomic read of some keys while batches ran.
    pub fn read(&mut self, lists: Lists) {
        self.reads.push(lists);
    }

    /// Checks everything against the lists of all keys at the end (after a crash, those that were recovered).
    /// Returns what is wrong, one sentence each, at most a few of a kind.
    pub fn check(&self, last: &Lists) -> Vec<String> {
        let mut wrong = Vec::new();
        self.check_members(last, &mut wrong);
        self.check_whole(last, &mut wrong);
        for read in &self.reads {
            self.check_read(read, last, &mut wrong);
        }
        if let Some(cycle) = cycle(last) {
            wrong.push(format!("keys disagree on the order of batches: {cycle:?}"));
        }
        wrong
    }

    fn check_members(&self, last: &Lists, wrong: &mut Vec<String>) {
        for (key, list) in last {
            let mut seen = BTreeSet::new();
            for number in list {
                match self.batches.get(number) {
                    Some((keys, _)) if keys.contains(key) => {}
                    _ => wrong.push(format!("key {key} has {number}, which no batch appended to it")),
                }
                if !seen.insert(number) {
                    wrong.push(format!("key {key} has batch {number} twice"));
                }
            }
        }
    }

    fn check_whole(&self, last: &Lists, wrong: &mut Vec<String>) {
        for (number, (keys, end)) in &self.batches {
            let having: Vec<&String> =
                keys.iter().filter(|key| last.get(*key).is_some_and(|list| list.contains(number))).collect();
            match (having.len(), end) {
                (0, End::Acknowledged) => wrong.push(format!("batch {number} was acknowledged and is lost")),
                (1.., End::Refused) => wrong.push(format!("batch {number} was refused and is there")),
                (have, _) if have != 0 && have != keys.len() => {
                    wrong.push(format!("batch {number} is half there: of {keys:?} only in {having:?}"));
                }
                _ => {}
            }
        }
    }

    /// A read saw prefixes of the last lists, and of each batch all or nothing.
    fn check_read(&self, read: &Lists, last: &Lists, wrong: &mut Vec<String>) {
        for (key, list) in read {
            if !last.get(key).is_some_and(|last| last.starts_with(list)) {
                wrong.push(format!("a read of key {key} saw {list:?}, which is no prefix of its last list"));
            }
        }
        let numbers: BTreeSet<u64> = read.values().flatten().copied().collect();
        for number in numbers {
            let Some((keys, _)) = self.batches.get(&number) else { continue };
            let missing = |key: &&String| read.get(*key).is_some_and(|list| !list.contains(&number));
            if let Some(key) = keys.iter().find(missing) {
                wrong.push(format!("a read saw half of batch {number}: not in key {key}"));
            }
        }
    }
}

/// Batches whose order differs between keys, if there are any: what is left when batches that no key puts after another
/// are taken away one by one.
fn cycle(lists: &Lists) -> Option<Vec<u64>> {
    let mut before: BTreeMap<u64, usize> = BTreeMap::new();
    let mut after: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for list in lists.values() {
        for number in list {
            before.entry(*number).or_default();
        }
        for pair in list.windows(2) {
            *before.entry(pair[1]).or_default() += 1;
            after.entry(pair[0]).or_default().push(pair[1]);
        }
    }
    let mut free: Vec<u64> =
        before.iter().filter(|(_, count)| **count == 0).map(|(number, _)| *number).collect();
    while let Some(number) = free.pop() {
        before.remove(&number);
        for next in after.remove(&number).unwrap_or_default() {
            if let Some(count) = before.get_mut(&next) {
                *count -= 1;
                if *count == 0 {
                    free.push(next);
                }
            }
        }
    }
    (!before.is_empty()).then(|| before.into_keys().collect())
}

/// The *bank* check: transfers between accounts keep the sum. Returns what is wrong with one atomic read of all balances.
pub fn bank(balances: &BTreeMap<String, i64>, total: i64) -> Option<String> {
    let sum: i64 = balances.values().sum();
    (sum != total).then(|| format!("the balances add up to {sum}, not to {total}: {balances:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(text: &str) -> Lists {
        let pair = |part: &str| {
            let (key, list) = part.split_once('=').unwrap();
            (key.to_owned(), list.split(',').filter(|n| !n.is_empty()).map(|n| n.parse().unwrap()).collect())
        };
        text.split_whitespace().map(pair).collect()
    }

    #[test]
    fn each_anomaly_has_its_sentence() {
        // Batch 1 on a and b (acknowledged), 2 on a and b (unknown), 3 on c (refused).
        let rows = [
            ("a=1 b=1 c=", "", ""),
            ("a=1,2 b=1,2 c=", "a=1 b=1", ""),
            ("a= b= c=", "", "acknowledged and is lost"),
            ("a=1,2 b=1 c=", "", "half there"),
            ("a=1 b=1 c=3", "", "was refused"),
            ("a=1,1 b=1 c=", "", "twice"),
            ("a=1,9 b=1 c=", "", "no batch appended"),
            ("a=1,2 b=2,1 c=", "", "disagree on the order"),
            ("a=1,2 b=1,2 c=", "a=1,2 b=1", "saw half of batch 2"),
            ("a=1 b=1 c=", "a=2 b=2", "no prefix"),
        ];
        for (last, read, expected) in rows {
            let mut history = ListAppend::new();
            history.batch(1, ["a", "b"], End::Acknowledged);
            history.batch(2, ["a", "b"], End::Unknown);
            history.batch(3, ["c"], End::Refused);
            history.read(lists(read));
            let wrong = history.check(&lists(last));
            let found = wrong.iter().any(|text| text.contains(expected));
            assert_eq!(wrong.is_empty(), expected.is_empty(), "{last} {read}: {wrong:?}");
            assert!(found || expected.is_empty(), "{last} {read}: {wrong:?}");
        }
    }

    #[test]
    fn a_bank_keeps_its_sum() {
        let mut balances = BTreeMap::from([("a".to_owned(), 30), ("b".to_owned(), 70)]);
        assert_eq!(bank(&balances, 100), None);
        balances.insert("a".to_owned(), 29);
        assert!(bank(&balances, 100).unwrap().contains("99"));
    }
}
