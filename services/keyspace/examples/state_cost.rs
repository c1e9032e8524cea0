//! Measures what a key costs: nanoseconds for a write and a read, and bytes of resident memory for each key, with a million
//! keys of 16 bytes and values of 64 in 16 databases, as a server has them. Run it with `--release`.

use std::hint::black_box;
use std::time::Instant;

use bole_base::Offset;
use bole_keyspace::state::database::Found;
use bole_keyspace::state::value::{Added, Rules, SortedSet};
use bole_keyspace::state::{Database, Effect, IntegerBuffer, Items, Limits, Seed};
use bole_shard::State;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const KEYS: u64 = 1_000_000;
const SHARDS: usize = 16;
const SEED: Seed = Seed(0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210);

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// Numbers that jump about, each below `KEYS` once.
fn shuffled(number: u64) -> u64 {
    number * 7_368_787 % KEYS
}

fn key(number: u64) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut rest = number;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

fn measure(name: &str, count: u64, mut run: impl FnMut(u64)) {
    let start = Instant::now();
    (0..count).for_each(&mut run);
    let nanoseconds = start.elapsed().as_nanos() as f64 / count as f64;
    report(&format!("{name}: {nanoseconds:.0} ns"));
}

fn report(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn strings() {
    let mut databases: Vec<Database> = (0..SHARDS).map(|_| Database::new(SEED, Limits::default())).collect();
    let before = resident_bytes();
    let mut offset = 0;
    let mut set = |databases: &mut Vec<Database>, number: u64, value: &[u8]| {
        let key = key(number);
        let effect = Effect::SetString { key: &key, value, deadline: None };
        databases[number as usize % SHARDS].apply(Offset(offset), &effect);
        offset += 1;
    };
    measure("set of a new key", KEYS, |number| set(&mut databases, shuffled(number), &[b'x'; 64]));
    let bytes = resident_bytes() - before;
    let estimate: u64 = databases.iter().map(State::memory_bytes).sum();
    report(&format!("bytes for each key: {} resident, {} estimated", bytes / KEYS, estimate / KEYS));
    measure("set of an old key", KEYS, |number| set(&mut databases, shuffled(number), &[b'y'; 64]));
    let mut buffer = IntegerBuffer::new();
    measure("get", KEYS, |number| {
        let number = shuffled(number);
        let key = key(number);
        let database = &mut databases[number as usize % SHARDS];
        let hash = database.hash(&key);
        if let Found::Live(place) = database.find(hash, &key, 1) {
            black_box(database.used(place, 1).and_then(|entry| entry.string(&mut buffer)));
        }
    });
    measure("one scan of 10", 10_000, |number| {
        let cursor = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        black_box(databases[0].scan(cursor, 10, 0, |entry| {
            black_box(entry.key());
        }));
    });
}

fn collections() {
    let rules = Rules { limits: Limits::default(), seed: SEED };
    let mut sorted = SortedSet::default();
    let before = resident_bytes();
    measure("sorted set: new member", KEYS, |number| {
        let number = shuffled(number);
        assert_eq!(sorted.add(shuffled(number) as f64, &key(number), &rules), Added::New);
    });
    report(&format!("sorted set: {} bytes for each member", (resident_bytes() - before) / KEYS));
    measure("sorted set: rank", KEYS, |number| {
        black_box(sorted.rank(&key(shuffled(number))));
    });
    let mut database = Database::new(SEED, Limits::default());
    let value = [b'x'; 16];
    for front in [true, false] {
        measure("list: push", KEYS, |number| {
            let values = Items::Args(&[&value]);
            database.apply(Offset(number), &Effect::ListPush { key: b"l", front, values });
        });
        measure("list: pop", KEYS, |number| {
            database.apply(Offset(number), &Effect::ListPop { key: b"l", front, count: 1 });
        });
    }
    measure("hash: set of a new field", KEYS, |number| {
        let pairs = Items::Args(&[&key(shuffled(number)), &value]);
        database.apply(Offset(number), &Effect::HashSet { key: b"h", pairs });
    });
}

fn main() {
    strings();
    collections();
}
