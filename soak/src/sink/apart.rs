//! A defect built in on purpose, to see that it is found: the writes follow the position in a batch of their own.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bole_base::{LogId, Position};
use bole_shard::participant::upserts::{Batch, Upserts, Writing};
use bole_shard::participant::{LockedParticipant, Participant, Participants, Request, Target};
use bole_shard::{Error, Runtime, Transaction};

/// Commits what was kept.
pub trait Delivery: Send + Sync {
    /// See the trait.
    fn deliver(&self) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + '_>>;
}

/// Stands in for a participant: takes requests and keeps them, until [`Delivery::deliver`].
pub struct Apart {
    real: Arc<dyn Participant>,
    runtime: Arc<Runtime>,
    kept: Mutex<Vec<Request>>,
}

impl Apart {
    /// In the place of `real`.
    pub fn new(real: Arc<dyn Participant>, runtime: Arc<Runtime>) -> Self {
        Self { real, runtime, kept: Mutex::default() }
    }
}

impl Delivery for Apart {
    fn deliver(&self) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + '_>> {
        Box::pin(async {
            let mut participants = Participants::new(Arc::clone(self.runtime.journal()));
            participants.register(Arc::clone(&self.real));
            let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
            let mut outbox = participants.outbox();
            for request in kept {
                outbox.send(self.real.service(), request)?;
            }
            outbox.commit(&self.runtime, &mut self.runtime.transaction()).await.map(drop)
        })
    }
}

/// The same for a service that is written to by key: only the requests to others are committed at once.
pub struct ApartUpserts {
    real: Arc<dyn Upserts>,
    runtime: Arc<Runtime>,
    kept: Mutex<Vec<Batch>>,
}

impl ApartUpserts {
    /// In the place of `real`.
    pub fn new(real: Arc<dyn Upserts>, runtime: Arc<Runtime>) -> Self {
        Self { real, runtime, kept: Mutex::default() }
    }
}

impl Delivery for ApartUpserts {
    fn deliver(&self) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + '_>> {
        Box::pin(async {
            let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
            for batch in kept {
                let nobody = Arc::new(Participants::new(Arc::clone(self.runtime.journal())));
                self.real.write(nobody, batch).await?;
            }
            Ok(())
        })
    }
}

impl Upserts for ApartUpserts {
    fn service(&self) -> &str {
        self.real.service()
    }

    fn resource(&self, dataset: &str) -> String {
        self.real.resource(dataset)
    }

    fn check(&self, dataset: &str) -> Result<(), Error> {
        self.real.check(dataset)
    }

    fn write(&self, among: Arc<Participants>, mut batch: Batch) -> Writing<'_> {
        Box::pin(async move {
            let mut outbox = among.outbox();
            for (service, request) in std::mem::take(&mut batch.requests) {
                outbox.send(&service, request)?;
            }
            let committed = outbox.commit(&self.runtime, &mut self.runtime.transaction()).await?;
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
            Ok(committed)
        })
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
