//! `AlterUserScramCredentials` (key 51): sets and removes SCRAM credentials of users.

use bytes::Bytes;

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    AlterUserScramCredentials = 51, versions 0 to 0, flexible 0;

    struct Request {
        deletions: Vec<ScramCredentialDeletion>, always();
        upsertions: Vec<ScramCredentialUpsertion>, always();
    }

    struct ScramCredentialDeletion {
        name: Text, always();
        /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        mechanism: i8, always();
    }

    /// A credential to set: the client sends the salted password, never the password.
    struct ScramCredentialUpsertion {
        name: Text, always();
        /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        mechanism: i8, always();
        /// Rounds of the salting.
        iterations: i32, always();
        salt: Bytes, always();
        salted_password: Bytes, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        results: Vec<AlterUserScramCredentialsResult>, always();
    }

    struct AlterUserScramCredentialsResult {
        user: Text, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
    }
}
