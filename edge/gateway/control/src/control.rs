//! Changes of objects and instances, and who hears of them.

mod instances;
mod kept;

use crate::checks::{check_sizes, difference};
use crate::entry::{Change, Instance, Part};
use crate::error::{Error, Result};
use crate::registry::Leases;
use crate::state::{Instances, State};
use crate::trial::Trial;
use crate::vault::Vault;
use bole_base::{Durability, LogId, Offset, Position};
use bole_gateway_document::Document;
use bole_shard::{Hosted, Runtime, Shard, Single};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::future::poll_fn;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;

/// What is carried out now.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Of the document. With a file as its source: how often that was taken.
    pub revision: u64,
    /// What the gateway does.
    pub document: Arc<Document>,
    /// Instances that registered themselves.
    pub instances: Arc<Instances>,
    /// What is wrong with the objects that are kept, if they make no document (an older version's): the document is then empty. Or with the
    /// file: then the document is the one before.
    pub problems: Vec<String>,
}

/// A registered instance as others see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Registered {
    /// What it is.
    pub instance: Instance,
    /// What is left of its lease.
    pub left: Duration,
}

/// Where the document comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// From objects that are kept here, changed by requests.
    Kept,
    /// From a file, which others read; requests change nothing but instances.
    File(String),
}

/// The control plane. Cheap to share; every method is safe to call from several tasks.
pub struct Control {
    shard: Arc<Shard<Single<State>>>,
    runtime: Arc<Runtime>,
    leases: Mutex<Leases>,
    source: Source,
    vault: Arc<Vault>,
    /// Where the log ended when the view was made.
    shown: Mutex<Offset>,
    view: watch::Sender<View>,
    carried: watch::Sender<Carried>,
    trial: OnceLock<Arc<dyn Trial>>,
}

/// How a change is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The revision that the document must have.
    pub expected: Option<u64>,
    /// Says all that making the change would say, and changes nothing.
    pub dry_run: bool,
}

/// How far the gateway is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// The revision that it was given last.
    pub revision: u64,
    /// Why it carries out an older one, if it does.
    pub problems: Vec<String>,
}

/// How often a change is decided on anew because others changed the document while it was tried.
const TRIALS_MAX: usize = 8;

/// How long an answer waits for the gateway to carry out what was changed.
const CARRY_TIMEOUT: Duration = Duration::from_secs(5);

impl Control {
    /// Hosts the shard on `log`; the runtime has to recover it before [`Control::start`].
    pub fn host(runtime: Arc<Runtime>, log: LogId, name: &str, source: Source, vault: Vault) -> Result<Self> {
        let shard = Arc::new(Shard::new(log, name, Single::new(State::default())));
        runtime.host(Arc::clone(&shard) as Arc<dyn Hosted>)?;
        let (view, carried) = (watch::Sender::new(View::default()), watch::Sender::new(Carried::default()));
        Ok(Self {
            shard,
            runtime,
            leases: Mutex::default(),
            source,
            vault: Arc::new(vault),
            shown: Mutex::new(Offset::ZERO),
            view,
            carried,
            trial: OnceLock::new(),
        })
    }

    /// After recovery: gives each instance a lease, and shows what is there.
    pub async fn start(&self) -> Result<()> {
        let instances = self.shard.read(|state| state.instances().clone())?;
        let now = self.now();
        {
            let mut leases = self.leases.lock();
            for (service, instances) in &instances {
                for (id, instance) in instances {
                    leases.heard(&(service.clone(), id.clone()), instances::lease(instance), now);
                }
            }
        }
        self.publish().await
    }

    /// What is carried out now, and each change of it; durable before it is seen.
    pub fn watch(&self) -> watch::Receiver<View> {
        self.view.subscribe()
    }

    /// From now on every document is tried before it is kept. Only the first that is given counts.
    pub fn try_with(&self, trial: Arc<dyn Trial>) {
        let _ = self.trial.set(trial);
    }

    /// What hinders the gateway from carrying out this document. Nothing where nobody tries.
    pub async fn attempt(&self, document: &Document) -> Vec<String> {
        let Some(trial) = self.trial.get() else { return Vec::new() };
        let mut opened = document.clone();
        let mut problems = self.open_secrets(&mut opened);
        if problems.is_empty() {
            problems = trial.attempt(opened).await;
        }
        problems
    }

    /// The gateway was given a revision, and carries it out if there are no problems.
    pub fn set_carried(&self, carried: Carried) {
        self.carried.send_replace(carried);
    }

