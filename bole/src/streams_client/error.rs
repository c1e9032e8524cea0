//! What can go wrong, by what the user can do about it.

use std::fmt;
use std::time::Duration;

use bole_streams::protocol::batch::BatchError;
use bole_streams::protocol::{DecodeError, EncodeError, ErrorCode, Text, Versions};

/// A request that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address does not lead anywhere.
    #[error("\"{addr}\" is not an address HOST:PORT")]
    Address {
        /// As it was given.
        addr: String,
        /// What the resolver said.
        source: std::io::Error,
    },
    /// Nobody listens.
    #[error("no stream service answers at {addr}; is the node running? --addr names another")]
    Connect {
        /// Where.
        addr: String,
        /// Why.
        source: std::io::Error,
    },
    /// No TLS connection came about.
    #[error(
        "no TLS connection to {addr}; is it a TLS door, and does --ca name the authority of its certificate?"
    )]
    Secure {
        /// Where.
        addr: String,
        /// Why.
        source: bole_net::Error,
    },
    /// A TLS door was spoken to in clear.
    #[error("{addr} is a TLS door; --tls secures the connection")]
    Unsecured {
        /// Where.
        addr: String,
    },
    /// The secret would travel where everybody can read it.
    #[error("{0} sends the secret as it is; secure the connection with --tls, or show a password by SCRAM")]
    Clear(&'static str),
    /// The server has no mechanism that was wanted.
    #[error("{addr} does not offer the wanted way to show who comes; it offers {offered}")]
    Mechanism {
        /// Where.
        addr: String,
        /// What it offers.
        offered: String,
    },
    /// The server did not prove that it knows the user, or speaks another SCRAM.
    #[error("user \"{user}\" at {addr}: {reason}")]
    Login {
        /// Where.
        addr: String,
        /// Who.
        user: String,
        /// What was wrong.
        reason: String,
    },
    /// The connection ended at its first request, as it does where nobody may stay unknown.
    #[error(
        "{addr} ended the connection at the first request; it may want to know who comes: --user names a user"
    )]
    Ended {
        /// Where.
        addr: String,
    },
    /// The connection ended. What was on its way may have been done or not.
    #[error("the connection to {addr} broke")]
    Broken {
        /// Where.
        addr: String,
        /// Why.
        source: std::io::Error,
    },
    /// No answer came. What was asked may have been done or not.
    #[error("{addr} did not answer {api} within {} s", timeout.as_secs())]
    Silent {
        /// Where.
        addr: String,
        /// What was asked.
        api: &'static str,
        /// How long was waited.
        timeout: Duration,
    },
    /// Whoever answered speaks another protocol.
    #[error("what listens at {addr} does not speak Kafka's protocol: {reason}")]
    Protocol {
        /// Where.
        addr: String,
        /// What was wrong.
        reason: String,
    },
    /// The server lacks an API.
    #[error("{addr} does not serve {api}")]
    NotServed {
        /// Where.
        addr: String,
        /// Which API.
        api: &'static str,
    },
    /// Both sides have the API, in other versions.
    #[error("{addr} serves {api} in versions {theirs}; versions {ours} are known here")]
    Versions {
        /// Where.
        addr: String,
        /// Which API.
        api: &'static str,
        /// Theirs.
        theirs: Versions,
        /// Ours.
        ours: Versions,
    },
    /// A request that cannot be written, because a name or a value is too long.
    #[error("the request cannot be sent")]
    Encode(#[from] EncodeError),
    /// Records that cannot be read.
    #[error("{place}")]
    Records {
        /// Where they lie.
        place: String,
        /// What is wrong with them.
        source: BatchError,
    },
    /// The server said no.
    #[error("{what}: {refusal}")]
    Refused {
        /// What was asked for, such as `topic "orders"`.
        what: String,
        /// What it said.
        refusal: Refusal,
    },
}

