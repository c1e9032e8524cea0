//! Power cuts and kills of a process that writes to a store with real files.
//!
//! The process is this program itself, with `child` as its first argument. Its effects are numbered and each follows from its
//! number, so whatever stand a store is found at, what it must hold is known. It prints each stand that it persisted.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bole_base::{Epoch, LogId, Offset, RealDisk};
use bole_ordered::{Config, Direction, Maintenance, Mutations, Partition, Range, Store, check};
use bole_shard::durable::Stand;
use bole_testing::process::temp_dir;
use bole_testing::recorder::{Error, record};
use bole_testing::{Rng, logs};

const LOG: LogId = LogId(16);
const FOLDER: &str = "store";
const PARTITIONS: [u8; 3] = [1, 2, 9];
/// Of a process that is recorded.
const RECORDED_EFFECTS: u64 = 150;

/// The effect at an offset: some puts and deletes in all partitions.
fn effect(offset: u64) -> Mutations {
    let mut rng = Rng::new(offset ^ 0x5eed);
    let mut mutations = Mutations::new();
    for partition in PARTITIONS.map(Partition::new) {
        for _ in 0..=rng.below(3) {
            let key = vec![rng.below(60) as u8];
            if rng.below(4) == 0 {
                mutations.delete(partition, key);
            } else {
                mutations.put(partition, key, vec![offset as u8; 20 + rng.below(150) as usize]);
            }
        }
    }
    mutations
}

fn stand(next: u64) -> Stand {
    Stand { epoch: Epoch(1 + (next / 50) as u32), next: Offset(next) }
}

type Contents = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

fn model(next: u64) -> Contents {
    let mut contents = Contents::new();
    for mutation in (0..next).flat_map(effect) {
        let place = (mutation.partition.number(), mutation.key.to_vec());
        match mutation.value {
            Some(value) => drop(contents.insert(place, value.to_vec())),
            None => drop(contents.remove(&place)),
        }
    }
    contents
}

fn open(folder: &Path) -> Result<Store, String> {
    Store::open(Arc::new(RealDisk), folder, LOG, Config::small()).map_err(|error| error.to_string())
}

fn print(text: &str) {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).unwrap();
}

/// Writes until `effects` are in, with upkeep in between; for ever, with a thread for the upkeep, if there is no end.
fn child(seed: u64, effects: Option<u64>) {
    let store = open(Path::new(FOLDER)).unwrap();
    let _upkeep = effects.is_none().then(|| Maintenance::start(&store).unwrap());
    let mut rng = Rng::new(seed);
    let mut offset = store.stand().next.0;
    print(&format!("durable {offset}\n"));
    while effects.is_none_or(|effects| offset < effects) {
        if !store.ready() {
            if effects.is_some() {
                store.maintain().unwrap();
            }
            std::thread::yield_now();
            continue;
        }
        store.write(&effect(offset), stand(offset + 1)).unwrap();
        offset += 1;
        match rng.below(30) {
            0 => print(&format!("durable {}\n", store.persist().unwrap().next)),
            1..4 if effects.is_some() => drop(store.maintain().unwrap()),
            _ => {}
        }
    }
}

/// The last stand that a process said was durable.
fn last_durable<'a>(lines: impl Iterator<Item = &'a str>) -> u64 {
    lines.filter_map(|line| line.strip_prefix("durable ")?.parse().ok()).last().unwrap_or(0)
}

