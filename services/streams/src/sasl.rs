//! Who a client is: the exchanges of SASL (RFC 4422) that Kafka's clients know, and where a connection stands in one.
//!
//! Reading order: this file (mechanisms, the exchange) → [`scram`] (RFC 5802) → [`oauth`] (RFC 7628).
//!
//! Invariants: an exchange that failed ends its connection; its answer does not tell whether the user exists; a client that authenticates
//! again stays the same user (KIP-368).

pub mod oauth;
pub mod scram;

use std::str::FromStr;

use bole_identity::{Identity, ScramHash};
use bytes::Bytes;

use crate::limits::SASL_BYTES_MAX;
use crate::session::Principal;

/// A way to show who one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    /// The password in clear (RFC 4616).
    Plain,
    /// A proof of the password (RFC 7677).
    ScramSha256,
    /// The same with SHA-512.
    ScramSha512,
    /// A signed token of another system (RFC 7628).
    OauthBearer,
}

impl Mechanism {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Plain, Self::ScramSha256, Self::ScramSha512, Self::OauthBearer];
    /// Those that need nothing but identity's users.
    pub const PASSWORDS: [Self; 3] = [Self::Plain, Self::ScramSha256, Self::ScramSha512];

    /// Its registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::OauthBearer => "OAUTHBEARER",
        }
    }
}

impl FromStr for Mechanism {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|mechanism| mechanism.name() == text);
        known.ok_or_else(|| format!("mechanism \"{text}\" is unknown"))
    }
}

/// Where a connection stands.
#[derive(Default)]
pub struct Login {
    exchange: Exchange,
    /// The mechanism by which the client came in.
    pub mechanism: Option<Mechanism>,
    /// When it has to have authenticated again, in milliseconds since the Unix epoch.
    pub expires_ms: Option<i64>,
}

#[derive(Default)]
enum Exchange {
    /// None is under way.
    #[default]
    Idle,
    /// The mechanism is agreed on.
    Chosen(Mechanism),
    /// SCRAM's second message was sent.
    Scram(Box<scram::Server>),
}

/// What became of a step.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// The client is to answer this.
    Challenge(Bytes),
    /// The client is who it says.
    Done {
        /// The last message.
        reply: Bytes,
        /// Who it is.
        principal: Principal,
        /// Until when, in milliseconds since the Unix epoch.
        expires_ms: Option<i64>,
    },
}

/// Why an exchange failed. The text is for the client, and does not say whether the user exists.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No mechanism was agreed on, or another exchange is under way.
    #[error("{0}")]
    State(String),
    /// The client is not who it says, or does not speak the mechanism.
    #[error("authentication by {mechanism} failed: {reason}")]
    Refused {
        /// The mechanism.
        mechanism: &'static str,
        /// What was wrong.
        reason: String,
    },
}

/// What the text of a wrong name and of a wrong password is.
const INVALID: &str = "the user or its credentials are wrong";

/// What exchanges are checked against.
#[derive(Clone, Copy)]
pub struct Against<'a> {
    /// Users and their passwords.
    pub identity: &'a Identity,
    /// Tokens.
    pub oauth: Option<&'a oauth::Verifier>,
    /// Milliseconds since the Unix epoch.
    pub now_ms: i64,
}

impl Login {
    /// Whether an exchange is under way: nothing else is answered until it ends.
    pub const fn is_under_way(&self) -> bool {
        !matches!(self.exchange, Exchange::Idle)
    }

    /// Begins an exchange. Errors: one is under way, or the client came in by another mechanism.
    pub fn choose(&mut self, mechanism: Mechanism) -> Result<(), Failure> {
        if self.is_under_way() {
            return Err(Failure::State("another SASL exchange is under way".to_owned()));
        }
        if let Some(before) = self.mechanism.filter(|before| *before != mechanism) {
            let (before, mechanism) = (before.name(), mechanism.name());
            return Err(Failure::State(format!(
                "a client that came in by {before} cannot authenticate again by {mechanism}"
            )));
        }
        self.exchange = Exchange::Chosen(mechanism);
        Ok(())
    }