impl Error {
    /// The code of a refusal.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { refusal, .. } => refusal.code(),
            _ => None,
        }
    }

    /// Whether a new connection may help.
    pub const fn is_broken(&self) -> bool {
        use Error::{Broken, Connect, Ended, Secure, Silent};
        matches!(self, Connect { .. } | Secure { .. } | Ended { .. } | Broken { .. } | Silent { .. })
    }

    pub(super) fn decode(addr: &str, error: &DecodeError) -> Self {
        Self::Protocol { addr: addr.to_owned(), reason: error.to_string() }
    }
}

/// An error code of an answer, with the server's own words if it sent any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The number.
    pub number: i16,
    /// The server's words.
    pub message: Option<String>,
}

impl Refusal {
    /// The code, if its number is known.
    pub const fn code(&self) -> Option<ErrorCode> {
        ErrorCode::from_number(self.number)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(code) = self.code() else {
            return write!(f, "error {}, which is not known here", self.number);
        };
        write!(f, "{code}")?;
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => match meaning(code) {
                "" => Ok(()),
                meaning => write!(f, ": {meaning}"),
            },
        }
    }
}

/// The error in an answer about `what`, if its number is one.
pub fn check(what: impl fmt::Display, number: i16, message: Option<&Text>) -> Result<(), Error> {
    if number == ErrorCode::None.number() {
        return Ok(());
    }
    let message = message.map(ToString::to_string).filter(|text| !text.is_empty());
    Err(Error::Refused { what: what.to_string(), refusal: Refusal { number, message } })
}

/// What a code means, for answers that have no field for words.
const fn meaning(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::OffsetOutOfRange => "the partition does not have this offset",
        ErrorCode::CorruptMessage => "the bytes that arrived are not those that were sent",
        ErrorCode::UnknownTopicOrPartition => "there is no such topic or partition",
        ErrorCode::NotLeaderOrFollower => "the node does not serve this partition now",
        ErrorCode::MessageTooLarge => "larger than the topic's max.message.bytes",
        ErrorCode::CoordinatorLoadInProgress => "the node is still reading its groups; try again",
        ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => "the node does not look after this",
        ErrorCode::InvalidTopicException => {
            "a topic's name has up to 249 letters, digits, dots, underscores and hyphens"
        }
        ErrorCode::IllegalGeneration | ErrorCode::StaleMemberEpoch | ErrorCode::FencedMemberEpoch => {
            "the group has gone on without this member"
        }
        ErrorCode::InconsistentGroupProtocol => "the group's members follow another assignor",
        ErrorCode::UnknownMemberId => "the group does not know this member, or it has members",
        ErrorCode::RebalanceInProgress => "the group is dividing its partitions anew",
        ErrorCode::TopicAuthorizationFailed => "the user may not do this with the topic",
        ErrorCode::GroupAuthorizationFailed => "the user may not do this with the group",
        ErrorCode::ClusterAuthorizationFailed => "the user may not do this",
        ErrorCode::KafkaStorageError => "the disk failed or is full",
        ErrorCode::NonEmptyGroup => "the group has members",
        ErrorCode::GroupIdNotFound => "there is no such group",
        ErrorCode::GroupSubscribedToTopic => "members of the group read this topic",
        ErrorCode::OutOfOrderSequenceNumber => "batches before this one are missing",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_code_and_says_something() {
        let words = Text::from("topic \"a\" exists");
        for (number, message, expected) in [
            (36, Some(&words), "topic \"a\": TOPIC_ALREADY_EXISTS (36): topic \"a\" exists"),
            (68, None, "topic \"a\": NON_EMPTY_GROUP (68): the group has members"),
            (36, None, "topic \"a\": TOPIC_ALREADY_EXISTS (36)"),
            (999, None, "topic \"a\": error 999, which is not known here"),
        ] {
            let error = check("topic \"a\"", number, message).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
        assert!(check("", 0, Some(&words)).is_ok());
    }
}
