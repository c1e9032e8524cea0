//! What can go wrong, and the one table from errors to HTTP status and error code. Codes are Confluent's.

use bole_base::Kind;

use crate::entry::SchemaId;
use crate::limits::{ATTEMPTS_MAX, BODY_BYTES_MAX, STATE_BYTES_MAX, SUBJECTS_MAX, VERSIONS_MAX};

/// An error of the registry; its text is for the client.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No version of that subject.
    #[error("Subject '{0}' not found.")]
    SubjectNotFound(String),
    /// No such version.
    #[error("Version {0} not found.")]
    VersionNotFound(String),
    /// No schema of that id.
    #[error("Schema {0} not found")]
    SchemaNotFound(SchemaId),
    /// The subject has no such schema.
    #[error("Schema not found")]
    SchemaNotUnderSubject,
    /// Deleted already.
    #[error("Subject '{0}' was soft deleted. Set permanent=true to delete permanently")]
    SubjectHidden(String),
    /// Must be deleted softly first.
    #[error("Subject '{0}' was not deleted first before being permanently deleted")]
    SubjectNotHidden(String),
    /// Deleted already.
    #[error("Subject '{0}' Version {1} was soft deleted. Set permanent=true to delete permanently")]
    VersionHidden(String, i32),
    /// Must be deleted softly first.
    #[error("Subject '{0}' Version {1} was not deleted first before being permanently deleted")]
    VersionNotHidden(String, i32),
    /// The subject has no settings of its own.
    #[error("Subject '{0}' does not have subject-level compatibility configured")]
    NoSettings(String),
    /// The subject has no mode of its own.
    #[error("Subject '{0}' does not have subject-level mode configured")]
    NoMode(String),
    /// Not compatible with older versions.
    #[error("Schema being registered is incompatible with an earlier schema for subject \"{subject}\", details: [{}]", details.join(", "))]
    Incompatible {
        /// The subject.
        subject: String,
        /// What is in the way.
        details: Vec<String>,
    },
    /// The text is no schema.
    #[error("Invalid schema: {0}")]
    InvalidSchema(String),
    /// Not the name of a version.
    #[error(
        "The specified version '{0}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\""
    )]
    InvalidVersion(String),
    /// Not a level.
    #[error(
        "Invalid compatibility level '{0}'. Valid values are NONE, BACKWARD, FORWARD, FULL, BACKWARD_TRANSITIVE, FORWARD_TRANSITIVE and FULL_TRANSITIVE"
    )]
    InvalidLevel(String),
    /// Not a mode.
    #[error("Invalid mode '{0}'. Valid values are READWRITE, READONLY, READONLY_OVERRIDE and IMPORT")]
    InvalidMode(String),
    /// The mode forbids it, or something that is there.
    #[error("{0}")]
    NotPermitted(String),
    /// Others refer to it.
    #[error(
        "One or more references exist to the schema {{subject={subject},version={version}}}: schemas {ids:?}. Delete those first"
    )]
    Referenced {
        /// The subject.
        subject: String,
        /// The version.
        version: i32,
        /// The first few schemas that refer to it.
        ids: Vec<SchemaId>,
    },
    /// Not a name of a subject here.
    #[error("The specified subject '{subject}' is not valid: {reason}")]
    InvalidSubject {
        /// What was given.
        subject: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Rules are not supported.
    #[error("\"{0}\" is not supported: this registry runs no rules and keeps no metadata. Leave it out")]
    Rules(&'static str),
    /// Something else that this registry does not do.
    #[error("{0}")]
    Unsupported(String),
    /// The body is no JSON of the right shape.
    #[error("{0}")]
    Body(String),
    /// A parameter has a value that it cannot have.
    #[error("{name} is \"{value}\"; {allowed}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// The body is too large.
    #[error("the body has more than {BODY_BYTES_MAX} bytes")]
    BodyTooLarge,
    /// The body did not come in time.
    #[error("the body did not arrive in time")]
    BodyTooSlow,
    /// The body is of another type.
    #[error(
        "HTTP 415 Unsupported Media Type: send application/vnd.schemaregistry.v1+json or application/json"
    )]
    MediaType,
    /// None of what the client accepts can be sent.
    #[error("HTTP 406 Not Acceptable: accept application/vnd.schemaregistry.v1+json or application/json")]
    NotAcceptable,
    /// No such page.
    #[error("HTTP 404 Not Found")]
    NoSuchPage,
    /// Not with this method.
    #[error("HTTP 405 Method Not Allowed")]
    Method,
    /// A foreign web page sent it.
    #[error("{reason}")]
    Foreign {
        /// 421 or 403.
        status: u16,
        /// What is foreign.
        reason: String,
    },
    /// No credentials, or wrong ones.
    #[error("Unauthorized")]
    Unauthenticated,
    /// The user may not.
    #[error("{0}")]
    Denied(String),
    /// The registry holds as much as it may.
    #[error("the registry is full: {0}")]
    Full(Full),
    /// Others changed the subject again and again.
    #[error("the subject was changed by others {ATTEMPTS_MAX} times meanwhile; try again")]
    Contended,
    /// A defect: the work on a schema ended without a result.
    #[error("the schema could not be looked at: {0}")]
    Worker(String),
    /// The shard or the journal.
    #[error("Error in the backend data store: {0}")]
    Store(#[from] bole_shard::Error),
}

