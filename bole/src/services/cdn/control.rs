//! The node that takes a network's purges: gives each a number, writes it down, hands it to shields first and then to edges, and knows who has it.
//!
//! Nodes ask for what comes after the newest purge that they have, and wait. An edge gets a purge when all shields that ask have it, or when
//! [`SHIELDS_WAIT`] is over; a shield that has it not by then is behind, and edges that have it take nothing of that shield (see
//! `bole_gateway::cached::network`). The log is a line of JSON a purge, each fsynced before anybody hears of it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::door::Target;

/// Purges that are kept for nodes that are away; one that comes back after more drops all that it has stored.
const PURGES_MAX: usize = 10_000;
/// The longest that edges wait for shields that ask.
const SHIELDS_WAIT: Duration = Duration::from_secs(1);
/// A node that did not ask for so long is away.
pub(super) const AWAY: Duration = Duration::from_secs(15);
/// Nodes that are known.
const NODES_MAX: usize = 1_000;
/// Purges in one answer.
pub(super) const BATCH_MAX: usize = 1_000;

/// A purge of the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Above all before it.
    pub number: u64,
    /// Stale instead of gone.
    #[serde(default)]
    pub soft: bool,
    /// What.
    pub target: Target,
}

/// What a node is told.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct News {
    /// All that the node has stored must go: there were more purges than are kept.
    pub forget: bool,
    /// What comes next, in order.
    pub purges: Vec<Entry>,
    /// The number that the node has after that.
    pub upto: u64,
}

/// A node in a receipt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Holder {
    /// Its name.
    pub node: String,
    /// `edge`, `shield`.
    pub role: String,
    /// Whether it has the purge.
    pub has: bool,
    /// How long after the request it had, as the control saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<f64>,
}

struct Known {
    shield: bool,
    applied: u64,
    seen: Instant,
}

struct Kept {
    log: File,
    entries: Vec<(Entry, Instant)>,
    newest: u64,
    /// Purges up to this number are no longer kept.
    floor: u64,
    nodes: BTreeMap<String, Known>,
    /// A write or an fsync failed, which is never tried again: what follows half a line would be lost with the next start.
    failed: bool,
}

/// The control of a network.
pub(super) struct Control {
    secret: String,
    kept: Mutex<Kept>,
    /// Rises with whatever a node may wait for.
    changes: watch::Sender<u64>,
    /// The node stops: nobody waits here any longer.
    closed: AtomicBool,
}

