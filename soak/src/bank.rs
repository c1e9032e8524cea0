//! Contention: threads move money between accounts on many shards, write overlapping groups of keys, swap databases and take checkpoints. Nothing may
//! block for ever, no money may appear or vanish, and nobody may see half of a group.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use bole_base::{Clock, Disk, RealDisk, SystemClock};
use bole_keyspace::Service;
use bole_keyspace::client::Client;
use bole_keyspace::context::{Grants, SessionState};
use bole_keyspace::dispatch::{self, Flow};
use bole_keyspace::protocol::Reply;
use bole_log::{Journal, LocalJournal};
use bole_shard::Runtime;
use bole_testing::Rng;

use crate::{dump, node};

/// Accounts of each database.
const ACCOUNTS: u64 = 12;
/// What each holds at first.
const MONEY: i64 = 1_000;
/// Keys that are always written together.
const GROUP: u64 = 6;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Threads that transfer and write groups.
    pub threads: usize,
    /// Operations of each.
    pub operations: u64,
    /// All of it must have ended by then.
    pub timeout: Duration,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Transfers that were acknowledged.
    pub transfers: u64,
    /// Groups that were read and found whole.
    pub groups: u64,
    /// Databases swapped.
    pub swaps: u64,
}

#[derive(Default)]
struct Counters {
    transfers: AtomicU64,
    groups: AtomicU64,
    swaps: AtomicU64,
}

struct Session {
    service: Arc<Service>,
    state: SessionState,
    runtime: tokio::runtime::Runtime,
}

impl Session {
    fn new(service: &Arc<Service>, database: usize) -> Result<Self> {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        let client = Client::new(service.next_client_id(), nowhere, nowhere, service.now());
        let mut state = SessionState::new(Arc::new(client), service.transaction(), Some(Grants::ALL));
        state.select(database);
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(Self { service: Arc::clone(service), state, runtime })
    }

    /// Runs a command and waits until its reply may leave.
    fn call(&mut self, words: &[&str]) -> Result<Vec<u8>> {
        let args: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let Self { service, state, runtime } = self;
        let mut reply = Reply::new();
        let _entered = runtime.enter();
        loop {
            match dispatch::run(service, state, &mut reply, &args, service.now()) {
                Flow::Next => break,
                Flow::Retry(bytes) => runtime.block_on(state.transaction.admit(bytes))?,
                flow => bail!("{flow:?} after {words:?}"),
            }
        }
        state.transaction.finish();
        runtime.block_on(state.need.met(&**service.runtime.journal()))?;
        if reply.bytes().starts_with(b"-") {
            bail!("{words:?}: {}", reply.bytes().escape_ascii());
        }
        Ok(reply.bytes().to_vec())
    }

    fn transfer(&mut self, rng: &mut Rng) -> Result<()> {
        let account = |rng: &mut Rng| format!("account:{}", rng.below(ACCOUNTS));
        self.call(&["MULTI"])?;
        for _ in 0..=rng.below(3) {
            let amount = rng.below(50).to_string();
            self.call(&["DECRBY", &account(rng), &amount])?;
            self.call(&["INCRBY", &account(rng), &amount])?;
        }
        self.call(&["EXEC"]).map(drop)
    }

    fn write_group(&mut self, rng: &mut Rng) -> Result<()> {
        let value = rng.next_u64().to_string();
        let mut keys: Vec<String> = (0..GROUP).map(|key| format!("group:{key}")).collect();
        rng.shuffle(&mut keys);
        let mut words = vec!["MSET"];
        for key in &keys {
            words.extend([key.as_str(), value.as_str()]);
        }
        self.call(&words).map(drop)
    }

    fn read_group(&mut self) -> Result<()> {
        let keys: Vec<String> = (0..GROUP).map(|key| format!("group:{key}")).collect();
        let mut words = vec!["MGET"];
        words.extend(keys.iter().map(String::as_str));
        let values = dump::items(&self.call(&words)?).map_err(|text| anyhow!(text))?;
        ensure!(values.windows(2).all(|pair| pair[0] == pair[1]), "half of a group was seen: {values:?}");
        Ok(())
    }

    fn check_sum(&mut self) -> Result<()> {
        let accounts: Vec<String> = (0..ACCOUNTS).map(|account| format!("account:{account}")).collect();
        let mut words = vec!["MGET"];
        words.extend(accounts.iter().map(String::as_str));
        let values = dump::items(&self.call(&words)?).map_err(|text| anyhow!(text))?;
        let numbers = values.iter().map(|value| Ok(std::str::from_utf8(value)?.parse::<i64>()?));
        let sum: i64 = numbers.sum::<Result<i64>>()?;
        ensure!(sum == ACCOUNTS as i64 * MONEY, "the accounts hold {sum}, not {}", ACCOUNTS as i64 * MONEY);
        Ok(())
    }

