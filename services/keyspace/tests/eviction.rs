//! What goes when keys take more memory than they may, by policy; that nothing else does; and that a restart finds the same.

#[path = "support/service.rs"]
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bole_base::clock::ManualClock;
use bole_keyspace::client::Client;
use bole_keyspace::context::{Grants, SessionState};
use bole_keyspace::dispatch::{self, Flow};
use bole_keyspace::protocol::Reply;
use bole_keyspace::{Config, Service};
use bole_log::MemoryJournal;
use bole_shard::{Hosted, Runtime, runtime};
use bole_testing::{FaultDisk, Faults};

const OOM: &str = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";

/// A keyspace, one client, and the time.
struct World {
    journal: Arc<MemoryJournal>,
    clock: Arc<ManualClock>,
    service: Arc<Service>,
    state: SessionState,
}

impl World {
    fn new() -> Self {
        Self::on(Arc::new(MemoryJournal::new()))
    }

    fn on(journal: Arc<MemoryJournal>) -> Self {
        let clock = Arc::new(ManualClock::new());
        clock.advance(Duration::from_hours(1_000));
        let disk = FaultDisk::new(1, Faults::default());
        let config = runtime::Config::default();
        let runtime = Arc::new(Runtime::new(
            Arc::<MemoryJournal>::clone(&journal),
            disk,
            Arc::<ManualClock>::clone(&clock),
            "/data".into(),
            config,
        ));
        let service = service::service_on(Arc::clone(&runtime), 4, Config::default());
        for dataset in service.databases.datasets() {
            for shard in &dataset.shards {
                runtime.host(Arc::clone(shard) as Arc<dyn Hosted>).expect("it is hosted");
            }
        }
        let mut recovery = std::pin::pin!(runtime.recover(&[]));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(recovery.as_mut().poll(&mut context).is_ready(), "everything is durable at once");
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        let client = Client::new(1, nowhere, nowhere, service.now());
        let state = SessionState::new(Arc::new(client), service.transaction(), Some(Grants::ALL));
        Self { journal, clock, service, state }
    }

    /// Runs a command; its reply.
    fn run(&mut self, command: &str) -> String {
        let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        let mut reply = Reply::new();
        let flow = dispatch::run(&self.service, &mut self.state, &mut reply, &args, self.service.now());
        assert!(matches!(flow, Flow::Next), "{command}: {flow:?}");
        self.state.transaction.finish();
        String::from_utf8_lossy(reply.bytes()).into_owned()
    }

    fn ok(&mut self, command: &str) {
        assert_eq!(self.run(command), "+OK\r\n", "{command}");
    }

    /// All keys of database 0, with their deadlines.
    fn keys(&self) -> BTreeMap<String, Option<u64>> {
        let mut keys = BTreeMap::new();
        for shard in &self.service.databases.dataset(0).shards {
            let locked = shard.lock().expect("it is sound");
            let mut cursor = 0;
            loop {
                cursor = locked.state().data.scan(cursor, 1 << 20, 0, |entry| {
                    keys.insert(String::from_utf8_lossy(entry.key()).into_owned(), entry.deadline());
                });
                if cursor == 0 {
                    break;
                }
            }
        }
        keys
    }

    /// What all partitions say that they take.
    fn bytes(&self) -> u64 {
        let partitions =
            (0..self.service.databases.partition_count()).map(|n| self.service.databases.partition(n).1);
        partitions.map(|shard| shard.lock().expect("it is sound").state().data_bytes()).sum()
    }
}

const KEYS: u64 = 6_000;

/// Sets keys `k:0` to `k:5999` of 100 bytes, the odd ones with deadlines that rise with their number.
fn fill(world: &mut World) {
    let value = "v".repeat(100);
    for number in 0..KEYS {
        let life = if number % 2 == 1 { format!(" EX {}", 10_000 + number) } else { String::new() };
        world.ok(&format!("SET k:{number} {value}{life}"));
    }
}

