//! Buckets of objects as a system of the crash harness.
//!
//! A model beside the state changes in the same step as each append, so that reads and lists can be compared at once, and what they show with how far the journal
//! is when the reply leaves (promise P2).
//!
//! Chunks have two homes, both on the disk that fails. Which one new chunks go to changes from opening to opening, and in some of them chunks move there meanwhile.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bole_base::disk::{read_all, replace_file};
use bole_base::{Disk, Durability, Kind, LogId, Position, RealDisk};
use bole_blobs::chunks::homes::{HomeNumber, Homes};
use bole_blobs::chunks::local::Local;
use bole_blobs::chunks::writer::Writer;
use bole_blobs::chunks::{self, Home};
use bole_blobs::events::Streams;
use bole_blobs::limits::PAGE_KEYS_MAX;
use bole_blobs::migrate::{Cursor, Stray};
use bole_blobs::objects::bodies::NewBody;
use bole_blobs::objects::copies::{self, Copy, From};
use bole_blobs::objects::deletes::{self, Delete};
use bole_blobs::objects::expiry::{self, Candidate};
use bole_blobs::objects::multipart::{self, Begin, Complete, Listed, PutPart};
use bole_blobs::objects::put::{self, Attributes, Put};
use bole_blobs::objects::{buckets, read, settings};
use bole_blobs::reclaim::Place;
use bole_blobs::rows::keys::{self, CURRENT, VERSIONS};
use bole_blobs::rows::values;
use bole_blobs::rows::{Etag, Version, VersionId, Versioning};
use bole_blobs::rules::checksums::EtagHasher;
use bole_blobs::rules::conditions::{Conditions, DeleteConditions};
use bole_blobs::rules::list::Query;
use bole_blobs::state::{self, Around, Blobs, Error, Plan};
use bole_catalog::Catalog;
use bole_log::{Journal, LocalJournal};
use bole_shard::Runtime;
use bole_shard::participant::Participant;
use bole_shard::participant::suite::FakeTopics;
use bole_testing::Rng;
use bole_testing::harness::{Call, Env, Model as _, Observed, OpenError, Outcome, System};
use bole_testing::process::{TempDir, temp_dir};
use bole_testing::scheduler::{Handle, Turn};

use super::model::{BUCKETS, Body, KEYS, Objects, Op, Seen, told};
use super::{Flaw, audit, listeners};
use crate::node::failed;
use crate::sink::apart::{Apart, Delivery as _};
use crate::wrap::{LyingDisk, NotingJournal};

const OWNER: &str = "owner";
/// On the disk that fails: it says that the folder of rows belongs to this disk.
const MARKER: &str = "rows";

