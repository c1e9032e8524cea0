//! A JSON value, taken apart.

use std::borrow::Cow;

/// A JSON value. Strings are borrowed from the text where it has no escapes.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it was written; in jsonb as `numeric` writes it.
    Number(Cow<'a, str>),
    /// A string, without escapes.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object; in jsonb each key is there once, shorter ones first, then by bytes.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// The order of keys in jsonb.
pub(super) fn compare_keys(a: &str, b: &str) -> std::cmp::Ordering {
    a.len().cmp(&b.len()).then_with(|| a.as_bytes().cmp(b.as_bytes()))
}

impl<'a> Json<'a> {
    /// Its type, as `jsonb_typeof` names it.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    /// An object's members in the order of jsonb, the last of equal keys.
    pub fn object(mut members: Vec<(Cow<'a, str>, Json<'a>)>) -> Self {
        members.reverse();
        members.sort_by(|a, b| compare_keys(&a.0, &b.0));
        members.dedup_by(|later, first| later.0 == first.0);
        Self::Object(members)
    }

    /// An object's member, if its keys are in the order of jsonb.
    pub fn member(&self, key: &str) -> Option<&Json<'a>> {
        let Self::Object(members) = self else { return None };
        members.binary_search_by(|member| compare_keys(&member.0, key)).ok().map(|at| &members[at].1)
    }

    /// An array's element; negative numbers count from the end.
    pub fn element(&self, at: i64) -> Option<&Json<'a>> {
        let Self::Array(elements) = self else { return None };
        let at = if at < 0 { at + elements.len() as i64 } else { at };
        usize::try_from(at).ok().and_then(|at| elements.get(at))
    }

    /// The same with strings of its own.
    pub fn into_owned(self) -> Json<'static> {
        let own = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(value),
            Self::Number(text) => Json::Number(own(text)),
            Self::String(text) => Json::String(own(text)),
            Self::Array(elements) => Json::Array(elements.into_iter().map(Json::into_owned).collect()),
            Self::Object(members) => {
                Json::Object(members.into_iter().map(|(key, value)| (own(key), value.into_owned())).collect())
            }
        }
    }
}
