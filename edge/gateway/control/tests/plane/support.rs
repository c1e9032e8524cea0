//! A control plane on a journal in memory, with a clock that the test moves.

use bole_base::clock::ManualClock;
use bole_base::{LogId, RealDisk};
use bole_gateway_control::control::{Carried, Source, Wish};
use bole_gateway_control::entry::{Instance, Part};
use bole_gateway_control::vault::Vault;
use bole_gateway_control::{Control, View};
use bole_log::MemoryJournal;
use bole_shard::{Runtime, runtime};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use tokio::sync::watch;

pub(crate) struct Node {
    journal: Arc<MemoryJournal>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) control: Arc<Control>,
}

impl Node {
    pub(crate) async fn start(source: Source) -> Self {
        let (journal, clock) = (Arc::new(MemoryJournal::new()), Arc::new(ManualClock::default()));
        let control = open(&journal, &clock, source).await;
        Self { journal, clock, control }
    }

    /// The same node after a restart, all leases anew.
    pub(crate) async fn restart(self) -> Self {
        let control = open(&self.journal, &self.clock, self.control.source().clone()).await;
        Self { control, ..self }
    }

    pub(crate) fn view(&self) -> View {
        self.control.watch().borrow().clone()
    }

    pub(crate) async fn put(&self, part: Part, name: &str, value: Value) -> (bool, u64) {
        self.control.put(part, name, value, Wish::default()).await.expect("it is right")
    }
}

async fn open(journal: &Arc<MemoryJournal>, clock: &Arc<ManualClock>, source: Source) -> Arc<Control> {
    let folder = std::env::temp_dir().join("bole-control-no-checkpoints");
    let runtime = Runtime::new(
        Arc::clone(journal) as _,
        Arc::new(RealDisk),
        Arc::clone(clock) as _,
        folder,
        runtime::Config::default(),
    );
    let runtime = Arc::new(runtime);
    let vault = Vault::new([([1; 8], [1; 32])]);
    let control =
        Control::host(Arc::clone(&runtime), LogId::FIRST_DATASET, "default/gateway/control#0", source, vault)
            .expect("the log is free");
    runtime.recover(&[]).await.expect("the journal is whole");
    control.start().await.expect("the shard is recovered");
    let control = Arc::new(control);
    tokio::spawn(carry(Arc::downgrade(&control), control.watch()));
    control
}

/// A gateway that carries out everything.
async fn carry(control: Weak<Control>, mut views: watch::Receiver<View>) {
    loop {
        let revision = views.borrow_and_update().revision;
        let Some(control) = control.upgrade() else { return };
        control.set_carried(Carried { revision, problems: Vec::new() });
        drop(control);
        if views.changed().await.is_err() {
            return;
        }
    }
}

pub(crate) fn instance(port: u16) -> Instance {
    Instance {
        address: format!("127.0.0.1:{port}"),
        weight: 1,
        priority: 0,
        zone: None,
        lease_ms: 10_000,
        drain: false,
        metadata: BTreeMap::new(),
    }
}