thread_local! {
    /// The folder of rows of the seed that runs on this thread.
    static ROWS: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// Open buckets.
pub struct Simulated<const FLAW: u8> {
    runtime: Arc<Runtime>,
    blobs: Blobs,
    topics: Arc<FakeTopics>,
    /// What events wait in, where they come apart from their entries.
    apart: Option<Arc<Apart>>,
    local: Arc<LocalJournal>,
    scheduler: Handle,
    disk: Arc<bole_testing::FaultDisk>,
    /// Where the recovered journal ended.
    recovered: u64,
    /// What is there; set by `observe`.
    live: RefCell<Objects>,
    /// Whether the sweep after the start is through, which `observe` does.
    swept: Rc<Cell<bool>>,
}

/// The folder of rows: a new one for a new disk.
fn rows_folder(disk: &dyn Disk) -> Result<std::path::PathBuf, OpenError> {
    let marker = Path::new(MARKER);
    let is_known =
        disk.open(marker).and_then(|file| read_all(file.as_ref())).is_ok_and(|bytes| bytes == b"rows");
    ROWS.with_borrow_mut(|rows| {
        if !is_known {
            // Nothing was done on this disk yet that a folder of another seed could be missed for.
            *rows = Some(temp_dir("soak-blobs").map_err(|error| failed(&error))?);
            replace_file(disk, marker, b"rows").map_err(|error| failed(&error))?;
        }
        let folder =
            rows.as_ref().ok_or_else(|| OpenError::Failed("the folder of rows is lost".to_owned()))?;
        Ok(folder.path().join("store"))
    })
}

/// The two homes of chunks.
fn homes<const FLAW: u8>(disk: &Arc<dyn Disk>) -> Result<[Arc<dyn Home>; 2], OpenError> {
    let is_chunk = |name: &str| name.len() == 32;
    let disk = if FLAW == Flaw::CHUNK_UNSYNCED { LyingDisk::about(disk, is_chunk) } else { Arc::clone(disk) };
    let home = |folder: &str| {
        let home = Local::open(Arc::clone(&disk), Path::new(folder), 0);
        home.map(|home| Arc::new(home) as Arc<dyn Home>).map_err(|error| failed(&error))
    };
    Ok([home("chunks")?, home("cluster")?])
}

/// Which of them new chunks go to in an opening.
fn current([first, second]: [Arc<dyn Home>; 2], epoch: u32) -> Homes {
    let current = if epoch % 4 < 2 { HomeNumber::LOCAL } else { HomeNumber::CLUSTER };
    Homes::with_cluster(first, second, current)
}

fn ended(error: &Error) -> Outcome<usize> {
    if error.may_have_happened() {
        Outcome::Unknown(error.to_string())
    } else {
        Outcome::Refused(error.to_string())
    }
}

fn md5(bytes: &[u8]) -> [u8; 16] {
    let mut hasher = EtagHasher::default();
    hasher.update(bytes);
    hasher.finish()
}

/// The id of the nth version of a key, from the newest.
fn nth(plan: &Plan<'_>, bucket: usize, key: usize, nth: usize) -> Result<Option<VersionId>, Error> {
    let row = keys::object(buckets::get(plan, BUCKETS[bucket])?.id, KEYS[key]);
    let current = plan.get(CURRENT, &row)?.into_iter();
    let others = plan.all(VERSIONS, &row)?.into_iter().map(|(_, value)| value);
    let found = current.chain(others).nth(nth);
    let version: Option<Version> =
        found.map(|value| values::decode(&value).map_err(Error::Row)).transpose()?;
    Ok(version.map(|version| version.id()))
}

impl<const FLAW: u8> Simulated<FLAW> {
    /// What removes chunks, and what moves them if it does.
    fn spawn_upkeep(&self, moves: bool, seed: u64) {
        if moves {
            spawn_mover(&self.scheduler, &self.blobs, &self.swept, seed);
        }
        let swept = Rc::clone(&self.swept);
        spawn_reclaimer::<FLAW>(&self.scheduler, &self.blobs, move || !moves || !swept.get(), seed);
    }

    /// Others get a turn.
    async fn pause(&self) {
        self.scheduler.sleep(Duration::from_micros(20)).await;
    }

    /// Runs an operation; the model does it in the same step as the append. The reply leaves when it is durable.
    async fn change(
        &self,
        op: &Op,
        call: &Call<Objects>,
        decide: impl FnMut(&mut Plan<'_>) -> Result<(), Error>,
    ) -> Result<Option<usize>, Error> {
        let placed = self.blobs.append(Some(OWNER), 300, decide).await?;
        let before = (!placed.is_change).then(|| self.live.borrow().clone());
        if placed.is_change {
            call.placed(placed.position.0);
        }
        let reply = self.live.borrow_mut().apply(op);
        if let Some(apart) = &self.apart {
            self.pause().await;
            apart.deliver().await?;
        }
        if let Some(before) = before {
            assert_eq!(before, *self.live.borrow(), "{op:?} logs nothing, and should change something");
        }
        self.acknowledge(placed.position).await?;
        Ok(placed.is_change.then_some(reply))
    }

    async fn acknowledge(&self, position: Position) -> Result<(), Error> {
        if FLAW == Flaw::REPLY_EARLY {
            return Ok(());
        }
        self.blobs.durable(position).await?;
        let reached = self.runtime.journal().reached(Durability::Sync);
        assert!(reached >= position, "shown is what ends at {position}, durable is {reached}");
        Ok(())
    }

    /// Takes a body in as the protocol does: into memory, or block by block into a chunk.
    async fn body(&self, body: &Body) -> Result<NewBody, Error> {
        let content = body.content();
        if !body.is_chunk {
            return Ok(NewBody::Inline(content.into()));
        }
        let id = self.blobs.new_chunk().await?;
        let mut writer = Writer::create(&**self.blobs.home(), id, content.len() as u64)?;
        for piece in content.chunks(50_000) {
            writer.push(piece)?;
            self.pause().await;
        }
        Ok(NewBody::Chunk(writer.finish()?))
    }

    /// Runs an operation with a body, which is given up if it is refused.
    async fn with_body<T>(
        &self,
        body: &Body,
        run: impl AsyncFnOnce(&NewBody) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let new = self.body(body).await?;
        let outcome = run(&new).await;
        if let Err(error) = &outcome
            && !error.may_have_happened()
        {
            self.blobs.give_up(&new);
        }
        outcome
    }

    async fn put(
        &self,
        op: &Op,
        place: (usize, usize),
        body: &Body,
        call: &Call<Objects>,
    ) -> Result<Option<usize>, Error> {
        let only_new = matches!(op, Op::PutNew(..)).then_some("*");
        self.with_body(body, async |new| {
            let asked = Put {
                bucket: BUCKETS[place.0],
                key: KEYS[place.1],
                body: new.clone(),
                md5: md5(&body.content()),
                checksum: None,
                attributes: attributes(),
                conditions: Conditions { if_none_match: only_new, ..Conditions::default() },
            };
            self.change(op, call, |plan| put::put(plan, &asked).map(drop)).await
        })
        .await
    }

    async fn upload(&self, op: &Op, call: &Call<Objects>) -> Result<Option<usize>, Error> {
        let Op::Upload(bucket, key, parts, chosen) = op else { unreachable!("only uploads are uploaded") };
        let (bucket, key) = (BUCKETS[*bucket], KEYS[*key]);
        let begin = Begin { bucket, key, initiator: OWNER, attributes: attributes(), checksum: None };
        let upload = self.blobs.change(None, 300, |plan| multipart::begin(plan, &begin)).await?.id();
        let mut listed = Vec::new();
        for (number, body) in parts.iter().enumerate() {
            let part = self.with_body(body, async |new| {
                let asked = PutPart {
                    bucket,
                    key,
                    upload,
                    number: number as u16 + 1,
                    body: new.clone(),
                    md5: md5(&body.content()),
                    checksum: None,
                };
                self.blobs.change(None, 300, |plan| multipart::put_part(plan, &asked)).await
            });
            let etag = Etag::of(part.await?.md5).text();
            if chosen.contains(&number) {
                listed.push(Listed { number: number as u16 + 1, etag, checksum: None });
            }
        }
        if listed.is_empty() {
            return self.change(op, call, |plan| multipart::abort(plan, bucket, key, upload)).await;
        }
        let asked = Complete {
            bucket,
            key,
            upload,
            parts: &listed,
            checksum: None,
            bytes: None,
            conditions: Conditions::default(),
            part_bytes_min: 0,
        };
        self.change(op, call, |plan| multipart::complete(plan, &asked).map(drop)).await
    }

    async fn expire(&self, op: &Op, bucket: usize, call: &Call<Objects>) -> Result<Option<usize>, Error> {
        self.change(op, call, |plan| {
            let name = BUCKETS[bucket];
            let id = buckets::get(plan, name)?.id;
            let mut candidates = Vec::new();
            for partition in [VERSIONS, CURRENT] {
                for (row, value) in plan.all(partition, &keys::in_bucket(id))? {
                    let version: Version = values::decode(&value).map_err(Error::Row)?;
                    let (key, _) = keys::read_object(&row).ok_or_else(|| Error::Row("no key".to_owned()))?;
                    let of = if partition == CURRENT { Candidate::Current } else { Candidate::Other };
                    candidates.push(of(key, version.seq));
                }
            }
            expiry::act(plan, name, id, &candidates, self.blobs.day()).map(drop)
        })
        .await
    }

    async fn copy(&self, op: &Op, call: &Call<Objects>) -> Result<Option<usize>, Error> {
        let Op::Copy(from, to) = op else { unreachable!("only copies are copied") };
        let asked = Copy {
            from: From {
                bucket: BUCKETS[from.0],
                key: KEYS[from.1],
                version: None,
                conditions: Conditions::default(),
                read: None,
            },
            bucket: BUCKETS[to.0],
            key: KEYS[to.1],
            conditions: Conditions::default(),
            attributes: attributes(),
            replace_meta: true,
            replace_tags: true,
            digests: None,
            body: None,
        };
        self.change(op, call, |plan| copies::copy(plan, &asked).map(drop)).await
    }

    async fn delete(&self, op: &Op, call: &Call<Objects>) -> Result<Option<usize>, Error> {
        let one = |plan: &mut Plan<'_>, bucket: usize, key: usize, version| {
            let asked = Delete { key: KEYS[key], version, conditions: DeleteConditions::default() };
            deletes::delete(plan, BUCKETS[bucket], &asked, OWNER, false).map(drop)
        };
        self.change(op, call, |plan| match op {
            Op::DeleteVersion(bucket, key, number) => match nth(plan, *bucket, *key, *number)? {
                Some(id) => one(plan, *bucket, *key, Some(id)),
                None => Ok(()),
            },
            Op::DeleteAll(bucket) => (0..KEYS.len()).try_for_each(|key| one(plan, *bucket, key, None)),
            Op::Delete(bucket, key) => one(plan, *bucket, *key, None),
            _ => unreachable!("only deletes delete"),
        })
        .await
    }

    /// Reads an object block by block while others go on, and compares it with what it was when it was opened.
    async fn get(&self, bucket: usize, key: usize) -> Result<(), Error> {
        let opened = self.blobs.look(|plan| read::open(plan, BUCKETS[bucket], KEYS[key], None));
        let expected = self.live.borrow().current(bucket, key);
        let placed = match (opened, expected) {
            (Err(Error::Refused(_)), None) => return Ok(()),
            (Ok(placed), Some(_)) => placed,
            (Err(error), _) if self.disk.is_off() => return Err(error),
            (opened, _) => panic!(
                "{}/{} is {:?}, and should have {:?}",
                BUCKETS[bucket],
                KEYS[key],
                opened.map(|placed| placed.value.version),
                expected
            ),
        };
        self.acknowledge(placed.position).await?;
        let mut found = Vec::new();
        for segment in placed.value.segments(&(0..u64::MAX))? {
            for block in segment.read(self.blobs.home()) {
                match block {
                    Ok(block) => found.extend_from_slice(&block),
                    Err(error) if self.disk.is_off() || matches!(error, chunks::Error::Io { .. }) => {
                        return Err(error.into());
                    }
                    Err(error) => panic!("an object that is there cannot be read: {error}"),
                }
                self.pause().await;
            }
        }
        assert_eq!(Some(told(&found)), expected, "{}/{} is not what was put", BUCKETS[bucket], KEYS[key]);
        Ok(())
    }

    /// Lists a bucket, and compares that with the model.
    async fn list(&self, bucket: usize) -> Result<(), Error> {
        let query = Query { prefix: "", delimiter: "", marker: None, max: PAGE_KEYS_MAX };
        // A list is made without a pause; only its end waits.
        let expected: Vec<_> = {
            let live = self.live.borrow();
            let of_key = |key: usize| {
                let versions = live.versions(bucket, key).iter().rev();
                versions.map(move |(is_null, content)| {
                    (KEYS[key].to_owned(), *is_null, content.map(|(bytes, _)| bytes as u64))
                })
            };
            (0..KEYS.len()).flat_map(of_key).collect()
        };
        let (_, page) = self.blobs.list_versions(BUCKETS[bucket], &query).await?;
        let listed = page.entries.into_iter().map(|listed| {
            let version = listed.item.version;
            (listed.key, version.is_null, version.object().map(|object| object.bytes))
        });
        assert_eq!(listed.collect::<Vec<_>>(), expected, "the versions of {}", BUCKETS[bucket]);
        let expected: Vec<_> = {
            let live = self.live.borrow();
            (0..KEYS.len()).filter(|key| live.current(bucket, *key).is_some()).map(|key| KEYS[key]).collect()
        };
        let (_, page) = self.blobs.list_objects(BUCKETS[bucket], &query).await?;
        let listed: Vec<_> = page.entries.iter().map(|listed| listed.key.as_str()).collect();
        assert_eq!(listed, expected, "the objects of {}", BUCKETS[bucket]);
        Ok(())
    }

    async fn set_up(&self) -> Result<(), Error> {
        let make = |plan: &mut Plan<'_>| {
            if buckets::get(plan, BUCKETS[0]).is_ok() {
                return Ok(());
            }
            for name in BUCKETS {
                let create =
                    buckets::Create { name, owner: OWNER, account: "a", region: "", object_lock: false };
                buckets::create(plan, &create)?;
                settings::put(plan, name, &listeners::everybody_hears(name))?;
                settings::put(plan, name, &listeners::all_expire())?;
            }
            buckets::set_versioning(plan, BUCKETS[2], true)
        };
        self.blobs.change(None, 4_000, make).await
    }

    /// All versions, with their bytes.
    async fn see(&self) -> Result<Objects, String> {
        let query = Query { prefix: "", delimiter: "", marker: None, max: PAGE_KEYS_MAX };
        let mut seen = Objects::default();
        for (number, name) in BUCKETS.iter().enumerate() {
            let listed = self.blobs.list_versions(name, &query).await.map_err(|error| error.to_string())?;
            let (bucket, page) = listed;
            if number == 1 {
                seen.enabled = match bucket.versioning {
                    Versioning::Off => None,
                    versioning => Some(versioning == Versioning::Enabled),
                };
            }
            for listed in page.entries.iter().rev() {
                let key = KEYS.iter().position(|key| *key == listed.key);
                let key = key.ok_or_else(|| format!("a key that nobody put: {:?}", listed.key))?;
                let one = self.see_one(name, &listed.key, &listed.item.version).await?;
                seen.keys.entry((number, key)).or_default().push(one);
            }
        }
        seen.events = listeners::count(&self.topics)?;
        Ok(seen)
    }

    async fn see_one(&self, bucket: &str, key: &str, version: &Version) -> Result<Seen, String> {
        let Some(object) = version.object() else { return Ok((version.is_null, None)) };
        let open =
            self.blobs.open(bucket, key, Some(version.id())).await.map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        for segment in open.segments(&(0..u64::MAX)).map_err(|error| error.to_string())? {
            for block in segment.read(self.blobs.home()) {
                bytes.extend_from_slice(&block.map_err(|error| format!("{bucket}/{key}: {error}"))?);
            }
        }
        if bytes.len() as u64 != object.bytes || (object.etag.parts == 0 && object.etag.md5 != md5(&bytes)) {
            return Err(format!("{bucket}/{key} is not what its ETag says"));
        }
        Ok((version.is_null, Some(told(&bytes))))
    }

    /// Rows fit each other; and after all that may go went, chunks fit rows. Where the disk does not let chunks go, they are not looked at.
    async fn audit(&self) -> Result<(), String> {
        let looked = self.blobs.look(|plan| Ok(audit::check_rows(plan)));
        looked.map_err(|error| error.to_string())?.value?;
        let mut place = Place::default();
        loop {
            match self.blobs.reclaim(&mut place).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == Kind::Full || self.disk.is_off() => return Ok(()),
                Err(error) => return Err(error.to_string()),
            }
        }
        for place in 0..=u8::MAX {
            match self.blobs.sweep(place) {
                Ok(_) => {}
                Err(_) if self.disk.is_off() => return Ok(()),
                Err(error) => return Err(error.to_string()),
            }
        }
        audit::check_leaks(&self.blobs)
    }
}

