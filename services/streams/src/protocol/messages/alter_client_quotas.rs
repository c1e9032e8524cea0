//! `AlterClientQuotas` (key 49): sets and removes quotas.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    AlterClientQuotas = 49, versions 0 to 1, flexible 1;

    struct Request {
        entries: Vec<EntryData>, always();
        /// Check and answer, change nothing.
        validate_only: bool, always();
    }

    struct EntryData {
        entity: Vec<EntityData>, always();
        ops: Vec<OpData>, always();
    }

    struct EntityData {
        entity_type: Text, always();
        /// Null for the default entity.
        entity_name: Option<Text>, always();
    }

    /// One quota to set or to remove.
    struct OpData {
        key: Text, always();
        value: f64, always();
        /// Removes the quota; `value` is then without meaning.
        remove: bool, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        entries: Vec<EntryResult>, always();
    }

    struct EntryResult {
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
        entity: Vec<EntityData>, always();
    }
}
