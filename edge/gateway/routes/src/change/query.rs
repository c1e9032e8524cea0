//! Changes of the query. Parameters that stay keep their order and their spelling.

use crate::Values;
use crate::request::{decoded, pairs};
use crate::values::encoded;
use bole_gateway_document::route;
use bole_gateway_document::template::{Template, Use};

/// Changes of the query's parameters.
#[derive(Clone, Debug, Default)]
pub struct QueryChanges {
    remove: Vec<String>,
    set: Vec<(String, Template)>,
    add: Vec<(String, Template)>,
}

impl QueryChanges {
    pub(super) fn new(changes: &route::Headers) -> Self {
        let pair =
            |(name, text): (&String, &String)| Some((name.clone(), Template::parse(text, Use::Value).ok()?));
        Self {
            remove: changes.remove.clone(),
            set: changes.set.iter().filter_map(pair).collect(),
            add: changes.add.iter().filter_map(pair).collect(),
        }
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }

    /// The new query; nothing if no parameter is left.
    pub fn apply(&self, values: &Values<'_>) -> Option<String> {
        let goes = |name: &[u8]| {
            let set = self.set.iter().map(|(name, _)| name);
            self.remove.iter().chain(set).any(|known| known.as_bytes() == name)
        };
        let came = values.query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let stays = |pair: &&str| pairs(Some(pair)).next().is_none_or(|(name, _)| !goes(&decoded(name)));
        let mut all: Vec<String> = came.filter(stays).map(str::to_owned).collect();
        for (name, template) in self.set.iter().chain(&self.add) {
            let text = [form(name.as_bytes()), form(&values.render(template))].join(&b'=');
            all.push(String::from_utf8(text).expect("what is encoded is ASCII"));
        }
        (!all.is_empty()).then(|| all.join("&"))
    }
}

fn form(bytes: &[u8]) -> Vec<u8> {
    encoded(bytes, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Parts;
    use crate::values::tests::values;
    use http::HeaderMap;

    #[test]
    fn parameters_that_stay_are_as_they_came() {
        let changes = route::Headers {
            remove: vec!["secret".into()],
            set: [("a b".into(), "{consumer}&x".into())].into(),
            add: [("q".into(), "ä".into())].into(),
        };
        let changes = QueryChanges::new(&changes);
        let (headers, parts) = (HeaderMap::new(), Parts::default());
        for (came, expected) in [
            (None, "a%20b=shop%26x&q=%C3%A4"),
            (Some("q=%7e&&s=+"), "q=%7e&s=+&a%20b=shop%26x&q=%C3%A4"),
            (Some("secret=1&secre%74=2&a+b=3&a"), "a&a%20b=shop%26x&q=%C3%A4"),
        ] {
            let values = Values { query: came, ..values(&headers, &parts) };
            assert_eq!(changes.apply(&values).as_deref(), Some(expected), "{came:?}");
        }
        let none = QueryChanges { remove: vec!["q".into(), "p".into()], ..QueryChanges::default() };
        assert_eq!(none.apply(&values(&headers, &parts)), None);
    }
}
