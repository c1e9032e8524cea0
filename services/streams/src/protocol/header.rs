//! What stands before a body, and whole frames.
//!
//! ```text
//! request   i32 length | i16 key | i16 version | i32 correlation id | string client id | tags, when the body is flexible | body
//! response  i32 length | i32 correlation id | tags, when the body is flexible (never for ApiVersions)                    | body
//! ```
//!
//! The client id has the plain form (two bytes of length) in every version, so that a broker can read it before it knows the version.

use super::api::{self, Api};
use super::decoder::{DecodeError, Decoder, Problem};
use super::encoder::{EncodeError, Encoder, Frame};
use super::message::{Message, Request};
use super::messages::api_versions;
use super::text::Text;
use super::wire::{Form, Wire};

/// Who asks what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestHeader {
    /// Which API.
    pub key: i16,
    /// The version of the request and of its response.
    pub version: i16,
    /// Comes back with the response.
    pub correlation_id: i32,
    /// The client as it names itself.
    pub client_id: Option<Text>,
}

impl RequestHeader {
    /// Reads a header and leaves the decoder at the body. The key is known afterwards; the version may still be one that nobody
    /// has ([`Api::implemented`] tells), and is then answered, not decoded.
    pub fn decode(decoder: &mut Decoder) -> Result<RequestHeader, DecodeError> {
        decoder.at("request header key");
        let key = decoder.i16()?;
        let Some(api) = api::find(key) else {
            return Err(decoder.error(Problem::UnknownKey(key)));
        };
        decoder.at("request header version");
        let version = decoder.i16()?;
        decoder.at("request header correlation id");
        let correlation_id = decoder.i32()?;
        decoder.at("request header client id");
        let form = Form::new(version, false).field("request header client id", true);
        let client_id = Wire::read(decoder, form)?;
        if api.is_flexible(version) {
            decoder.at("request header tags");
            decoder.skip_tags()?;
        }
        Ok(RequestHeader { key, version, correlation_id, client_id })
    }

    /// The API that is asked.
    pub fn api(&self) -> Option<&'static Api> {
        api::find(self.key)
    }
}

/// A request, ready to send, with its length before it.
pub fn request_frame<R: Request>(
    body: &R,
    version: i16,
    correlation_id: i32,
    client_id: Option<&Text>,
) -> Result<Frame, EncodeError> {
    let mut encoder = Encoder::prefixed();
    encoder.put_i16(R::KEY);
    encoder.put_i16(version);
    encoder.put_i32(correlation_id);
    encoder.put_string_length(client_id.map(|id| id.len()), false, "request header client id")?;
    encoder.put(client_id.map_or(b"", |id| id.as_bytes()));
    if version >= R::FLEXIBLE_FROM {
        encoder.put_unsigned_varint(0);
    }
    body.encode(&mut encoder, version)?;
    encoder.finish()
}

/// To which request a response belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResponseHeader {
    /// From the request.
    pub correlation_id: i32,
}

/// Whether the response header to a request in `version` has a tagged section.
fn has_tags<M: Message>(version: i16) -> bool {
    version >= M::FLEXIBLE_FROM && M::KEY != api_versions::Request::KEY
}

impl ResponseHeader {
    /// Reads the header of a response of type `M` in `version` and leaves the decoder at the body.
    pub fn decode<M: Message>(decoder: &mut Decoder, version: i16) -> Result<ResponseHeader, DecodeError> {
        decoder.at("response header correlation id");
        let correlation_id = decoder.i32()?;
        if has_tags::<M>(version) {
            decoder.at("response header tags");
            decoder.skip_tags()?;
        }
        Ok(ResponseHeader { correlation_id })
    }
}

/// A response, ready to send, with its length before it.
pub fn response_frame<M: Message>(body: &M, version: i16, correlation_id: i32) -> Result<Frame, EncodeError> {
    let mut encoder = Encoder::prefixed();
    encoder.put_i32(correlation_id);
    if has_tags::<M>(version) {
        encoder.put_unsigned_varint(0);
    }
    body.encode(&mut encoder, version)?;
    encoder.finish()
}
