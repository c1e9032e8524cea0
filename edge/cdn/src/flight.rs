//! One exchange for many who want the same: the first goes, the others wait for what its head says.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;

/// What those who waited do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landed {
    /// Look again: something was stored or confirmed.
    Shared,
    /// Each goes for itself.
    Unshared,
    /// The origin gave no answer.
    Failed(String),
}

type Id = (u128, u128);
type Shared = Arc<Mutex<HashMap<Id, watch::Receiver<Option<Landed>>>>>;

/// The exchanges under way. Bounded by the number of requests.
#[derive(Debug, Default, Clone)]
pub struct Flights(Shared);

/// First or later.
#[derive(Debug)]
pub enum Boarding {
    /// Goes, and must land.
    First(Pilot),
    /// Waits.
    Later(watch::Receiver<Option<Landed>>),
}

impl Flights {
    /// Joins the exchange for a key and a selection.
    pub fn board(&self, id: Id) -> Boarding {
        let mut flights = self.0.lock();
        if let Some(flight) = flights.get(&id) {
            return Boarding::Later(flight.clone());
        }
        let (sender, receiver) = watch::channel(None);
        flights.insert(id, receiver);
        Boarding::First(Pilot { flights: self.0.clone(), id, sender, landed: false })
    }

    /// Whether an exchange for a key is under way.
    pub fn has(&self, key: u128) -> bool {
        self.0.lock().keys().any(|(known, _)| *known == key)
    }

    /// How many exchanges are under way.
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Who goes. One that is dropped on the way (its client left) lets the next go.
#[derive(Debug)]
pub struct Pilot {
    flights: Shared,
    id: Id,
    sender: watch::Sender<Option<Landed>>,
    landed: bool,
}

impl Pilot {
    /// Tells those who wait.
    pub fn land(mut self, how: Landed) {
        self.finish(how);
    }

    fn finish(&mut self, how: Landed) {
        self.landed = true;
        // Whoever comes from now on starts anew; whoever waits sees the outcome.
        self.flights.lock().remove(&self.id);
        self.sender.send_replace(Some(how));
    }
}

impl Drop for Pilot {
    fn drop(&mut self) {
        if !self.landed {
            self.finish(Landed::Shared);
        }
    }
}

/// Waits for the outcome.
pub async fn wait(mut flight: watch::Receiver<Option<Landed>>) -> Landed {
    match flight.wait_for(Option::is_some).await {
        Ok(landed) => landed.clone().unwrap_or(Landed::Shared),
        Err(_) => Landed::Shared,
    }
}