/// The numbers of the keys that have gone after half of the memory was taken away, under a policy.
fn evicted(policy: &str, prepare: impl FnOnce(&mut World)) -> BTreeSet<u64> {
    let mut world = World::new();
    world.ok(&format!("CONFIG SET maxmemory-policy {policy}"));
    fill(&mut world);
    world.clock.advance(Duration::from_mins(2));
    prepare(&mut world);
    let keys = world.keys().len();
    let bytes_max = world.bytes() * 7 / 10;
    world.ok(&format!("CONFIG SET maxmemory {bytes_max}"));
    let mut commands = 0;
    while world.service.memory.is_over() {
        world.ok("SET new v");
        commands += 1;
        assert!(commands < 1_000, "{policy} frees nothing");
    }
    assert!(world.bytes() <= bytes_max + (64 << 10), "{policy}: {} of {bytes_max}", world.bytes());
    let left = world.keys();
    let gone = (0..KEYS).filter(|number| !left.contains_key(&format!("k:{number}"))).collect::<BTreeSet<_>>();
    let counted = world.service.metrics.evicted.load(Ordering::Relaxed);
    assert_eq!((gone.len() as u64, keys + 1 - left.len()), (counted, gone.len()), "{policy}");
    // Enough, and not much more: keys are 150 bytes or so, and three tenths of them were too many.
    assert!((1_000..2_500).contains(&gone.len()), "{policy}: {} keys went", gone.len());
    // What went is gone for a restart, too, and nothing else is.
    let again = World::on(Arc::new(world.journal.crash(world.journal.end())));
    assert_eq!(again.keys(), left, "{policy}");
    gone
}

/// The share of `gone` for which something holds.
fn share(gone: &BTreeSet<u64>, holds: impl Fn(u64) -> bool) -> f64 {
    gone.iter().filter(|number| holds(**number)).count() as f64 / gone.len() as f64
}

/// Reads the keys below a thousand, `times` times.
fn read_some(times: usize) -> impl Fn(&mut World) {
    move |world| {
        for number in (0..1_000).cycle().take(1_000 * times) {
            world.run(&format!("GET k:{number}"));
        }
    }
}

#[test]
fn each_policy_takes_what_it_says() {
    let hot = |number: u64| number < 1_000;
    let volatile = |number: u64| number % 2 == 1;
    for (policy, reads, hot_max, only_volatile) in [
        ("allkeys-lru", 1, 0.01, false),
        ("volatile-lru", 1, 0.01, true),
        ("allkeys-lfu", 20, 0.02, false),
        ("volatile-lfu", 20, 0.02, true),
    ] {
        let gone = evicted(policy, read_some(reads));
        let share_hot = share(&gone, hot);
        assert!(share_hot <= hot_max, "{policy}: {share_hot} of those that went were in use");
        assert_eq!(gone.iter().copied().all(volatile), only_volatile, "{policy}");
    }
    for (policy, only_volatile) in [("allkeys-random", false), ("volatile-random", true)] {
        let gone = evicted(policy, |_| {});
        assert_eq!(gone.iter().copied().all(volatile), only_volatile, "{policy}");
        let share_low = share(&gone, |number| number < KEYS / 2);
        assert!(
            (0.4..0.6).contains(&share_low),
            "{policy}: {share_low} of those that went are of the lower half"
        );
    }
    let gone = evicted("volatile-ttl", |_| {});
    assert!(gone.iter().copied().all(volatile));
    // Some 1,800 of 3,000 go: the first three fifths to expire, but for what sampling misses.
    let early = share(&gone, |number| number < KEYS * 3 / 4);
    assert!(early > 0.95, "{early} of those that went expired early");
}

#[test]
fn without_eviction_writes_are_refused_and_everything_else_goes_on() {
    let mut world = World::new();
    fill(&mut world);
    let bytes_max = world.bytes() + 1_000;
    world.ok(&format!("CONFIG SET maxmemory {bytes_max}"));
    let mut written = 0;
    while world.run(&format!("SET more:{written} {}", "v".repeat(100))) == "+OK\r\n" {
        written += 1;
        assert!(written < 1_000, "it is never refused");
    }
    assert_eq!(world.run("SET more v"), OOM);
    assert_eq!(world.run("GET k:0").len(), "$100\r\n\r\n".len() + 100);
    assert_eq!(world.run("LPUSH list v"), OOM);
    world.ok("MULTI");
    assert_eq!(world.run("GET k:0"), OOM);
    assert!(world.run("EXEC").starts_with("-EXECABORT"));
    let keys = world.keys().len();
    for number in 0..1_000 {
        assert_eq!(world.run(&format!("DEL k:{number}")), ":1\r\n");
    }
    assert_eq!(world.keys().len(), keys - 1_000);
    world.ok("SET more v");
    // What fitted when it was queued may not when it runs.
    world.ok("MULTI");
    assert_eq!(world.run("SET more w"), "+QUEUED\r\n");
    world.service.memory.configure(1, bole_keyspace::memory::Policy::NoEviction);
    assert_eq!(world.run("EXEC"), format!("-EXECABORT Transaction discarded because of: {}", &OOM[1..]));
    assert_eq!(world.run("GET more"), "$1\r\nv\r\n");
    assert_eq!(world.service.metrics.evicted.load(Ordering::Relaxed), 0);
}

