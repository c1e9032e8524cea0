//! Instances that are found by a name, or that register themselves.

use crate::support::*;
use async_trait::async_trait;
use bole_gateway::config::Parts;
use bole_gateway::upstream::Registry;
use bole_gateway::upstream::resolve::{Found, Resolve, Srv};
use bole_gateway_document::service::Instance;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Names as a test wants them.
#[derive(Default)]
struct Names {
    addresses: Mutex<HashMap<String, Vec<IpAddr>>>,
    services: Mutex<HashMap<String, Vec<Srv>>>,
    asked: std::sync::atomic::AtomicUsize,
}

#[async_trait]
impl Resolve for Names {
    async fn addresses(&self, name: &str) -> Result<Found<IpAddr>, String> {
        self.asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let records = self.addresses.lock().get(name).cloned().ok_or("there is no such name")?;
        Ok(Found { records, holds_for: Duration::from_millis(20) })
    }

    async fn services(&self, name: &str) -> Result<Found<Srv>, String> {
        let records = self.services.lock().get(name).cloned().ok_or("there is no such name")?;
        Ok(Found { records, holds_for: Duration::from_millis(20) })
    }
}

fn with(names: &Arc<Names>) -> Parts {
    Parts { resolver: Some(names.clone()), ..Parts::default() }
}

#[tokio::test]
async fn instances_follow_their_name_and_stay_when_it_fails() {
    let names = Arc::new(Names::default());
    let one = Backend::start(Behaviour::Status(201)).await;
    let port = one.address.port();
    let two = Backend::on(
        tokio::net::TcpListener::bind(("127.0.0.2", port)).await.unwrap(),
        Behaviour::Status(202),
    );
    let to = |ip: &str| names.addresses.lock().insert("s.internal".into(), vec![ip.parse().unwrap()]);
    to("127.0.0.1");
    let text = format!(
        "[services.s]\ndns = {{ name = \"s.internal\", port = {port}, refresh_least = \"20ms\", refresh_most = \"50ms\" }}\n[routes.a]\nservice = \"s\"\n"
    );
    let gateway = gateway_with(&text, with(&names), |_| {}).await;
    assert_eq!(status(&get(&gateway, "/").await), 201, "known before the first request");
    to("127.0.0.2");
    let set = gateway.state().services["s"].set.clone();
    until("the name is looked up again", || {
        set.status().iter().any(|status| status.spec.name.contains("127.0.0.2"))
    })
    .await;
    assert_eq!(status(&get(&gateway, "/").await), 202);
    names.addresses.lock().clear();
    let asked = names.asked.load(std::sync::atomic::Ordering::SeqCst);
    until("look-ups fail", || names.asked.load(std::sync::atomic::Ordering::SeqCst) > asked + 2).await;
    assert_eq!(status(&get(&gateway, "/").await), 202, "what was known stays");
    assert_eq!(two.requests(), 2);
}

#[tokio::test]
async fn records_of_services_give_ports_levels_and_weights() {
    let names = Arc::new(Names::default());
    let (one, two) =
        (Backend::start(Behaviour::Status(201)).await, Backend::start(Behaviour::Status(202)).await);
    names.addresses.lock().insert("host.internal".into(), vec!["127.0.0.1".parse().unwrap()]);
    let srv = |backend: &Backend, priority| Srv {
        target: "host.internal".into(),
        port: backend.address.port(),
        priority,
        weight: 5,
    };
    names.services.lock().insert("_http._tcp.s".into(), vec![srv(&one, 10), srv(&two, 20)]);
    let text = "[services.s]\ndns = { name = \"_http._tcp.s\", srv = true }\nhealth = { probe = { http = { path = \"/\", statuses = [\"201\", \"202\"] } }, interval = \"30ms\", fall = 1, rise = 1 }\n[routes.a]\nservice = \"s\"\n";
    let gateway = gateway_with(text, with(&names), |_| {}).await;
    for _ in 0..10 {
        assert_eq!(status(&get(&gateway, "/").await), 201, "the first level has all");
    }
    one.kill();
    let set = gateway.state().services["s"].set.clone();
    until("the first level is down", || {
        set.status().iter().any(|status| status.condition == bole_edge_core::health::Condition::Unwell)
    })
    .await;
    for _ in 0..10 {
        assert_eq!(status(&get(&gateway, "/").await), 202, "the second takes over");
    }
}

#[tokio::test]
async fn names_of_instances_are_looked_up_by_the_machine() {
    let backend = Backend::start(Behaviour::Echo).await;
    let text = format!(
        "[services.s]\ninstances = [\"localhost:{}\"]\nhost = \"instance\"\n[routes.a]\nservice = \"s\"\n",
        backend.address.port()
    );
    let gateway = gateway(&text).await;
    let begun = std::time::Instant::now();
    // A name may have addresses on which nobody listens; of those it is tried again.
    loop {
        let answer = get(&gateway, "/").await;
        if status(&answer) == 200 {
            assert!(answer.contains(&format!("localhost:{}", backend.address.port())), "{answer}");
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{answer}");
    }
}

/// A registry that a test fills.
struct Registered(watch::Sender<Arc<Vec<Instance>>>);

impl Registry for Registered {
    fn watch(&self, _service: &str) -> watch::Receiver<Arc<Vec<Instance>>> {
        self.0.subscribe()
    }
}

#[tokio::test]
async fn instances_that_register_get_requests_and_those_that_leave_do_not() {
    let (one, two) =
        (Backend::start(Behaviour::Status(201)).await, Backend::start(Behaviour::Status(202)).await);
    let registry = Arc::new(Registered(watch::channel(Arc::default()).0));
    let parts = Parts { registry: Some(registry.clone()), ..Parts::default() };
    let gateway =
        gateway_with("[services.s]\nregistry = true\n[routes.a]\nservice = \"s\"\n", parts, |_| {}).await;
    assert_eq!(status(&get(&gateway, "/").await), 503);
    let set = gateway.state().services["s"].set.clone();
    let register = async |backend: &Backend| {
        let instance = Instance::new(&backend.address.to_string());
        registry.0.send_replace(Arc::new(vec![instance]));
        until(
            "it is known",
            || matches!(&set.status()[..], [only] if *only.spec.name == *backend.address.to_string()),
        )
        .await;
    };
    register(&one).await;
    assert_eq!(status(&get(&gateway, "/").await), 201);
    register(&two).await;
    for _ in 0..5 {
        assert_eq!(status(&get(&gateway, "/").await), 202);
    }
    registry.0.send_replace(Arc::default());
    until("nobody is left", || set.status().is_empty()).await;
    assert_eq!(status(&get(&gateway, "/").await), 503);
}
