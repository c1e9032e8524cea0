//! Where chunks are: the node's own files, and the cluster that the settings name. Credentials come from a file or from the variables that S3's tools read; no setting holds a secret.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bole_blobs::chunks::Home;
use bole_blobs::chunks::cluster::Cluster;
use bole_blobs::chunks::homes::{HomeNumber, Homes};
use bole_blobs::chunks::local::Local;
use bole_blobs::chunks::s3::{self, Endpoint};
use bole_blobs::state::Blobs;
use tokio::runtime::Handle;

use crate::config::Settings;
use crate::config::value::ChunkHome;
use crate::s3_client::Keys;

/// The cluster of the settings, if they name one.
pub(super) fn cluster(settings: &Settings) -> Result<Option<(Endpoint, Cluster)>> {
    let blobs = &settings.blobs;
    let (Some(url), Some(bucket)) = (&blobs.s3_endpoint, &blobs.s3_bucket) else { return Ok(None) };
    let keys = match &blobs.s3_credentials_file {
        Some(path) => Keys::of_file(path)?,
        None => Keys::of_environment(|name| std::env::var(name).ok())
            .context("blobs.s3_endpoint needs credentials: set blobs.s3_credentials_file, or variables")?,
    };
    let endpoint = Endpoint {
        url: url.clone(),
        bucket: bucket.clone(),
        prefix: blobs.s3_prefix.clone().unwrap_or_default(),
        region: blobs.s3_region.0.clone(),
        access_key: keys.access_key,
        secret_key: keys.secret_key,
        session_token: keys.session_token,
    };
    let cluster = endpoint.open(Handle::current())?;
    Ok(Some((endpoint, cluster)))
}

/// The homes of a node.
pub(super) fn homes(settings: &Settings, local: Local, cluster: Option<&Cluster>) -> Homes {
    let local: Arc<dyn Home> = Arc::new(local);
    let current = match settings.blobs.home {
        ChunkHome::Local => HomeNumber::LOCAL,
        ChunkHome::S3 => HomeNumber::CLUSTER,
    };
    match cluster {
        Some(cluster) => Homes::with_cluster(local, Arc::new(cluster.clone()), current),
        None => Homes::local(local),
    }
}

/// Makes sure that the cluster is this node's; and without one, that nothing is in a cluster. Before the first sweep and the first write.
pub(super) async fn settle(blobs: &Blobs, cluster: Option<(Endpoint, Cluster)>, node: String) -> Result<()> {
    let is_known = blobs.knows_cluster()?;
    let Some((endpoint, cluster)) = cluster else {
        if is_known {
            let again = blobs.clone();
            let is_used = tokio::task::spawn_blocking(move || again.uses_cluster()).await??;
            ensure!(
                !is_used,
                "chunks of the blobs are in an S3 cluster, and blobs.s3_endpoint names none: set it again, with blobs.home = \"local\", and `bole blobs migrate` brings them here"
            );
            blobs.remember_cluster(false).await?;
        }
        return Ok(());
    };
    let claimed = tokio::task::spawn_blocking(move || s3::claim(&cluster, &node, is_known)).await?;
    claimed.with_context(|| format!("the home of chunks at {endpoint} cannot be used"))?;
    if !is_known {
        blobs.remember_cluster(true).await?;
    }
    tracing::info!(%endpoint, "chunks may be in a cluster");
    Ok(())
}