#[test]
fn when_nothing_may_go_writes_are_refused() {
    for (policy, command) in
        [("volatile-lru", "SET k v"), ("volatile-random", "SET k v"), ("allkeys-lfu", "")]
    {
        let mut world = World::new();
        world.ok(&format!("CONFIG SET maxmemory-policy {policy}"));
        if !command.is_empty() {
            world.ok(command);
        }
        world.ok("CONFIG SET maxmemory 1");
        assert_eq!(world.run("SET new v"), OOM, "{policy}");
        assert_eq!(world.keys().len(), usize::from(!command.is_empty()), "{policy}");
        world.ok("CONFIG SET maxmemory 0");
        world.ok("SET new v");
    }
}

#[test]
fn databases_that_are_not_logged_are_evicted_from_as_well() {
    let mut world = World::new();
    world.ok("CONFIG SET durability memory maxmemory-policy allkeys-random");
    fill(&mut world);
    let end = world.journal.end();
    let bytes_max = world.bytes() / 2;
    world.ok(&format!("CONFIG SET maxmemory {bytes_max}"));
    while world.service.memory.is_over() {
        world.ok("SET new v");
    }
    assert!(world.keys().len() < KEYS as usize * 3 / 4);
    assert_eq!(world.journal.end(), end);
}

// A flush drops what it removed on a thread of the runtime.
#[tokio::test]
async fn the_account_follows_whatever_commands_do() {
    let mut world = World::new();
    let mut seed = 7_u64;
    for round in 0..3_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (key, number) = (seed >> 40 & 63, seed >> 50);
        let value = "v".repeat(number as usize % 3_000);
        let command = match seed >> 33 & 7 {
            0 => format!("SET k:{key} x{value}"),
            1 => format!("APPEND k:{key} x{value}"),
            2 => format!("HSET h:{key} {number} x{value}"),
            3 => format!("LPUSH l:{key} x{value}"),
            4 => format!("DEL k:{key} h:{key} l:{key}"),
            5 => format!("ZADD z:{key} {number} x{value}"),
            6 => format!("EXPIRE k:{key} {number}"),
            _ if round % 500 == 0 => "FLUSHDB".to_owned(),
            _ => format!("RPOP l:{key}"),
        };
        world.run(&command);
        let slack = world.service.databases.partition_count() as u64 * bole_keyspace::memory::SLACK_BYTES;
        assert!(world.service.memory.used().abs_diff(world.bytes()) <= slack, "{command}");
    }
}

#[test]
fn names_of_a_connection_are_bounded() {
    use bole_keyspace::limits::{NAMES_BYTES_MAX, NAMES_MAX};
    let mut world = World::new();
    let large = "n".repeat(NAMES_BYTES_MAX / 2);
    let watch = |world: &mut World, names: &[String]| world.run(&format!("WATCH {}", names.join(" ")));
    assert_eq!(watch(&mut world, &[format!("{large}1"), "k".into()]), "+OK\r\n");
    assert!(watch(&mut world, &[format!("{large}2")]).starts_with("-ERR a connection may watch"));
    assert_eq!(watch(&mut world, &["k".into()]), "+OK\r\n", "it is watched already");
    world.ok("UNWATCH");
    let many: Vec<String> = (0..NAMES_MAX).map(|number| number.to_string()).collect();
    assert_eq!(watch(&mut world, &many), "+OK\r\n");
    assert!(watch(&mut world, &["one-more".into()]).starts_with("-ERR a connection may watch"));
    world.ok("UNWATCH");
    let subscribe =
        |world: &mut World, names: &[String]| world.run(&format!("SUBSCRIBE {}", names.join(" ")));
    assert!(
        subscribe(&mut world, &[format!("{large}1"), format!("{large}2")])
            .starts_with("-ERR a connection may")
    );
    assert!(!world.state.is_subscriber(), "none of them");
    assert!(subscribe(&mut world, &many).starts_with("*3\r\n"));
    assert!(subscribe(&mut world, &["one-more".into()]).starts_with("-ERR a connection may subscribe"));
    world.run("UNSUBSCRIBE 5");
    assert!(subscribe(&mut world, &["one-more".into()]).starts_with("*3\r\n"));
    world.run("UNSUBSCRIBE");
    assert_eq!(world.state.subscription_bytes, 0);
}
