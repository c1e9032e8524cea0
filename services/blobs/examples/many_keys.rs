//! What a bucket of very many keys costs: makes one on a real journal and store, and times pages of lists at its start, middle and end, and a lifecycle walk over all of it that finds nothing due.
//!
//! `cargo run --release -p bole-blobs --example many_keys -- FOLDER KEYS`. The folder is to be empty; it takes about 600 bytes a key. It says what the process has resident as well.
#![expect(clippy::print_stdout, reason = "an example that measures")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bole_base::clock::SystemClock;
use bole_base::{Clock, Disk, Durability, LogId, RealDisk};
use bole_blobs::chunks::Home;
use bole_blobs::chunks::memory::Memory;
use bole_blobs::lifecycle::{Step, Walker};
use bole_blobs::limits::PAGE_KEYS_MAX;
use bole_blobs::objects::bodies::NewBody;
use bole_blobs::objects::put::{Attributes, Put};
use bole_blobs::objects::{buckets, put, settings};
use bole_blobs::rules::conditions::Conditions;
use bole_blobs::rules::lifecycle::{Expiration, Lifecycle, Rule};
use bole_blobs::rules::list::{Marker, Query};
use bole_blobs::state::{self, Blobs, Config};
use bole_catalog::Catalog;
use bole_log::{Journal, LocalJournal};
use bole_shard::{Runtime, runtime};
use bytes::Bytes;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const BUCKET: &str = "many";
/// Objects that are put in one entry.
const AT_ONCE: u64 = 500;
/// Pages that are timed at a place.
const PAGES: usize = 50;

struct Node {
    runtime: Arc<Runtime>,
    blobs: Blobs,
    journal: Arc<LocalJournal>,
}

async fn open(folder: &Path) -> Result<Node> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let config = bole_log::local::Config::default();
    let journal = LocalJournal::open(Arc::clone(&disk), Arc::clone(&clock), &folder.join("journal"), config)?;
    let journal = Arc::new(journal.start()?);
    let shared = Arc::clone(&journal) as Arc<dyn Journal>;
    let settings = runtime::Config::default();
    let runtime = Runtime::new(shared, Arc::clone(&disk), clock, folder.join("checkpoints"), settings);
    let runtime = Arc::new(runtime);
    let catalog = Catalog::host(Arc::clone(&runtime))?;
    runtime.recover(&[LogId::CATALOG]).await?;
    let shard = state::host(&runtime, &catalog, disk, &folder.join("rows"), Config::default()).await?;
    runtime.recover(&[]).await?;
    let home = Arc::new(Memory::default()) as Arc<dyn Home>;
    let blobs = Blobs::new(Arc::clone(&runtime), shard, home, Durability::Sync);
    Ok(Node { runtime, blobs, journal })
}

fn key(number: u64) -> String {
    format!("folder-{:04}/object-{number:010}", number / 10_000)
}

async fn fill(node: &Node, keys: u64) -> Result<()> {
    let create =
        buckets::Create { name: BUCKET, owner: "owner", account: "a", region: "", object_lock: false };
    node.blobs.change(None, 1_000, |plan| buckets::create(plan, &create).map(drop)).await?;
    let mut position = None;
    for first in (0..keys).step_by(AT_ONCE as usize) {
        let names: Vec<String> = (first..keys.min(first + AT_ONCE)).map(key).collect();
        let puts: Vec<Put<'_>> = names.iter().map(|key| new(key)).collect();
        let all = |plan: &mut state::Plan<'_>| puts.iter().try_for_each(|one| put::put(plan, one).map(drop));
        position = Some(node.blobs.append(None, 400 * AT_ONCE as usize, all).await?.position);
        if first % (200 * AT_ONCE) == 0 {
            node.runtime.checkpoint_all().await?;
        }
    }
    if let Some(position) = position {
        node.blobs.durable(position).await?;
    }
    node.runtime.checkpoint_all().await?;
    Ok(())
}

fn new(key: &str) -> Put<'_> {
    Put {
        bucket: BUCKET,
        key,
        body: NewBody::Inline(Bytes::from_static(b"x")),
        md5: [7; 16],
        checksum: None,
        attributes: Attributes { owner: "owner".to_owned(), ..Attributes::default() },
        conditions: Conditions::default(),
    }
}

/// Pages from a place on: how long the quickest, the middle and the slowest took.
async fn pages(node: &Node, what: &str, from: &str, versions: bool) -> Result<()> {
    let (mut marker, mut took, mut listed) =
        (Some(Marker { key: from.to_owned(), sub: None }), Vec::new(), 0);
    while took.len() < PAGES && (took.is_empty() || marker.is_some()) {
        let query = Query { prefix: "", delimiter: "", marker: marker.as_ref(), max: PAGE_KEYS_MAX };
        let begun = Instant::now();
        (listed, marker) = if versions {
            let (_, page) = node.blobs.list_versions(BUCKET, &query).await?;
            (listed + page.entries.len(), page.next)
        } else {
            let (_, page) = node.blobs.list_objects(BUCKET, &query).await?;
            (listed + page.entries.len(), page.next)
        };
        took.push(begun.elapsed());
    }
    took.sort();
    let (first, middle, last) = (took[0], took[took.len() / 2], took[took.len() - 1]);
    println!("{what}: {} pages, {listed} keys; {first:.1?}, {middle:.1?}, {last:.1?}", took.len());
    Ok(())
}

async fn walk(node: &Node) -> Result<()> {
    let far = Rule {
        enabled: true,
        expiration: Some(Expiration { days: Some(10_000), ..Expiration::default() }),
        ..Rule::default()
    };
    let rules = Lifecycle(vec![far]);
    node.blobs.change(None, 1_000, |plan| settings::put(plan, BUCKET, &rules)).await?;
    let (mut walker, begun, mut longest, mut steps) = (Walker::default(), Instant::now(), Duration::ZERO, 0);
    loop {
        let step = Instant::now();
        if node.blobs.lifecycle(&mut walker).await? == Step::Idle {
            break;
        }
        (longest, steps) = (longest.max(step.elapsed()), steps + 1);
    }
    println!("lifecycle: {steps} steps in {:.1?}, the longest {longest:.1?}", begun.elapsed());
    Ok(())
}

fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}

async fn run(folder: &Path, keys: u64) -> Result<()> {
    let begun = Instant::now();
    let node = open(folder).await?;
    fill(&node, keys).await?;
    println!("{keys} keys were put in {:.1?}; {}", begun.elapsed(), resident());
    for round in 0..2 {
        println!("round {round}");
        for (what, number) in [("start", 0), ("middle", keys / 2), ("end", keys.saturating_sub(50_000))] {
            pages(&node, &format!("objects, {what}"), &key(number), false).await?;
            pages(&node, &format!("versions, {what}"), &key(number), true).await?;
        }
    }
    walk(&node).await?;
    println!("{}", resident());
    node.runtime.checkpoint_all().await?;
    node.journal.close()?;
    drop(node);
    let begun = Instant::now();
    let node = open(folder).await?;
    println!("opened again in {:.1?}; {}", begun.elapsed(), resident());
    pages(&node, "objects, middle, cold", &key(keys / 2), false).await?;
    node.journal.close()?;
    Ok(())
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(keys)) = (arguments.next(), arguments.next()) else {
        return Err("give an empty folder and a number of keys".into());
    };
    tokio::runtime::Runtime::new()?.block_on(run(Path::new(&folder), keys.parse()?))
}
