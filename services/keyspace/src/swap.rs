//! SWAPDB: exchanges the datasets behind two databases.
//!
//! All shards of all databases are locked meanwhile. The exchange is durable before the reply leaves: the node's catalog holds the map.

use bole_base::Durability;

use crate::context::Context;
use crate::failure::Outcome;

/// Exchanges two different databases.
///
/// Clients that watch a key of either fail their transaction; clients that block on one run their command again.
pub fn swap(context: &mut Context<'_, '_>, first: usize, second: usize) -> Outcome {
    let databases = context.keys.databases();
    let classes = (databases.dataset(first).class(), databases.dataset(second).class());
    if classes.0 != classes.1 {
        return Err(format!(
            "ERR databases {first} ({}) and {second} ({}) differ in durability; set both alike with CONFIG SET first",
            classes.0, classes.1
        )
        .into());
    }
    for database in [first, second] {
        for partition in context.keys.partitions(database) {
            partition.touch_all();
            for waiter in partition.blocked.values().flatten() {
                if waiter.claim() {
                    waiter.retry();
                }
            }
        }
    }
    let recorded = context.service.node.swap(first, second);
    let position = recorded.map_err(|text| format!("ERR the databases were not swapped: {text}"))?;
    context.keys.need.raise(Durability::Sync, position);
    databases.swap(first, second);
    Ok(())
}
