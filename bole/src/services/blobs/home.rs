//! Where chunks are: the node's own files, and the cluster that the settings name. Credentials come from a file or from the variables that S3's tools read; no setting holds a secret.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use bole_blobs::chunks::Home;
use bole_blobs::chunks::cluster::Cluster;
use bole_blobs::chunks::homes::{HomeNumber, Homes};
use bole_blobs::chunks::local::Local;
use bole_blobs::chunks::s3::{self, Endpoint};
use bole_blobs::state::Blobs;
use tokio::runtime::Handle;

use crate::config::Settings;
use crate::config::value::ChunkHome;

/// Keys to a server that speaks S3.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) session_token: Option<String>,
}

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

impl Keys {
    /// From the variables that S3's tools read.
    pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let found = |name: &str| {
            let value = variable(name).filter(|value| !value.is_empty());
            value.with_context(|| format!("the variable {name} is not set"))
        };
        Ok(Self {
            access_key: found("AWS_ACCESS_KEY_ID")?,
            secret_key: found("AWS_SECRET_ACCESS_KEY")?,
            session_token: variable("AWS_SESSION_TOKEN").filter(|token| !token.is_empty()),
        })
    }

    /// From a file as S3's tools keep it.
    pub(crate) fn of_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("the credentials in {} cannot be read", path.display()))?;
        Self::read(&text).with_context(|| format!("in {}", path.display()))
    }

    /// The profile `default`, or what stands before any profile.
    fn read(text: &str) -> Result<Self> {
        let (mut keys, mut applies) = ([None, None, None], true);
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with(['#', ';'])) {
            if let Some(profile) = line.strip_prefix('[') {
                applies = profile.trim_end_matches(']').trim() == "default";
                continue;
            }
            // The line is not told: it may hold the secret.
            let Some((name, value)) = line.split_once('=') else { bail!("a line is not NAME = VALUE") };
            let names = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];
            if let Some(place) = names.iter().position(|known| *known == name.trim())
                && applies
            {
                keys[place] = Some(value.trim().to_owned());
            }
        }
        let [access_key, secret_key, session_token] = keys;
        Ok(Self {
            access_key: access_key.context("the profile \"default\" has no aws_access_key_id")?,
            secret_key: secret_key.context("the profile \"default\" has no aws_secret_access_key")?,
            session_token,
        })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_as_other_tools_read_them() {
        let of = |text: &str| {
            Keys::read(text).map(|keys| (keys.access_key, keys.secret_key, keys.session_token.unwrap_or_default()))
        };
        let keys = |token: &str| Some(("a".to_owned(), "s=1".to_owned(), token.to_owned()));
        for (text, expected) in [
            ("aws_access_key_id=a\naws_secret_access_key=s=1", keys("")),
            (
                "# mine\n[other]\naws_access_key_id = x\n[default]\naws_access_key_id = a\naws_secret_access_key = s=1\naws_session_token = t\nregion = r\n",
                keys("t"),
            ),
            ("[other]\naws_access_key_id=a\naws_secret_access_key=s", None),
            ("aws_access_key_id=a", None),
            ("hunter2", None),
        ] {
            assert_eq!(of(text).ok(), expected, "{text}");
        }
        assert!(!format!("{:#}", of("hunter2").unwrap_err()).contains("hunter2"));
        let missing = Keys::of_environment(|_| None).err().unwrap();
        assert!(missing.to_string().contains("AWS_ACCESS_KEY_ID"), "{missing}");
    }
}
