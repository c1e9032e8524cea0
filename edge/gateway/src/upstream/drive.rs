//! The task that looks after one set: it looks names up before they are stale, follows the registry, makes the probes that are due,
//! ends ejections. It never ends by itself.

use crate::clock;
use crate::upstream::probe;
use crate::upstream::resolve::{Resolve, Srv, at, host_and_port};
use crate::upstream::set::{Member, Set};
use crate::upstream::{Tools, set};
use bole_gateway_document::service::{Dns, Instance, Service};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tracing::{debug, warn};

/// Between two sweeps.
const SWEEP: Duration = Duration::from_secs(1);
/// Names of instances that are written down are looked up no more often, and no less often, than this.
const REFRESH: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// What a look-up found, and when it is to be made again.
type Looked = (Result<Vec<Member>, String>, Duration);

/// Looks after a set.
pub struct Driver {
    name: Arc<str>,
    set: Arc<Set>,
    sources: Arc<Sources>,
    registered: Option<watch::Receiver<Arc<Vec<Instance>>>>,
    probes: Arc<Semaphore>,
    ready: watch::Sender<bool>,
}

/// Where instances come from, besides the registry.
struct Sources {
    service: Service,
    resolver: Arc<dyn Resolve>,
}

impl Driver {
    /// A driver that has not begun.
    pub fn new(
        name: Arc<str>,
        service: &Service,
        set: Arc<Set>,
        tools: Tools,
        ready: watch::Sender<bool>,
    ) -> Self {
        let registry = tools.registry.as_ref().filter(|_| service.registry);
        Self {
            set,
            registered: registry.map(|registry| registry.watch(&name)),
            sources: Arc::new(Sources { service: service.clone(), resolver: tools.resolver }),
            probes: Arc::new(Semaphore::new(tools.probes_at_once_max.max(1))),
            name,
            ready,
        }
    }

    /// Runs until it is aborted.
    pub async fn run(mut self) {
        let (mut look_at, mut sweep_at) = (clock::now(), clock::now() + SWEEP);
        let mut looking: Option<Pin<Box<dyn Future<Output = Looked> + Send>>> = None;
        let mut probing = JoinSet::new();
        loop {
            let now = clock::now();
            if looking.is_none() && look_at <= now {
                let (sources, registered) =
                    (self.sources.clone(), self.registered.as_mut().map(|r| r.borrow_and_update().clone()));
                looking = Some(Box::pin(async move { sources.look(registered).await }));
            }
            if sweep_at <= now {
                self.set.sweep();
                sweep_at = now + SWEEP;
            }
            self.probe(&mut probing);
            let wake = self.set.next_due().unwrap_or(sweep_at).min(sweep_at);
            let wake = if looking.is_none() { wake.min(look_at) } else { wake };
            tokio::select! {
                looked = async { looking.as_mut().expect("invariant: asked for only if there is one").await }, if looking.is_some() => {
                    looking = None;
                    look_at = clock::now() + looked.1;
                    self.looked(looked.0);
                }
                changed = changed(self.registered.as_mut()) => {
                    look_at = clock::now();
                    if !changed {
                        self.registered = None;
                    }
                }
                Some(_) = probing.join_next() => {}
                () = tokio::time::sleep_until(clock::instant(wake)) => {}
            }
        }
    }

    fn looked(&self, members: Result<Vec<Member>, String>) {
        match members {
            Ok(members) => self.set.replace(&members),
            Err(error) => warn!("service {}: its instances stay as they were: {error}", self.name),
        }
        self.ready.send_replace(true);
    }

    /// Begins the probes that are due.
    fn probe(&self, probing: &mut JoinSet<()>) {
        let due = self.set.due();
        let Some(template) = (!due.is_empty()).then(|| self.set.template()).flatten() else { return };
        for live in due {
            let (set, places, template, service) =
                (self.set.clone(), self.probes.clone(), template.clone(), self.name.clone());
            probing.spawn(async move {
                let Ok(_place) = places.acquire().await else { return };
                let answer = probe::probe(&live, &template).await;
                if let Err(bad) = &answer {
                    debug!("service {service}: the probe of {} was bad: {bad}", live.member.spec.name);
                }
                set.probed(&live.member.spec.name, answer.is_ok());
            });
        }
    }
}