fn attributes() -> Attributes {
    Attributes { owner: OWNER.to_owned(), ..Attributes::default() }
}

/// Moves chunks to the home of new ones, as a task, when the sweep is through.
fn spawn_mover(scheduler: &Handle, blobs: &Blobs, swept: &Rc<Cell<bool>>, seed: u64) {
    let (handle, blobs, swept) = (scheduler.clone(), blobs.clone(), Rc::clone(swept));
    let mut rng = Rng::new(seed ^ 2);
    scheduler.spawn("mover", async move {
        let mut cursor = Cursor::default();
        loop {
            handle.sleep(Duration::from_micros(50 + rng.below(2_000))).await;
            let found = if swept.get() { blobs.strays(&mut cursor) } else { continue };
            let Ok(mut strays) = found else { continue };
            strays.truncate(1 + rng.below(3) as usize);
            let copied: Vec<Stray> = strays.into_iter().filter(|stray| blobs.copy(stray).is_ok()).collect();
            handle.sleep(Duration::from_micros(rng.below(200))).await;
            if let Err(error) = blobs.moved(&copied).await
                && error.kind() != Kind::Full
            {
                handle.event(format_args!("the mover gives up: {error}"));
                return;
            }
        }
    });
}

/// Reclaimer and sweep, as a task. Where chunks move, it sweeps only before.
fn spawn_reclaimer<const FLAW: u8>(
    scheduler: &Handle,
    blobs: &Blobs,
    sweeps: impl Fn() -> bool + 'static,
    seed: u64,
) {
    let (handle, blobs) = (scheduler.clone(), blobs.clone());
    let mut rng = Rng::new(seed ^ 1);
    scheduler.spawn("reclaimer", async move {
        let mut place = Place::default();
        loop {
            handle.sleep(Duration::from_micros(50 + rng.below(2_000))).await;
            if rng.one_in(3) && sweeps() {
                let _swept = blobs.sweep(rng.below(16) as u8);
            }
            let garbage = if FLAW == Flaw::RECLAIM_EARLY {
                let all =
                    blobs.look(|plan| plan.all(bole_blobs::rows::keys::GARBAGE, &[])).map(|all| all.value);
                all.map(|all| {
                    all.iter().filter_map(|(row, _)| bole_blobs::rows::keys::read_garbage(row)).collect()
                })
            } else {
                blobs.garbage(&mut place)
            };
            let Ok(garbage) = garbage else { continue };
            handle.sleep(Duration::from_micros(10)).await;
            let removed = blobs.remove(garbage);
            handle.sleep(Duration::from_micros(10)).await;
            if let Err(error) = blobs.gone(&removed).await
                && error.kind() != Kind::Full
            {
                handle.event(format_args!("the reclaimer gives up: {error}"));
                return;
            }
        }
    });
}