impl Control {
    /// Opens the log of the network's purges.
    pub(super) fn open(folder: &Path, secret: String) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join("network.log");
        let what = || format!("the log of purges {} cannot be read", path.display());
        let mut log = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(what)?;
        let (mut entries, mut length) = (Vec::new(), 0);
        let mut lines = BufReader::new(&mut log);
        let mut line = String::new();
        while lines.read_line(&mut line).with_context(what)? > 0 {
            // A line that was cut off was never acknowledged, and nothing follows it.
            let Some(entry) = line.strip_suffix('\n').and_then(|text| serde_json::from_str(text).ok()) else {
                break;
            };
            length += line.len() as u64;
            entries.push((entry, Instant::now()));
            line.clear();
        }
        log.set_len(length)?;
        // The name of a new file must outlive a power cut like what is written to it.
        File::open(folder).and_then(|folder| folder.sync_all()).with_context(what)?;
        std::io::Seek::seek(&mut log, std::io::SeekFrom::End(0))?;
        let newest = entries.last().map_or(0, |(entry, _): &(Entry, _)| entry.number);
        let surplus = entries.len().saturating_sub(PURGES_MAX);
        entries.drain(..surplus);
        let floor = entries.first().map_or(newest, |(entry, _)| entry.number - 1);
        let kept = Kept { log, entries, newest, floor, nodes: BTreeMap::new(), failed: false };
        Ok(Self {
            secret,
            kept: Mutex::new(kept),
            changes: watch::channel(0).0,
            closed: AtomicBool::new(false),
        })
    }

    /// Whether these are the credentials of the network's nodes.
    pub(super) fn knows(&self, secret: &str) -> bool {
        let (own, said) = (self.secret.as_bytes(), secret.as_bytes());
        own.len() == said.len() && own.iter().zip(said).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
    }

    /// Writes a purge down. Blocks for one fsync.
    pub(super) fn add(&self, target: Target, soft: bool) -> Result<u64> {
        let mut kept = self.kept.lock();
        ensure!(
            !kept.failed,
            "the log of purges could not be written before; start the node again when its disk is well"
        );
        let entry = Entry { number: kept.newest + 1, soft, target };
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        let written = kept.log.write_all(&line).and_then(|()| kept.log.sync_data());
        kept.failed = written.is_err();
        written.context("the purge cannot be written down; no node has it before the next start")?;
        kept.newest = entry.number;
        kept.entries.push((entry, Instant::now()));
        if kept.entries.len() > PURGES_MAX {
            kept.floor = kept.entries.remove(0).0.number;
        }
        let number = kept.newest;
        drop(kept);
        self.tell();
        Ok(number)
    }

    /// Whoever waits is answered with what there is.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.tell();
    }

    fn tell(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// A node has all up to `after`: what comes next, at once or within `wait`.
    pub(super) async fn news(&self, node: &str, shield: bool, after: u64, wait: Duration) -> News {
        let until = tokio::time::Instant::now() + wait;
        let mut changes = self.changes.subscribe();
        self.note(node, shield, after);
        loop {
            changes.borrow_and_update();
            let (news, again) = self.kept.lock().news(shield, after);
            if news.forget || !news.purges.is_empty() || self.closed.load(Ordering::Acquire) {
                return news;
            }
            let next = again.map_or(until, |again| until.min(tokio::time::Instant::now() + again));
            let changed = tokio::time::timeout_at(next, changes.changed()).await;
            if changed.is_err() && tokio::time::Instant::now() >= until {
                return news;
            }
        }
    }

    fn note(&self, node: &str, shield: bool, applied: u64) {
        let mut kept = self.kept.lock();
        // A log that was lost must not give a number twice.
        kept.newest = kept.newest.max(applied);
        if kept.nodes.len() >= NODES_MAX && !kept.nodes.contains_key(node) {
            kept.nodes.retain(|_, known| known.seen.elapsed() < AWAY);
        }
        if kept.nodes.len() < NODES_MAX || kept.nodes.contains_key(node) {
            kept.nodes.insert(node.to_owned(), Known { shield, applied, seen: Instant::now() });
        }
        drop(kept);
        self.tell();
    }

    /// Waits until all nodes that are known have a purge, at most `wait`, and says who has it when.
    pub(super) async fn receipt(&self, number: u64, began: Instant, wait: Duration) -> Vec<Holder> {
        let until = tokio::time::Instant::now() + wait;
        let mut changes = self.changes.subscribe();
        let mut when: BTreeMap<String, f64> = BTreeMap::new();
        loop {
            changes.borrow_and_update();
            let now = began.elapsed().as_secs_f64() * 1e3;
            let all: Vec<Holder> = {
                let kept = self.kept.lock();
                let nodes = kept.nodes.iter().map(|(node, known)| {
                    let has = known.applied >= number;
                    let milliseconds = has.then(|| *when.entry(node.clone()).or_insert(now));
                    let role = if known.shield { "shield" } else { "edge" }.to_owned();
                    Holder { node: node.clone(), role, has, milliseconds }
                });
                nodes.collect()
            };
            if all.iter().all(|node| node.has) {
                return all;
            }
            if tokio::time::timeout_at(until, changes.changed()).await.is_err() {
                return all;
            }
        }
    }

    /// Who has what, for status.
    pub(super) fn nodes(&self) -> serde_json::Value {
        let kept = self.kept.lock();
        let nodes: Vec<_> = kept
            .nodes
            .iter()
            .map(|(name, known)| {
                serde_json::json!({
                    "node": name,
                    "role": if known.shield { "shield" } else { "edge" },
                    "purges_missing": kept.newest.saturating_sub(known.applied),
                    "away": known.seen.elapsed() > AWAY,
                })
            })
            .collect();
        serde_json::json!({ "newest": kept.newest, "nodes": nodes })
    }
}

impl Kept {
    /// What a node may have, and when to look again though nothing changed.
    fn news(&self, shield: bool, after: u64) -> (News, Option<Duration>) {
        if after < self.floor {
            return (News { forget: true, purges: Vec::new(), upto: self.floor }, None);
        }
        let (mut purges, mut again) = (Vec::new(), None);
        for (entry, came) in self.entries.iter().filter(|(entry, _)| entry.number > after).take(BATCH_MAX) {
            if !shield && !self.shields_have(entry.number) && came.elapsed() < SHIELDS_WAIT {
                again = Some(SHIELDS_WAIT.saturating_sub(came.elapsed()));
                break;
            }
            purges.push(entry.clone());
        }
        let upto = purges.last().map_or(after, |entry| entry.number);
        (News { forget: false, purges, upto }, again)
    }

