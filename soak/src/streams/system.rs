//! Partitions as a system of the crash harness.
//!
//! Each append changes a model beside the partitions in the same step, so that every read can be compared at once, wherever it is answered from.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use bole_base::{Clock as _, Disk, Durability, LogId, Position};
use bole_log::{EntryRef, Extents, Journal, LocalJournal};
use bole_shard::{Hosted, Runtime, Transaction};
use bole_streams::advance::Advancer;
use bole_streams::partition::Partition;
use bole_streams::partition::append::{ExtentSizes, PushError, Terms};
use bole_streams::partition::entry::{Effect, Marker};
use bole_streams::partition::files::SegmentFiles;
use bole_streams::partition::producers::next_sequence;
use bole_streams::{Error, expiry};
use bole_testing::harness::{Call, Env, Model as _, Observed, OpenError, Outcome, System};
use bole_testing::scheduler::Handle;
use bole_testing::{FaultDisk, Rng, SimClock};
use bytes::Bytes;

use super::look::{self, Seen};
use super::model::{PARTITIONS, Partitions, Shown, class};
use super::operation::{Did, Draft, Filled, Look, Op, marker};
use super::{Flaw, background};
use crate::node::failed;
use crate::wrap::{LyingDisk, NotingJournal};

/// The folder of the segment files.
pub const FILES_DIR: &str = "streams";
/// Segments are so small that lives of a few hundred operations fill dozens.
pub(super) const SEGMENT_BYTES: u64 = 6 << 10;
/// Virtual milliseconds after which a segment is left.
const SEGMENT_MS: i64 = 40;
/// The first partition's log.
const FIRST_LOG: u64 = 20;

/// Open partitions.
pub struct Simulated<const FLAW: u8> {
    pub(super) runtime: Arc<Runtime>,
    pub(super) files: Arc<SegmentFiles>,
    pub(super) partitions: Arc<[Arc<Partition>]>,
    pub(super) advancers: [Arc<Advancer>; 2],
    pub(super) scheduler: Handle,
    pub(super) disk: Arc<FaultDisk>,
    pub(super) clock: Arc<SimClock>,
    /// A compaction is under way.
    pub(super) compacting: Rc<Cell<bool>>,
    local: Arc<LocalJournal>,
    /// Where the recovered journal ended.
    recovered: u64,
    /// What the partitions hold now; set by `observe`.
    live: RefCell<Partitions>,
    /// Where what was appended ends: the offset, and the position in the journal.
    marks: RefCell<[Vec<(i64, Position)>; PARTITIONS]>,
}

/// Extents that are not fsynced with the journal.
struct Unsynced(Arc<SegmentFiles>);

impl Extents for Unsynced {
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
    fn hold(&self, entry: &EntryRef<'_>, rewrite: bool) -> io::Result<bool> {
        self.0.hold(entry, rewrite)
    }
}

/// Sizes that make extents of some batches in either class, of nearly all in one.
fn extent_sizes<const FLAW: u8>(class: Durability) -> ExtentSizes {
    match class {
        _ if FLAW == Flaw::FLUSH_UNSYNCED => ExtentSizes { from: usize::MAX, always_above: usize::MAX },
        Durability::Sync => ExtentSizes { from: 900, always_above: 900 },
        _ => ExtentSizes { from: 250, always_above: 1_500 },
    }
}

impl<const FLAW: u8> Simulated<FLAW> {
    fn journal(&self) -> &Arc<dyn Journal> {
        self.runtime.journal()
    }

    pub(super) fn now(&self) -> i64 {
        self.clock.now().0 as i64
    }

    const TERMS: Terms =
        Terms { segment_bytes: SEGMENT_BYTES, segment_ms: SEGMENT_MS, expected_offset: None };

    pub(super) fn transaction(&self) -> Transaction {
        let mut transaction = self.runtime.transaction();
        transaction.set_time(self.runtime.tick());
        transaction
    }

