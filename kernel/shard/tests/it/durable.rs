//! States on disk: never ahead of the log, nothing acknowledged lost, whatever moment the power fails.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bole_base::disk::{read_all, replace_file};
use bole_base::{Disk, Durability, Epoch, Offset, Position};
use bole_log::PayloadKind;
use bole_shard::durable::{Durable, DurableLocked, DurableShard, Persister, Stand, suite};
use bole_shard::{ApplyError, Error, Hosted, Runtime, runtime};
use bole_testing::{FaultDisk, Faults, Rng};

use crate::ranges::Contents;
use crate::world::{Home, Kind, log};

const PATH: &str = "/data/store";

/// A store in one file that is replaced as a whole: when asked to, and now and then by itself, as stores do.
struct Numbers {
    disk: Arc<FaultDisk>,
    contents: Contents,
    stand: Stand,
    flush_every: u64,
}

impl Numbers {
    fn open(disk: &Arc<FaultDisk>, flush_every: u64) -> Self {
        disk.create_dir(Path::new("/data")).unwrap();
        let mut store =
            Self { disk: Arc::clone(disk), contents: Contents::new(), stand: Stand::default(), flush_every };
        if let Ok(file) = disk.open(Path::new(PATH)) {
            let bytes = read_all(&*file).unwrap();
            let words: Vec<u64> =
                bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect();
            store.stand = Stand { epoch: Epoch(words[0] as u32), next: Offset(words[1]) };
            store.contents = words[2..].chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        }
        store
    }
}

impl Durable for Numbers {
    /// Adds the second number to the value of the first. Not idempotent.
    type Effect = (u64, u64);
    type Overlay = BTreeMap<u64, Vec<(Offset, u64)>>;

    fn kind(_: &(u64, u64)) -> (PayloadKind, u8) {
        (PayloadKind(78), 1)
    }
    fn encode(effect: &(u64, u64), out: &mut Vec<u8>) {
        out.extend_from_slice(&effect.0.to_le_bytes());
        out.extend_from_slice(&effect.1.to_le_bytes());
    }
    fn decode(_: PayloadKind, _: u8, payload: &[u8]) -> Result<(u64, u64), ApplyError> {
        let word = |range: std::ops::Range<usize>| {
            let bytes = payload.get(range).and_then(|bytes| bytes.try_into().ok());
            bytes.map(u64::from_le_bytes).ok_or_else(|| ApplyError::Malformed("too short".into()))
        };
        Ok((word(0..8)?, word(8..16)?))
    }
    fn show(overlay: &mut Self::Overlay, offset: Offset, effect: &(u64, u64)) {
        overlay.entry(effect.0).or_default().push((offset, effect.1));
    }
    fn hide(overlay: &mut Self::Overlay, offset: Offset, effect: &(u64, u64)) {
        let pending = overlay.get_mut(&effect.0).unwrap();
        assert_eq!(pending.remove(0), (offset, effect.1));
        if pending.is_empty() {
            overlay.remove(&effect.0);
        }
    }
    fn stand(&self) -> Stand {
        self.stand
    }
    fn apply(&mut self, stand: Stand, effect: Option<&(u64, u64)>) -> io::Result<()> {
        assert_eq!(self.stand.next.next(), stand.next, "in order, without holes");
        self.stand = stand;
        if let Some((key, by)) = effect {
            match key {
                666 => return Err(io::Error::other("the store's disk failed")),
                667 => panic!("the store panicked"),
                _ => *self.contents.entry(*key).or_default() += by,
            }
        }
        if stand.next.0.is_multiple_of(self.flush_every) { self.persister()().map(drop) } else { Ok(()) }
    }
    fn persister(&self) -> Persister {
        let mut words = vec![u64::from(self.stand.epoch.0), self.stand.next.0];
        words.extend(self.contents.iter().flat_map(|(key, value)| [*key, *value]));
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let (disk, stand) = (Arc::clone(&self.disk), self.stand);
        Box::new(move || replace_file(&*disk, Path::new(PATH), &bytes).map(|()| stand))
    }
    fn place(&self) -> String {
        PATH.to_owned()
    }
    fn reset(&mut self) -> io::Result<()> {
        match self.disk.remove(Path::new(PATH)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        (self.contents, self.stand) = (Contents::new(), Stand::default());
        Ok(())
    }
    fn memory_bytes(&self) -> u64 {
        self.contents.len() as u64 * 16
    }
}

struct Node {
    kind: Kind,
    disk: Arc<FaultDisk>,
    home: Home,
    runtime: Runtime,
    shard: Arc<DurableShard<Numbers>>,
    appended: Vec<(Position, u64, u64)>,
}

impl Node {
    fn new(kind: Kind, seed: u64) -> Self {
        let disk = FaultDisk::new(seed, Faults::default());
        let home = Home::open(kind, &disk).unwrap();
        Self::open(kind, disk, home, Vec::new()).unwrap()
    }

