//! Sinks whose target makes the batches: what is checked when they are set, what is written in which order, and what is left of a batch that is refused.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::net::SocketAddr;
use std::sync::Arc;

use bole_base::clock::ManualClock;
use bole_base::{Disk, Durability, LogId};
use bole_catalog::Catalog;
use bole_identity::Identity;
use bole_identity::directory::Directory;
use bole_identity::policy::{Effect, Policy, Role, Statement};
use bole_log::MemoryJournal;
use bole_shard::participant::upserts::Upserts;
use bole_shard::participant::upserts::suite::FakeUpserts;
use bole_shard::participant::{Participant, Participants};
use bole_shard::{Runtime, runtime};
use bole_streams::operations::{Handle as _, Outcome};
use bole_streams::partition::files::SegmentFiles;
use bole_streams::protocol::messages::create_topics;
use bole_streams::protocol::{ErrorCode, Text};
use bole_streams::publish::{Publisher, request};
use bole_streams::service::Parts;
use bole_streams::session::{Principal, Session};
use bole_streams::sink::pump::{self, Failure, Pump};
use bole_streams::topics::{Topics, known};
use bole_streams::{Config, Service, groups, hosting, transactions};
use bole_testing::{FaultDisk, Faults};
use bytes::Bytes;
use tempfile::TempDir;

/// The log of what the sinks write to.
const SHELF_LOG: LogId = LogId(1 << 40);
const ROLES: &[(&str, &[(&str, &str)])] = &[
    ("topics", &[("streams", "default/streams/topic:*")]),
    ("cluster", &[("streams", "default/streams/*")]),
    ("all", &[("streams", "default/streams/*"), ("shelf", "default/shelf/0")]),
    ("more", &[("streams", "default/streams/*"), ("shelf", "default/shelf/*")]),
];

struct World {
    service: Arc<Service>,
    shelf: Arc<FakeUpserts>,
    publisher: Arc<Publisher>,
    _key: TempDir,
}

impl World {
    async fn new() -> Self {
        let key = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = FaultDisk::new(1, Faults::default());
        let (journal, clock) = (Arc::new(MemoryJournal::new()), Arc::new(ManualClock::new()));
        let files = Arc::new(SegmentFiles::open(Arc::clone(&disk), "/streams".as_ref()).unwrap());
        let config = runtime::Config::default();
        let runtime = Arc::new(Runtime::new(journal, disk, clock, "/checkpoints".into(), config));
        let catalog = Catalog::host(Arc::clone(&runtime)).unwrap();
        runtime.replay(&[LogId::CATALOG]).unwrap();
        let topics =
            Topics::host(catalog.clone(), Arc::clone(&runtime), Arc::clone(&files), Durability::Sync);
        let make = groups::State::default;
        let group_shards = hosting::host(&catalog, &runtime, hosting::GROUPS, 1, make).await.unwrap();
        let make = transactions::State::default;
        let transaction_shards =
            hosting::host(&catalog, &runtime, hosting::TRANSACTIONS, 1, make).await.unwrap();
        let key_file = key.path().join("key");
        let identity = Identity::host(Arc::clone(&runtime), &key_file, "/journal".as_ref()).unwrap();
        let shelf = Arc::new(FakeUpserts::host(&runtime, SHELF_LOG).unwrap());
        runtime.recover(&[]).await.unwrap();
        for (name, allowed) in ROLES {
            identity.change(|_| Ok(vec![Directory::put_role(role(name, allowed))?])).await.unwrap();
            identity.add_user(name, "secret", vec![(*name).to_owned()]).await.unwrap();
        }
        let service = Service::open(Parts {
            runtime,
            catalog,
            files,
            topics: topics.unwrap(),
            group_shards,
            transaction_shards,
            config: Config::default(),
            identity: Arc::new(identity),
            oauth: None,
            cluster_id: "0123456789abcdefghijkl".to_owned(),
            participants: Vec::new(),
            upserts: vec![Arc::clone(&shelf) as Arc<dyn Upserts>],
        });
        let publisher = Arc::new(Publisher::new(Arc::clone(&service)));
        Self { service, shelf, publisher, _key: key }
    }

    /// Makes topic `t` with these settings in the name of a user. The error's code, and what it says.
    async fn create(&self, user: &str, configs: &[(&str, &str)]) -> (i16, String) {
        let nowhere: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let session = Session::of(Arc::clone(&self.service), nowhere, nowhere, Principal::user(user));
        let config = |(name, value): &(&str, &str)| create_topics::CreatableTopicConfig {
            name: Text::from(*name),
            value: Some(Text::from(*value)),
        };
        let topic = create_topics::CreatableTopic {
            name: Text::from("t"),
            num_partitions: 1,
            replication_factor: 1,
            configs: configs.iter().map(config).collect(),
            ..create_topics::CreatableTopic::default()
        };
        let asked = create_topics::Request { topics: vec![topic], ..create_topics::Request::default() };
        let Outcome::Reply(reply) = asked.handle(Arc::new(session), 7).await else { panic!("no reply") };
        let told = &reply.topics[0];
        (told.error_code, told.error_message.as_deref().unwrap_or_default().to_owned())
    }

