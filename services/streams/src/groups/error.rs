//! What the coordinator refuses, and Kafka's number for it.

use std::borrow::Cow;

/// Kafka's error codes that the coordinator gives. The discriminant is the number on the wire; source: the protocol page "Error
/// codes" of Kafka 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i16)]
#[expect(missing_docs, reason = "the names are Kafka's own")]
pub enum Code {
    UnknownTopicOrPartition = 3,
    OffsetMetadataTooLarge = 12,
    CoordinatorLoadInProgress = 14,
    CoordinatorNotAvailable = 15,
    NotCoordinator = 16,
    IllegalGeneration = 22,
    InconsistentGroupProtocol = 23,
    InvalidGroupId = 24,
    UnknownMemberId = 25,
    InvalidSessionTimeout = 26,
    RebalanceInProgress = 27,
    InvalidCommitOffsetSize = 28,
    InvalidRequest = 42,
    PolicyViolation = 44,
    InvalidProducerEpoch = 47,
    NonEmptyGroup = 68,
    GroupIdNotFound = 69,
    MemberIdRequired = 79,
    GroupMaxSizeReached = 81,
    FencedInstanceId = 82,
    GroupSubscribedToTopic = 86,
    UnstableOffsetCommit = 88,
    UnknownTopicId = 100,
    FencedMemberEpoch = 110,
    UnreleasedInstanceId = 111,
    UnsupportedAssignor = 112,
    StaleMemberEpoch = 113,
    InvalidRecordState = 121,
    ShareSessionNotFound = 122,
    InvalidShareSessionEpoch = 123,
    InvalidRegularExpression = 128,
    ShareSessionLimitReached = 133,
}

impl Code {
    /// Kafka's number.
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// An error of this kind with a sentence for the client.
    pub fn because(self, message: impl Into<Cow<'static, str>>) -> Error {
        Error { code: self, message: message.into() }
    }
}

/// Why an operation was refused: a code for the client program, a sentence for its user. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Kafka's code.
    pub code: Code,
    /// What was wrong, with the value, and what to do.
    pub message: Cow<'static, str>,
}

impl From<bole_shard::Error> for Error {
    /// Clients retry `CoordinatorNotAvailable`, which is right for a full disk (until there is room) and for a quarantined shard (until the
    /// restart).
    fn from(error: bole_shard::Error) -> Self {
        Code::CoordinatorNotAvailable.because(format!("the group's shard cannot take the request: {error}"))
    }
}

/// The errors of members that nearly every operation may meet.
pub(crate) mod say {
    use super::{Code, Error};

    pub(crate) fn unknown_member(group: &str, member: &str) -> Error {
        Code::UnknownMemberId.because(format!("group {group:?} has no member {member:?}; join again"))
    }

    pub(crate) fn fenced_instance(group: &str, instance: &str, member: &str) -> Error {
        Code::FencedInstanceId.because(format!(
            "instance {instance:?} of group {group:?} belongs to another member than {member:?}; two clients use the same group.instance.id"
        ))
    }

    pub(crate) fn illegal_generation(group: &str, given: i32, current: i32) -> Error {
        Code::IllegalGeneration
            .because(format!("group {group:?} is in generation {current}, not {given}; join again"))
    }

    pub(crate) fn rebalancing(group: &str) -> Error {
        Code::RebalanceInProgress.because(format!("group {group:?} is rebalancing; join again"))
    }

    pub(crate) fn no_group(group: &str) -> Error {
        Code::GroupIdNotFound.because(format!("group {group:?} does not exist"))
    }

    pub(crate) fn wrong_kind(group: &str, is: &str, wanted: &str) -> Error {
        Code::GroupIdNotFound.because(format!("group {group:?} is a {is} group, not a {wanted} group"))
    }

    pub(crate) fn not_empty(group: &str) -> Error {
        Code::NonEmptyGroup.because(format!("group {group:?} has members; stop them first"))
    }

    pub(crate) fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        Code::InvalidRequest.because(message)
    }
}
