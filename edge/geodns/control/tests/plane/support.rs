//! A server with its kept zones on a journal in memory.

use bole_base::clock::ManualClock;
use bole_base::{LogId, RealDisk};
use bole_geodns::health::Vitals;
use bole_geodns::{Config, Parts, Service};
use bole_geodns_control::Control;
use bole_log::MemoryJournal;
use bole_net::{ConnectionLimit, Metrics};
use bole_shard::{Runtime, runtime};
use std::sync::Arc;

pub(crate) struct Node {
    journal: Arc<MemoryJournal>,
    pub(crate) control: Arc<Control>,
    pub(crate) service: Arc<Service>,
    pub(crate) vitals: Arc<Vitals>,
}

impl Node {
    pub(crate) async fn start() -> Self {
        Self::open(Arc::new(MemoryJournal::new())).await
    }

    /// The same node after a restart.
    pub(crate) async fn restart(self) -> Self {
        Self::open(self.journal).await
    }

    async fn open(journal: Arc<MemoryJournal>) -> Self {
        let folder = std::env::temp_dir().join("bole-dns-control-no-checkpoints");
        let clock = Arc::new(ManualClock::default());
        let runtime = Runtime::new(
            Arc::clone(&journal) as _,
            Arc::new(RealDisk),
            clock,
            folder,
            runtime::Config::default(),
        );
        let runtime = Arc::new(runtime);
        let control =
            Control::host(Arc::clone(&runtime), LogId::FIRST_DATASET, "default/dns/zones#0").unwrap();
        runtime.recover(&[]).await.unwrap();
        let vitals = Arc::new(Vitals::default());
        let parts = Parts {
            health: Arc::clone(&vitals) as _,
            resolver: None,
            node_limit: ConnectionLimit::new(1),
            metrics: Metrics::new(),
        };
        let service = Service::open(Config::default(), parts).unwrap();
        control.start(&service).await.unwrap();
        Self { journal, control: Arc::new(control), service, vitals }
    }

    /// What the name `www` in a zone is answered with.
    pub(crate) fn www(&self, zone: &str) -> Vec<String> {
        self.service.explain(&format!("www.{zone}"), "A", "127.0.0.1".parse().unwrap()).unwrap().answer
    }
}

pub(crate) fn document(last: u8) -> String {
    format!(
        "origin = \"example.com\"\n[records]\n\"@\" = {{ NS = \"ns.example.net.\" }}\nwww = {{ A = \"192.0.2.{last}\" }}\n"
    )
}

pub(crate) fn answer(last: u8) -> Vec<String> {
    vec![format!("www.example.com. 3600 IN A 192.0.2.{last}")]
}
