//! The path and the host that a service sees.

use crate::Values;
use bole_gateway_document::path::{Path, Refused};
use bole_gateway_document::route;
use bole_gateway_document::template::{Template, Use};
use std::borrow::Cow;

/// How the path changes.
#[derive(Clone, Debug)]
pub struct Rewrite {
    /// The new host; the client's without.
    pub host: Option<String>,
    strip: Option<String>,
    add: Option<String>,
    path: Option<Template>,
}

impl Rewrite {
    pub(super) fn new(rewrite: &route::Rewrite) -> Self {
        Self {
            host: rewrite.host.clone(),
            strip: rewrite.strip_prefix.clone(),
            add: rewrite.add_prefix.clone(),
            path: rewrite.path.as_ref().and_then(|path| Template::parse(path, Use::Path).ok()),
        }
    }

    /// The path that goes on, in the one spelling of paths. A template may put parts together that make no path that is
    /// safe to send (`/.` and `./x`): then the request is refused.
    pub fn path<'p>(&self, values: &Values<'p>) -> Result<Cow<'p, str>, Refused> {
        if let Some(template) = &self.path {
            let text = String::from_utf8(values.render(template)).map_err(|_| Refused::Encoding)?;
            return Ok(Cow::Owned(Path::of(&text)?.into_text().into_owned()));
        }
        // Only whole segments: `/api` is not the front of `/apiary`.
        let stripped = self.strip.as_ref().and_then(|prefix| values.path.strip_prefix(prefix.as_str()));
        let rest = stripped.filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(values.path);
        Ok(match &self.add {
            Some(prefix) if rest == "/" && stripped.is_none() => Cow::Owned(format!("{prefix}/")),
            Some(prefix) => Cow::Owned(format!("{prefix}{rest}")),
            None if rest.is_empty() => Cow::Borrowed("/"),
            None => Cow::Borrowed(rest),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Parts;
    use crate::values::tests::values;
    use http::HeaderMap;

    #[test]
    fn paths_change_by_whole_segments() {
        let headers = HeaderMap::new();
        for (strip, add, path, from, expected) in [
            ("/api", "", "", "/api/x", Ok("/x")),
            ("/api", "", "", "/api", Ok("/")),
            ("/api", "", "", "/api/", Ok("/")),
            ("/api", "", "", "/apiary", Ok("/apiary")),
            ("/api", "/v2", "", "/api/x", Ok("/v2/x")),
            ("/api", "/v2", "", "/api", Ok("/v2")),
            ("/api", "/v2", "", "/api/", Ok("/v2/")),
            ("", "/v2", "", "/x", Ok("/v2/x")),
            ("", "/v2", "", "/", Ok("/v2/")),
            ("", "", "/new/{rest}", "/api/x", Ok("/new/a/b")),
            ("", "", "/{1}/{path}", "/api/x", Ok("/one/api/x")),
            ("", "", "/{2}./x", "/api/x", Err(Refused::AboveRoot)),
            ("", "", "/x/%2{2}", "/api/x", Err(Refused::Encoding)),
        ] {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let document = route::Rewrite {
                strip_prefix: some(strip),
                add_prefix: some(add),
                path: some(path),
                host: None,
            };
            let parts = Parts { rest: "a/b", groups: vec!["one", "."] };
            let values = Values { path: from, ..values(&headers, &parts) };
            let changed = Rewrite::new(&document).path(&values);
            assert_eq!(changed.as_deref(), expected.as_ref().copied(), "{strip} {add} {path} {from}");
        }
    }
}
