//! `SaslHandshake` (key 17): picks a SASL mechanism.

use crate::protocol::message::{NEVER, messages};
use crate::protocol::text::Text;

messages! {
    SaslHandshake = 17, versions 0 to 1, advertised 1 to 1, flexible NEVER;

    struct Request {
        /// The name of the mechanism: `SCRAM-SHA-256`.
        mechanism: Text, always();
    }

    struct Response {
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        mechanisms: Vec<Text>, always();
    }
}