    /// Notes what was just appended, in the same step. The reply of the model.
    fn done(&self, op: &Op, call: &Call<Partitions>, position: Position, filled: &Filled, did: Did) -> i64 {
        filled.set(did);
        call.placed(position.0);
        let mut live = self.live.borrow_mut();
        let reply = live.apply(op);
        let number = op.partition();
        if !matches!(op, Op::Start(..) | Op::Forget(..)) {
            self.marks.borrow_mut()[number].push((live.0[number].next, position));
        }
        let partition = &self.partitions[number];
        if FLAW == Flaw::SHOWN_EARLY
            && let Ok(mut locked) = partition.lock()
        {
            locked.state_mut().advance(Position(u64::MAX));
        }
        self.advancers[usize::from(partition.class() == Durability::Sync)].add(partition, position);
        reply
    }

    async fn acknowledged(&self, number: usize, position: Position, reply: i64) -> Outcome<i64> {
        match self.partitions[number].reached(&**self.journal(), position).await {
            Ok(()) => Outcome::Done(Some(reply)),
            Err(error) => Outcome::Unknown(error.to_string()),
        }
    }

    /// Epoch and sequence of the next batch of a producer.
    fn next_of(&self, number: usize, producer_id: i64) -> Result<(i16, i32), Error> {
        let locked = self.partitions[number].lock()?;
        let known = locked.state().producers.get(producer_id);
        let sequence = known.and_then(|known| known.sent.back());
        Ok((
            known.map_or(0, |known| known.epoch),
            sequence.map_or(0, |sent| next_sequence(sent.last_sequence, 1)),
        ))
    }

