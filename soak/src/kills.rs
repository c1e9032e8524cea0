//! Kills of the real binary under load: clients over real sockets remember what was acknowledged, the process gets SIGKILL at a random moment,
//! and after the restart all of it must be there, every transaction as a whole.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use bole_base::Durability;
use bole_testing::Rng;
use bole_testing::process::{Cycles, Ready, Spec, Stop, free_port, kill_cycles, temp_dir};
use xtask::resp::{Connection, Reply};

/// Keys of one MSET.
const GROUP: u64 = 4;
/// Accounts that all clients share.
const ACCOUNTS: u64 = 8;
/// How long a client waits for a reply.
const REPLY_TIMEOUT: Duration = Duration::from_secs(20);

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The `bole` binary.
    pub bole: PathBuf,
    /// The class of the databases.
    pub durability: Durability,
    /// Kills.
    pub kills: u32,
    /// Concurrent clients.
    pub clients: u64,
    /// From readiness to the kill.
    pub after: Range<Duration>,
    /// Draws the moments and the values.
    pub seed: u64,
}

/// What happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Kills.
    pub kills: u32,
    /// Operations that were sent.
    pub sent: u64,
    /// Operations that were acknowledged.
    pub acknowledged: u64,
    /// Operations that were not acknowledged and were found done: both are right.
    pub done_unacknowledged: u64,
}

/// How far a client has come with its transactions, and with its MSETs: both write their own number.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    sent: [u64; 2],
    acknowledged: [u64; 2],
}

/// One client's work on its own keys, and on the shared accounts.
struct Worker {
    connection: Connection,
    client: u64,
    rng: Rng,
    progress: Progress,
}

fn expect(reply: &Reply, words: &str) -> Result<()> {
    ensure!(!matches!(reply, Reply::Error(_) | Reply::Null), "{words}: {reply}");
    if let Reply::Array(items) = reply {
        items.iter().try_for_each(|item| expect(item, words))?;
    }
    Ok(())
}

