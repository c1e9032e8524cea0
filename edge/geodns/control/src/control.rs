//! Changes of zones: checked whole, logged, served.

use crate::entry::{Change, Form, Kept};
use crate::error::{Error, Result};
use crate::limits;
use crate::state::{Entry, State};
use bole_base::{Durability, LogId, Position};
use bole_geodns::Service;
use bole_geodns::service::content::Prepared;
use bole_geodns::service::origin::Given;
use bole_geodns::wire::Name;
use bole_shard::{Hosted, Runtime, Shard, Single};
use parking_lot::Mutex as ShortMutex;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The zones that are kept. Cheap to share; every method is safe to call from several tasks.
pub struct Control {
    shard: Arc<Shard<Single<State>>>,
    runtime: Arc<Runtime>,
    /// One change at a time: what is checked is what is logged and then served.
    changing: Mutex<()>,
    /// Why kept zones are not served, by apex.
    unserved: ShortMutex<BTreeMap<String, String>>,
}

/// What became of a zone that was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Whether there was none before.
    pub is_new: bool,
    /// Whether anything changed.
    pub changed: bool,
    /// The zone's serial number.
    pub serial: u32,
    /// The zone's revision.
    pub revision: u64,
}

/// The apex of a zone as it is kept: folded, with its last dot.
pub fn apex(name: &str) -> Result<String> {
    let name = Name::absolute(name).map_err(|wrong| Error::Invalid(format!("zone {name:?}: {wrong}")))?;
    Ok(name.to_string())
}

impl Control {
    /// Hosts the shard on `log`; the runtime has to recover it before [`Control::start`].
    pub fn host(runtime: Arc<Runtime>, log: LogId, name: &str) -> Result<Self> {
        let shard = Arc::new(Shard::new(log, name, Single::new(State::default())));
        runtime.host(Arc::clone(&shard) as Arc<dyn Hosted>)?;
        Ok(Self { shard, runtime, changing: Mutex::new(()), unserved: ShortMutex::default() })
    }

    /// After recovery: gives the server what is kept. What it cannot serve any more is told in [`Control::problems`].
    pub async fn start(&self, service: &Arc<Service>) -> Result<()> {
        let _changing = self.changing.lock().await;
        let zones = self.read(|state| state.zones().clone()).await?;
        for (name, Entry { zone, .. }) in zones {
            let serials = (zone.serial, Some(zone.serial));
            let prepared = prepare(service, &name, zone.form, &zone.text, serials, true).await;
            if let Err(error) = prepared.map(|prepared| service.take(prepared)) {
                tracing::error!("the zone {name} is kept, and cannot be served: {error}");
                self.unserved.lock().insert(name, error.to_string());
            }
        }
        Ok(())
    }

    /// Why zones that are kept are not served.
    pub fn problems(&self) -> Vec<String> {
        self.unserved
            .lock()
            .iter()
            .map(|(name, problem)| format!("zone {name} is not served: {problem}"))
            .collect()
    }

    /// A zone as it was put, and the number of changes at which it became that.
    pub async fn zone(&self, name: &str) -> Result<Entry> {
        let name = apex(name)?;
        let found = self.read(|state| state.zone(&name).cloned()).await?;
        found.ok_or(Error::Missing { what: "zone", name })
    }

    /// All zones that were put, with their serial numbers and revisions.
    pub async fn zones(&self) -> Result<BTreeMap<String, (Form, u32, u64)>> {
        let row = |(name, entry): (&String, &Entry)| {
            (name.clone(), (entry.zone.form, entry.zone.serial, entry.revision))
        };
        self.read(|state| state.zones().iter().map(row).collect()).await
    }

    /// Whether a zone's text is right and could be put; nothing changes.
    pub async fn check(
        &self,
        service: &Arc<Service>,
        name: &str,
        form: Form,
        text: &str,
    ) -> Result<Prepared> {
        let name = apex(name)?;
        let (serial, least, before) = self.serials(&name, form, text).await?;
        prepare(service, &name, form, text, (serial, least), before.is_some()).await
    }

