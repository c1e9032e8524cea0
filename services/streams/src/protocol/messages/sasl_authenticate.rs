//! `SaslAuthenticate` (key 36): one step of a SASL exchange.

use bytes::Bytes;

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    SaslAuthenticate = 36, versions 0 to 2, flexible 2;

    struct Request {
        /// The bytes of the mechanism.
        auth_bytes: Bytes, always();
    }

    struct Response {
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
        /// The bytes of the mechanism.
        auth_bytes: Bytes, always();
        /// The client must authenticate again within this time; 0 for never.
        session_lifetime_ms: i64, since(1).ignorable();
    }
}
