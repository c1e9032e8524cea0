//! `DescribeClientQuotas` (key 48): the quotas whose entity matches a filter.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    DescribeClientQuotas = 48, versions 0 to 1, flexible 1;

    struct Request {
        components: Vec<ComponentData>, always();
        /// Only entities that the filter names in full.
        strict: bool, always();
    }

    struct ComponentData {
        entity_type: Text, always();
        /// 0 this name, 1 the default, 2 any name.
        match_type: i8, always();
        /// The name, or null.
        match_value: Option<Text>, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
        entries: Option<Vec<EntryData>>, always();
    }

    struct EntryData {
        entity: Vec<EntityData>, always();
        values: Vec<ValueData>, always();
    }

    struct EntityData {
        entity_type: Text, always();
        /// Null for the default entity.
        entity_name: Option<Text>, always();
    }

    struct ValueData {
        key: Text, always();
        value: f64, always();
    }
}