    /// Waits until the gateway was given this revision or a later one; says what hinders it. Who nobody listens to waits in vain, for five seconds.
    pub async fn carried_out(&self, revision: u64) -> Vec<String> {
        let mut carried = self.carried.subscribe();
        let reached = carried.wait_for(|carried| carried.revision >= revision);
        match tokio::time::timeout(CARRY_TIMEOUT, reached).await {
            Ok(Ok(carried)) => carried.problems.clone(),
            Ok(Err(_)) | Err(_) => {
                vec![format!("revision {revision} is kept, and the gateway is not that far yet")]
            }
        }
    }

    /// Where the document comes from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// An object as it was put, with the document's revision.
    pub async fn object(&self, part: Part, name: &str) -> Result<(Value, u64)> {
        let found = self.read(|state| (state.object(part, name).cloned(), state.revision())).await?;
        let missing = || Error::Missing { what: part.row().one, name: name.to_owned() };
        found.0.map(|value| (value, found.1)).ok_or_else(missing)
    }

    /// Takes a document from its file, in place of the one before.
    pub fn take(&self, document: Document) {
        self.view.send_modify(|view| {
            view.revision += 1;
            view.document = Arc::new(document);
            view.problems.clear();
        });
    }

    /// What is in the file is no document: the one before stays, and status tells why.
    pub fn refuse(&self, problems: Vec<String>) {
        self.view.send_modify(|view| view.problems = problems);
    }

    /// Puts an object; says whether it is new, and the revision after it.
    pub async fn put(&self, part: Part, name: &str, value: Value, wish: Wish) -> Result<(bool, u64)> {
        let value = if part.row().secrets { self.closed(part, name, value).await? } else { value };
        let change = Change::Put { part, name: name.to_owned(), value };
        let (is_new, revision) = self
            .change_objects(wish, |state| {
                let before = state.object(part, name);
                let same = matches!(&change, Change::Put { value, .. } if before == Some(value));
                let changes = if same { Vec::new() } else { vec![change.clone()] };
                Ok((changes, before.is_none()))
            })
            .await?;
        Ok((is_new, revision))
    }

    /// Removes an object; says the revision after it. Errors: `Missing`; `Invalid` if others name it.
    pub async fn remove(&self, part: Part, name: &str, wish: Wish) -> Result<u64> {
        let ((), revision) = self
            .change_objects(wish, |state| {
                if state.object(part, name).is_none() {
                    return Err(Error::Missing { what: part.row().one, name: name.to_owned() });
                }
                Ok((vec![Change::Remove { part, name: name.to_owned() }], ()))
            })
            .await?;
        Ok(revision)
    }

    /// Puts a whole document in place of the one before: what differs is changed, in one batch. Says how many objects that were.
    pub async fn replace(&self, document: &Document, wish: Wish) -> Result<(usize, u64)> {
        if let (Source::File(_), true) = (&self.source, wish.dry_run) {
            let view = self.view.borrow().clone();
            let problems = self.attempt(document).await;
            let same = *view.document == *document;
            return if problems.is_empty() {
                Ok((usize::from(!same), view.revision))
            } else {
                Err(Error::Invalid(problems))
            };
        }
        let before = self.shard.read(State::document)?.unwrap_or_default();
        let whole = as_json(&self.close(document.clone(), before).await?)?;
        self.change_objects(wish, |state| {
            let changes = difference(state, &whole);
            let count = changes.len();
            Ok((changes, count))
        })
        .await
    }

    /// An object as it is kept: without secrets.
    async fn closed(&self, part: Part, name: &str, value: Value) -> Result<Value> {
        let key = part.row().key;
        let kept = self.shard.read(|state| state.object(part, name).cloned())?;
        let before = kept.and_then(|kept| of_one(key, name, &kept).ok()).unwrap_or_default();
        let mut whole = as_json(&self.close(of_one(key, name, &value)?, before).await?)?;
        whole
            .get_mut(key)
            .and_then(|objects| objects.get_mut(name))
            .map(Value::take)
            .ok_or_else(|| Error::Invalid(vec![format!("{key}.{name} is empty")]))
    }

    /// A document as it is kept, with the texts of `before` where the secrets are the same: who puts it again changes nothing.
    async fn close(&self, mut document: Document, before: Document) -> Result<Document> {
        let vault = Arc::clone(&self.vault);
        let closing =
            tokio::task::spawn_blocking(move || vault.close(&mut document, before).map(|()| document));
        closing.await.map_err(|error| Error::Invalid(vec![format!("secrets cannot be kept: {error}")]))?
    }

