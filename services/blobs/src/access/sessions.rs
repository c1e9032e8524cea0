//! Callers with temporary credentials: who they are, and what limits them.

use bole_identity::session::{Of, Refused};

use super::request::{Arrived, Head};
use super::{Caller, User, Users};
use crate::error::{Code, Error, Result};
use crate::rules::policy::{Kind, Policy, Request, Verdict};
use crate::service::Service;
use bole_identity::secret::Plain;

/// What temporary credentials allow at most.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// What their policy allows.
    pub policy: Option<Policy>,
    /// What this role allows.
    pub role: Option<String>,
    /// The roles of somebody of another system, who is no user: in place of a user's.
    pub roles: Option<Vec<String>>,
}

impl Limits {
    /// What the session says: it has to allow what is done, and what it denies is denied. Nothing where it says nothing at all.
    pub fn verdict(&self, users: &dyn Users, request: &Request<'_>, resource: &str) -> Option<Verdict> {
        let policy = self.policy.as_ref().map(|policy| policy.decide(request).verdict);
        let role = self
            .role
            .as_ref()
            .map(|role| users.verdict_of_roles(std::slice::from_ref(role), request.action, resource));
        match (policy, role) {
            (None, one) | (one, None) => one,
            (Some(Verdict::Deny), _) | (_, Some(Verdict::Deny)) => Some(Verdict::Deny),
            (Some(Verdict::Allow), Some(Verdict::Allow)) => Some(Verdict::Allow),
            _ => Some(Verdict::Silent),
        }
    }
}

fn no_such_key() -> Error {
    let text = "The AWS Access Key Id you provided does not exist in our records.";
    Error::new(Code::InvalidAccessKeyId, text)
}

fn unreadable(error: &str) -> Error {
    tracing::error!(error, "an access key cannot be looked up");
    Error::new(Code::InternalError, "We encountered an internal error. Please try again.")
}

fn invalid_token() -> Error {
    Error::new(Code::InvalidToken, "The provided token is malformed or otherwise invalid.")
}

impl Service {
    /// The secret that belongs to an access key. Of a temporary one that says only who made the signature: whether it is good still, its token
    /// says ([`Service::caller`]). Errors: there is no such key.
    pub(crate) fn secret(&self, access_key: &str) -> Result<Plain> {
        if let Some((_, secret)) = self.users.secret(access_key).map_err(|error| unreadable(&error))? {
            return Ok(secret);
        }
        self.users.temporary_secret(access_key).ok_or_else(no_such_key)
    }

    /// Whom a request is from whose signature was checked: the access key that it is by, nothing for an anonymous one, and the token that it has.
    /// Errors: the key is gone, the token does not belong to it or is good no more.
    pub(crate) fn caller(
        &self,
        access_key: Option<&str>,
        token: Option<&str>,
        head: &Head<'_>,
        arrived: &Arrived,
    ) -> Result<Caller> {
        let (user, limits) = match (access_key, token) {
            (None, None) => (None, None),
            (None, Some(_)) => return Err(invalid_token()),
            (Some(key), token) => {
                let (user, limits) = self.signer(key, token)?;
                (Some(user), limits)
            }
        };
        let context = head.context(user.as_ref(), arrived);
        let source_address = arrived.peer.ip().to_canonical().to_string();
        Ok(Caller { context, user, limits, source_address, request_id: arrived.request_id.clone() })
    }

    /// Whom a request is from that this node knows the user of: who may do what is judged as for a request that the user signed.
    pub(crate) fn known_caller(
        &self,
        known: &crate::door::known::Known,
        head: &Head<'_>,
        arrived: &Arrived,
    ) -> Caller {
        let user = Some(User::new(&self.config.account, known.user()));
        let context = head.context(user.as_ref(), arrived);
        let source_address = arrived.peer.ip().to_canonical().to_string();
        Caller { context, user, limits: None, source_address, request_id: arrived.request_id.clone() }
    }

    fn signer(&self, access_key: &str, token: Option<&str>) -> Result<(User, Option<Limits>)> {
        let account = &self.config.account;
        if let Some(name) = self.users.owner(access_key).map_err(|error| unreadable(&error))? {
            // A token of somebody else's would be ignored, and nothing is.
            return if token.is_some() {
                Err(invalid_token())
            } else {
                Ok((User::new(account, &name), None))
            };
        }
        let token = token.ok_or_else(no_such_key)?;
        let session = self.users.session(access_key, token).map_err(|refused| match refused {
            Refused::Invalid => invalid_token(),
            Refused::Expired => Error::new(Code::ExpiredToken, "The provided token has expired."),
        })?;
        let policy = session.policy.as_deref().map(|text| Policy::parse(text, Kind::Session));
        let policy = policy.transpose().map_err(|_| invalid_token())?;
        let user = User::new(account, session.of.name());
        let limits = match session.of {
            Of::User { role, .. } => Limits { policy, role, roles: None },
            Of::Foreign { issuer, roles, .. } => {
                let is_trusted =
                    self.config.web_identity.as_ref().is_some_and(|web| web.verifier.issuer() == issuer);
                if !is_trusted {
                    return Err(invalid_token());
                }
                Limits { policy, role: None, roles: Some(roles) }
            }
        };
        Ok((user, Some(limits)))
    }
}
