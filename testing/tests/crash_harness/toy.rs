//! A small append-only key-value log: the system on which the harness itself is tested, with flaws to choose from.
//!
//! ```text
//! file:   u64 synced, u64 hash of it, then frames; a position is an offset in the file
//! frame:  u32 length of the body, u64 hash of position and body, body
//! body:   pairs of u8 key, u32 value
//! ```
//! Everything below `synced` was fsynced when the file was made, which every opening does anew from what it recovered.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use bole_base::disk::{read_all, replace_file};
use bole_base::{Disk, Durability, File};
use bole_testing::harness::{Call, Env, Model, Observed, OpenError, Outcome, System};
use bole_testing::scheduler::Turn;
use bole_testing::{FaultDisk, Rng, trace};

const PATH: &str = "toy/log";
const HEADER: usize = 16;
const FRAME_HEADER: usize = 12;
/// Space that must be free before a frame is taken.
const RESERVE: u64 = 16 * 1024;

/// The ways in which the toy can be wrong.
pub(crate) struct Flaw;

impl Flaw {
    pub(crate) const NONE: u8 = 0;
    pub(crate) const ACK_BEFORE_SYNC: u8 = 1;
    pub(crate) const HALF_BATCH: u8 = 2;
    pub(crate) const RETRIES_SYNC: u8 = 3;
    pub(crate) const UNSYNCED_TAIL: u8 = 4;
    pub(crate) const REFUSES_TAIL: u8 = 5;
    pub(crate) const UNSYNCED_NAME: u8 = 6;
    pub(crate) const NO_CHECKSUM: u8 = 7;
    pub(crate) const HANGS_WHEN_FULL: u8 = 8;
    pub(crate) const PANICS: u8 = 9;
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Sets all pairs or none, acknowledged after fsync.
    Batch(Vec<(u8, u32)>),
    /// Adds to a key, acknowledged after the write.
    Add(u8, u32),
    /// Reads a key.
    Get(u8),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Pairs(BTreeMap<u8, u32>);

impl Pairs {
    /// What an operation sets, and its reply.
    fn effect(&self, op: &Op) -> (Vec<(u8, u32)>, u32) {
        let get = |key| self.0.get(key).copied().unwrap_or(0);
        match op {
            Op::Batch(pairs) => (pairs.clone(), 0),
            Op::Add(key, by) => {
                let sum = get(key).wrapping_add(*by);
                (vec![(*key, sum)], sum)
            }
            Op::Get(key) => (Vec::new(), get(key)),
        }
    }
}

impl Model for Pairs {
    type Op = Op;
    type Reply = u32;
    type State = BTreeMap<u8, u32>;

    fn apply(&mut self, op: &Op) -> u32 {
        let (pairs, reply) = self.effect(op);
        self.0.extend(pairs);
        reply
    }

