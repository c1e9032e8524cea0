//! Shards of coordinators: datasets whose names begin with a tilde, which no topic's name does.

use std::collections::BTreeMap;
use std::sync::Arc;

use bole_catalog::{Catalog, NewDataset};
use bole_shard::{Hosted, Runtime, Shard, State};

use crate::Error;
use crate::topics::PREFIX;

/// The dataset of the shards of groups.
pub const GROUPS: &str = "~groups";
/// The dataset of the shards of transactional ids.
pub const TRANSACTIONS: &str = "~transactions";

/// Hosts the shards of a coordinator, `count` of them if the dataset is not there yet; the runtime recovers them next.
pub async fn host<S: State>(
    catalog: &Catalog,
    runtime: &Runtime,
    name: &str,
    count: u64,
    make: impl Fn() -> S,
) -> Result<Vec<Arc<Shard<S>>>, Error> {
    let name = format!("{PREFIX}{name}");
    let dataset = if let Some(dataset) = catalog.read(|state| state.dataset(&name).cloned())? {
        dataset
    } else {
        let attributes = BTreeMap::from([("sharding".to_owned(), "hash".to_owned())]);
        let new = NewDataset { name: name.clone(), shards: count, attributes };
        catalog.create(&[new]).await?.remove(0)
    };
    let mut shards = Vec::new();
    for (number, log) in dataset.logs().enumerate() {
        let shard = Arc::new(Shard::new(log, format!("{name}#{number}"), make()));
        runtime.host(Arc::clone(&shard) as Arc<dyn Hosted>)?;
        shards.push(shard);
    }
    Ok(shards)
}