    fn fill(&mut self) -> Result<()> {
        for account in 0..ACCOUNTS {
            self.call(&["SET", &format!("account:{account}"), &MONEY.to_string()])?;
        }
        self.write_group(&mut Rng::new(1))
    }
}

fn work(service: &Arc<Service>, thread: usize, plan: &Plan, counters: &Counters) -> Result<()> {
    // Databases 0 and 1 are of class `sync`, 2 and 3 of class `async`.
    let mut session = Session::new(service, thread % 4)?;
    let mut rng = Rng::new(thread as u64);
    for _ in 0..plan.operations {
        match rng.below(16) {
            0..=6 => {
                session.transfer(&mut rng)?;
                counters.transfers.fetch_add(1, Ordering::Relaxed);
            }
            7..=10 => session.write_group(&mut rng)?,
            11..=13 => {
                session.read_group()?;
                counters.groups.fetch_add(1, Ordering::Relaxed);
            }
            14 => session.check_sum()?,
            _ => {
                let pair = if rng.one_in(2) { ["0", "1"] } else { ["3", "2"] };
                session.call(&["SWAPDB", pair[0], pair[1]])?;
                counters.swaps.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    Ok(())
}

/// Checkpoints over and over until told to stop.
fn checkpoints(service: &Service, stop: &AtomicBool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    while !stop.load(Ordering::Relaxed) {
        runtime.block_on(service.runtime.checkpoint_all())?;
        std::thread::yield_now();
    }
    Ok(())
}

fn open(dir: &Path) -> Result<Arc<Service>> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let config = bole_wal::Config {
        segment_bytes: 8 << 20,
        bytes_max: 64 << 20,
        reserve_bytes: 0,
        ..Default::default()
    };
    let journal = LocalJournal::open(Arc::clone(&disk), Arc::clone(&clock), &dir.join("journal"), config)?;
    let journal: Arc<dyn Journal> = Arc::new(journal.start()?);
    let runtime = Arc::new(Runtime::new(
        journal,
        disk,
        clock,
        dir.join("checkpoints"),
        bole_shard::runtime::Config::default(),
    ));
    let opened = tokio::runtime::Builder::new_current_thread()
        .build()?
        .block_on(node::open_service(runtime, 1, false));
    opened.map_err(|error| anyhow!("{error:?}"))
}

/// Runs the plan in the folder. The error says what was wrong; a deadlock is one.
pub fn run(dir: &Path, plan: &Plan) -> Result<Outcome> {
    let service = open(dir)?;
    for database in 0..4 {
        Session::new(&service, database)?.fill()?;
    }
    let (counters, stop) = (Arc::new(Counters::default()), Arc::new(AtomicBool::new(false)));
    let (sender, receiver) = mpsc::channel();
    for thread in 0..plan.threads {
        let (service, counters, plan, sender) =
            (Arc::clone(&service), Arc::clone(&counters), *plan, sender.clone());
        std::thread::spawn(move || {
            // Who waits for the result gives up only after a timeout.
            let _late = sender.send(work(&service, thread, &plan, &counters));
        });
    }
    let checkpointer = {
        let (service, stop) = (Arc::clone(&service), Arc::clone(&stop));
        std::thread::spawn(move || checkpoints(&service, &stop))
    };
    for _ in 0..plan.threads {
        let ended = receiver.recv_timeout(plan.timeout);
        ended.context("a thread does not end: the keyspace is stuck")??;
    }
    stop.store(true, Ordering::Relaxed);
    checkpointer.join().map_err(|_| anyhow!("the checkpoints panicked"))??;
    let mut session = Session::new(&service, 0)?;
    for database in 0..4 {
        session.state.select(database);
        session.check_sum()?;
        session.read_group()?;
    }
    drop((session, service));
    let service = open(dir).context("after the run")?;
    for database in 0..4 {
        let mut session = Session::new(&service, database)?;
        session.check_sum().context("after a restart")?;
        session.read_group().context("after a restart")?;
    }
    Ok(Outcome {
        transfers: counters.transfers.load(Ordering::Relaxed),
        groups: counters.groups.load(Ordering::Relaxed),
        swaps: counters.swaps.load(Ordering::Relaxed),
    })
}