/// Opens what a crash left: sound, at a stand no older than `durable`, and exactly what belongs there; and it works. The stand.
fn examine(folder: &Path, durable: u64) -> Result<u64, String> {
    let before = if folder.join("format").exists() {
        Some(check(folder).map_err(|error| error.to_string())?)
    } else {
        None
    };
    let store = open(folder)?;
    let found = store.stand();
    let next = found.next.0;
    if next < durable || found.epoch != if next == 0 { Epoch(0) } else { stand(next).epoch } {
        return Err(format!("it stands at {found:?}, and {durable} was durable"));
    }
    if let Some(before) = before
        && (before.damage.is_some() || before.stand != found)
    {
        return Err(format!("the check says {before:?}, the store stands at {found:?}"));
    }
    let mut contents = Contents::new();
    let snapshot = store.snapshot();
    for partition in PARTITIONS {
        for entry in snapshot.scan(&Range::all(Partition::new(partition)), Direction::Forward) {
            let (key, value) = entry.map_err(|error| error.to_string())?;
            contents.insert((partition, key.to_vec()), value.to_vec());
        }
    }
    if contents != model(next) {
        return Err(format!("at {next} it holds {} entries that are not what was written", contents.len()));
    }
    drop(snapshot);
    store.write(&effect(next), stand(next + 1)).map_err(|error| error.to_string())?;
    let persisted = store.persist().map_err(|error| error.to_string())?;
    if persisted == stand(next + 1) { Ok(next) } else { Err(format!("it persisted {persisted:?}")) }
}

/// Legal images of what a process had written when the power was cut.
fn power_cuts(seeds: u64, samples: usize) -> bool {
    let program = std::env::current_exe().unwrap();
    let (mut ahead, mut at) = (0, 0);
    for seed in 0..seeds {
        let dir = temp_dir("ordered-recorded").unwrap();
        let args = ["child".to_owned(), seed.to_string(), RECORDED_EFFECTS.to_string()];
        let recording = match record(dir.path(), &program, &args) {
            Ok(recording) => recording,
            Err(Error::Unavailable(text)) => {
                print(&format!("power cuts are skipped: {text}\n"));
                return false;
            }
            Err(error) => panic!("{error}"),
        };
        assert!(recording.unseen.is_empty(), "{:?}", recording.unseen);
        let visit = |events: usize, folder: &Path| {
            let printed = recording.printed(events);
            let durable = last_durable(printed.lines());
            // The process had not made the folder yet.
            std::fs::create_dir_all(folder.join(FOLDER)).map_err(|error| error.to_string())?;
            let found = examine(&folder.join(FOLDER), durable)?;
            *(if found > durable { &mut ahead } else { &mut at }) += 1;
            Ok(())
        };
        recording.sample(seed, samples, visit).unwrap();
    }
    print(&format!("power cuts: {at} found the last stand that was persisted, {ahead} a later one\n"));
    assert!(ahead > 0 && at > 0, "both happen");
    true
}

/// One life of a process that is killed after a while; the stand that is found then.
fn kill(folder: &Path, seed: u64, rng: &mut Rng) -> u64 {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["child", &seed.to_string()])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap());
    let reader = std::thread::spawn(move || lines.lines().map_while(Result::ok).collect::<Vec<_>>());
    std::thread::sleep(Duration::from_millis(rng.in_range(20..200)));
    process.kill().unwrap();
    process.wait().unwrap();
    let printed = reader.join().unwrap();
    let durable = last_durable(printed.iter().map(String::as_str));
    examine(&folder.join(FOLDER), durable).unwrap_or_else(|text| panic!("seed {seed}: {text}"))
}

fn kills(seeds: u64) {
    let mut furthest = 0;
    for seed in 0..seeds {
        let dir = temp_dir("ordered-killed").unwrap();
        std::fs::create_dir(dir.path().join(FOLDER)).unwrap();
        let mut rng = Rng::new(seed);
        let mut before = 0;
        for _ in 0..4 {
            let found = kill(dir.path(), seed, &mut rng);
            assert!(found >= before, "seed {seed}: {found} after {before}");
            before = found;
        }
        furthest = furthest.max(before);
    }
    print(&format!("kills: the furthest of {seeds} stores stood at {furthest}\n"));
    assert!(furthest > 100, "they wrote something: {furthest}");
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, seed, rest @ ..] = &arguments[..]
        && first == "child"
    {
        child(seed.parse().unwrap(), rest.first().map(|effects| effects.parse().unwrap()));
        return;
    }
    // As libtest does, so that the runner may list and filter.
    if arguments.iter().any(|argument| argument == "--list") {
        return;
    }
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let guard = logs::guard();
    power_cuts(number("BOLE_ORDERED_SEEDS", 3), number("BOLE_ORDERED_SAMPLES", 60) as usize);
    kills(number("BOLE_ORDERED_SEEDS", 5));
    drop(guard);
}