impl Worker {
    fn call(&mut self, words: &[String]) -> Result<Reply> {
        let reply = self.connection.call(words)?;
        expect(&reply, &words[0])?;
        Ok(reply)
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    /// A transaction on keys of several shards and types.
    fn transact(&mut self) -> Result<()> {
        let (client, number) = (self.client, self.progress.sent[0] + 1);
        self.progress.sent[0] = number;
        for command in [
            "MULTI".to_owned(),
            format!("SET {client}:a {number}"),
            format!("INCR {client}:b"),
            format!("RPUSH {client}:c {number}"),
            format!("HSET {client}:d field {number}"),
            format!("ZADD {client}:e {number} member"),
            "EXEC".to_owned(),
        ] {
            self.call(&Self::words(&command))?;
        }
        self.progress.acknowledged[0] = number;
        Ok(())
    }

    fn write_group(&mut self) -> Result<()> {
        let number = self.progress.sent[1] + 1;
        self.progress.sent[1] = number;
        let mut words = vec!["MSET".to_owned()];
        for key in 0..GROUP {
            let padding = "x".repeat(self.rng.below(2_000) as usize);
            words.extend([format!("{}:g{key}", self.client), format!("{number} {padding}")]);
        }
        self.call(&words)?;
        self.progress.acknowledged[1] = number;
        Ok(())
    }

    fn transfer(&mut self) -> Result<()> {
        let amount = self.rng.below(100);
        let (from, to) = (self.rng.below(ACCOUNTS), self.rng.below(ACCOUNTS));
        self.call(&Self::words("MULTI"))?;
        self.call(&Self::words(&format!("DECRBY account:{from} {amount}")))?;
        self.call(&Self::words(&format!("INCRBY account:{to} {amount}")))?;
        self.call(&Self::words("EXEC")).map(drop)
    }

    fn work(&mut self, stop: &Stop) -> Result<()> {
        while !stop.is_set() {
            match self.rng.below(8) {
                0..=2 => self.transact()?,
                3..=5 => self.write_group()?,
                6 => self.transfer()?,
                // It may be running already, which is an error reply.
                _ if self.rng.one_in(40) => drop(self.connection.call(&["BGSAVE"])?),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A client's numbers as the restarted node shows them.
struct Found {
    connection: Connection,
}

impl Found {
    fn number(&mut self, words: &str) -> Result<u64> {
        let reply = self.connection.call(&words.split(' ').collect::<Vec<_>>())?;
        let text = match reply {
            Reply::Null => return Ok(0),
            Reply::Integer(number) => return Ok(number as u64),
            Reply::Bulk(text) => String::from_utf8_lossy(&text).into_owned(),
            other => return Err(anyhow!("{words}: {other}")),
        };
        let number = text.split(' ').next().unwrap_or_default();
        number.parse().with_context(|| format!("{words}: {text}"))
    }

    /// The one number that all of the commands answer.
    fn same(&mut self, commands: &[String]) -> Result<u64> {
        let numbers = commands.iter().map(|words| self.number(words)).collect::<Result<Vec<u64>>>()?;
        let same = numbers.windows(2).all(|pair| pair[0] == pair[1]);
        ensure!(same, "a part of a transaction: {commands:?} answer {numbers:?}");
        Ok(numbers[0])
    }

    fn numbers(&mut self, client: u64) -> Result<[u64; 2]> {
        let transacted = [
            format!("GET {client}:a"),
            format!("GET {client}:b"),
            format!("LLEN {client}:c"),
            format!("LINDEX {client}:c -1"),
            format!("HGET {client}:d field"),
            format!("ZSCORE {client}:e member"),
        ];
        let grouped: Vec<String> = (0..GROUP).map(|key| format!("GET {client}:g{key}")).collect();
        Ok([self.same(&transacted)?, self.same(&grouped)?])
    }

    fn check_accounts(&mut self) -> Result<()> {
        let mut sum = 0;
        for account in 0..ACCOUNTS {
            let reply = self.connection.call(&["GET".to_owned(), format!("account:{account}")])?;
            sum += match &reply {
                Reply::Null => 0,
                Reply::Bulk(text) => std::str::from_utf8(text)?.parse::<i64>()?,
                other => return Err(anyhow!("account {account}: {other}")),
            };
        }
        ensure!(sum == 0, "half of a transfer: the accounts hold {sum}");
        Ok(())
    }
}

fn spec(plan: &Plan, data: &std::path::Path, port: u16) -> Spec {
    let mut spec =
        Spec::new(&plan.bole, Ready::Line("Ctrl-C".to_owned())).arg("serve").arg("--data").arg(data);
    for setting in [
        format!("keyspace.listen=127.0.0.1:{port}"),
        "streams.listen=127.0.0.1:0".to_owned(),
        "admin.listen=127.0.0.1:0".to_owned(),
        "blobs.listen=127.0.0.1:0".to_owned(),
        "schemas.listen=127.0.0.1:0".to_owned(),
        "sql.listen=127.0.0.1:0".to_owned(),
        "gateway.listen=127.0.0.1:0".to_owned(),
        "dns.listen=127.0.0.1:0".to_owned(),
        format!("keyspace.durability={}", plan.durability),
        // Small, so that checkpoints and recycled segments are part of what is killed.
        "journal.segment_bytes=8MiB".to_owned(),
        "checkpoint.bytes_max=4MiB".to_owned(),
        "journal.reserve_bytes=0".to_owned(),
    ] {
        spec = spec.arg("--set").arg(setting);
    }
    spec
}

/// Compares what the clients were told with what the node shows, and goes on from there.
fn check(address: SocketAddr, reports: &mut [Progress], outcome: &mut Outcome) -> Result<()> {
    let mut found = Found { connection: Connection::open(address, REPLY_TIMEOUT)? };
    for (client, progress) in reports.iter_mut().enumerate() {
        let numbers = found.numbers(client as u64)?;
        for (stream, number) in numbers.into_iter().enumerate() {
            let (sent, acknowledged) = (progress.sent[stream], progress.acknowledged[stream]);
            ensure!(
                (acknowledged..=sent).contains(&number),
                "client {client}: {acknowledged} was acknowledged, {sent} was sent, {number} is there"
            );
            outcome.done_unacknowledged += number - acknowledged;
            (progress.sent[stream], progress.acknowledged[stream]) = (number, number);
        }
    }
    found.check_accounts()
}

/// Runs the plan.
pub fn run(plan: &Plan) -> Result<Outcome> {
    let data = temp_dir("kills")?;
    let port = free_port()?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let spec = spec(plan, &data.path().join("data"), port);
    let known = Mutex::new(vec![Progress::default(); plan.clients as usize]);
    let state = || known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut outcome = Outcome { kills: plan.kills, ..Outcome::default() };
    let cycles = Cycles { count: plan.kills, seed: plan.seed, after: plan.after.clone() };
    let work = |cycle: u32, stop: &Stop| -> Vec<(Progress, Option<String>)> {
        let starts = state().clone();
        std::thread::scope(|scope| {
            let client = |(client, progress): (usize, Progress)| {
                let rng = Rng::new(plan.seed ^ (u64::from(cycle) << 32) ^ client as u64);
                scope.spawn(move || {
                    let connection = match Connection::open(address, REPLY_TIMEOUT) {
                        Ok(connection) => connection,
                        Err(_) if stop.is_set() => return (progress, None),
                        Err(error) => return (progress, Some(format!("{error:#}"))),
                    };
                    let mut worker = Worker { connection, client: client as u64, rng, progress };
                    let ended = worker.work(stop);
                    // Once the node is being killed, a broken connection is what everybody expects.
                    let problem = ended.err().filter(|_| !stop.is_set()).map(|error| format!("{error:#}"));
                    (worker.progress, problem)
                })
            };
            let threads: Vec<_> = starts.into_iter().enumerate().map(client).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|_| (Progress::default(), Some("a client panicked".to_owned())))
            };
            threads.into_iter().map(join).collect()
        })
    };
    kill_cycles(&spec, &cycles, work, |_, reports| {
        let mut current = state();
        for (index, (progress, problem)) in reports.into_iter().flatten().enumerate() {
            if let Some(problem) = problem {
                return Err(format!("client {index}: {problem}"));
            }
            for stream in 0..2 {
                outcome.sent += progress.sent[stream] - current[index].sent[stream];
                outcome.acknowledged += progress.acknowledged[stream] - current[index].acknowledged[stream];
            }
            current[index] = progress;
        }
        check(address, &mut current, &mut outcome).map_err(|error| format!("{error:#}"))
    })?;
    Ok(outcome)
}
