//! Parameters: from their texts in path, query, headers and cookies to values, which their schemas check.

use crate::Misfit;
use crate::schema::Schema;
use crate::text::{percent_decoded, resolved};
use http::HeaderMap;
use http::header::COOKIE;
use serde_json::{Number, Value};

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
    /// In a cookie.
    Cookie,
}

/// What a text may stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    types: Vec<String>,
    items: Option<Box<Kind>>,
}

/// A parameter.
pub struct Parameter {
    /// Its name; of a header in lower case.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    required: bool,
    may_be_empty: bool,
    explode: bool,
    kind: Kind,
    schema: Option<Schema>,
}

/// What a request has of parameters.
pub struct Given<'r> {
    /// Values of the path, encoded.
    pub path: Vec<(&'r str, &'r str)>,
    /// The query as it came.
    pub query: Option<&'r str>,
    /// Headers.
    pub headers: &'r HeaderMap,
}

impl Kind {
    /// Of a schema. What has no type may be any scalar.
    ///
    /// # Errors
    /// An object, whose forms as text are not read here.
    pub fn of(whole: &Value, schema: &Value) -> Result<Self, String> {
        let schema = resolved(whole, schema)?;
        let types: Vec<String> = match schema.get("type") {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        if types.iter().any(|kind| kind == "object") {
            return Err("parameters that are objects are not read here; take the document's part out, or describe texts".to_owned());
        }
        let items = match schema.get("items") {
            Some(items) if types.iter().any(|kind| kind == "array") => {
                let items = Self::of(whole, items)?;
                if items.items.is_some() {
                    return Err("a list of lists cannot be a parameter".to_owned());
                }
                Some(Box::new(items))
            }
            _ => None,
        };
        Ok(Self { types, items })
    }

    fn is_list(&self) -> bool {
        self.types.iter().any(|kind| kind == "array")
    }

    /// All that a text may stand for, the likeliest first.
    fn read(&self, text: &str) -> Vec<Value> {
        let may = |kind: &str| self.types.is_empty() || self.types.iter().any(|own| own == kind);
        let mut values = Vec::new();
        if may("integer") || may("number") {
            let number =
                (!text.contains(char::is_whitespace)).then(|| serde_json::from_str::<Number>(text).ok());
            values.extend(number.flatten().map(Value::Number));
        }
        if may("boolean") {
            values.extend(match text {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                _ => None,
            });
        }
        if may("null") && text.is_empty() {
            values.push(Value::Null);
        }
        // Also where it should be something else: the schema says so.
        values.push(Value::String(text.to_owned()));
        values
    }

    fn item(&self, text: &str) -> Value {
        let read = self.items.as_ref().map(|items| items.read(text));
        let first = read.and_then(|values| values.into_iter().next());
        first.unwrap_or_else(|| Value::String(text.to_owned()))
    }
}

/// A form's text.
fn form(text: &str) -> String {
    percent_decoded(&text.replace('+', " "))
}

impl Parameter {
    /// Compiles a parameter; `schema` is that of its place in the document.
    ///
    /// # Errors
    /// What of it is not understood here.
    pub fn new(whole: &Value, written: &Value, schema: Option<Schema>) -> Result<Self, String> {
        let text = |name: &str| written.get(name).and_then(Value::as_str);
        let flag = |name: &str| written.get(name).and_then(Value::as_bool);
        let name = text("name").ok_or("it has no name")?;
        let place = match text("in") {
            Some("path") => Place::Path,
            Some("query") => Place::Query,
            Some("header") => Place::Header,
            Some("cookie") => Place::Cookie,
            other => return Err(format!("in {other:?} is none of path, query, header and cookie")),
        };
        let usual = if matches!(place, Place::Query | Place::Cookie) { "form" } else { "simple" };
        let style = text("style").unwrap_or(usual);
        if style != usual {
            return Err(format!("the style {style:?} is not read here; {usual:?} is"));
        }
        if written.get("content").is_some() {
            return Err("parameters with content are not read here; use schema".to_owned());
        }
        let kind = match written.get("schema") {
            Some(schema) => Kind::of(whole, schema)?,
            None => Kind { types: Vec::new(), items: None },
        };
        let name = if place == Place::Header { name.to_ascii_lowercase() } else { name.to_owned() };
        Ok(Self {
            name,
            place,
            required: flag("required").unwrap_or(false) || place == Place::Path,
            may_be_empty: flag("allowEmptyValue").unwrap_or(false),
            explode: flag("explode").unwrap_or(usual == "form"),
            kind,
            schema,
        })
    }

    /// How a misfit names it.
    fn told(&self) -> String {
        let place = match self.place {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
            Place::Cookie => "cookie",
        };
        format!("{place}.{}", self.name)
    }

    /// Checks what a request has of it.
    pub fn check(&self, given: &Given<'_>, misfits: &mut Vec<Misfit>) {
        let texts = self.texts(given);
        if texts.is_empty() {
            if self.required {
                misfits.push(Misfit::new(self.told(), "it is missing"));
            }
            return;
        }
        if self.may_be_empty && texts.iter().all(String::is_empty) {
            return;
        }
        if self.kind.is_list() {
            let list = Value::Array(texts.iter().map(|text| self.kind.item(text)).collect());
            misfits.extend(self.schema.iter().flat_map(|schema| schema.misfits(&self.told(), &list)));
            return;
        }
        let [text] = &texts[..] else {
            misfits.push(Misfit::new(self.told(), "it is there several times"));
            return;
        };
        let Some(schema) = &self.schema else { return };
        let values = self.kind.read(text);
        if !values.iter().any(|value| schema.fits(value)) {
            misfits.extend(schema.misfits(&self.told(), &values[0]));
        }
    }

    /// Its texts, decoded; of a list one for each item.
    fn texts(&self, given: &Given<'_>) -> Vec<String> {
        let listed =
            |text: &str| -> Vec<String> { text.split(',').map(|item| item.trim().to_owned()).collect() };
        match self.place {
            Place::Path => {
                let found = given.path.iter().find(|(name, _)| *name == self.name).map(|(_, value)| *value);
                let parts = found
                    .map(|value| if self.kind.is_list() { value.split(',').collect() } else { vec![value] });
                parts.into_iter().flatten().map(percent_decoded).collect()
            }
            Place::Query => {
                let pairs = given.query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
                let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
                let own = pairs.filter(|(name, _)| form(name) == self.name).map(|(_, value)| value);
                if self.kind.is_list() && !self.explode {
                    own.flat_map(|value| value.split(',')).map(form).collect()
                } else {
                    own.map(form).collect()
                }
            }
            Place::Header => {
                let values = given.headers.get_all(self.name.as_str()).iter();
                let texts = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
                if self.kind.is_list() {
                    texts.flat_map(|text| listed(&text)).collect()
                } else {
                    texts.collect()
                }
            }
            Place::Cookie => {
                let values = given.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
                let pairs =
                    values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
                let own = pairs.filter(|(name, _)| *name == self.name).map(|(_, value)| value);
                if self.kind.is_list() {
                    own.flat_map(listed).collect()
                } else {
                    own.map(str::to_owned).collect()
                }
            }
        }
    }
}
