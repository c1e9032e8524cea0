//! What a message is, and the macro in which each is written down once.
//!
//! A file of [`messages`](super::messages) reads like Kafka's own definitions: a header with key and versions, then structures
//! with one line a field. The rule after each type says in which versions the field is on the wire ([`super::rule`]); what a
//! version lacks has its default after decoding. From the table come the structure, its default, and both directions.
//!
//! ```text
//! messages! {
//!     Fetch = 1, versions 4 to 18, flexible 12;
//!
//!     struct Request {
//!         cluster_id: Option<Text>, since(12).tagged(0).ignorable();
//!         topics: Vec<FetchTopic>, always();
//!         ...
//!     }
//!     struct FetchTopic { ... }
//!     struct Response { ... }
//! }
//! ```

use super::decoder::{DecodeError, Decoder, Problem};
use super::encoder::{EncodeError, Encoder};
use super::rule::Versions;
use super::wire::{Form, Wire};

/// The `flexible` of an API whose messages never have the flexible form.
pub const NEVER: i16 = i16::MAX;

/// A request or response body. Structures inside have no version of their own.
pub trait Message: Wire {
    /// The number of the API.
    const KEY: i16;
    /// The name of the API, as Kafka spells it.
    const NAME: &'static str;
    /// The versions that can be read and written.
    const VERSIONS: Versions;
    /// The versions that `ApiVersions` tells. Differs from [`Message::VERSIONS`] where clients draw conclusions from the range.
    const ADVERTISED: Versions;
    /// The first version in the flexible form.
    const FLEXIBLE_FROM: i16;

    /// Reads a body. Bytes after it are left in the decoder.
    fn decode(decoder: &mut Decoder, version: i16) -> Result<Self, DecodeError> {
        if !Self::VERSIONS.contains(version) {
            let Versions { min, max } = Self::VERSIONS;
            decoder.at(Self::NAME);
            return Err(decoder.error(Problem::UnknownVersion { version, min, max }));
        }
        Self::read(decoder, Form::new(version, version >= Self::FLEXIBLE_FROM))
    }

    /// Writes a body.
    fn encode(&self, encoder: &mut Encoder, version: i16) -> Result<(), EncodeError> {
        if !Self::VERSIONS.contains(version) {
            let Versions { min, max } = Self::VERSIONS;
            return Err(EncodeError::UnknownVersion { name: Self::NAME, version, min, max });
        }
        self.write(encoder, Form::new(version, version >= Self::FLEXIBLE_FROM))
    }
}

/// A request, and with it the type that answers it.
pub trait Request: Message {
    /// What answers it, in the same version.
    type Response: Message;
}

/// Whether a value is not the default of its field.
pub(super) fn differs<T: PartialEq>(value: &T, default: &T) -> bool {
    value != default
}

/// All messages of one API. See the head of this file.
macro_rules! messages {
    (
        $api:ident = $key:literal, versions $min:literal to $max:literal,
        $(advertised $first:literal to $last:literal,)? flexible $flexible:expr;
        $($structures:tt)*
    ) => {
        $crate::protocol::message::structures! { $api; $($structures)* }

        $crate::protocol::message::messages! { @message Request, $api = $key, $min $max, [$($first $last)?], $flexible }
        $crate::protocol::message::messages! { @message Response, $api = $key, $min $max, [$($first $last)?], $flexible }

        impl $crate::protocol::message::Request for Request {
            type Response = Response;
        }
    };
    (@message $name:ident, $api:ident = $key:literal, $min:literal $max:literal, [], $flexible:expr) => {
        $crate::protocol::message::messages! { @message $name, $api = $key, $min $max, [$min $max], $flexible }
    };
    (@message $name:ident, $api:ident = $key:literal, $min:literal $max:literal, [$first:literal $last:literal], $flexible:expr) => {
        impl $crate::protocol::message::Message for $name {
            const KEY: i16 = $key;
            const NAME: &'static str = stringify!($api);
            const VERSIONS: $crate::protocol::rule::Versions = $crate::protocol::rule::Versions::new($min, $max);
            const ADVERTISED: $crate::protocol::rule::Versions = $crate::protocol::rule::Versions::new($first, $last);
            const FLEXIBLE_FROM: i16 = $flexible;
        }
    };
}
pub(super) use messages;

