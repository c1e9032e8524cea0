//! Random effects, flushes, compactions, kills; every read is compared with ordered maps.

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use bole_base::{Disk, Position, RealDisk};
use bole_ordered::{Direction, Frozen, PageLimits, Partition, Range, View};
use bole_testing::Rng;
use bole_testing::process::temp_dir;

use crate::world::{Contents, Node, Step, owned};

const PARTITIONS: [u8; 3] = [1, 2, 255];

fn random_key(rng: &mut Rng) -> Vec<u8> {
    let alphabet = [0, 1, b'a', b'b', 254, 255];
    (0..rng.below(5)).map(|_| alphabet[rng.index(alphabet.len())]).collect()
}

fn random_steps(rng: &mut Rng) -> Vec<Step> {
    let step = |rng: &mut Rng| {
        let value = (rng.below(4) > 0).then(|| vec![rng.below(256) as u8; rng.below(300) as usize]);
        (PARTITIONS[rng.index(3)], random_key(rng), value)
    };
    (0..=rng.below(4)).map(|_| step(rng)).collect()
}

fn random_range(rng: &mut Rng) -> Range {
    let partition = Partition::new(PARTITIONS[rng.index(3)]);
    if rng.below(3) == 0 {
        return Range::prefix(partition, &random_key(rng));
    }
    let bound = |rng: &mut Rng| match rng.below(3) {
        0 => Bound::Unbounded,
        1 => Bound::Included(random_key(rng).into()),
        _ => Bound::Excluded(random_key(rng).into()),
    };
    Range { partition, start: bound(rng), end: bound(rng) }
}

/// What a range of the model holds.
fn expected(contents: &Contents, range: &Range, direction: Direction) -> Vec<(Vec<u8>, Vec<u8>)> {
    let inside = |key: &[u8]| {
        let starts = match &range.start {
            Bound::Unbounded => true,
            Bound::Included(start) => key >= &start[..],
            Bound::Excluded(start) => key > &start[..],
        };
        let ends = match &range.end {
            Bound::Unbounded => true,
            Bound::Included(end) => key <= &end[..],
            Bound::Excluded(end) => key < &end[..],
        };
        starts && ends
    };
    let number = range.partition.number();
    let mut entries: Vec<_> = contents
        .iter()
        .filter(|((partition, key), _)| *partition == number && inside(key))
        .map(|((_, key), value)| (key.clone(), value.clone()))
        .collect();
    if direction == Direction::Backward {
        entries.reverse();
    }
    entries
}

/// Reads a range page by page, a lock for each.
fn read(node: &Node, range: &Range, direction: Direction, entries: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    let mut rest = Some(range.clone());
    while let Some(range) = rest.take() {
        let locked = node.shard.lock().unwrap();
        let page = View::of(&locked).unwrap().page(&range, direction, PageLimits::entries(entries)).unwrap();
        assert!(page.entries.len() <= entries);
        rest = page.rest(range, direction);
        all.extend(owned(page.entries));
    }
    all
}

fn check_reads(node: &Node, rng: &mut Rng) {
    let contents = node.expected();
    for direction in [Direction::Forward, Direction::Backward] {
        let range = random_range(rng);
        let found = read(node, &range, direction, 1 + rng.below(20) as usize);
        assert_eq!(found, expected(&contents, &range, direction), "{range:?} {direction:?}");
    }
    let (partition, key) = (PARTITIONS[rng.index(3)], random_key(rng));
    let locked = node.shard.lock().unwrap();
    let view = View::of(&locked).unwrap();
    let found = view.get(Partition::new(partition), &key).unwrap();
    let is_pending = locked.overlay().get(Partition::new(partition), &key).is_some();
    assert_eq!(view.saw_pending(), is_pending, "what the overlay names may not be fsynced");
    let (range, whole) = (random_range(rng), View::of(&locked).unwrap());
    whole.page(&range, Direction::Forward, PageLimits::entries(9)).unwrap();
    let is_pending = locked.overlay().scan(&range, Direction::Forward).next().is_some();
    assert_eq!(whole.saw_pending(), is_pending, "{range:?}");
    assert_eq!(found.map(|value| value.to_vec()), contents.get(&(partition, key)).cloned());
}

/// A scan that goes on while everything changes.
struct Long {
    frozen: Frozen,
    forward: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Long {
    fn begin(node: &Node, rng: &mut Rng) -> Self {
        let range = random_range(rng);
        let forward = expected(&node.expected(), &range, Direction::Forward);
        let locked = node.shard.lock().unwrap();
        Self { frozen: View::of(&locked).unwrap().freeze(range), forward }
    }

    fn end(mut self) {
        let scan = |direction| owned(self.frozen.scan(direction).map(Result::unwrap).collect());
        assert_eq!(scan(Direction::Forward), self.forward);
        let backward = scan(Direction::Backward);
        self.forward.reverse();
        assert_eq!(backward, self.forward);
    }
}

fn life(folder: &Path, seed: u64) -> (usize, usize) {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let mut rng = Rng::new(seed);
    let mut node = Node::new(folder);
    let mut long: Option<Long> = None;
    let (mut tables_max, mut kills) = (0, 0);
    for _ in 0..600 {
        match rng.below(40) {
            0..20 => {
                node.push(random_steps(&mut rng)).unwrap();
            }
            20..24 => node.journal.sync(),
            24..26 => {
                node.shard.settle(&*node.journal).unwrap();
            }
            26 => node.checkpoint().unwrap(),
            27..30 => {
                let store = node.shard.lock().unwrap().store().store().unwrap().clone();
                store.maintain().unwrap();
                tables_max = tables_max.max(store.status().tables);
            }
            30 => {
                if let Some(long) = long.replace(Long::begin(&node, &mut rng)) {
                    long.end();
                }
            }
            31 => {
                if let Some(long) = long.take() {
                    long.end();
                }
                kills += 1;
                let (folder, journal, appended) =
                    node.kill(|synced, end| Position(rng.in_range(synced.0..end.0 + 1)));
                node = Node::open(&disk, &folder, journal, appended);
            }
            _ => check_reads(&node, &mut rng),
        }
    }
    for direction in [Direction::Forward, Direction::Backward] {
        for partition in PARTITIONS {
            let range = Range::all(Partition::new(partition));
            let all = expected(&node.expected(), &range, direction);
            assert_eq!(read(&node, &range, direction, 7), all);
        }
    }
    (tables_max, kills)
}

#[test]
fn reads_are_what_the_log_says_whatever_is_flushed_merged_or_killed() {
    let (mut tables, mut kills) = (0, 0);
    for seed in 0..12 {
        let dir = temp_dir("ordered-model").unwrap();
        let outcome = std::panic::catch_unwind(|| life(&dir.path().join("store"), seed));
        let (tables_max, killed) = outcome.unwrap_or_else(|_| panic!("seed {seed}"));
        tables = tables.max(tables_max);
        kills += killed;
    }
    assert!(tables >= 4, "there was something to merge: {tables} tables at most");
    assert!(kills >= 12, "{kills} kills");
}
