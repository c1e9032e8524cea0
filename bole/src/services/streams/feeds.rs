//! Which feeds are topics, and what they are called there.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use bole_shard::changes::Changes;
use bole_streams::feeds::{Feeds, Shown};

use crate::config::Settings;
use crate::kernel::Kernel;

/// Shows the feeds that the settings name, and keeps what they show. Recovery, which may trim, comes after this.
pub(super) async fn open(settings: &Settings, kernel: &Kernel) -> Result<Feeds> {
    let shown: Vec<_> = settings.feed_databases().into_iter().map(shown).collect();
    let changes = Arc::clone(&kernel.feeds) as Arc<dyn Changes>;
    for Shown { dataset, .. } in &shown {
        changes.keep(dataset).with_context(|| format!("the changes of {dataset} cannot be kept"))?;
    }
    let feeds = Feeds::open(&kernel.catalog, &changes, &shown).await;
    feeds.map_err(anyhow::Error::msg).context("the change feeds cannot be opened")
}

fn shown(database: u8) -> Shown {
    Shown {
        dataset: format!("default/keyspace/{database}"),
        topic: format!("keyspace.{database}"),
        headers: vec![("database".to_owned(), database.to_string())],
    }
}