    /// Puts each sealed secret of a document in clear, for who carries it out; says which cannot be.
    pub fn open_secrets(&self, document: &mut Document) -> Vec<String> {
        self.vault.open(document)
    }

    /// Decides on a change, tries the document that it makes, and makes it if nobody else changed the document meanwhile; else it is
    /// decided on anew.
    async fn change_objects<T>(
        &self,
        wish: Wish,
        decide: impl Fn(&State) -> Result<(Vec<Change>, T)>,
    ) -> Result<(T, u64)> {
        if let Source::File(file) = &self.source {
            return Err(Error::FromFile(file.clone()));
        }
        for _ in 0..TRIALS_MAX {
            let (next, seen) = self.shard.read(|state| {
                let seen = state.revision();
                decided(state, wish.expected, &decide).map(|(changes, value)| {
                    let document = (!changes.is_empty()).then(|| state.after(&changes).document());
                    ((document, value), seen)
                })
            })??;
            let (document, value) = next;
            if let Some(document) = document.transpose().map_err(Error::Invalid)? {
                let problems = self.attempt(&document).await;
                // What hinders already does not keep others from mending it, one after the other.
                let known = self.carried.borrow().problems.clone();
                if problems.iter().any(|problem| !known.contains(problem)) {
                    return Err(Error::Invalid(problems));
                }
            }
            if wish.dry_run {
                return Ok((value, seen));
            }
            let made = self
                .shard
                .change(&self.runtime, |state| {
                    if state.revision() != seen {
                        return Ok((Vec::new(), None));
                    }
                    let (changes, value) = decided(state, wish.expected, &decide)?;
                    let next = state.after(&changes);
                    if !changes.is_empty() {
                        next.document().map_err(Error::Invalid)?;
                    }
                    Ok::<_, Error>((changes, Some((value, next.revision()))))
                })
                .await?;
            if let Some(made) = made {
                self.publish().await?;
                return Ok(made);
            }
        }
        Err(Error::Busy(TRIALS_MAX))
    }

    /// Looks at the state, and returns when what was seen is durable.
    async fn read<T>(&self, look: impl FnOnce(&State) -> T) -> Result<T> {
        let (seen, position) = {
            let locked = self.shard.lock()?;
            (look(locked.state().get()), locked.position())
        };
        self.durable(position).await?;
        Ok(seen)
    }

    async fn durable(&self, position: Position) -> Result<()> {
        let journal = self.runtime.journal();
        let reached = poll_fn(|context| journal.poll_reached(Durability::Sync, position, context)).await;
        Ok(reached.map_err(bole_shard::Error::from)?)
    }

    /// Shows what is there, once it is durable. A view never follows a later one.
    async fn publish(&self) -> Result<()> {
        let (state, position, sequence) = {
            let locked = self.shard.lock()?;
            (locked.state().get().clone(), locked.position(), locked.next())
        };
        self.durable(position).await?;
        let kept = self.source == Source::Kept;
        let document = if kept { state.document() } else { Ok(Document::default()) };
        let mut shown = self.shown.lock();
        if *shown > sequence {
            return Ok(());
        }
        *shown = sequence;
        self.view.send_modify(|view| {
            if view.instances.as_ref() != state.instances() {
                view.instances = Arc::new(state.instances().clone());
            }
            if kept {
                view.revision = state.revision();
                let (document, problems) = match document {
                    Ok(document) => (document, Vec::new()),
                    Err(problems) => (Document::default(), problems),
                };
                if *view.document != document {
                    view.document = Arc::new(document);
                }
                view.problems = problems;
            }
        });
        Ok(())
    }

    fn now(&self) -> Duration {
        self.runtime.clock().monotonic()
    }
}

/// What a change is, if the document has the revision that it is made for.
fn decided<T>(
    state: &State,
    expected: Option<u64>,
    decide: impl Fn(&State) -> Result<(Vec<Change>, T)>,
) -> Result<(Vec<Change>, T)> {
    let is = state.revision();
    if let Some(expected) = expected.filter(|expected| *expected != is) {
        return Err(Error::Stale { is, expected });
    }
    let (changes, value) = decide(state)?;
    check_sizes(&changes)?;
    Ok((changes, value))
}

fn as_json(document: &Document) -> Result<Value> {
    serde_json::to_value(document).map_err(|error| Error::Invalid(vec![error.to_string()]))
}

/// A document of one object. Nothing is asked of it but its shape: what it names is in others.
fn of_one(key: &str, name: &str, value: &Value) -> Result<Document> {
    serde_json::from_value(json!({ key: { name: value } }))
        .map_err(|error| Error::Invalid(vec![format!("{key}.{name}: {error}")]))
}
