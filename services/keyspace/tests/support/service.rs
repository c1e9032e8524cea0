//! An empty service on any runtime.

use std::sync::Arc;

use bole_base::{Durability, LogId, Position};
use bole_keyspace::Config;
use bole_keyspace::context::Grants;
use bole_keyspace::dataset::{DATABASES, Databases, Dataset};
use bole_keyspace::partition::Partition;
use bole_keyspace::service::{Authenticator, BoxFuture, Node, Parts, Service};
use bole_keyspace::state::{Database, Limits, Seed};
use bole_shard::{Runtime, Shard};

/// Anonymous clients may do everything; the user `bole` has the password `bolebole`.
struct Open;

impl Authenticator for Open {
    fn anonymous(&self) -> Option<Grants> {
        Some(Grants::ALL)
    }
    fn verify<'a>(&'a self, user: &'a str, password: &'a str) -> BoxFuture<'a, Option<Grants>> {
        let right = user == "bole" && password == "bolebole";
        Box::pin(async move { right.then_some(Grants::ALL) })
    }
    fn grants(&self, user: &str) -> Option<Grants> {
        (user == "bole").then_some(Grants::ALL)
    }
    fn version(&self) -> u64 {
        0
    }
}

impl Node for Open {
    fn swap(&self, _first: usize, _second: usize) -> Result<Position, String> {
        Ok(Position::ZERO)
    }
    fn stop(&self) {}
}

/// An empty service with `shards` shards a database, which nobody hosts.
pub(crate) fn service_on(runtime: Arc<Runtime>, shards: u64, config: Config) -> Arc<Service> {
    let seed = Seed(1, 2);
    let dataset = |number: u64| {
        let shard = |index: u64| {
            let id = LogId(LogId::FIRST_DATASET.0 + number * shards + index);
            let partition = Partition::new(Database::new(seed, Limits::default()));
            Arc::new(Shard::new(id, format!("default/keyspace/{number}#{index}"), partition))
        };
        Dataset::new(
            format!("default/keyspace/{number}"),
            (0..shards).map(shard).collect(),
            Durability::Async,
        )
    };
    let databases = Databases::new(
        (0..DATABASES as u64).map(dataset).collect(),
        std::array::from_fn(|database| database as u8),
    );
    Service::open(Parts {
        databases,
        runtime,
        config,
        authenticator: Arc::new(Open),
        node: Arc::new(Open),
        port: 0,
        seed: 7,
    })
}
