//! Who may use the door, as traits that identity implements.

use std::fmt;
use std::net::SocketAddr;

use base64ct::{Base64, Encoding as _};
use bole_identity::Role;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::Error;

/// A name and a password, as HTTP Basic carries them (RFC 7617).
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Credentials {
    /// The value of an `Authorization` header.
    pub fn to_header(&self) -> String {
        format!("Basic {}", Base64::encode_string(format!("{}:{}", self.user, self.password).as_bytes()))
    }

    /// Reads the value of an `Authorization` header.
    pub fn from_header(value: &str) -> Result<Self, String> {
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(format!("authorization scheme \"{scheme}\" is unknown; use Basic"));
        }
        let text = Base64::decode_vec(token.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or("the Basic token is not base64 of UTF-8 text")?;
        let (user, password) = text.split_once(':').ok_or("the Basic token has no colon")?;
        Ok(Self { user: user.to_owned(), password: password.to_owned() })
    }
}

/// What a request wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read status and metrics.
    ReadStatus,
    /// List, add and remove users.
    ManageUsers,
    /// See damage of large objects, have it looked for, and say where their bytes are kept.
    ManageBlobs,
    /// See what the gateway does.
    ReadGateway,
    /// Change what the gateway does.
    ManageGateway,
    /// See zones of the DNS server, and why its answers are as they are.
    ReadDns,
    /// Change zones.
    ManageDns,
    /// Tell loads and conditions of targets of the DNS server.
    TellDns,
    /// Register and take out instances of this service of the gateway.
    RegisterInstances(String),
}

/// Decides who may do what.
pub trait Authenticator: Send + Sync + 'static {
    /// Whether these are the credentials of a user that is enabled.
    fn verify<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<bool, Error>>;
    /// A number that is another one after the user's password was changed; `None` where there is no enabled user of this name.
    fn stamp(&self, user: &str) -> Option<u64>;
    /// Whether a user of whom is known already that it is one may do `action`: `Denied` when it may not.
    fn permit(&self, user: &str, action: &Action) -> Result<(), Error>;
    /// Checks the credentials of a request from `peer` and whether their owner may do `action`; returns the owner's
    /// name. [`Error::Unauthenticated`] when they are missing or wrong, `Denied` when the owner may not.
    fn authorize<'a>(
        &'a self,
        peer: SocketAddr,
        credentials: Option<&'a Credentials>,
        action: Action,
    ) -> BoxFuture<'a, Result<String, Error>>;
}

/// A user as the door shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name.
    pub name: String,
    /// The roles.
    pub roles: Vec<String>,
    /// Whether it may do anything for now.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The ids of its access keys.
    #[serde(default)]
    pub access_keys: Vec<String>,
}

const fn yes() -> bool {
    true
}

/// What may be changed of a user; what is not said stays.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserChange {
    /// Its roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// Whether it may do anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Its password, in clear; only its verifiers are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

impl fmt::Debug for UserChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { roles, enabled, password } = self;
        f.debug_struct("UserChange")
            .field("roles", roles)
            .field("enabled", enabled)
            .field("password", &password.is_some())
            .finish()
    }
}

/// An access key to be made; what is not said is made up.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewAccessKey {
    /// Its id.
    pub id: Option<String>,
    /// Its secret.
    pub secret: Option<String>,
}

impl fmt::Debug for NewAccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewAccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An access key that was made: the only time that its secret is told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeAccessKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

impl fmt::Debug for MadeAccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MadeAccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A user to be added.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The name.
    pub name: String,
    /// The password in clear; only its verifiers are kept.
    pub password: String,
    /// The roles; none means the default of identity.
    #[serde(default)]
    pub roles: Vec<String>,
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser")
            .field("name", &self.name)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

/// The users of the node. Changes are durable when the future is done.
pub trait Users: Send + Sync + 'static {
    /// All users, in order of name.
    fn list(&self) -> BoxFuture<'_, Result<Vec<User>, Error>>;
    /// Adds a user; `Conflict` if the name is taken.
    fn add(&self, user: NewUser) -> BoxFuture<'_, Result<(), Error>>;
    /// Removes a user; `NotFound` if there is none of that name.
    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>>;
    /// Changes a user; `NotFound` if there is none of that name, or a role is none.
    fn change<'a>(&'a self, name: &'a str, change: UserChange) -> BoxFuture<'a, Result<(), Error>>;
    /// Gives a user an access key; `Conflict` if its id is somebody's.
    fn add_key<'a>(&'a self, name: &'a str, key: NewAccessKey)
    -> BoxFuture<'a, Result<MadeAccessKey, Error>>;
    /// Takes an access key from a user; `NotFound` if it has none of this id.
    fn remove_key<'a>(&'a self, name: &'a str, id: &'a str) -> BoxFuture<'a, Result<(), Error>>;
    /// All roles, in order of name.
    fn roles(&self) -> BoxFuture<'_, Result<Vec<Role>, Error>>;
    /// Adds or replaces a role; `InvalidInput` if it is none.
    fn put_role(&self, role: Role) -> BoxFuture<'_, Result<(), Error>>;
    /// Removes a role; `NotFound` if there is none of that name, `Conflict` if somebody has it.
    fn remove_role<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_survive_their_header_and_never_show_the_password() {
        for (user, password) in [("bole", "bolebole"), ("a", ""), ("ä", "x:y z")] {
            let credentials = Credentials { user: user.to_owned(), password: password.to_owned() };
            assert_eq!(Credentials::from_header(&credentials.to_header()), Ok(credentials));
        }
        let secret = Credentials { user: "a".to_owned(), password: "hunter2".to_owned() };
        assert!(!format!("{secret:?}").contains("hunter2"));
        let user = NewUser { name: "a".to_owned(), password: "hunter2".to_owned(), roles: Vec::new() };
        assert!(!format!("{user:?}").contains("hunter2"));
    }

    #[test]
    fn bad_headers_say_what_is_wrong() {
        for (header, part) in [
            ("Bearer x", "\"Bearer\" is unknown"),
            ("Basic ???", "not base64"),
            ("Basic /w==", "not base64 of UTF-8"),
            ("Basic Ym9sZQ==", "no colon"),
            ("", "\"\" is unknown"),
        ] {
            let message = Credentials::from_header(header).unwrap_err();
            assert!(message.contains(part), "{header}: {message}");
        }
    }
}
