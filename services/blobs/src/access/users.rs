//! Users and their access keys, as the door asks for them.

use bole_identity::session::{Credentials, Refused, Session};
use bole_identity::{Identity, policy, secret::Plain};
use ring::digest;

use crate::rules::policy::Verdict;
use crate::rules::policy::access::SERVICE;

/// Whom a request is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The account: 12 digits.
    pub account: String,
    /// As ACLs and owners name the user: 64 hexadecimal digits.
    pub canonical: String,
}

impl User {
    /// The user of that name in that account.
    pub fn new(account: &str, name: &str) -> Self {
        let canonical = canonical_id(account, name);
        Self { name: name.to_owned(), account: account.to_owned(), canonical }
    }
}

/// The canonical id of a user: always the same, and of no other user. *Persisted* in rows as owners and grantees.
pub fn canonical_id(account: &str, name: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digest = digest::digest(&digest::SHA256, format!("bole blobs user 1\n{account}\n{name}").as_bytes());
    let digits = digest.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// What the door asks identity.
pub trait Users: Send + Sync + 'static {
    /// The name of the enabled user that has this access key, with the key's secret; nothing if there is none. Errors: a sentence for the
    /// operator.
    fn secret(&self, access_key: &str) -> Result<Option<(String, Plain)>, String>;

    /// The name of the enabled user that has this access key. Errors: a sentence for the operator.
    fn owner(&self, access_key: &str) -> Result<Option<String>, String> {
        Ok(self.secret(access_key)?.map(|(name, _)| name))
    }

    /// What a user's roles say. What cannot be asked denies.
    fn verdict(&self, user: &str, action: &str, resource: &str) -> Verdict;

    /// What roles of these names say; those that do not exist say nothing.
    fn verdict_of_roles(&self, roles: &[String], action: &str, resource: &str) -> Verdict;

    /// Whether there is a role of that name.
    fn has_role(&self, role: &str) -> bool;

    /// The secret of an access key that has the form of temporary ones.
    fn temporary_secret(&self, access_key: &str) -> Option<Plain>;

    /// The session of a temporary access key and its token, if it is good now.
    fn session(&self, access_key: &str, token: &str) -> Result<Session, Refused>;

    /// Makes temporary credentials.
    fn begin_session(&self, session: &Session) -> bole_identity::Result<Credentials>;
}

impl Users for Identity {
    fn secret(&self, access_key: &str) -> Result<Option<(String, Plain)>, String> {
        self.access_key(access_key).map_err(|error| error.to_string())
    }

    fn owner(&self, access_key: &str) -> Result<Option<String>, String> {
        self.owner_of_access_key(access_key).map_err(|error| error.to_string())
    }

    fn verdict(&self, user: &str, action: &str, resource: &str) -> Verdict {
        self.read(|directory| Verdict::from(directory.allowed(user, SERVICE, action, resource)))
            .unwrap_or(Verdict::Deny)
    }

    fn verdict_of_roles(&self, roles: &[String], action: &str, resource: &str) -> Verdict {
        self.read(|directory| {
            let roles = roles.iter().filter_map(|name| directory.role(name)).map(AsRef::as_ref);
            Verdict::from(policy::decide(roles, SERVICE, action, resource))
        })
        .unwrap_or(Verdict::Deny)
    }

    fn has_role(&self, role: &str) -> bool {
        self.read(|directory| directory.role(role).is_some()).unwrap_or(false)
    }

    fn temporary_secret(&self, access_key: &str) -> Option<Plain> {
        Self::temporary_secret(self, access_key)
    }

    fn session(&self, access_key: &str, token: &str) -> Result<Session, Refused> {
        Self::session(self, access_key, token)
    }

    fn begin_session(&self, session: &Session) -> bole_identity::Result<Credentials> {
        Self::begin_session(self, session)
    }
}