    fn shields_have(&self, number: u64) -> bool {
        let mut shields = self.nodes.values().filter(|known| known.shield && known.seen.elapsed() < AWAY);
        shields.all(|known| known.applied >= number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;
    const LONG: Duration = Duration::from_mins(1);

    fn tag(name: &str) -> Target {
        Target::Tag(name.to_owned())
    }

    fn numbers(news: &News) -> Vec<u64> {
        news.purges.iter().map(|entry| entry.number).collect()
    }

    #[tokio::test]
    async fn edges_hear_of_a_purge_when_the_shields_have_it() {
        let folder = tempfile::tempdir().unwrap();
        let control = Control::open(folder.path(), String::new()).unwrap();
        control.news("s", true, 0, NOW).await;
        control.news("e", false, 0, NOW).await;
        let began = Instant::now();
        assert_eq!(control.add(tag("a"), false).unwrap(), 1);
        assert_eq!(numbers(&control.news("e", false, 0, NOW).await), [0; 0], "before the shield");
        assert_eq!(numbers(&control.news("s", true, 0, LONG).await), [1]);
        // The edge waits; the shield's next question says that it has the purge.
        let (edge, _) =
            tokio::join!(control.news("e", false, 0, LONG), async { control.news("s", true, 1, NOW).await });
        assert_eq!(numbers(&edge), [1]);
        let receipt = control.receipt(1, began, NOW).await;
        assert_eq!(receipt.iter().map(|node| node.has).collect::<Vec<_>>(), [false, true], "{receipt:?}");
        control.news("e", false, 1, NOW).await;
        assert!(control.receipt(1, began, LONG).await.iter().all(|node| node.has));
    }

    #[tokio::test]
    async fn a_shield_that_takes_nothing_is_not_waited_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let control = Control::open(folder.path(), String::new()).unwrap();
        control.news("s", true, 0, NOW).await;
        control.add(tag("a"), true).unwrap();
        assert_eq!(numbers(&control.news("e", false, 0, LONG).await), [1]);
    }

    #[tokio::test]
    async fn numbers_outlive_a_restart_and_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Control::open(folder.path(), String::new()).unwrap();
        open().add(tag("a"), false).unwrap();
        let mut file = OpenOptions::new().append(true).open(folder.path().join("network.log")).unwrap();
        file.write_all(b"{\"number\":2,\"tar").unwrap();
        assert_eq!(open().add(Target::Everything, true).unwrap(), 2);
        let news = open().news("e", false, 0, NOW).await;
        assert_eq!(numbers(&news), [1, 2]);
        assert_eq!((news.upto, &news.purges[1].target), (2, &Target::Everything));
        // A node that knows more than a control that lost its log.
        let control = open();
        control.news("e", false, 9, NOW).await;
        assert_eq!(control.add(tag("b"), false).unwrap(), 10);
    }

    #[tokio::test]
    async fn after_a_failed_write_no_purge_is_taken_before_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let control = Control::open(folder.path(), String::new()).unwrap();
        control.add(tag("a"), false).unwrap();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let log = std::mem::replace(&mut control.kept.lock().log, full);
        assert!(control.add(tag("b"), false).unwrap_err().to_string().contains("cannot be written down"));
        control.kept.lock().log = log;
        assert!(control.add(tag("c"), false).unwrap_err().to_string().contains("start the node again"));
        assert_eq!(numbers(&control.news("e", false, 0, NOW).await), [1], "nobody hears of it");
        drop(control);
        assert_eq!(Control::open(folder.path(), String::new()).unwrap().add(tag("d"), false).unwrap(), 2);
    }

    #[tokio::test]
    async fn who_was_away_too_long_forgets_all() {
        let folder = tempfile::tempdir().unwrap();
        let control = Control::open(folder.path(), String::new()).unwrap();
        {
            let mut kept = control.kept.lock();
            kept.entries = (1..=PURGES_MAX as u64)
                .map(|number| (Entry { number, soft: false, target: tag("a") }, Instant::now()))
                .collect();
            kept.newest = PURGES_MAX as u64;
        }
        control.add(tag("b"), false).unwrap();
        let news = control.news("e", false, 0, NOW).await;
        assert!(news.forget && news.upto == 1, "{news:?}");
        assert_eq!(control.news("e", false, 1, NOW).await.purges.len(), BATCH_MAX);
    }
}