    fn open(
        kind: Kind,
        disk: Arc<FaultDisk>,
        home: Home,
        appended: Vec<(Position, u64, u64)>,
    ) -> Result<Self, Error> {
        let clock = Arc::new(bole_base::clock::ManualClock::new());
        let seam = Arc::clone(&disk) as Arc<dyn Disk>;
        let config = runtime::Config::default();
        let runtime = Runtime::new(home.journal(), seam, clock, "/data/checkpoints".into(), config);
        let store = Numbers::open(&disk, 7);
        let shard = Arc::new(DurableShard::new(log(0), "default/test/numbers#0", store, 1_000));
        runtime.host(Arc::clone(&shard) as Arc<dyn Hosted>)?;
        home.turn();
        home.run(runtime.recover(&[]))?;
        Ok(Self { kind, disk, home, runtime, shard, appended })
    }

    fn add(&mut self, key: u64, by: u64, class: Durability) -> Result<Position, Error> {
        let mut transaction = self.runtime.transaction();
        loop {
            self.home.run(self.shard.admit(&mut transaction, 100))?;
            let mut locked = self.shard.lock()?;
            match locked.push(&mut transaction, class, (key, by)) {
                Err(Error::Wait { .. }) => continue,
                outcome => outcome?,
            }
            let position = transaction.append()?;
            locked.appended(position);
            self.appended.push((position, key, by));
            return Ok(position);
        }
    }

    /// What readers see: the store with the overlay over it.
    fn contents(&self) -> Contents {
        let locked = self.shard.lock().unwrap();
        let mut contents = locked.store().contents.clone();
        for (key, pending) in locked.overlay() {
            *contents.entry(*key).or_default() += pending.iter().map(|(_, by)| by).sum::<u64>();
        }
        contents
    }

    fn expected(&self) -> Contents {
        let mut contents = Contents::new();
        self.appended.iter().for_each(|(_, key, by)| *contents.entry(*key).or_default() += by);
        contents
    }

    #[track_caller]
    fn check(&self) {
        assert_eq!(self.shard.status().quarantined, None);
        assert_eq!(self.contents(), self.expected());
    }

    fn crash(self, rng: &mut Rng) -> (Arc<FaultDisk>, Home, Vec<(Position, u64, u64)>) {
        let synced = self.home.journal().reached(Durability::Sync);
        let disk = self.disk.crash(rng);
        let home = match &self.home {
            Home::Memory(journal) => {
                let keep = Position(rng.in_range(synced.0..journal.end().0 + 1));
                Home::Memory(Arc::new(journal.crash(keep)))
            }
            Home::Local(_) => Home::open(self.kind, &disk).unwrap(),
        };
        let kept = home.journal().reached(Durability::Sync);
        assert!(kept >= synced);
        let mut appended = self.appended;
        appended.retain(|(position, ..)| *position <= kept);
        (disk, home, appended)
    }