    fn state(&self) -> BTreeMap<u8, u32> {
        self.0.clone()
    }
}

/// The system. `PLACED`: whether it tells the harness positions.
pub(crate) struct Toy<const FLAW: u8, const PLACED: bool> {
    disk: Arc<FaultDisk>,
    file: Arc<dyn File>,
    pairs: RefCell<Pairs>,
    queue: RefCell<Vec<u8>>,
    /// Ends of what was appended, written, synced.
    appended: Cell<u64>,
    written: Cell<u64>,
    synced: Cell<u64>,
    failed: Cell<bool>,
    wakers: RefCell<Vec<Waker>>,
}

fn frame_hash(position: u64, body: &[u8]) -> u64 {
    trace::hash_with(trace::hash(&position.to_le_bytes()), body)
}

fn header(synced: u64) -> Vec<u8> {
    let bytes = synced.to_le_bytes();
    [bytes, trace::hash(&bytes).to_le_bytes()].concat()
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// The body of the frame at `at`, if it is valid.
fn frame(bytes: &[u8], at: usize, checked: bool) -> Option<&[u8]> {
    let length = u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize;
    let body = bytes.get(at + FRAME_HEADER..at + FRAME_HEADER + length)?;
    let right = number(bytes, at + 4)? == frame_hash(at as u64, body);
    (length > 0 && length.is_multiple_of(5) && (right || !checked)).then_some(body)
}

impl<const FLAW: u8, const PLACED: bool> Toy<FLAW, PLACED> {
    /// What the file says, and where its valid part ends.
    fn scan(bytes: &[u8]) -> Result<(Pairs, usize), OpenError> {
        let corrupt = |text: String| Err(OpenError::Corrupt(text));
        let (Some(synced), Some(hash)) = (number(bytes, 0), number(bytes, 8)) else {
            return corrupt("the header is cut".to_owned());
        };
        if hash != trace::hash(&synced.to_le_bytes()) {
            return corrupt("the header is damaged".to_owned());
        }
        let (mut pairs, mut at) = (Pairs::default(), HEADER);
        while let Some(body) = frame(bytes, at, FLAW != Flaw::NO_CHECKSUM) {
            for pair in body.chunks_exact(5) {
                pairs.0.insert(pair[0], u32::from_le_bytes([pair[1], pair[2], pair[3], pair[4]]));
            }
            at += FRAME_HEADER + body.len();
        }
        let refuses = FLAW == Flaw::REFUSES_TAIL && at < bytes.len();
        if refuses || (at as u64) < synced { corrupt(format!("damage at {at}")) } else { Ok((pairs, at)) }
    }

    fn read_file(disk: &FaultDisk) -> io::Result<Vec<u8>> {
        match disk.open(Path::new(PATH)) {
            Ok(file) => read_all(&*file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(header(HEADER as u64)),
            Err(error) => Err(error),
        }
    }

    /// Writes what was recovered again: it may be in the page cache only.
    fn write_file(disk: &FaultDisk, kept: &[u8]) -> io::Result<Arc<dyn File>> {
        let path = Path::new(PATH);
        let exists = disk.open(path).is_ok();
        if FLAW == Flaw::UNSYNCED_TAIL && exists {
            disk.open(path)?.set_len(kept.len() as u64)?;
        } else if FLAW == Flaw::UNSYNCED_NAME && !exists {
            let file = disk.create(path)?;
            file.write_all_at(0, kept)?;
            file.sync_data()?;
        } else {
            replace_file(disk, path, kept)?;
        }
        disk.open(path)
    }

    fn recover(disk: &Arc<FaultDisk>) -> Result<Self, OpenError> {
        let failed = |error: io::Error| OpenError::Failed(error.to_string());
        disk.create_dir(Path::new("toy")).map_err(failed)?;
        let mut bytes = Self::read_file(disk).map_err(failed)?;
        let (pairs, end) = Self::scan(&bytes)?;
        bytes.truncate(end);
        bytes.splice(..HEADER, header(end as u64));
        let file = Self::write_file(disk, &bytes).map_err(failed)?;
        let at = || Cell::new(end as u64);
        Ok(Self {
            disk: Arc::clone(disk),
            file,
            pairs: RefCell::new(pairs),
            queue: RefCell::default(),
            appended: at(),
            written: at(),
            synced: at(),
            failed: Cell::new(false),
            wakers: RefCell::default(),
        })
    }

    fn append(&self, pairs: &[(u8, u32)]) -> u64 {
        let position = self.appended.get();
        let body: Vec<u8> = pairs
            .iter()
            .flat_map(|(key, value)| [vec![*key], value.to_le_bytes().to_vec()].concat())
            .collect();
        let mut queue = self.queue.borrow_mut();
        queue.extend_from_slice(&(body.len() as u32).to_le_bytes());
        queue.extend_from_slice(&frame_hash(position, &body).to_le_bytes());
        queue.extend_from_slice(&body);
        self.appended.set(position + (FRAME_HEADER + body.len()) as u64);
        self.appended.get()
    }

    /// The writer's turn: write what is queued, or sync what is written.
    fn turn(&self) -> Turn {
        let queued = std::mem::take(&mut *self.queue.borrow_mut());
        let result = if self.failed.get() {
            return Turn::Idle;
        } else if !queued.is_empty() {
            let result = self.file.write_all_at(self.written.get(), &queued);
            self.written.set(self.written.get() + queued.len() as u64);
            result
        } else if self.synced.get() < self.written.get() {
            self.file.sync_data().map(|()| self.synced.set(self.written.get()))
        } else {
            return Turn::Idle;
        };
        let ignored = FLAW == Flaw::RETRIES_SYNC && !self.disk.is_off() && queued.is_empty();
        assert!(result.is_ok() || FLAW != Flaw::PANICS || self.disk.is_off(), "the disk failed");
        self.failed.set(result.is_err() && !ignored);
        self.wakers.take().into_iter().for_each(Waker::wake);
        Turn::Worked
    }

    /// Waits until `reached` is at `position`; `false` if the disk failed first.
    async fn wait(&self, reached: &Cell<u64>, position: u64) -> bool {
        poll_fn(|context| {
            if self.failed.get() || reached.get() >= position {
                return Poll::Ready(!self.failed.get());
            }
            self.wakers.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    async fn admit(&self) -> bool {
        let free = self.disk.free_bytes(Path::new("toy")).unwrap_or(u64::MAX);
        if free < RESERVE && FLAW == Flaw::HANGS_WHEN_FULL {
            std::future::pending::<()>().await;
        }
        free >= RESERVE
    }
}

impl<const FLAW: u8, const PLACED: bool> System for Toy<FLAW, PLACED> {
    type Model = Pairs;
    const NAME: &'static str = "toy";

    fn operation(rng: &mut Rng, _client: usize) -> Op {
        let key = rng.below(4) as u8;
        match rng.below(5) {
            0 => Op::Get(key),
            1 | 2 => Op::Add(key, rng.below(1000) as u32),
            _ => {
                // Wide enough to be torn at a sector now and then.
                let value = rng.below(1_000_000) as u32;
                let keys = if rng.one_in(2) { 4 } else { 60 };
                Op::Batch((0..keys).map(|key| (key, value)).collect())
            }
        }
    }

    fn durability(op: &Op) -> Durability {
        if matches!(op, Op::Add(..)) { Durability::Async } else { Durability::Sync }
    }

    async fn open(env: Env) -> Result<Rc<Self>, OpenError> {
        let toy = Rc::new(Self::recover(&env.disk)?);
        let writer = Rc::clone(&toy);
        env.scheduler.add_actor("writer", move || writer.turn());
        Ok(toy)
    }

    async fn run(self: Rc<Self>, op: Op, call: Call<Pairs>) -> Outcome<u32> {
        let durability = Self::durability(&op);
        if !matches!(op, Op::Get(_)) && !self.admit().await {
            return Outcome::Refused("the disk is full".to_owned());
        }
        if self.failed.get() {
            return Outcome::Refused("the log has failed".to_owned());
        }
        let (pairs, reply) = self.pairs.borrow().effect(&op);
        self.pairs.borrow_mut().0.extend(pairs.iter().copied());
        if FLAW == Flaw::HALF_BATCH && pairs.len() > 1 {
            self.append(&pairs[..pairs.len() / 2]);
            self.append(&pairs[pairs.len() / 2..]);
        } else if !pairs.is_empty() {
            self.append(&pairs);
        }
        let position = self.appended.get();
        if PLACED && !pairs.is_empty() {
            call.placed(position);
        }
        let after_write = durability == Durability::Async || FLAW == Flaw::ACK_BEFORE_SYNC;
        let reached = if after_write { &self.written } else { &self.synced };
        if self.wait(reached, position).await {
            Outcome::Done(Some(reply))
        } else {
            Outcome::Unknown("the disk failed".to_owned())
        }
    }

    async fn observe(self: Rc<Self>) -> Result<Observed<BTreeMap<u8, u32>>, String> {
        let reached = PLACED.then(|| self.synced.get());
        Ok(Observed { state: self.pairs.borrow().0.clone(), reached })
    }

    async fn close(self: Rc<Self>) -> Result<(), String> {
        let done = self.wait(&self.synced, self.appended.get()).await;
        if done { Ok(()) } else { Err("the disk failed".to_owned()) }
    }
}