impl<const FLAW: u8> System for Simulated<FLAW> {
    type Model = Objects;
    const NAME: &'static str = "blobs";

    fn operation(rng: &mut Rng, _client: usize) -> Op {
        Op::draw(rng)
    }

    async fn open(env: Env) -> Result<Rc<Self>, OpenError> {
        let disk: Arc<dyn Disk> = env.disk.clone();
        let clock: Arc<dyn bole_base::Clock> = env.clock.clone();
        let folder = rows_folder(&*disk)?;
        let config = crate::system::journal_config();
        let local = LocalJournal::open(Arc::clone(&disk), Arc::clone(&clock), Path::new("journal"), config);
        let local = Arc::new(local.map_err(|error| match error.kind() {
            Kind::Corrupt => OpenError::Corrupt(error.to_string()),
            _ => failed(&error),
        })?);
        let recovered = local.wal().positions().end.0;
        env.recovered(recovered);
        crate::system::add_actors(&env.scheduler, &local);
        let journal: Arc<dyn Journal> = Arc::new(NotingJournal::new(Arc::clone(&local)));
        let settings = bole_shard::runtime::Config {
            retained_bytes_max: crate::system::RETAINED_BYTES_MAX,
            ..Default::default()
        };
        let homes = homes::<FLAW>(&disk)?;
        let runtime = Arc::new(Runtime::new(journal, disk, clock, "checkpoints".into(), settings));
        let catalog = Catalog::host(Arc::clone(&runtime)).map_err(|error| failed(&error))?;
        runtime.recover(&[LogId::CATALOG]).await.map_err(|error| failed(&error))?;
        let config = state::Config {
            store: bole_ordered::Config::small(),
            overlay_bytes_max: 24 << 10,
            durability: Durability::Sync,
            with_thread: false,
        };
        let shard = state::host(&runtime, &catalog, Arc::new(RealDisk), &folder, config).await;
        let shard = shard.map_err(OpenError::Failed)?;
        let topics = FakeTopics::host(&runtime, &listeners::TOPICS, Durability::Sync)
            .map_err(|error| failed(&error))?;
        let topics = Arc::new(topics);
        let store = shard.lock().map_err(|error| failed(&error))?.store().store().cloned();
        let store = store.map_err(|error| failed(&error))?;
        let upkeep = move || if matches!(store.maintain(), Ok(true)) { Turn::Worked } else { Turn::Idle };
        env.scheduler.add_actor("upkeep", upkeep);
        runtime.recover(&[]).await.map_err(|error| failed(&error))?;
        for shard in runtime.status() {
            if let Some(reason) = shard.quarantined {
                return Err(OpenError::Failed(format!("shard {} is quarantined: {reason}", shard.name)));
            }
        }
        let epoch = shard.lock().map_err(|error| failed(&error))?.epoch().0;
        let homes = current(homes, epoch);
        let real = Arc::clone(&topics) as Arc<dyn Participant>;
        let apart = (FLAW == Flaw::EVENTS_APART)
            .then(|| Arc::new(Apart::new(Arc::clone(&real), Arc::clone(&runtime))));
        let participant = apart.clone().map_or(real, |apart| apart as Arc<_>);
        let streams = Some(Streams { participant, may_write: Box::new(|_, _| true) });
        let around = Around { streams, ..Around::default() };
        let blobs = Blobs::with_homes(Arc::clone(&runtime), shard, homes, Durability::Sync, around);
        let system = Rc::new(Self {
            runtime,
            blobs,
            topics,
            apart,
            local,
            scheduler: env.scheduler.clone(),
            disk: env.disk,
            recovered,
            live: RefCell::default(),
            swept: Rc::default(),
        });
        system.set_up().await.map_err(|error| failed(&error))?;
        crate::system::spawn_checkpoints(&env.scheduler, &system.runtime, env.seed);
        system.spawn_upkeep(epoch % 2 == 1, env.seed);
        Ok(system)
    }