    fn crash_and_check(self, rng: &mut Rng) -> Self {
        let kind = self.kind;
        let (disk, home, appended) = self.crash(rng);
        let node = Self::open(kind, disk, home, appended).unwrap();
        node.check();
        node
    }
}

fn life(node: &mut Node, rng: &mut Rng) -> Result<(), Error> {
    for _ in 0..40 {
        let class = if rng.below(2) == 0 { Durability::Async } else { Durability::Sync };
        node.add(rng.below(5), 1 + rng.below(9), class)?;
        assert_eq!(node.contents(), node.expected(), "an effect is visible at once");
        match rng.below(8) {
            0 => node.home.turn(),
            1 => drop(node.shard.settle(&*node.home.journal())?),
            2 => node.home.run(node.runtime.checkpoint_all())?,
            _ => {}
        }
        let locked = node.shard.lock()?;
        assert!(locked.overlay_bytes() <= 1_100, "the overlay is bounded: {}", locked.overlay_bytes());
    }
    Ok(())
}

#[test]
fn a_power_cut_at_every_disk_operation() {
    for kind in [Kind::Memory, Kind::Local] {
        let mut node = Node::new(kind, 1);
        let before = node.disk.counters().changes;
        life(&mut node, &mut Rng::new(2)).unwrap();
        let after = node.disk.counters().changes;
        assert!(after > before + 20, "{before} to {after}");
        for cut in before + 1..=after {
            let mut rng = Rng::new(cut);
            let mut node = Node::new(kind, 1);
            node.disk.set_faults(|faults| faults.power_off_at = Some(cut));
            assert!(life(&mut node, &mut Rng::new(2)).is_err());
            let mut node = node.crash_and_check(&mut rng);
            life(&mut node, &mut rng).unwrap();
            node.crash_and_check(&mut rng);
        }
    }
}

#[test]
fn only_fsynced_entries_reach_the_store() {
    let mut node = Node::new(Kind::Memory, 3);
    let stand = |node: &Node| node.shard.lock().unwrap().store().stand().next;
    assert!(node.shard.settle(&*node.home.journal()).is_ok_and(|left| !left));
    let before = stand(&node);
    node.add(1, 1, Durability::Async).unwrap();
    node.home.journal().write_queued().unwrap();
    assert!(node.shard.settle(&*node.home.journal()).unwrap(), "it is written, not fsynced");
    assert_eq!(stand(&node), before);
    node.home.turn();
    assert!(!node.shard.settle(&*node.home.journal()).unwrap());
    assert_eq!(stand(&node), before.next());
    let refused = node.add(1, 1, Durability::Memory).unwrap_err();
    assert!(refused.to_string().contains("sync or async"), "{refused}");
}

#[test]
fn a_store_that_is_not_in_the_log_is_rebuilt_from_a_whole_log() {
    let rows: [(&str, Stand); 3] = [
        ("ahead of the log", Stand { epoch: Epoch(1), next: Offset(50) }),
        ("another epoch", Stand { epoch: Epoch(9), next: Offset(3) }),
        ("fine", Stand { epoch: Epoch(1), next: Offset(3) }),
    ];
    for (name, stand) in rows {
        let mut node = Node::new(Kind::Memory, 4);
        for _ in 0..5 {
            node.add(1, 1, Durability::Sync).unwrap();
        }
        node.home.turn();
        let (disk, home, appended) = node.crash(&mut Rng::new(1));
        // What the first two effects make, so only replaying the right ones gives the right sum.
        let contents = Contents::from([(1, 2)]);
        Numbers { disk: Arc::clone(&disk), contents, stand, flush_every: 7 }.persister()().unwrap();
        let node = Node::open(Kind::Memory, disk, home, appended).unwrap();
        assert!(!node.shard.needs_rebuild(), "{name}");
        node.check();
    }
}

#[test]
fn a_log_without_what_the_store_needs_refuses_a_rebuild() {
    let mut node = Node::new(Kind::Memory, 5);
    for _ in 0..5 {
        node.add(1, 1, Durability::Sync).unwrap();
    }
    node.home.run(node.runtime.checkpoint_all()).unwrap();
    node.add(1, 1, Durability::Sync).unwrap();
    node.home.turn();
    let (disk, home, appended) = node.crash(&mut Rng::new(1));
    disk.remove(Path::new(PATH)).unwrap();
    let node = Node::open(Kind::Memory, disk, home, appended).unwrap();
    assert!(node.shard.needs_rebuild());
    let reason = node.shard.status().quarantined.unwrap();
    for part in [PATH, "`bole check`", "the log begins at offset"] {
        assert!(reason.contains(part), "{reason}");
    }
}

struct OnFaultDisk(Arc<FaultDisk>);

impl suite::Subject for OnFaultDisk {
    type State = Numbers;

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.0) as Arc<dyn Disk>
    }
    fn open(&self) -> Numbers {
        Numbers::open(&self.0, 7)
    }
    fn effect(&self, number: u64) -> (u64, u64) {
        (number, 1)
    }
    fn seen(&self, locked: &DurableLocked<'_, Numbers>) -> Vec<u64> {
        let mut sums = locked.store().contents.clone();
        for (key, pending) in locked.overlay() {
            *sums.entry(*key).or_default() += pending.iter().map(|(_, by)| by).sum::<u64>();
        }
        assert!(sums.values().all(|sum| *sum == 1), "each effect counts once: {sums:?}");
        sums.into_keys().collect()
    }
    fn damage(&self) {
        self.0.remove(Path::new(PATH)).unwrap();
    }
}

#[test]
fn the_fake_passes_the_contract() {
    suite::run(|| OnFaultDisk(FaultDisk::new(1, Faults::default())));
}

#[test]
fn errors_and_panics_of_the_store_quarantine() {
    for key in [666, 667] {
        let mut node = Node::new(Kind::Memory, 6);
        node.add(key, 1, Durability::Sync).unwrap();
        node.home.turn();
        let journal = node.home.journal();
        let settled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| node.shard.settle(&*journal)));
        assert!(!matches!(settled, Ok(Ok(_))));
        assert!(matches!(node.shard.lock().map(drop), Err(Error::Quarantined { .. })));
        node.home.run(node.runtime.checkpoint_all()).unwrap();
        assert_eq!(node.shard.checkpointed(), Offset(0), "nothing is trimmed");
    }
}
