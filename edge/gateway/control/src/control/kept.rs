//! Secret texts that the gateway has to have again after a restart: accounts with authorities, orders, certificates with their keys. They are sealed
//! before they come to the log, like the secrets of the document, and no request of the API sees them.

use super::Control;
use crate::entry::Change;
use crate::error::{Error, Result};
use crate::limits;

impl Control {
    /// The text that was kept last under this name, once it is durable. One that was sealed by another node's key file is as good as none.
    pub async fn kept(&self, name: &str) -> Result<Option<String>> {
        let Some(sealed) = self.read(|state| state.kept(name).cloned()).await? else { return Ok(None) };
        let opened = self.vault.open_text(name, &sealed);
        if opened.is_none() {
            tracing::warn!("{name:?} was sealed by another node's key file, and is not used any more");
        }
        Ok(opened)
    }

    /// The names of all texts that are kept.
    pub async fn kept_names(&self) -> Result<Vec<String>> {
        self.read(|state| state.kept_names().cloned().collect()).await
    }

    /// Keeps a text in place of the one before. It is durable when this returns.
    pub async fn keep(&self, name: &str, text: &str) -> Result<()> {
        if text.len() > limits::KEPT_BYTES_MAX {
            let (bytes, most) = (text.len(), limits::KEPT_BYTES_MAX);
            return Err(Error::Limit(format!("{name:?} has {bytes} bytes; at most {most} are possible")));
        }
        let sealed = self.vault.close_text(name, text);
        self.shard
            .change(&self.runtime, |state| {
                if state.kept(name).is_none() && state.kept_names().len() >= limits::KEPT_MAX {
                    let most = limits::KEPT_MAX;
                    return Err(Error::Limit(format!(
                        "{most} texts are kept already; there is no room for {name:?}"
                    )));
                }
                Ok((vec![Change::Keep { name: name.to_owned(), sealed: sealed.clone() }], ()))
            })
            .await
    }

    /// Forgets a text, if there is one.
    pub async fn forget(&self, name: &str) -> Result<()> {
        self.shard
            .change(&self.runtime, |state| {
                let forget = || Change::Forget { name: name.to_owned() };
                Ok((state.kept(name).map(|_| forget()).into_iter().collect(), ()))
            })
            .await
    }
}
