//! The messages of OTLP that spans need (opentelemetry-proto 1.x, `trace.proto` and `trace_service.proto`): fields that are never set are left out,
//! and those of answers that are not read.

use super::span::{Kind, Span as Made, Value as Said};
use prost::{Message, Oneof};

/// `ExportTraceServiceRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct Request {
    /// Spans by who made them.
    #[prost(message, repeated, tag = "1")]
    pub resource_spans: Vec<ResourceSpans>,
}

/// Spans of one program.
#[derive(Clone, PartialEq, Message)]
pub struct ResourceSpans {
    /// The program.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    /// Spans by the part of the program.
    #[prost(message, repeated, tag = "2")]
    pub scope_spans: Vec<ScopeSpans>,
}

/// A program.
#[derive(Clone, PartialEq, Message)]
pub struct Resource {
    /// What is known of it.
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<KeyValue>,
}

/// Spans of a part of a program.
#[derive(Clone, PartialEq, Message)]
pub struct ScopeSpans {
    /// The part.
    #[prost(message, optional, tag = "1")]
    pub scope: Option<Scope>,
    /// The spans.
    #[prost(message, repeated, tag = "2")]
    pub spans: Vec<Span>,
}

/// A part of a program.
#[derive(Clone, PartialEq, Message)]
pub struct Scope {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its version.
    #[prost(string, tag = "2")]
    pub version: String,
}

/// A span.
#[derive(Clone, PartialEq, Message)]
pub struct Span {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    /// 8 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub span_id: Vec<u8>,
    /// `tracestate`.
    #[prost(string, tag = "3")]
    pub trace_state: String,
    /// 8 bytes, or none.
    #[prost(bytes = "vec", tag = "4")]
    pub parent_span_id: Vec<u8>,
    /// Its name.
    #[prost(string, tag = "5")]
    pub name: String,
    /// 2: server, 3: client.
    #[prost(int32, tag = "6")]
    pub kind: i32,
    /// Nanoseconds since 1970.
    #[prost(fixed64, tag = "7")]
    pub start_time_unix_nano: u64,
    /// Nanoseconds since 1970.
    #[prost(fixed64, tag = "8")]
    pub end_time_unix_nano: u64,
    /// What is told of it.
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<KeyValue>,
    /// Whether it is an error.
    #[prost(message, optional, tag = "15")]
    pub status: Option<Status>,
    /// The flags of W3C's recommendation; bit 8: bit 9 says whether the parent is remote.
    #[prost(fixed32, tag = "16")]
    pub flags: u32,
}

/// How a span ended.
#[derive(Clone, PartialEq, Message)]
pub struct Status {
    /// 0: not said, 2: an error.
    #[prost(int32, tag = "3")]
    pub code: i32,
}

/// An attribute.
#[derive(Clone, PartialEq, Message)]
pub struct KeyValue {
    /// Its name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// A value of any kind.
#[derive(Clone, PartialEq, Message)]
pub struct AnyValue {
    /// Which.
    #[prost(oneof = "Value", tags = "1, 3")]
    pub value: Option<Value>,
}

/// The kinds that are used.
#[derive(Clone, PartialEq, Oneof)]
pub enum Value {
    /// A text.
    #[prost(string, tag = "1")]
    Text(String),
    /// A number.
    #[prost(int64, tag = "3")]
    Number(i64),
}

/// `ExportTraceServiceResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct Response {
    /// What was not taken, if anything was not.
    #[prost(message, optional, tag = "1")]
    pub partial_success: Option<PartialSuccess>,
}

/// What of a request was not taken.
#[derive(Clone, PartialEq, Message)]
pub struct PartialSuccess {
    /// How many spans.
    #[prost(int64, tag = "1")]
    pub rejected_spans: i64,
    /// Why.
    #[prost(string, tag = "2")]
    pub error_message: String,
}

/// Bit 8 of flags: it is known whether the parent is remote.
const PARENT_KNOWN: u32 = 0x100;
/// Bit 9: it is.
const PARENT_REMOTE: u32 = 0x200;

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

fn nanoseconds(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl From<Made> for Span {
    fn from(made: Made) -> Self {
        let value = |said: Said| match said {
            Said::Text(text) => Value::Text(text.into_owned()),
            Said::Number(number) => Value::Number(number),
        };
        let attributes = made.attributes.into_iter().map(|(key, said)| attribute(key, value(said)));
        let kind = match made.kind {
            Kind::Server => 2,
            Kind::Client => 3,
        };
        let remote = if made.is_parent_remote { PARENT_REMOTE } else { 0 };
        let parent = made.parent.map(|_| PARENT_KNOWN | remote).unwrap_or_default();
        Self {
            trace_id: made.own.trace.to_be_bytes().to_vec(),
            span_id: made.own.span.to_be_bytes().to_vec(),
            trace_state: made.state,
            parent_span_id: made.parent.map(|parent| parent.to_be_bytes().to_vec()).unwrap_or_default(),
            name: made.name,
            kind,
            start_time_unix_nano: nanoseconds(made.time.0),
            end_time_unix_nano: nanoseconds(made.time.1),
            attributes: attributes.collect(),
            status: made.is_error.then_some(Status { code: 2 }),
            flags: u32::from(made.own.flags) | parent,
        }
    }
}

/// The program that the gateway is part of.
pub fn resource(service_name: &str) -> Resource {
    let instance = format!("{:032x}", rand::random::<u128>());
    let said = [
        ("service.name", service_name),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("service.instance.id", instance.as_str()),
        ("telemetry.sdk.name", "bole"),
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
    ];
    Resource {
        attributes: said.iter().map(|(key, text)| attribute(key, Value::Text((*text).to_owned()))).collect(),
    }
}

/// A request with these spans.
pub fn request(resource: &Resource, spans: Vec<Made>) -> Request {
    let scope = Scope { name: "bole.gateway".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let scope_spans = ScopeSpans { scope: Some(scope), spans: spans.into_iter().map(Span::from).collect() };
    Request {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource.clone()),
            scope_spans: vec![scope_spans],
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_span_is_written_as_the_protocol_says() {
        let span =
            Span { span_id: vec![7; 8], kind: 2, start_time_unix_nano: 1, flags: 0x301, ..Span::default() };
        let expected = [
            &[0x12, 8][..],
            &[7; 8],
            &[0x30, 2],
            &[0x39, 1, 0, 0, 0, 0, 0, 0, 0],
            &[0x85, 0x01, 0x01, 0x03, 0, 0],
        ]
        .concat();
        assert_eq!(span.encode_to_vec(), expected);
    }

    proptest! {
        #[test]
        fn any_answer_is_survived(bytes: Vec<u8>) {
            let _ = Response::decode(&bytes[..]);
        }

        #[test]
        fn requests_are_read_as_they_were_written(names: Vec<String>, number: i64) {
            let spans = names.iter().map(|name| Span {
                name: name.clone(),
                attributes: vec![attribute(name, Value::Number(number)), attribute("a", Value::Text(name.clone()))],
                ..Span::default()
            });
            let scope_spans = vec![ScopeSpans { scope: None, spans: spans.collect() }];
            let request = Request { resource_spans: vec![ResourceSpans { resource: Some(resource("x")), scope_spans }] };
            prop_assert_eq!(Request::decode(&request.encode_to_vec()[..]), Ok(request));
        }
    }
}
