//! Changes of headers: first what is taken out, then what is set, then what is added.

use crate::Values;
use bole_gateway_document::route;
use bole_gateway_document::template::{Part, Template, Use};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Changes of a request's or a response's headers.
#[derive(Clone, Debug, Default)]
pub struct HeaderChanges {
    remove: Vec<HeaderName>,
    set: Vec<(HeaderName, Template)>,
    add: Vec<(HeaderName, Template)>,
}

impl HeaderChanges {
    pub(super) fn new(changes: &route::Headers) -> Self {
        let name = |name: &String| HeaderName::from_bytes(name.as_bytes()).ok();
        let pair =
            |(key, text): (&String, &String)| Some((name(key)?, Template::parse(text, Use::Value).ok()?));
        Self {
            remove: changes.remove.iter().filter_map(name).collect(),
            set: changes.set.iter().filter_map(pair).collect(),
            add: changes.add.iter().filter_map(pair).collect(),
        }
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }

    /// Whether a placeholder reads a header, so that the headers of the request must be there when these are applied.
    pub fn reads_headers(&self) -> bool {
        let reads = |(_, template): &(HeaderName, Template)| {
            template.parts.iter().any(|part| matches!(part, Part::Header(_)))
        };
        self.set.iter().chain(&self.add).any(reads)
    }

    /// Changes headers. `values` are of the request as it came, also for its own headers.
    pub fn apply<'c>(&'c self, headers: &mut HeaderMap, values: &Values<'c>) {
        self.remove.iter().for_each(|name| drop(headers.remove(name)));
        for (name, value) in rendered(&self.set, values) {
            headers.insert(name, value);
        }
        for (name, value) in rendered(&self.add, values) {
            headers.append(name, value);
        }
    }
}

fn rendered<'c>(
    changes: &'c [(HeaderName, Template)],
    values: &Values<'c>,
) -> impl Iterator<Item = (&'c HeaderName, HeaderValue)> {
    let values = *values;
    changes.iter().map(move |(name, template)| (name, values.header(template)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Parts;
    use crate::values::tests::values;

    #[test]
    fn first_out_then_set_then_added() {
        let changes = route::Headers {
            remove: vec!["X-Old".into(), "x-set".into()],
            set: [("X-Set".into(), "{client_ip}".into()), ("x-one".into(), "new".into())].into(),
            add: [("x-one".into(), "{header.x-one}".into())].into(),
        };
        let changes = HeaderChanges::new(&changes);
        let mut headers = HeaderMap::new();
        for (name, value) in [("x-old", "1"), ("x-set", "2"), ("x-one", "3"), ("x-one", "4"), ("x-left", "5")]
        {
            headers.append(name, HeaderValue::from_static(value));
        }
        let came = headers.clone();
        changes.apply(&mut headers, &values(&came, &Parts::default()));
        let all: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
        let mut sorted = all.clone();
        sorted.sort();
        assert_eq!(sorted, ["x-left=5", "x-one=3", "x-one=new", "x-set=192.0.2.1"]);
        assert!(changes.reads_headers() && !changes.is_empty());
    }
}
