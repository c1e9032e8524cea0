//! Threads that write, read, list, delete and reclaim at the same time, over files: nobody is cut off, nothing is left.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bole_base::{Disk, Durability, LogId, RealDisk, SystemClock};
use bole_blobs::chunks::local::Local;
use bole_blobs::chunks::writer::Writer;
use bole_blobs::chunks::{self, Home};
use bole_blobs::objects::bodies::NewBody;
use bole_blobs::objects::buckets;
use bole_blobs::objects::copies::{self, Copy, From};
use bole_blobs::objects::deletes::{self, Delete};
use bole_blobs::objects::put::{self, Attributes, Put};
use bole_blobs::reclaim::Place;
use bole_blobs::rules::conditions::{Conditions, DeleteConditions};
use bole_blobs::rules::list::Query;
use bole_blobs::state::{self, Blobs, Config, Error, Result};
use bole_catalog::Catalog;
use bole_log::{Journal, MemoryJournal};
use bole_shard::{Runtime, runtime};
use bole_testing::Rng;
use bole_testing::process::temp_dir;

use crate::world::{OWNER, body, md5};

const KEYS: [&str; 3] = ["a", "b", "c"];
const ROUNDS: usize = 150;

async fn open(folder: &Path) -> Blobs {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let clock = Arc::new(SystemClock::new());
    let root = folder.join("checkpoints");
    let runtime = Arc::new(Runtime::new(journal, Arc::clone(&disk), clock, root, runtime::Config::default()));
    let catalog = Catalog::host(Arc::clone(&runtime)).unwrap();
    runtime.recover(&[LogId::CATALOG]).await.unwrap();
    let config = Config { store: bole_ordered::Config::small(), ..Config::default() };
    let home = Arc::new(Local::open(Arc::clone(&disk), &folder.join("chunks"), 0).unwrap());
    let shard = state::host(&runtime, &catalog, disk, &folder.join("rows"), config).await.unwrap();
    runtime.recover(&[shard.id()]).await.unwrap();
    Blobs::new(runtime, shard, home as Arc<dyn Home>, Durability::Sync)
}

async fn write(blobs: &Blobs, rng: &mut Rng) -> Result<()> {
    let key = *rng.pick(&KEYS);
    let attributes = Attributes { owner: OWNER.to_owned(), ..Attributes::default() };
    match rng.below(6) {
        0 => {
            let asked = Delete { key, version: None, conditions: DeleteConditions::default() };
            blobs.change(None, 100, |plan| deletes::delete(plan, "bucket", &asked, OWNER, false)).await?;
        }
        1 => {
            let source =
                From { bucket: "bucket", key, version: None, conditions: Conditions::default(), read: None };
            let copy = Copy {
                from: source,
                bucket: "bucket",
                key: rng.pick::<&str>(&KEYS),
                conditions: Conditions::default(),
                attributes,
                replace_meta: true,
                replace_tags: true,
                digests: None,
                body: None,
            };
            blobs.change(None, 100, |plan| copies::copy(plan, &copy)).await?;
        }
        kind => {
            let bytes = body(rng.below(250) as u8, 66_000 + rng.index(70_000));
            let new = if kind == 2 {
                NewBody::Inline(bytes[..1_000].to_vec().into())
            } else {
                let id = blobs.new_chunk().await?;
                let mut writer = Writer::create(&**blobs.home(), id, bytes.len() as u64)?;
                writer.push(&bytes)?;
                NewBody::Chunk(writer.finish()?)
            };
            let md5 = md5(&bytes[..new.bytes() as usize]);
            let conditions = Conditions::default();
            let asked = Put { bucket: "bucket", key, body: new, md5, checksum: None, attributes, conditions };
            blobs.change(None, 2_000, |plan| put::put(plan, &asked)).await?;
        }
    }
    Ok(())
}

/// Reads an object whole. How many bytes it has.
async fn read(blobs: &Blobs, key: &str) -> Result<u64> {
    let open = blobs.open("bucket", key, None).await?;
    let segments = open.segments(&(0..u64::MAX))?.into_iter();
    let blocks: Vec<_> =
        segments.flat_map(|segment| segment.read(blobs.home())).collect::<Result<_, chunks::Error>>()?;
    let bytes = blocks.concat();
    let object = open.version.object().unwrap();
    assert_eq!((bytes.len() as u64, md5(&bytes)), (object.bytes, object.etag.md5), "{key}");
    Ok(object.bytes)
}

fn refused(outcome: Result<()>) {
    match outcome {
        Ok(()) | Err(Error::Refused(_)) => {}
        Err(error) => panic!("{error}"),
    }
}

/// Runs on a thread of its own until the writers are done.
fn until(done: &AtomicBool, mut step: impl FnMut(&tokio::runtime::Runtime)) {
    let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
    while !done.load(Ordering::Relaxed) {
        step(&tokio);
    }
}

#[test]
fn readers_are_not_cut_off_and_nothing_is_left() {
    let dir = temp_dir("blobs-threads").unwrap();
    let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let blobs = tokio.block_on(open(dir.path()));
    let create =
        buckets::Create { name: "bucket", owner: OWNER, account: "a", region: "", object_lock: false };
    tokio.block_on(blobs.change(None, 100, |plan| buckets::create(plan, &create))).unwrap();
    let (done, bytes, gone) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut rng = Rng::new(7);
                until(&done, |tokio| {
                    let read = tokio.block_on(read(&blobs, rng.pick::<&str>(&KEYS)));
                    refused(read.map(|more| {
                        bytes.fetch_add(more, Ordering::Relaxed);
                    }));
                });
            });
        }
        scope.spawn(|| {
            let mut place = Place::default();
            until(&done, |tokio| {
                let more = tokio.block_on(blobs.reclaim(&mut place)).unwrap();
                gone.fetch_add(more as u64, Ordering::Relaxed);
                assert_eq!(blobs.sweep(3).unwrap().removed, 0);
            });
        });
        scope.spawn(|| {
            let query = Query { prefix: "", delimiter: "", marker: None, max: 1_000 };
            until(&done, |tokio| {
                let (_, page) = tokio.block_on(blobs.list_versions("bucket", &query)).unwrap();
                assert!(page.entries.len() <= KEYS.len());
            });
        });
        let writers: Vec<_> = (0..3)
            .map(|seed| {
                let blobs = &blobs;
                scope.spawn(move || {
                    let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    let mut rng = Rng::new(seed);
                    (0..ROUNDS).for_each(|_| refused(tokio.block_on(write(blobs, &mut rng))));
                })
            })
            .collect();
        let ended: Vec<_> = writers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok), "a writer failed");
    });
    for key in KEYS {
        let asked = Delete { key, version: None, conditions: DeleteConditions::default() };
        tokio
            .block_on(blobs.change(None, 100, |plan| deletes::delete(plan, "bucket", &asked, OWNER, false)))
            .unwrap();
    }
    let mut place = Place::default();
    while tokio.block_on(blobs.reclaim(&mut place)).unwrap() > 0 {}
    assert_eq!(blobs.named_chunks().unwrap(), []);
    assert!(bytes.into_inner() > 0 && gone.into_inner() > 50, "they do too little");
}