    async fn run(self: Rc<Self>, op: Op, call: Call<Objects>) -> Outcome<usize> {
        let done = match &op {
            Op::Put(bucket, key, body) | Op::PutNew(bucket, key, body) => {
                self.put(&op, (*bucket, *key), body, &call).await
            }
            Op::Upload(..) => self.upload(&op, &call).await,
            Op::Copy(..) => self.copy(&op, &call).await,
            Op::Delete(..) | Op::DeleteVersion(..) | Op::DeleteAll(_) => self.delete(&op, &call).await,
            Op::Expire(bucket) => self.expire(&op, *bucket, &call).await,
            Op::Versioning(enabled) => {
                self.change(&op, &call, |plan| buckets::set_versioning(plan, BUCKETS[1], *enabled)).await
            }
            Op::Get(bucket, key) => self.get(*bucket, *key).await.map(|()| None),
            Op::List(bucket) => self.list(*bucket).await.map(|()| None),
        };
        done.map_or_else(|error| ended(&error), Outcome::Done)
    }

    async fn observe(self: Rc<Self>) -> Result<Observed<Objects>, String> {
        self.audit().await?;
        let state = self.see().await?;
        *self.live.borrow_mut() = state.clone();
        self.swept.set(true);
        Ok(Observed { state, reached: Some(self.recovered) })
    }

    async fn close(self: Rc<Self>) -> Result<(), String> {
        self.runtime.checkpoint_all().await.map_err(|error| error.to_string())?;
        self.local.close().map_err(|error| error.to_string())
    }
}