    /// Puts a zone: served from when it is durable, which it is when this returns. Its serial number is the text's if that is
    /// higher than the last one; otherwise one more than that, or for a text without one the time. The same text changes nothing.
    /// `expected` is the revision that the zone must have.
    pub async fn put(
        &self,
        service: &Arc<Service>,
        name: &str,
        form: Form,
        text: String,
        expected: Option<u64>,
    ) -> Result<Put> {
        let name = apex(name)?;
        let _changing = self.changing.lock().await;
        let (serial, least, before) = self.serials(&name, form, &text).await?;
        stale(before.as_ref(), expected)?;
        let prepared = prepare(service, &name, form, &text, (serial, least), before.is_some()).await?;
        let is_served = !self.unserved.lock().contains_key(&name);
        if let Some(before) =
            before.as_ref().filter(|before| (before.zone.form, &before.zone.text) == (form, &text))
        {
            if !is_served {
                service.take(prepared);
                self.unserved.lock().remove(&name);
            }
            let (serial, revision) = (before.zone.serial, before.revision);
            return Ok(Put { is_new: false, changed: false, serial, revision });
        }
        let serial = prepared.serial();
        let zone = Kept { form, text, serial };
        let change = Change::Put { name: name.clone(), zone };
        let revision = self
            .shard
            .change(&self.runtime, |state| {
                room(state, &name, &change)?;
                Ok::<_, Error>((vec![change.clone()], state.revision() + 1))
            })
            .await?;
        service.take(prepared);
        self.unserved.lock().remove(&name);
        Ok(Put { is_new: before.is_none(), changed: true, serial, revision })
    }

    /// Takes a zone away.
    pub async fn remove(&self, service: &Arc<Service>, name: &str, expected: Option<u64>) -> Result<()> {
        let name = apex(name)?;
        let _changing = self.changing.lock().await;
        let before = self.read(|state| state.zone(&name).cloned()).await?;
        if before.is_none() {
            return Err(Error::Missing { what: "zone", name });
        }
        stale(before.as_ref(), expected)?;
        let change = Change::Remove { name: name.clone() };
        self.shard.change(&self.runtime, |_| Ok::<_, Error>((vec![change.clone()], ()))).await?;
        // It is not there if it could not be served.
        drop(service.remove(&name));
        self.unserved.lock().remove(&name);
        Ok(())
    }

    /// The serial number for a text without one, the least that a text's may be, and what there is.
    async fn serials(&self, name: &str, form: Form, text: &str) -> Result<(u32, Option<u32>, Option<Entry>)> {
        if text.len() > limits::TEXT_BYTES_MAX {
            return Err(Error::Limit(format!(
                "the zone has {} bytes; at most {} are possible here: put larger ones into the folder that dns.zones names",
                text.len(),
                limits::TEXT_BYTES_MAX
            )));
        }
        let (before, last) = self.read(|state| (state.zone(name).cloned(), state.last_serial(name))).await?;
        let same = before
            .as_ref()
            .is_some_and(|before| (before.zone.form, before.zone.text.as_str()) == (form, text));
        let least = if same { last } else { last.map(|last| last.wrapping_add(1)) };
        let now = (self.runtime.clock().now().0 / 1_000) as u32;
        Ok((if same { last.unwrap_or(now) } else { now }, least, before))
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
}

fn stale(before: Option<&Entry>, expected: Option<u64>) -> Result<()> {
    let is = before.map_or(0, |before| before.revision);
    match expected {
        Some(expected) if expected != is => Err(Error::Stale { is, expected }),
        _ => Ok(()),
    }
}

/// Refuses what does not fit beside the others.
fn room(state: &State, name: &str, change: &Change) -> Result<()> {
    let Change::Put { zone, .. } = change else { return Ok(()) };
    let (before, count) = (state.zone(name).map_or(0, |entry| entry.zone.text.len()), state.zones().len());
    if state.zone(name).is_none() && count >= limits::ZONES_MAX {
        return Err(Error::Limit(format!(
            "there are {count} zones; at most {} are possible",
            limits::ZONES_MAX
        )));
    }
    let total = state.bytes() - before + zone.text.len();
    if total > limits::TOTAL_BYTES_MAX {
        let most = limits::TOTAL_BYTES_MAX;
        return Err(Error::Limit(format!("all zones would have {total} bytes; at most {most} are possible")));
    }
    Ok(())
}

/// Reads and compiles a zone on a thread that may take its time. `before_files`: who was given before a file of the same apex came is
/// served, also after a restart.
async fn prepare(
    service: &Arc<Service>,
    name: &str,
    form: Form,
    text: &str,
    (serial, least): (u32, Option<u32>),
    before_files: bool,
) -> Result<Prepared> {
    let (service, name, text) = (Arc::clone(service), name.to_owned(), text.to_owned());
    let reading = tokio::task::spawn_blocking(move || {
        let (form, serial) = (form.into(), Some(serial));
        let given = Given { name: &name, form, text: &text, serial, serial_least: least, before_files };
        let prepared = service.prepare(&given)?;
        let is = prepared.origin().to_string();
        if is == name { Ok(prepared) } else { Err(Error::OtherZone { is, expected: name }) }
    });
    reading.await.map_err(|error| Error::Internal(error.to_string()))?
}