/// A bound of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Of subjects.
    #[error("{SUBJECTS_MAX} subjects are the most")]
    Subjects,
    /// Of versions.
    #[error("{VERSIONS_MAX} versions of a subject are the most; delete some permanently")]
    Versions,
    /// Of text.
    #[error("{STATE_BYTES_MAX} bytes of schemas are the most; delete some permanently")]
    Text,
    /// Of ids.
    #[error("2^31-1 is the last id of a schema")]
    Ids,
}

impl Error {
    /// The HTTP status and the error code: the one table.
    pub const fn wire(&self) -> (u16, u32) {
        match self {
            Self::SubjectNotFound(_) => (404, 40401),
            Self::VersionNotFound(_) => (404, 40402),
            Self::SchemaNotFound(_) | Self::SchemaNotUnderSubject => (404, 40403),
            Self::SubjectHidden(_) => (404, 40404),
            Self::SubjectNotHidden(_) => (404, 40405),
            Self::VersionHidden(..) => (404, 40406),
            Self::VersionNotHidden(..) => (404, 40407),
            Self::NoSettings(_) => (404, 40408),
            Self::NoMode(_) => (404, 40409),
            Self::Incompatible { .. } => (409, 409),
            Self::InvalidSchema(_) => (422, 42201),
            Self::InvalidVersion(_) => (422, 42202),
            Self::InvalidLevel(_) => (422, 42203),
            Self::InvalidMode(_) => (422, 42204),
            Self::NotPermitted(_) => (422, 42205),
            Self::Referenced { .. } => (422, 42206),
            Self::InvalidSubject { .. } => (422, 42208),
            Self::Rules(_) => (422, 42210),
            Self::Unsupported(_) | Self::Parameter { .. } => (422, 422),
            Self::Body(_) => (400, 400),
            Self::BodyTooLarge => (413, 413),
            Self::BodyTooSlow => (408, 408),
            Self::MediaType => (415, 415),
            Self::NotAcceptable => (406, 406),
            Self::NoSuchPage => (404, 404),
            Self::Method => (405, 405),
            Self::Foreign { status, .. } => (*status, *status as u32),
            Self::Unauthenticated => (401, 401),
            Self::Denied(_) => (403, 40301),
            Self::Full(_) => (507, 50001),
            Self::Contended => (503, 50002),
            Self::Worker(_) => (500, 500),
            Self::Store(error) => match error.kind() {
                Kind::Limit | Kind::Full | Kind::Unavailable => (503, 50001),
                _ => (500, 50001),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        let s = || "s".to_owned();
        for (error, status, code, text) in [
            (Error::SubjectNotFound(s()), 404, 40401, "Subject 's' not found."),
            (Error::VersionNotFound("3".to_owned()), 404, 40402, "Version 3 not found."),
            (Error::SchemaNotFound(7), 404, 40403, "Schema 7 not found"),
            (Error::SchemaNotUnderSubject, 404, 40403, "Schema not found"),
            (Error::SubjectHidden(s()), 404, 40404, "was soft deleted"),
            (Error::SubjectNotHidden(s()), 404, 40405, "was not deleted first"),
            (Error::VersionHidden(s(), 1), 404, 40406, "Version 1 was soft deleted"),
            (Error::VersionNotHidden(s(), 1), 404, 40407, "Version 1 was not deleted first"),
            (Error::NoSettings(s()), 404, 40408, "compatibility configured"),
            (Error::NoMode(s()), 404, 40409, "mode configured"),
            (Error::Incompatible { subject: s(), details: vec![s(), s()] }, 409, 409, "[s, s]"),
            (Error::InvalidSchema(s()), 422, 42201, "Invalid schema"),
            (Error::InvalidVersion(s()), 422, 42202, "\"latest\""),
            (Error::InvalidLevel(s()), 422, 42203, "BACKWARD"),
            (Error::InvalidMode(s()), 422, 42204, "IMPORT"),
            (Error::NotPermitted(s()), 422, 42205, "s"),
            (Error::Referenced { subject: s(), version: 1, ids: vec![2] }, 422, 42206, "subject=s,version=1"),
            (Error::InvalidSubject { subject: s(), reason: "r" }, 422, 42208, "'s'"),
            (Error::Rules("ruleSet"), 422, 42210, "ruleSet"),
            (Error::Unsupported(s()), 422, 422, "s"),
            (Error::Parameter { name: "limit", value: s(), allowed: "a" }, 422, 422, "limit"),
            (Error::Body(s()), 400, 400, "s"),
            (Error::BodyTooLarge, 413, 413, "bytes"),
            (Error::BodyTooSlow, 408, 408, "in time"),
            (Error::MediaType, 415, 415, "415"),
            (Error::NotAcceptable, 406, 406, "406"),
            (Error::NoSuchPage, 404, 404, "404"),
            (Error::Method, 405, 405, "405"),
            (Error::Foreign { status: 421, reason: s() }, 421, 421, "s"),
            (Error::Unauthenticated, 401, 401, "Unauthorized"),
            (Error::Denied(s()), 403, 40301, "s"),
            (Error::Full(Full::Text), 507, 50001, "full"),
            (Error::Contended, 503, 50002, "try again"),
            (Error::Worker(s()), 500, 500, "s"),
            (Error::Store(bole_shard::Error::Refused(s())), 500, 50001, "backend data store"),
            (Error::Store(bole_shard::Error::Wait { bytes: 1 }), 503, 50001, "backend data store"),
        ] {
            assert_eq!(error.wire(), (status, code), "{error}");
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
