//! A defect built in on purpose, to see that it is found: the writes follow the position in a batch of their own.

use std::sync::{Arc, Mutex, PoisonError};

use bole_base::{LogId, Position};
use bole_shard::participant::{LockedParticipant, Participant, Participants, Request, Target};
use bole_shard::{Error, Runtime, Transaction};

/// Stands in for a participant: takes requests and keeps them, until [`Apart::deliver`].
pub struct Apart {
    real: Arc<dyn Participant>,
    kept: Mutex<Vec<Request>>,
}

impl Apart {
    /// In the place of `real`.
    pub fn new(real: Arc<dyn Participant>) -> Self {
        Self { real, kept: Mutex::default() }
    }

    /// Commits what was kept.
    pub async fn deliver(&self, runtime: &Arc<Runtime>) -> Result<(), Error> {
        let mut participants = Participants::new(Arc::clone(runtime.journal()));
        participants.register(Arc::clone(&self.real));
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        let mut outbox = participants.outbox();
        for request in kept {
            outbox.send(self.real.service(), request)?;
        }
        outbox.commit(runtime, &mut runtime.transaction()).await.map(drop)
    }
}

impl Participant for Apart {
    fn service(&self) -> &str {
        self.real.service()
    }

    fn target(&self, request: &Request) -> Result<Target, Error> {
        self.real.target(request)
    }

    fn lock(&self, log: LogId) -> Result<Box<dyn LockedParticipant + '_>, Error> {
        Ok(Box::new(Locked { apart: self, real: self.real.lock(log)? }))
    }
}

struct Locked<'a> {
    apart: &'a Apart,
    real: Box<dyn LockedParticipant + 'a>,
}

impl LockedParticipant for Locked<'_> {
    fn validate(&mut self, requests: &[Request]) -> Result<usize, Error> {
        self.real.validate(requests)
    }

    fn push(&mut self, requests: &[Request], _transaction: &mut Transaction) -> Result<(), Error> {
        let mut kept = self.apart.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(requests);
        Ok(())
    }

    fn appended(&mut self, _position: Position) {}
}
