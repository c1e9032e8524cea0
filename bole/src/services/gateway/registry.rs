//! Instances that registered themselves, as the gateway wants to hear of them: service by service.

use std::collections::HashMap;
use std::sync::Arc;

use bole_gateway::upstream::Registry;
use bole_gateway_control::View;
use bole_gateway_control::state::Instances;
use bole_gateway_document::service::Instance;
use parking_lot::Mutex;
use tokio::sync::watch;

/// The instances of each service that somebody asked for.
pub(super) struct Registered {
    views: watch::Receiver<View>,
    services: Mutex<HashMap<String, watch::Sender<Arc<Vec<Instance>>>>>,
}

impl Registered {
    pub(super) fn new(views: watch::Receiver<View>) -> Self {
        Self { views, services: Mutex::default() }
    }

    /// Tells of each change, as long as there are any.
    pub(super) async fn follow(self: Arc<Self>) {
        let mut views = self.views.clone();
        loop {
            let instances = Arc::clone(&views.borrow_and_update().instances);
            for (service, sender) in self.services.lock().iter() {
                let now = of(&instances, service);
                sender.send_if_modified(|before| {
                    let differs = **before != now;
                    if differs {
                        *before = Arc::new(now.clone());
                    }
                    differs
                });
            }
            if views.changed().await.is_err() {
                return;
            }
        }
    }
}

fn of(instances: &Instances, service: &str) -> Vec<Instance> {
    let registered = instances.get(service).into_iter().flatten();
    registered
        .map(|(_, instance)| Instance {
            address: instance.address.clone(),
            weight: instance.weight,
            priority: instance.priority,
            zone: instance.zone.clone(),
            drain: instance.drain,
        })
        .collect()
}

impl Registry for Registered {
    fn watch(&self, service: &str) -> watch::Receiver<Arc<Vec<Instance>>> {
        let mut services = self.services.lock();
        // Read under the lock: what `follow` told last is not newer.
        let instances = Arc::clone(&self.views.borrow().instances);
        let sender = services
            .entry(service.to_owned())
            .or_insert_with(|| watch::Sender::new(Arc::new(of(&instances, service))));
        sender.subscribe()
    }
}