/// Whether the registry told a change; `false` if it never will again.
async fn changed(registered: Option<&mut watch::Receiver<Arc<Vec<Instance>>>>) -> bool {
    match registered {
        Some(registered) => registered.changed().await.is_ok(),
        None => std::future::pending().await,
    }
}

impl Sources {
    async fn look(&self, registered: Option<Arc<Vec<Instance>>>) -> Looked {
        if let Some(dns) = &self.service.dns {
            return self.named(dns).await;
        }
        let instances = registered.as_ref().map_or(&self.service.instances, |instances| instances);
        let mut members = Vec::new();
        let mut holds_for = REFRESH.1;
        for instance in instances {
            if let Ok(address) = instance.address.parse::<SocketAddr>() {
                members.push(Member::new(instance, &address.ip().to_string(), address));
                continue;
            }
            let Some((host, port)) = host_and_port(&instance.address) else {
                return (Err(format!("{:?} is no host and port", instance.address)), REFRESH.1);
            };
            match self.resolver.addresses(host).await {
                Ok(found) => {
                    holds_for = holds_for.min(found.holds_for);
                    members.extend(found.records.iter().map(|ip| Member::new(instance, host, at(*ip, port))));
                }
                Err(error) => {
                    return (Err(format!("{host}: {error}")), REFRESH.0.max(Duration::from_secs(2)));
                }
            }
        }
        (Ok(members), holds_for.max(REFRESH.0))
    }

    /// Instances that are found by a name.
    async fn named(&self, dns: &Dns) -> Looked {
        let (least, most) = (dns.refresh_least.0, dns.refresh_most.0);
        let found = if dns.srv { self.by_srv(dns).await } else { self.by_address(dns).await };
        match found {
            Ok((members, holds_for)) => (Ok(members), holds_for.min(most).max(least)),
            Err(error) => {
                (Err(format!("{}: {error}", dns.name)), least.max(Duration::from_secs(1)).min(most))
            }
        }
    }

    async fn by_address(&self, dns: &Dns) -> Result<(Vec<Member>, Duration), String> {
        let port = dns.port.ok_or("the port is not said")?;
        let found = self.resolver.addresses(&dns.name).await?;
        let instance = |ip| {
            let address = at(ip, port);
            Member::new(&Instance::new(&address.to_string()), &dns.name, address)
        };
        Ok((found.records.into_iter().map(instance).collect(), found.holds_for))
    }

    async fn by_srv(&self, dns: &Dns) -> Result<(Vec<Member>, Duration), String> {
        let found = self.resolver.services(&dns.name).await?;
        let mut levels: Vec<u16> = found.records.iter().map(|srv| srv.priority).collect();
        levels.sort_unstable();
        levels.dedup();
        let (mut members, mut holds_for) = (Vec::new(), found.holds_for);
        for Srv { target, port, priority, weight } in &found.records {
            let level = levels.binary_search(priority).unwrap_or(0).min(usize::from(u8::MAX)) as u8;
            let addresses =
                self.resolver.addresses(target).await.map_err(|error| format!("{target}: {error}"))?;
            holds_for = holds_for.min(addresses.holds_for);
            for ip in addresses.records {
                let address = at(ip, *port);
                let instance = Instance {
                    weight: u32::from(*weight).max(1),
                    priority: level,
                    ..Instance::new(&address.to_string())
                };
                members.push(Member::new(&instance, target, address));
            }
        }
        Ok((members, holds_for))
    }
}

/// Whether all instances of a service are known without a look-up.
pub fn is_known(service: &Service) -> bool {
    !service.registry && service.dns.is_none() && set::written(service).len() == service.instances.len()
}