    /// Appends records to the topic; no value removes the key.
    async fn append(&self, records: &[(&str, Option<&str>)]) {
        let mut participants = Participants::new(Arc::clone(self.service.runtime.journal()));
        participants.register(Arc::clone(&self.publisher) as Arc<dyn Participant>);
        let runtime = &self.service.runtime;
        for (key, value) in records {
            let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
            let mut outbox = participants.outbox();
            outbox.send("streams", request("t", Some(bytes(key)), value.map(bytes))).unwrap();
            outbox.commit(runtime, &mut runtime.transaction()).await.unwrap();
        }
        let reached = runtime.journal().reached(Durability::Sync);
        for partition in self.service.topics.get("t").unwrap().partitions().iter() {
            // What a node does in the background once a batch is durable.
            partition.lock().unwrap().state_mut().advance(reached);
        }
    }

    fn pump(&self) -> Pump {
        let topic = self.service.topics.get("t").unwrap();
        let parts = pump::Parts {
            runtime: Arc::clone(&self.service.runtime),
            participants: Arc::clone(&self.service.participants),
            groups: Arc::clone(&self.service.groups),
        };
        Pump::new(parts, known(&topic), topic.partitions())
    }

    /// What is written, `key=value` with spaces between.
    fn shelf(&self) -> String {
        let shelf = self.shelf.shelf().lock().unwrap();
        let rows = shelf.state().get().0.iter();
        let rows = rows.map(|(key, value)| {
            format!("{}={}", String::from_utf8_lossy(key), String::from_utf8_lossy(value))
        });
        rows.collect::<Vec<_>>().join(" ")
    }
}

fn role(name: &str, allowed: &[(&str, &str)]) -> Role {
    let statement = |(service, resource): &(&str, &str)| Statement {
        effect: Effect::Allow,
        service: (*service).to_owned(),
        actions: vec!["*".to_owned()],
        resources: vec![(*resource).to_owned()],
    };
    let statements = allowed.iter().map(statement).collect();
    Role { name: name.to_owned(), policies: vec![Policy { name: "p".to_owned(), statements }] }
}

#[tokio::test]
async fn a_sink_is_set_by_who_may_write_there_and_where_there_is_a_target() {
    let world = World::new().await;
    let denied = ErrorCode::ClusterAuthorizationFailed.number();
    let invalid = ErrorCode::InvalidConfig.number();
    let to = |target: &'static str| ("sink.target", target);
    for (user, configs, code, part) in [
        ("topics", &[to("shelf/0")][..], denied, "may not alter_configs cluster"),
        (
            "cluster",
            &[to("shelf/0")],
            denied,
            "may not write to default/shelf/0 of shelf, where the sink would",
        ),
        ("all", &[to("shelf/1")], denied, "may not write to default/shelf/1 of shelf"),
        ("more", &[to("shelf/1")], invalid, "sink.target is \"shelf/1\": shelf has no dataset \"1\""),
        ("all", &[to("nobody/0")], invalid, "service \"nobody\" takes no part in batches"),
        ("all", &[to("shelf/0"), ("sink.key.prefix", "p:")], invalid, "sink.key.prefix cannot be \"p:\""),
        ("all", &[to("shelf/0")], 0, ""),
    ] {
        let (found, said) = world.create(user, configs).await;
        assert!(found == code && said.contains(part), "{user} {configs:?}: {found} {said}");
    }
}

#[tokio::test]
async fn a_refused_batch_comes_again_record_by_record() {
    let world = World::new().await;
    assert_eq!(world.create("all", &[("sink.target", "shelf/0")]).await, (0, String::new()));
    let plan = world.service.topics.get("t").unwrap().settings().sink.clone();
    let target = plan.target.clone().unwrap();
    let mut pump = world.pump();
    // The newest record of each key.
    world
        .append(&[("a", Some("1")), ("b", Some("1")), ("a", Some("2")), ("c", Some("1")), ("c", None)])
        .await;
    pump.load().await.unwrap();
    assert_eq!(pump.take(&plan, 100), Ok(false));
    let written = pump.write(&target).await.unwrap();
    assert_eq!((written.keys, written.records, world.shelf().as_str()), (3, 5, "a=2 b=1"));
    assert_eq!(pump.lag(), 0);
    // A batch that is refused leaves nothing, and its position stays.
    world.append(&[("a", Some("3")), ("b", Some("2")), ("a", Some("refuse")), ("b", Some("3"))]).await;
    assert_eq!(pump.take(&plan, 100), Ok(false));
    let refused = pump.write(&target).await;
    assert_eq!(refused, Err(Failure::Batch("the value \"refuse\" is refused".to_owned())));
    pump.load().await.unwrap();
    assert_eq!((world.shelf().as_str(), pump.lag()), ("a=2 b=1", 4));
    // One by one, what comes before the one that is the reason is written, of the same key as well, and the reason is named.
    for expected in ["a=3 b=1", "a=3 b=2"] {
        assert_eq!(pump.take(&plan, 1), Ok(true));
        assert_eq!((pump.write(&target).await.unwrap().records, world.shelf().as_str()), (1, expected));
    }
    assert_eq!(pump.take(&plan, 1), Ok(true));
    assert!(matches!(pump.write(&target).await, Err(Failure::Batch(_))));
    assert_eq!(pump.first().as_deref(), Some("the record at offset 7 of partition 0"));
    pump.load().await.unwrap();
    assert_eq!((world.shelf().as_str(), pump.lag()), ("a=3 b=2", 2));
}
