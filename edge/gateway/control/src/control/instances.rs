//! Instances that register themselves: their leases are kept in memory, all else is logged.

use super::{Control, Registered};
use crate::checks::{check_instance, check_room};
use crate::entry::{Change, Instance, Part};
use crate::error::{Error, Result};
use crate::limits;
use crate::registry::Name;
use crate::state::State;
use std::sync::Arc;
use std::time::Duration;

pub(super) fn lease(instance: &Instance) -> Duration {
    Duration::from_millis(instance.lease_ms)
}

fn gone(service: &str, id: &str, expired: bool) -> Change {
    Change::Deregister { service: service.to_owned(), id: id.to_owned(), expired }
}

fn missing_instance(service: &str, id: &str) -> Error {
    Error::Missing { what: "instance", name: format!("{service}/{id}") }
}

impl Control {
    /// Registers an instance, or says again that it is there. Equal to what is known, it is a heartbeat and nothing is logged.
    /// Says whether it is new.
    pub async fn register(&self, service: &str, id: &str, instance: Instance) -> Result<bool> {
        check_instance(service, id, &instance)?;
        let name = (service.to_owned(), id.to_owned());
        let document = Arc::clone(&self.view.borrow().document);
        let known = document.services.get(service);
        let known = known
            .ok_or_else(|| Error::Missing { what: Part::Services.row().one, name: service.to_owned() })?;
        if !known.registry {
            return Err(Error::Invalid(vec![format!(
                "service {service:?} has no registry; set `registry = true` in place of its instances"
            )]));
        }
        let before = self.read(|state| state.instance(service, id).cloned()).await?;
        if before.as_ref() == Some(&instance) {
            self.leases.lock().heard(&name, lease(&instance), self.now());
            return Ok(false);
        }
        // Before it is logged as well, so that a lease that is just over does not take out who has come back.
        self.leases.lock().heard(&name, lease(&instance), self.now());
        self.change_instance(&name, |state| {
            check_room(state, service, id)?;
            Ok(vec![Change::Register {
                service: service.to_owned(),
                id: id.to_owned(),
                instance: instance.clone(),
            }])
        })
        .await?;
        self.leases.lock().heard(&name, lease(&instance), self.now());
        self.publish().await?;
        Ok(before.is_none())
    }

    /// An instance is alive; says how long its lease is now. Errors: `Missing`, after which it registers anew.
    pub async fn heartbeat(&self, service: &str, id: &str) -> Result<Duration> {
        let instance = self.read(|state| state.instance(service, id).cloned()).await?;
        let instance = instance.ok_or_else(|| missing_instance(service, id))?;
        let lease = lease(&instance);
        self.leases.lock().heard(&(service.to_owned(), id.to_owned()), lease, self.now());
        Ok(lease)
    }

    /// An instance gets no new clients, or gets them again.
    pub async fn drain(&self, service: &str, id: &str, drain: bool) -> Result<()> {
        let name = (service.to_owned(), id.to_owned());
        self.change_instance(&name, |state| {
            let instance = state.instance(service, id).ok_or_else(|| missing_instance(service, id))?;
            if instance.drain == drain {
                return Ok(Vec::new());
            }
            let instance = Instance { drain, ..instance.clone() };
            Ok(vec![Change::Register { service: service.to_owned(), id: id.to_owned(), instance }])
        })
        .await?;
        self.publish().await
    }

    /// An instance goes.
    pub async fn deregister(&self, service: &str, id: &str) -> Result<()> {
        let name = (service.to_owned(), id.to_owned());
        self.change_instance(&name, |state| {
            state.instance(service, id).ok_or_else(|| missing_instance(service, id))?;
            Ok(vec![gone(service, id, false)])
        })
        .await?;
        self.leases.lock().forget(&name);
        self.publish().await
    }

    async fn change_instance(
        &self,
        name: &Name,
        decide: impl Fn(&State) -> Result<Vec<Change>>,
    ) -> Result<()> {
        if !self.leases.lock().may_change(name, self.now()) {
            return Err(Error::Limit(format!(
                "instance {:?} of service {:?} changed {} times within a minute; it stays as it is for a while",
                name.1,
                name.0,
                limits::CHANGES_PER_MINUTE
            )));
        }
        self.shard.change(&self.runtime, |state| Ok::<_, Error>((decide(state)?, ()))).await
    }

    /// Registered instances of a service, by id, with what is left of their leases.
    pub async fn registered(&self, service: &str) -> Result<Vec<(String, Registered)>> {
        let instances = self.read(|state| state.instances().get(service).cloned()).await?;
        let (leases, now) = (self.leases.lock(), self.now());
        let with_lease = |(id, instance): (String, Instance)| {
            let left = leases.left(&(service.to_owned(), id.clone()), now).unwrap_or_default();
            (id, Registered { instance, left })
        };
        Ok(instances.unwrap_or_default().into_iter().map(with_lease).collect())
    }

    /// Takes out whose lease is over; says when the next one will be, on the monotonic clock. To be called by a task at that time,
    /// and at least once a second.
    pub async fn sweep(&self) -> Result<Option<Duration>> {
        let over = self.leases.lock().over(self.now());
        if !over.is_empty() {
            for (service, id) in &over {
                tracing::warn!(service, instance = id, "not heard of for its lease: taken out");
            }
            self.expire(&over).await?;
            self.publish().await?;
        }
        Ok(self.leases.lock().next())
    }

    /// Logs that instances are over, unless a heartbeat came meanwhile.
    async fn expire(&self, over: &[Name]) -> Result<()> {
        let now = self.now();
        let expired = self
            .shard
            .change(&self.runtime, |state| {
                let leases = self.leases.lock();
                let still = |name: &&Name| leases.left(name, now).is_none_or(|left| left.is_zero());
                let names: Vec<Name> = over.iter().filter(still).cloned().collect();
                let known = names.iter().filter(|(service, id)| state.instance(service, id).is_some());
                let changes = known.map(|(service, id)| gone(service, id, true)).collect();
                Ok::<_, Error>((changes, names))
            })
            .await?;
        let mut leases = self.leases.lock();
        expired.iter().for_each(|name| leases.forget(name));
        Ok(())
    }
}