    async fn produce(
        &self,
        op: &Op,
        draft: &Draft,
        filled: &Filled,
        call: &Call<Partitions>,
    ) -> Outcome<i64> {
        let number = op.partition();
        let (mut epoch, mut sequence) = match self.next_of(number, draft.producer_id) {
            Ok(next) => next,
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        if draft.bump {
            (epoch, sequence) = (epoch + 1, 0);
        }
        let body = draft.body(epoch, sequence, self.now());
        let mut transaction = self.transaction();
        let mut first = None;
        for _ in 0..draft.sends {
            let appended = self.partitions[number].append(&mut transaction, &body, &Self::TERMS).await;
            let appended = match (appended, first) {
                (Ok(appended), _) => appended,
                (Err(error), None) => return ended(&error),
                // The first copy is there, and its answer got lost with this one.
                (Err(error), Some(_)) => return Outcome::Unknown(error.to_string()),
            };
            match first {
                None => {
                    assert!(!appended.duplicate, "a batch is a duplicate that was never sent: {op:?}");
                    let reply = self.done(op, call, appended.position, filled, Did::Batch(body.clone()));
                    assert_eq!(appended.base_offset, reply, "{op:?} goes to another offset than it should");
                    first = Some((reply, appended.position));
                }
                Some((reply, _)) => {
                    assert!(appended.duplicate && appended.base_offset == reply, "{op:?} is there twice");
                    first = Some((reply, appended.position));
                }
            }
        }
        let (reply, position) = first.expect("a batch is sent at least once");
        self.acknowledged(number, position, reply).await
    }

    /// Ends a transaction as a coordinator does.
    async fn end(&self, op: &Op, call: &Call<Partitions>) -> Outcome<i64> {
        let Op::End { partition: number, producer_id, commit, filled } = op else {
            unreachable!("only ends are ended")
        };
        let partition = &self.partitions[*number];
        let mut transaction = self.transaction();
        loop {
            if let Err(error) = transaction.admit(1_000).await {
                return ended(&error.into());
            }
            let mut locked = match partition.lock() {
                Ok(locked) => locked,
                Err(error) => return Outcome::Refused(error.to_string()),
            };
            let known = locked.state().producers.get(*producer_id);
            let Some(epoch) =
                known.filter(|known| known.transaction_start.is_some()).map(|known| known.epoch)
            else {
                return Outcome::Refused("no transaction is open".to_owned());
            };
            let body: Bytes = marker(*producer_id, epoch, *commit, self.now());
            let kind = if *commit { Marker::Commit } else { Marker::Abort };
            match partition.push(&mut locked, &mut transaction, &body, kind, &Self::TERMS) {
                Err(PushError::Wait) => {}
                Err(PushError::Failed(error)) => return ended(&error),
                Ok(_) => {
                    let position = match transaction.append() {
                        Ok(position) => position,
                        Err(error) => return Outcome::Unknown(error.to_string()),
                    };
                    locked.appended(position);
                    locked.state_mut().appended(position);
                    drop(locked);
                    let reply = self.done(op, call, position, filled, Did::Marker(body, *commit));
                    return self.acknowledged(*number, position, reply).await;
                }
            }
        }
    }

    async fn start(&self, op: &Op, permille: u64, filled: &Filled, call: &Call<Partitions>) -> Outcome<i64> {
        let partition = &self.partitions[op.partition()];
        let offset = match partition.lock() {
            Ok(locked) => between(locked.state().log_start, locked.state().high_watermark, permille),
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        let mut transaction = self.transaction();
        match partition.start_at(&mut transaction, offset).await {
            Ok(None) => Outcome::Done(None),
            Ok(Some(position)) => {
                let reply = self.done(op, call, position, filled, Did::Start(offset));
                self.acknowledged(op.partition(), position, reply).await
            }
            Err(error) => ended(&error),
        }
    }

    async fn forget(&self, op: &Op, filled: &Filled, call: &Call<Partitions>) -> Outcome<i64> {
        let partition = &self.partitions[op.partition()];
        let mut transaction = self.transaction();
        let ids = RefCell::new(Vec::new());
        let forgotten = partition.change(&mut transaction, 1_000, |state| {
            let effect = expiry::due(&state.producers, self.now() - 10, 3);
            if let Some(Effect::Forgotten(due)) = &effect {
                ids.borrow_mut().clone_from(due);
            }
            effect
        });
        match forgotten.await {
            Ok(None) => Outcome::Done(None),
            Ok(Some(position)) => {
                let reply = self.done(op, call, position, filled, Did::Forgotten(ids.take()));
                self.acknowledged(op.partition(), position, reply).await
            }
            Err(error) => ended(&error),
        }
    }

    fn read(&self, number: usize, wanted: Look) -> Outcome<i64> {
        let partition = &self.partitions[number];
        let from = match partition.lock() {
            Ok(locked) => between(locked.state().log_start, locked.state().high_watermark, wanted.permille),
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        let (bounds, read) = match partition.read(from, wanted.isolation, wanted.bytes_max) {
            Ok(read) => read,
            Err(_) if self.disk.is_off() => return Outcome::Unknown("the power is off".to_owned()),
            Err(error) => panic!("{} cannot be read from {from}: {error}", partition.name()),
        };
        let reached = self.journal().reached(partition.class());
        let seen = Seen { number, from, isolation: wanted.isolation, bounds, read: &read };
        let checked = seen.check(&self.live.borrow().0[number], &self.marks.borrow()[number], reached);
        checked.unwrap_or_else(|text| panic!("{}: {text}", partition.name()));
        Outcome::Done(None)
    }

    /// Removes what nothing names, as the node does at a start.
    fn sweep(&self) -> Result<(), OpenError> {
        let mut named = HashSet::new();
        for partition in self.partitions.iter() {
            let locked = partition.lock().map_err(|error| failed(&error))?;
            named.extend(locked.state().segments.iter().map(|segment| partition.file(segment.id)));
        }
        self.files.sweep(&named).map(drop).map_err(|error| failed(&error))
    }
}

fn between(start: i64, end: i64, permille: u64) -> i64 {
    start + (end - start) * permille as i64 / 1_000
}

/// The generation in the name of a segment file.
fn generation(name: &str) -> Option<&str> {
    Some(name.strip_suffix(".log")?.rsplit_once('-')?.1)
}

/// The outcome of what was not appended.
fn ended(error: &Error) -> Outcome<i64> {
    match error {
        Error::Storage(text) => Outcome::Unknown(text.clone()),
        error => Outcome::Refused(error.to_string()),
    }
}

impl<const FLAW: u8> System for Simulated<FLAW> {
    type Model = Partitions;
    const NAME: &'static str = "streams";

    fn operation(rng: &mut Rng, client: usize) -> Op {
        Op::draw(rng, client)
    }

    fn durability(op: &Op) -> Durability {
        class(op.partition())
    }

    async fn open(env: Env) -> Result<Rc<Self>, OpenError> {
        let disk: Arc<dyn Disk> = env.disk.clone();
        let clock: Arc<dyn bole_base::Clock> = env.clock.clone();
        let for_files: Arc<dyn Disk> = match FLAW {
            Flaw::FLUSH_UNSYNCED => LyingDisk::about(&disk, |name| generation(name).is_some()),
            Flaw::COMPACTED_UNSYNCED => LyingDisk::about(&disk, |name| {
                generation(name).is_some_and(|generation| generation != "00000000")
            }),
            _ => Arc::clone(&disk),
        };
        let files = SegmentFiles::open(for_files, Path::new(FILES_DIR)).map_err(|error| failed(&error))?;
        let files = Arc::new(files);
        let mut config = crate::system::journal_config();
        if FLAW == Flaw::EXTENTS_UNSYNCED {
            config.extents.add(Arc::new(Unsynced(Arc::clone(&files))));
        } else {
            config.extents.add(Arc::clone(&files) as Arc<dyn Extents>);
        }
        let local = LocalJournal::open(Arc::clone(&disk), Arc::clone(&clock), Path::new("journal"), config);
        let local = Arc::new(local.map_err(|error| match error.kind() {
            bole_base::Kind::Corrupt => OpenError::Corrupt(error.to_string()),
            _ => failed(&error),
        })?);
        let recovered = local.wal().positions().end.0;
        env.recovered(recovered);
        crate::system::add_actors(&env.scheduler, &local);
        let journal: Arc<dyn Journal> = Arc::new(NotingJournal::new(Arc::clone(&local)));
        let config = bole_shard::runtime::Config {
            retained_bytes_max: crate::system::RETAINED_BYTES_MAX,
            ..Default::default()
        };
        let runtime = Arc::new(Runtime::new(journal, disk, clock, "checkpoints".into(), config));
        let partition = |number: usize| {
            let class = class(number);
            let log = LogId(FIRST_LOG + number as u64);
            let partition =
                Partition::new(log, format!("default/streams/t#{number}"), Arc::clone(&files), class);
            Arc::new(partition.with_extent_sizes(extent_sizes::<FLAW>(class)))
        };
        let partitions: Arc<[Arc<Partition>]> = (0..PARTITIONS).map(partition).collect();
        for partition in partitions.iter() {
            runtime.host(Arc::clone(partition) as Arc<dyn Hosted>).map_err(|error| failed(&error))?;
        }
        runtime.recover(&[]).await.map_err(|error| failed(&error))?;
        let advancer = |class| Arc::new(Advancer::new(class));
        let system = Rc::new(Self {
            runtime,
            files,
            partitions,
            advancers: [advancer(Durability::Async), advancer(Durability::Sync)],
            scheduler: env.scheduler,
            disk: env.disk,
            clock: env.clock,
            compacting: Rc::default(),
            local,
            recovered,
            live: RefCell::default(),
            marks: RefCell::default(),
        });
        system.sweep()?;
        background::spawn(&system, env.seed);
        Ok(system)
    }

    async fn run(self: Rc<Self>, op: Op, call: Call<Partitions>) -> Outcome<i64> {
        match &op {
            Op::Produce(_, draft, filled) => self.produce(&op, draft, filled, &call).await,
            Op::End { .. } => self.end(&op, &call).await,
            Op::Forget(_, filled) => self.forget(&op, filled, &call).await,
            Op::Start(_, permille, filled) => self.start(&op, *permille, filled, &call).await,
            Op::Read(number, wanted) => self.read(*number, *wanted),
        }
    }

    async fn observe(self: Rc<Self>) -> Result<Observed<Vec<Shown>>, String> {
        let mut seen = Partitions::default();
        for (number, partition) in self.partitions.iter().enumerate() {
            let log = look::whole(partition, self.recovered as usize / 64 + number)?;
            look::check_duplicates(partition, &log)?;
            seen.0[number] = log;
        }
        let state = seen.state();
        *self.live.borrow_mut() = seen;
        Ok(Observed { state, reached: Some(self.recovered) })
    }

    async fn close(self: Rc<Self>) -> Result<(), String> {
        self.runtime.checkpoint_all().await.map_err(|error| error.to_string())?;
        self.local.close().map_err(|error| error.to_string())
    }
}
