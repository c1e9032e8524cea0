//! Who may do what, as a trait that the node implements.

use std::fmt;

use base64ct::{Base64, Encoding as _};
use futures_util::future::BoxFuture;

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
    /// Reads the value of an `Authorization` header; `None` if it is not Basic.
    pub fn from_header(value: &str) -> Option<Self> {
        let (scheme, token) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(Base64::decode_vec(token.trim()).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some(Self { user: user.to_owned(), password: password.to_owned() })
    }
}

/// What a request wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See schemas, settings and modes, and compare.
    Read,
    /// Register, delete, and change settings and modes.
    Write,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No credentials, or wrong ones.
    Unauthenticated,
    /// The user may not; a sentence.
    Denied(String),
}

/// Decides who may do what.
pub trait Authenticator: Send + Sync + 'static {
    /// Checks credentials, if there are any, and whether their owner may do `action` to `subject`; none means the registry as a whole.
    fn authorize<'a>(
        &'a self,
        credentials: Option<&'a Credentials>,
        action: Action,
        subject: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), Refusal>>;
}

/// Lets everybody do everything: for tests, and for doors that only this machine reaches.
#[derive(Clone, Copy, Debug)]
pub struct Open;

impl Authenticator for Open {
    fn authorize<'a>(
        &'a self,
        _credentials: Option<&'a Credentials>,
        _action: Action,
        _subject: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(async { Ok(()) })
    }
}