/// Structures with rules for their fields, each of which can be read and written.
macro_rules! structures {
    ($api:ident; $(
        $(#[$meta:meta])*
        struct $name:ident { $(
            $(#[$field_meta:meta])*
            $field:ident: $type:ty $(= $default:expr)?, $rule:expr;
        )* }
    )*) => { $(
        $(#[$meta])*
        #[doc = concat!("\nPart of ", stringify!($api), ".")]
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name { $(
            $(#[$field_meta])*
            #[doc = concat!("\nOn the wire: `", stringify!($type), "`, `", stringify!($rule), "`.")]
            pub $field: $type,
        )* }

        impl Default for $name {
            fn default() -> $name {
                $name { $( $field: $crate::protocol::message::default_of!($type $(, $default)?), )* }
            }
        }

        impl $crate::protocol::wire::Wire for $name {
            const BYTES_MIN: usize = 1;

            fn read(
                decoder: &mut $crate::protocol::decoder::Decoder,
                form: $crate::protocol::wire::Form,
            ) -> Result<$name, $crate::protocol::decoder::DecodeError> {
                use $crate::protocol::rule::*;
                let mut value = $name::default();
                $( {
                    const RULE: Rule = $rule;
                    if RULE.plain(form.version) {
                        const PLACE: &str = concat!(stringify!($api), " ", stringify!($name), ".", stringify!($field));
                        decoder.at(PLACE);
                        let form = form.field(PLACE, RULE.nullable(form.version));
                        value.$field = $crate::protocol::wire::Wire::read(decoder, form)?;
                    }
                } )*
                if form.flexible {
                    decoder.at(concat!(stringify!($api), " ", stringify!($name), " tags"));
                    let mut left = decoder.unsigned_varint()?;
                    while let Some(tag) = decoder.next_tag(&mut left)? {
                        $( {
                            const RULE: Rule = $rule;
                            if RULE.tag(form.version) == Some(tag.number) {
                                const PLACE: &str = concat!(stringify!($api), " ", stringify!($name), ".", stringify!($field));
                                decoder.at(PLACE);
                                let form = form.field(PLACE, RULE.nullable(form.version));
                                value.$field = decoder.within(tag, |decoder| $crate::protocol::wire::Wire::read(decoder, form))?;
                                continue;
                            }
                        } )*
                        decoder.skip(tag.size)?;
                    }
                }
                Ok(value)
            }

            fn write(
                &self,
                encoder: &mut $crate::protocol::encoder::Encoder,
                form: $crate::protocol::wire::Form,
            ) -> Result<(), $crate::protocol::encoder::EncodeError> {
                use $crate::protocol::rule::*;
                let mut tags = 0;
                $( {
                    const RULE: Rule = $rule;
                    const PLACE: &str = concat!(stringify!($api), " ", stringify!($name), ".", stringify!($field));
                    if RULE.plain(form.version) {
                        let form = form.field(PLACE, RULE.nullable(form.version));
                        $crate::protocol::wire::Wire::write(&self.$field, encoder, form)?;
                    } else if RULE.tag(form.version).is_some() || RULE.required(form.version) {
                        let default: $type = $crate::protocol::message::default_of!($type $(, $default)?);
                        if $crate::protocol::message::differs(&self.$field, &default) {
                            tags += 1;
                            if RULE.required(form.version) {
                                let version = form.version;
                                return Err($crate::protocol::encoder::EncodeError::NoSuchField { place: PLACE, version });
                            }
                        }
                    }
                } )*
                if form.flexible {
                    encoder.put_unsigned_varint(tags);
                    $( {
                        const RULE: Rule = $rule;
                        if let Some(tag) = RULE.tag(form.version) {
                            const PLACE: &str = concat!(stringify!($api), " ", stringify!($name), ".", stringify!($field));
                            let default: $type = $crate::protocol::message::default_of!($type $(, $default)?);
                            if $crate::protocol::message::differs(&self.$field, &default) {
                                let form = form.field(PLACE, RULE.nullable(form.version));
                                encoder.put_tagged(tag, |encoder| $crate::protocol::wire::Wire::write(&self.$field, encoder, form))?;
                            }
                        }
                    } )*
                }
                Ok(())
            }

            fn set_throttle(&mut self, _time_ms: i32) {
                $( $crate::protocol::message::throttle!($field, self, _time_ms); )*
            }
        }

        impl $crate::protocol::wire::Nullable for $name {
            fn read_option(
                decoder: &mut $crate::protocol::decoder::Decoder,
                form: $crate::protocol::wire::Form,
            ) -> Result<Option<$name>, $crate::protocol::decoder::DecodeError> {
                let present = decoder.i8()? >= 0;
                if present { $crate::protocol::wire::Wire::read(decoder, form).map(Some) } else { Ok(None) }
            }

            fn write_option(
                value: Option<&$name>,
                encoder: &mut $crate::protocol::encoder::Encoder,
                form: $crate::protocol::wire::Form,
            ) -> Result<(), $crate::protocol::encoder::EncodeError> {
                encoder.put_i8(if value.is_some() { 1 } else { -1 });
                value.map_or(Ok(()), |value| $crate::protocol::wire::Wire::write(value, encoder, form))
            }
        }

        #[cfg(test)]
        impl $crate::protocol::sample::Sample for $name {
            fn sample(random: &mut $crate::protocol::sample::Random, form: $crate::protocol::wire::Form) -> $name {
                use $crate::protocol::rule::*;
                let mut value = $name::default();
                $( {
                    const RULE: Rule = $rule;
                    if RULE.plain(form.version) || RULE.tag(form.version).is_some() && random.below(3) > 0 {
                        let form = form.field("", RULE.nullable(form.version));
                        value.$field = $crate::protocol::sample::Sample::sample(random, form);
                    }
                } )*
                value
            }
        }
    )* };
}
pub(super) use structures;

/// Sets the field of a response that says how long a quota holds the client back; nothing for any other field.
macro_rules! throttle {
    (throttle_time_ms, $message:ident, $time_ms:ident) => {
        $message.throttle_time_ms = $time_ms
    };
    ($other:ident, $message:ident, $time_ms:ident) => {};
}
pub(super) use throttle;

/// The default that a field names, or that of its type.
macro_rules! default_of {
    ($type:ty) => {
        <$type as Default>::default()
    };
    ($type:ty, $default:expr) => {
        $default
    };
}
pub(super) use default_of;
