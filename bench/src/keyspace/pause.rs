//! The pause that a checkpoint (redis-server: a fork that saves) makes for clients: GET and SET in turn at a fixed rate on one GB
//! of values, first with nothing else, then with one save after the other.

use super::Args;
use super::class::{Class, Contender, Node};
use super::latency;
use crate::open_loop::{self, Load};
use anyhow::{Result, bail, ensure};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use xtask::resp::{Connection, Reply, encode};

const CONNECTIONS: usize = 50;
/// With the values' bytes: 1 GB.
const KEYS: u64 = 1_000_000;
const VALUE: [u8; 1000] = [b'v'; 1000];
/// Between two looks at whether a save has ended.
const POLL: Duration = Duration::from_millis(5);

/// What the requests of one run waited, at most and nearly at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits {
    pub(super) p999_ms: f64,
    pub(super) max_ms: f64,
}

/// What was measured of one contender.
#[derive(Debug)]
pub(super) struct Pause {
    pub(super) class: &'static str,
    pub(super) contender: Contender,
    pub(super) rate: u32,
    pub(super) quiet: Waits,
    pub(super) saving: Waits,
    pub(super) saves: u32,
}

pub(super) fn measure(class: &'static Class, nodes: &mut Vec<Node>, args: &Args) -> Result<Vec<Pause>> {
    let load = Load {
        rate: args.rate,
        connections: CONNECTIONS,
        warm_up: args.rate.into(),
        requests: u64::from(args.rate) * u64::from(args.seconds),
        request,
    };
    let mut measured = Vec::new();
    // A node is stopped before the next one is filled: one of them needs much of the memory.
    for node in nodes.drain(..) {
        node.fill(KEYS, |number| vec![b"SET".to_vec(), latency::key_of(number, KEYS), VALUE.to_vec()])?;
        // What filling left behind is saved before the clock starts.
        save(&mut node.connect()?)?;
        let quiet = run(&node, &load)?;
        let (saving, saves) = run_saving(&node, &load)?;
        ensure!(saves > 0, "{} saved nothing while it was measured", node.contender.name());
        println!(
            "{} {}: {:.1} ms at most, {:.1} ms while it saves",
            class.name,
            node.contender.name(),
            quiet.max_ms,
            saving.max_ms
        );
        let (contender, rate) = (node.contender, args.rate);
        measured.push(Pause { class: class.name, contender, rate, quiet, saving, saves });
    }
    Ok(measured)
}

fn request(number: u64, buffer: &mut Vec<u8>) {
    let key = latency::key_of(latency::scattered(number), KEYS);
    if (number / CONNECTIONS as u64).is_multiple_of(2) {
        encode(&[&b"GET"[..], &key], buffer);
    } else {
        encode(&[&b"SET"[..], &key, &VALUE], buffer);
    }
}

fn run(node: &Node, load: &Load) -> Result<Waits> {
    let latencies = open_loop::run(node.address(), load)?;
    Ok(Waits { p999_ms: latencies.percentile_ms(0.999), max_ms: latencies.percentile_ms(1.0) })
}

/// Runs the load while another connection asks for one save after the other. Returns how many ended as well.
fn run_saving(node: &Node, load: &Load) -> Result<(Waits, u32)> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let saver = scope.spawn(|| -> Result<u32> {
            let mut connection = node.connect()?;
            let mut saves = 0;
            while !over.load(Ordering::Relaxed) {
                save(&mut connection)?;
                saves += 1;
            }
            Ok(saves)
        });
        let waits = run(node, load);
        over.store(true, Ordering::Relaxed);
        let saves = saver.join().map_err(|_| anyhow::anyhow!("the connection that saves panicked"))??;
        Ok((waits?, saves))
    })
}

/// Asks for a save and waits until it has ended. What the server saves by itself at that time comes first.
fn save(connection: &mut Connection) -> Result<()> {
    wait_until_idle(connection)?;
    while let Reply::Error(text) = connection.call(&["BGSAVE"])? {
        ensure!(text.contains("Another child"), "BGSAVE was refused: {text}");
        wait_until_idle(connection)?;
    }
    wait_until_idle(connection)
}

fn wait_until_idle(connection: &mut Connection) -> Result<()> {
    loop {
        let Reply::Bulk(info) = connection.call(&["INFO", "persistence"])? else {
            bail!("INFO persistence is not answered with text");
        };
        let info = String::from_utf8_lossy(&info).into_owned();
        if !["rdb_bgsave_in_progress:1", "aof_rewrite_in_progress:1"].iter().any(|busy| info.contains(busy)) {
            return Ok(());
        }
        thread::sleep(POLL);
    }
}