    /// Takes the exchange out, to make a step; [`Login::put_back`] or [`Login::finish`] ends the step. A failed one is not put back.
    pub fn take(&mut self) -> Pending {
        Pending(std::mem::take(&mut self.exchange))
    }

    /// The exchange goes on.
    pub fn put_back(&mut self, pending: Pending) {
        self.exchange = pending.0;
    }

    /// The exchange is over.
    pub fn finish(&mut self, mechanism: Mechanism, expires_ms: Option<i64>) {
        self.exchange = Exchange::Idle;
        (self.mechanism, self.expires_ms) = (Some(mechanism), expires_ms);
    }
}

/// An exchange while it makes a step.
pub struct Pending(Exchange);

impl Pending {
    /// Its mechanism. Errors: no mechanism was agreed on.
    pub fn mechanism(&self) -> Result<Mechanism, Failure> {
        match &self.0 {
            Exchange::Idle => Err(Failure::State("SaslHandshake has to come first".to_owned())),
            Exchange::Chosen(mechanism) => Ok(*mechanism),
            Exchange::Scram(server) => Ok(match server.hash() {
                ScramHash::Sha256 => Mechanism::ScramSha256,
                ScramHash::Sha512 => Mechanism::ScramSha512,
            }),
        }
    }

    /// Makes a step with the client's message. Waits where a password is hashed.
    pub async fn step(&mut self, against: Against<'_>, message: &[u8]) -> Result<Step, Failure> {
        let mechanism = self.mechanism()?;
        let failed = |reason: String| Failure::Refused { mechanism: mechanism.name(), reason };
        if message.len() > SASL_BYTES_MAX {
            let bytes = message.len();
            return Err(failed(format!("a message of {bytes} bytes; {SASL_BYTES_MAX} are allowed")));
        }
        match (std::mem::take(&mut self.0), mechanism) {
            (Exchange::Scram(server), _) => {
                let (reply, user) = server.finish(message).map_err(failed)?;
                Ok(done(reply.into(), Principal::user(&user), None))
            }
            (_, Mechanism::Plain) => {
                let user = plain(against.identity, message).await.map_err(failed)?;
                Ok(done(Bytes::new(), Principal::user(&user), None))
            }
            (_, Mechanism::ScramSha256) => self.scram(against, ScramHash::Sha256, message).map_err(failed),
            (_, Mechanism::ScramSha512) => self.scram(against, ScramHash::Sha512, message).map_err(failed),
            (_, Mechanism::OauthBearer) => {
                let verifier = against.oauth.ok_or_else(|| failed("no issuer is configured".to_owned()))?;
                let token = oauth::token(message).map_err(failed)?;
                let token = verifier.verify(token, against.now_ms).map_err(failed)?;
                Ok(done(Bytes::new(), Principal::vouched(&token.subject), Some(token.expires_ms)))
            }
        }
    }

    fn scram(&mut self, against: Against<'_>, hash: ScramHash, message: &[u8]) -> Result<Step, String> {
        let first = scram::First::parse(message)?;
        let keys = against.identity.scram(&first.user, hash).map_err(|error| error.to_string())?;
        let server = scram::Server::new(first, keys, &scram::nonce());
        let challenge = server.challenge().to_owned();
        self.0 = Exchange::Scram(Box::new(server));
        Ok(Step::Challenge(challenge.into()))
    }
}

const fn done(reply: Bytes, principal: Principal, expires_ms: Option<i64>) -> Step {
    Step::Done { reply, principal, expires_ms }
}

/// RFC 4616: `[authorization identity] NUL user NUL password`.
async fn plain(identity: &Identity, message: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(message).map_err(|_| "the message is not UTF-8".to_owned())?;
    let mut parts = text.split('\0');
    let (Some(other), Some(user), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("the message is not of the form [other] NUL user NUL password".to_owned());
    };
    if !other.is_empty() && other != user {
        return Err(format!("user \"{user}\" cannot act as \"{other}\""));
    }
    match identity.verify(user, password).await {
        Ok(true) => Ok(user.to_owned()),
        Ok(false) => Err(INVALID.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
