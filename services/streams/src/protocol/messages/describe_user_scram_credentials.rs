//! `DescribeUserScramCredentials` (key 50): which SCRAM mechanisms users have. Never the secrets.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    DescribeUserScramCredentials = 50, versions 0 to 0, flexible 0;

    struct Request {
        /// Null asks for all.
        users: Option<Vec<UserName>>, always();
    }

    struct UserName {
        name: Text, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
        results: Vec<DescribeUserScramCredentialsResult>, always();
    }

    struct DescribeUserScramCredentialsResult {
        user: Text, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
        credential_infos: Vec<CredentialInfo>, always();
    }

    struct CredentialInfo {
        /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        mechanism: i8, always();
        /// Rounds of the salting.
        iterations: i32, always();
    }
}
