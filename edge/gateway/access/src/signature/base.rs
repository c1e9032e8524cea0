//! What a signature is over (RFC 9421, section 2): a line for each component, and one for what the signature says of itself.

use crate::request::{RequestFacts, decoded, encoded};
use crate::signature::fields::{self, Bare, Item, Member};
use http::header::HeaderName;

/// A part of a request that is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Component {
    item: Item,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Method,
    TargetUri,
    Authority,
    Scheme,
    RequestTarget,
    Path,
    Query,
    QueryParameter(String),
    Field(HeaderName),
}

impl Component {
    /// Reads a component's identifier. Parameters of fields (`sf`, `key`, `bs`, `tr`, `req`) are refused: nobody here writes such
    /// a line.
    pub(crate) fn new(item: &Item) -> Result<Self, String> {
        let Bare::String(name) = &item.value else {
            return Err("a component's name is no string".to_owned());
        };
        if name == "@query-param" {
            return match item.params.as_slice() {
                [(param, Bare::String(value))] if param == "name" => {
                    Ok(Self { item: item.clone(), kind: Kind::QueryParameter(value.clone()) })
                }
                _ => Err("@query-param has the parameter name, and no other".to_owned()),
            };
        }
        if !item.params.is_empty() {
            return Err(format!("the component {name:?} has parameters, which are not supported"));
        }
        let kind = match name.as_str() {
            "@method" => Kind::Method,
            "@target-uri" => Kind::TargetUri,
            "@authority" => Kind::Authority,
            "@scheme" => Kind::Scheme,
            "@request-target" => Kind::RequestTarget,
            "@path" => Kind::Path,
            "@query" => Kind::Query,
            field if !field.starts_with('@') && field.bytes().all(|byte| !byte.is_ascii_uppercase()) => {
                Kind::Field(field.parse().map_err(|_| format!("{field:?} is no name of a field"))?)
            }
            other => return Err(format!("the component {other:?} is not known, or not one of requests")),
        };
        Ok(Self { item: item.clone(), kind })
    }

    pub(crate) fn name(&self) -> &str {
        match &self.item.value {
            Bare::String(name) => name,
            _ => "",
        }
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.name() == name
    }

    pub(crate) fn is_content_digest(&self) -> bool {
        self.is("content-digest")
    }

    /// Its value in a request, in bytes: fields may hold more than ASCII.
    fn value(&self, facts: &RequestFacts<'_>) -> Result<Vec<u8>, String> {
        let text = match &self.kind {
            Kind::Method => facts.head.method.as_str().to_owned(),
            Kind::TargetUri => format!("{}://{}{}", facts.scheme(), facts.authority, facts.target()),
            Kind::Authority => facts.authority.to_owned(),
            Kind::Scheme => facts.scheme().to_owned(),
            Kind::RequestTarget => facts
                .head
                .uri
                .path_and_query()
                .map_or_else(|| facts.target(), |target| target.as_str().to_owned()),
            Kind::Path => facts.path().to_owned(),
            Kind::Query => format!("?{}", facts.query().unwrap_or_default()),
            Kind::QueryParameter(name) => query_parameter(facts.query().unwrap_or_default(), name)?,
            Kind::Field(name) => return field(facts, name),
        };
        Ok(text.into_bytes())
    }
}

/// The lines of a field, joined (RFC 9421, section 2.1).
fn field(facts: &RequestFacts<'_>, name: &HeaderName) -> Result<Vec<u8>, String> {
    let values: Vec<&[u8]> =
        facts.headers().get_all(name).iter().map(|value| value.as_bytes().trim_ascii()).collect();
    if values.is_empty() {
        return Err(format!("the signature covers {name}, which the request does not have"));
    }
    Ok(values.join(&b", "[..]))
}

/// The value of a parameter, encoded anew (RFC 9421, section 2.2.8).
fn query_parameter(query: &str, name: &str) -> Result<String, String> {
    let wrong = || {
        format!(
            "the signature covers the parameter {name:?}, which the query does not have, or more than once"
        )
    };
    let wanted = decoded(name).ok_or_else(wrong)?;
    let mut found = None;
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if decoded(key).as_ref() == Some(&wanted) {
            let value = decoded(value).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
            if found.replace(encoded(&value)).is_some() {
                return Err(wrong());
            }
        }
    }
    found.ok_or_else(wrong)
}

/// The signature base (RFC 9421, section 2.5). The error is for the client.
pub(crate) fn base(
    components: &[Component],
    input: &Member,
    facts: &RequestFacts<'_>,
) -> Result<Vec<u8>, String> {
    let mut base = Vec::new();
    for component in components {
        let mut name = String::new();
        fields::write_item(&component.item, &mut name);
        base.extend_from_slice(name.as_bytes());
        base.extend_from_slice(b": ");
        base.extend(component.value(facts)?);
        base.push(b'\n');
    }
    let mut own = String::from("\"@signature-params\": ");
    fields::write_member(input, &mut own);
    base.extend_from_slice(own.as_bytes());
    Ok(base)
}
