//! What is kept: accounts, orders under way, certificates with their keys. *Persisted* as JSON, each under a name; whoever keeps it must keep it
//! secret.
//!
//! | name | text |
//! |---|---|
//! | `account/` and 64 hexadecimal digits (SHA-256 of directory, contact and external id, a line each) | [`Account`] |
//! | `certificate/` and its name in the document | [`Record`] |

use crate::error::{Failure, Result};
use crate::wanted::Wanted;
use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// What the names of records begin with.
pub const CERTIFICATE: &str = "certificate/";
/// What the names of accounts begin with.
pub const ACCOUNT: &str = "account/";

/// Keeps texts by name: durably, and secret. What is kept is there once the call has returned. Errors are for operators and hold no text.
#[async_trait]
pub trait Keeper: Send + Sync + 'static {
    /// What was kept last under a name.
    async fn load(&self, name: &str) -> std::result::Result<Option<String>, String>;
    /// Keeps a text in place of the one before.
    async fn keep(&self, name: &str, text: String) -> std::result::Result<(), String>;
    /// Forgets what was kept.
    async fn forget(&self, name: &str) -> std::result::Result<(), String>;
    /// All names under which something is kept.
    async fn names(&self) -> std::result::Result<Vec<String>, String>;
}

/// An account with an authority. *Persisted.*
#[derive(Serialize, Deserialize)]
pub struct Account {
    /// URL of the authority's directory.
    pub directory: String,
    /// Its key: PKCS#8, base64url.
    pub key: String,
    /// What the authority calls it. Without, it may or may not know the key yet.
    pub url: Option<String>,
}

/// A certificate that was issued. *Persisted.*
#[derive(Clone, Serialize, Deserialize)]
pub struct Issued {
    /// URL of the directory of who issued it.
    pub directory: String,
    /// Which kind was asked for.
    pub profile: Option<String>,
    /// For which names.
    pub hosts: Vec<String>,
    /// The chain, PEM.
    pub chain: String,
    /// Its key, PEM.
    pub key: String,
}

/// An order under way. *Persisted.*
#[derive(Clone, Serialize, Deserialize)]
pub struct Pending {
    /// URL of the directory of who was asked.
    pub directory: String,
    /// Which kind was asked for.
    pub profile: Option<String>,
    /// For which names.
    pub hosts: Vec<String>,
    /// What the authority calls it.
    pub url: String,
    /// The key of the certificate that comes of it, PEM.
    pub key: String,
}

/// All that is kept of a certificate. *Persisted.*
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Record {
    /// The one that is shown.
    pub issued: Option<Issued>,
    /// The next one.
    pub pending: Option<Pending>,
}

impl Issued {
    /// Whether it is what is wanted, or only the one before.
    pub fn is_for(&self, wanted: &Wanted) -> bool {
        self.directory == wanted.directory && self.profile == wanted.profile && self.hosts == wanted.hosts
    }
}

impl Pending {
    /// Whether what comes of it is what is wanted.
    pub fn is_for(&self, wanted: &Wanted) -> bool {
        self.directory == wanted.directory && self.profile == wanted.profile && self.hosts == wanted.hosts
    }
}

/// The name of a record.
pub fn certificate_name(wanted: &Wanted) -> String {
    format!("{CERTIFICATE}{}", wanted.name)
}

/// The name of an account: there is one for each directory, contact and external account.
pub fn account_name(wanted: &Wanted) -> String {
    let external = wanted.external.as_ref().map_or("", |external| external.id.as_str());
    let whole = format!("{}\n{}\n{external}", wanted.directory, wanted.contact_url().unwrap_or_default());
    let digest = Sha256::digest(whole.as_bytes());
    digest.iter().fold(ACCOUNT.to_owned(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}

/// Reads what is kept.
pub(crate) async fn load<T: DeserializeOwned>(keeper: &dyn Keeper, name: &str) -> Result<Option<T>> {
    let text = keeper.load(name).await.map_err(|error| here(name, &error))?;
    // The text is full of keys, and so may an error be that quotes it.
    let wrong = |_| here(name, &"it was written by another version, and cannot be read");
    text.map(|text| serde_json::from_str(&text).map_err(wrong)).transpose()
}

/// Keeps it.
pub(crate) async fn keep<T: Serialize>(keeper: &dyn Keeper, name: &str, value: &T) -> Result<()> {
    let text = serde_json::to_string(value).expect("records have only text");
    keeper.keep(name, text).await.map_err(|error| here(name, &error))
}

fn here(name: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::Here(format!("what is kept as {name:?} cannot be read or written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_read_for_ever() {
        let account = r#"{"directory":"https://a/d","key":"a2V5","url":"https://a/1"}"#;
        let record = concat!(
            r#"{"issued":{"directory":"https://a/d","profile":null,"hosts":["a.b"],"chain":"C","key":"K"},"#,
            r#""pending":{"directory":"https://a/d","profile":"short","hosts":["a.b"],"url":"https://a/o","key":"K"}}"#
        );
        let read: Account = serde_json::from_str(account).expect("its layout");
        assert_eq!(serde_json::to_string(&read).expect("text"), account);
        let read: Record = serde_json::from_str(record).expect("its layout");
        assert_eq!(serde_json::to_string(&read).expect("text"), record);
    }
}
