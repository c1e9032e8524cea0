//! A node of a network: takes the purges that the control has for it, one after the other. Until it has heard what there is, nothing that it has
//! stored is answered unconfirmed; a control that cannot be reached later is asked again each second, and what is stored stays in use meanwhile.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bole_base::RealDisk;
use bole_base::disk::replace_file;
use bole_cdn::Cache;
use bole_cdn::purge::Target as CacheTarget;

use super::Member;
use super::control::{Control, News};
use crate::admin::Credentials;
use crate::http::{Client, escape};
use crate::shutdown::Shutdown;

/// How long a question waits at the control: shorter than the client's own bound.
const WAIT: Duration = Duration::from_secs(5);
/// Before a control that did not answer is asked again.
const AGAIN: Duration = Duration::from_secs(1);
/// As whom a node asks.
pub(super) const USER: &str = "cdn";

/// The number of the newest purge that this node has, on disk. It may say less than is true, never more: purges are durable before it is written.
#[derive(Clone)]
pub(super) struct Applied(PathBuf);

impl Applied {
    pub(super) fn open(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self(folder.join("network.applied")))
    }

    /// 0 if there is none yet.
    pub(super) fn read(&self) -> Result<u64> {
        match std::fs::read_to_string(&self.0) {
            Ok(text) => text.trim().parse().with_context(|| {
                format!("{} is no number; remove it, and all purges are taken anew", self.0.display())
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", self.0.display())),
        }
    }

    /// Durable when it returns: a file that a power cut left empty would stop the next start.
    fn write(&self, number: u64) -> std::io::Result<()> {
        replace_file(&RealDisk, &self.0, format!("{number}\n").as_bytes())
    }
}

/// Where purges come from.
pub(super) enum Source {
    /// From another node's admin door.
    Node(String),
    /// From this node.
    Here(Arc<Control>),
}

/// The node.
pub(super) struct Follower {
    pub(super) member: Member,
    pub(super) cache: Cache,
    pub(super) source: Source,
}

impl Follower {
    /// Follows until the node stops, on a task of its own.
    pub(super) fn start(self, shutdown: Shutdown) {
        // Where purges are taken here, all of them are.
        self.cache.set_in_sync(false);
        tokio::spawn(async move {
            let follower = Arc::new(self);
            tokio::select! {
                () = follower.follow() => {}
                _ = shutdown.requested() => {}
            }
        });
    }

    async fn follow(self: &Arc<Self>) {
        let mut told = false;
        loop {
            match self.step().await {
                Ok(()) => told = false,
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!("purges of the network are not heard of for now: {error:#}");
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    async fn step(self: &Arc<Self>) -> Result<()> {
        let after = self.member.network.applied();
        let wait = if self.cache.is_in_sync() { WAIT } else { Duration::ZERO };
        let news = match &self.source {
            Source::Here(control) => control.news(&self.member.name, self.member.shield, after, wait).await,
            Source::Node(address) => {
                let (client, path) = self.question(address, after, wait);
                let asked = tokio::task::spawn_blocking(move || client.request("GET", &path, b""));
                serde_json::from_slice(&asked.await??)
                    .context("the control's answer is in no form that is known")?
            }
        };
        let follower = Arc::clone(self);
        tokio::task::spawn_blocking(move || follower.take(&news, after)).await?
    }

    fn question(&self, address: &str, after: u64, wait: Duration) -> (Client, String) {
        let Member { name, shield, secret, .. } = &self.member;
        let credentials = Credentials { user: USER.to_owned(), password: secret.clone() };
        let client = Client { addr: address.to_owned(), credentials: Some(credentials) };
        let path = format!(
            "/api/gateway/cache/purges?node={}&shield={shield}&after={after}&wait_ms={}",
            escape(name),
            wait.as_millis()
        );
        (client, path)
    }

    /// Takes what is new: each purge is durable before the next, and all before the control hears of it.
    fn take(&self, news: &News, after: u64) -> Result<()> {
        if news.forget {
            self.cache.purge(CacheTarget::Everything, false)?;
        }
        for entry in &news.purges {
            self.cache.purge(entry.target.clone().into(), entry.soft)?;
        }
        if news.upto > after {
            self.applied().write(news.upto).context("how far purges were taken cannot be written")?;
            self.member.network.set_applied(news.upto);
        } else if !news.forget {
            self.cache.set_in_sync(true);
        }
        Ok(())
    }

    fn applied(&self) -> &Applied {
        &self.member.applied
    }
}
