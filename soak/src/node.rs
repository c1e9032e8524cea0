//! A keyspace on a given shard runtime, put together as the node does it: datasets from the catalog, shards on the journal.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bole_base::{Durability, LogId, Position};
use bole_catalog::{Catalog, NewDataset};
use bole_keyspace::context::Grants;
use bole_keyspace::dataset::{Databases, Dataset};
use bole_keyspace::partition::Partition;
use bole_keyspace::service::{Authenticator, BoxFuture, Node, Parts};
use bole_keyspace::state::{Database, Limits, Seed};
use bole_keyspace::{Config, Service};
use bole_shard::{Hosted, Runtime, Shard};
use bole_testing::harness::OpenError;

use crate::command::class;
use crate::model::DATABASES;

/// Shards of each database that takes part.
const SHARDS: u64 = 4;
/// The catalog's setting that says which dataset is behind each database.
const MAP_SETTING: &str = "default/keyspace/databases";

/// Recovers catalog and keyspace, and opens the service; with `keeps` the logs are kept for feeds.
pub(crate) async fn open_service(
    runtime: Arc<Runtime>,
    seed: u64,
    keeps: bool,
) -> Result<Arc<Service>, OpenError> {
    let catalog = Catalog::host(Arc::clone(&runtime)).map_err(|error| failed(&error))?;
    runtime.recover(&[LogId::CATALOG]).await.map_err(|error| failed(&error))?;
    let datasets = host(&runtime, &catalog).await?;
    let logs: Vec<LogId> = datasets[..DATABASES].iter().flat_map(Dataset::logs).collect();
    if keeps {
        logs.iter().for_each(|log| runtime.pins().keep(*log));
    }
    runtime.recover(&logs).await.map_err(|error| failed(&error))?;
    for shard in runtime.status() {
        if let Some(reason) = shard.quarantined {
            return Err(OpenError::Failed(format!("shard {} is quarantined: {reason}", shard.name)));
        }
    }
    open_over(runtime, catalog, datasets, seed)
}

/// Opens the service over recovered datasets.
pub(crate) fn open_over(
    runtime: Arc<Runtime>,
    catalog: Catalog,
    datasets: Vec<Dataset>,
    seed: u64,
) -> Result<Arc<Service>, OpenError> {
    let map = read_map(&catalog).map_err(|error| failed(&error))?;
    let surroundings = Arc::new(Surroundings { catalog });
    Ok(Service::open(Parts {
        databases: Databases::new(datasets, map),
        runtime,
        config: Config::default(),
        authenticator: Arc::clone(&surroundings) as Arc<_>,
        node: surroundings,
        port: 0,
        seed,
    }))
}

/// Everything is allowed, and swaps are recorded in the catalog.
struct Surroundings {
    catalog: Catalog,
}

impl Authenticator for Surroundings {
    fn anonymous(&self) -> Option<Grants> {
        Some(Grants::ALL)
    }
    fn verify<'a>(&'a self, _user: &'a str, _password: &'a str) -> BoxFuture<'a, Option<Grants>> {
        Box::pin(async { None })
    }
    fn grants(&self, _user: &str) -> Option<Grants> {
        None
    }
    fn version(&self) -> u64 {
        0
    }
}

impl Node for Surroundings {
    fn swap(&self, first: usize, second: usize) -> Result<Position, String> {
        let mut map = read_map(&self.catalog).map_err(|error| error.to_string())?;
        map.swap(first, second);
        let text: Vec<String> = map.iter().map(u8::to_string).collect();
        self.catalog.set_now(MAP_SETTING, &text.join(",")).map_err(|error| error.to_string())
    }
    fn stop(&self) {}
}

fn read_map(catalog: &Catalog) -> anyhow::Result<[u8; bole_keyspace::dataset::DATABASES]> {
    let mut map = std::array::from_fn(|number| number as u8);
    if let Some(text) = catalog.read(|state| state.setting(MAP_SETTING).map(str::to_owned))? {
        for (place, number) in map.iter_mut().zip(text.split(',')) {
            *place = number.parse()?;
        }
    }
    Ok(map)
}

/// A journal that cannot be opened.
pub(crate) fn unopened(error: &bole_log::Error) -> OpenError {
    match error.kind() {
        bole_base::Kind::Corrupt => OpenError::Corrupt(error.to_string()),
        _ => failed(error),
    }
}

pub(crate) fn failed(error: &impl fmt::Display) -> OpenError {
    OpenError::Failed(error.to_string())
}

/// Hosts the datasets that take part, creating them at the first start; the others are there, empty, in memory.
async fn host(runtime: &Runtime, catalog: &Catalog) -> Result<Vec<Dataset>, OpenError> {
    host_databases(runtime, catalog, DATABASES, class).await
}

/// The same with the first database alone.
pub(crate) async fn host_database(
    runtime: &Runtime,
    catalog: &Catalog,
    durability: Durability,
) -> Result<Vec<Dataset>, OpenError> {
    host_databases(runtime, catalog, 1, |_| durability).await
}

async fn host_databases(
    runtime: &Runtime,
    catalog: &Catalog,
    count: usize,
    class: impl Fn(usize) -> Durability,
) -> Result<Vec<Dataset>, OpenError> {
    let name = |number: usize| format!("default/keyspace/{number}");
    if catalog.read(|state| state.dataset(&name(0)).is_none()).map_err(|error| failed(&error))? {
        let new = |number| NewDataset { name: name(number), shards: SHARDS, attributes: BTreeMap::new() };
        let wanted: Vec<_> = (0..count).map(new).collect();
        catalog.create(&wanted).await.map_err(|error| failed(&error))?;
    }
    let mut datasets = Vec::new();
    for number in 0..bole_keyspace::dataset::DATABASES {
        let logged = number < count;
        let logs: Vec<LogId> = if logged {
            let record = catalog
                .read(|state| state.dataset(&name(number)).cloned())
                .map_err(|error| failed(&error))?;
            let record =
                record.ok_or_else(|| OpenError::Failed(format!("the catalog lost {}", name(number))))?;
            record.logs().collect()
        } else {
            vec![LogId((1 << 40) + number as u64)]
        };
        let mut shards = Vec::new();
        for (index, log) in logs.into_iter().enumerate() {
            let partition = Partition::new(Database::new(Seed(1, 2), Limits::default()));
            let shard = Arc::new(Shard::new(log, format!("{}#{index}", name(number)), partition));
            if logged {
                runtime.host(Arc::clone(&shard) as Arc<dyn Hosted>).map_err(|error| failed(&error))?;
            }
            shards.push(shard);
        }
        let class = if logged { class(number) } else { Durability::Memory };
        datasets.push(Dataset::new(name(number), shards, class));
    }
    Ok(datasets)
}
