//! Which blobs a command talks to, whether through TLS, and as whom.

use anyhow::{Context as _, Result};
use clap::Args;

use crate::cli::door::{DoorArgs, reachable};
use crate::cli::{default_user, is_loopback};
use crate::config::{self, Flags};
use crate::s3_client::{Client, Endpoint, Keys};

/// The blobs of a node.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct BlobsArgs {
    /// Address of the blobs; without it the one that ./bole.toml and the environment configure, or else 127.0.0.1:9000
    #[arg(long, value_name = "HOST:PORT")]
    addr: Option<String>,
    #[command(flatten)]
    door: DoorArgs,
}

impl BlobsArgs {
    /// A client: its access key is the user, and the password the secret. On this machine, and only there, the default user is taken when no other is named.
    pub(in crate::cli) fn client(&self) -> Result<Client> {
        let settings = config::load(&Flags::default(), std::env::vars_os())?.settings.blobs;
        let addr = self.addr.clone().unwrap_or_else(|| reachable(settings.listen));
        let keys = if let Some((access_key, secret_key)) = self.door.login()? {
            Keys { access_key, secret_key, session_token: None }
        } else {
            let here = is_loopback(&addr).then(default_user);
            let user =
                here.context("who asks? give --user with the access key; its secret is the password")?;
            Keys { access_key: user.user, secret_key: user.password, session_token: None }
        };
        let endpoint = Endpoint::new(&addr, self.door.load_tls()?)?;
        Ok(Client::new(endpoint, Some(keys), &settings.region.0))
    }
}
