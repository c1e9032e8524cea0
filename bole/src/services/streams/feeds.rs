//! Which feeds are topics, and what they are called there.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use bole_shard::changes::Changes;
use bole_sql::changes::Feed;
use bole_sql::store::{Databases, PREFIX};
use bole_streams::feeds::{Directory, Feeds, Shown};
use bole_streams::limits::TOPIC_NAME_BYTES_MAX;
use bole_streams::protocol::Uuid;
use sha2::{Digest as _, Sha256};

use crate::config::Settings;
use crate::kernel::Kernel;
use crate::node_meta::NodeMeta;

/// Shows the feeds that the settings name, and keeps what they show. Recovery, which may trim, comes after this.
pub(super) async fn open(
    settings: &Settings,
    meta: &NodeMeta,
    kernel: &Kernel,
    databases: &Arc<Databases>,
) -> Result<Feeds> {
    let shown: Vec<_> = settings.feed_databases().into_iter().map(of_keyspace).collect();
    let changes = Arc::clone(&kernel.feeds) as Arc<dyn Changes>;
    for Shown { dataset, .. } in &shown {
        changes.keep(dataset).with_context(|| format!("the changes of {dataset} cannot be kept"))?;
    }
    let feeds = Feeds::open(&kernel.catalog, &changes, &shown).await;
    let feeds = feeds.map_err(anyhow::Error::msg).context("the change feeds cannot be opened")?;
    kernel.feeds.add_directory(Arc::clone(databases) as Arc<_>);
    let tables = Tables { databases: Arc::clone(databases), node: meta.node_id };
    Ok(feeds.with_directory(Arc::new(tables), changes))
}

fn of_keyspace(database: u8) -> Shown {
    let dataset = format!("default/keyspace/{database}");
    Shown {
        resource: dataset.clone(),
        dataset,
        topic: format!("keyspace.{database}"),
        headers: vec![("database".to_owned(), database.to_string())],
    }
}

/// What topics of tables are called before the database's name.
const SQL: &str = "sql.";

/// Tables as topics: `sql.DATABASE.TABLE`, or `sql.DATABASE.SCHEMA.TABLE` outside of `public`.
struct Tables {
    databases: Arc<Databases>,
    node: [u8; 16],
}

impl Tables {
    /// `None`: the names are none for a topic.
    fn shown(&self, feed: &Feed) -> Option<(Shown, Uuid)> {
        let is_sound = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        let names: Vec<&str> = feed.names().collect();
        let topic = format!("{SQL}{}", names.join("."));
        if !names.iter().all(|name| is_sound(name))
            || bole_streams::feeds::PREFIX.len() + topic.len() > TOPIC_NAME_BYTES_MAX
        {
            return None;
        }
        let (log, oid) = feed.identity;
        // Another table with its name gets another id, and so does the table when it gets another name.
        let digest = Sha256::new()
            .chain_update(self.node)
            .chain_update(log.0.to_be_bytes())
            .chain_update(oid.to_be_bytes())
            .chain_update(&topic)
            .finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let schema = feed.schema.as_deref().unwrap_or("public");
        let headers =
            vec![header("database", &feed.database), header("schema", schema), header("table", &feed.table)];
        let resource = format!("{PREFIX}{}", feed.database);
        Some((Shown { dataset: feed.dataset(), resource, topic, headers }, Uuid(id)))
    }
}

impl Directory for Tables {
    fn all(&self) -> Vec<(Shown, Uuid)> {
        self.databases.feeds().iter().filter_map(|feed| self.shown(feed)).collect()
    }

    fn find(&self, topic: &str) -> Option<(Shown, Uuid)> {
        let names: Vec<&str> = topic.strip_prefix(SQL)?.split('.').collect();
        let feed = match *names {
            [database, table] => self.databases.feed(database, None, table),
            // One table has one name.
            [_, "public", _] => None,
            [database, schema, table] => self.databases.feed(database, Some(schema), table),
            _ => None,
        };
        self.shown(&feed?)
    }

    fn version(&self) -> u64 {
        self.databases.feeds_version()
    }
}
