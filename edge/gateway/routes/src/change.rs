//! What a route changes on the way to a service and back: path, host, headers, query. Compiled once, applied to each request.

mod headers;
mod query;
mod rewrite;

pub use headers::HeaderChanges;
pub use query::QueryChanges;
pub use rewrite::Rewrite;

use crate::Values;
use bole_gateway_document::path::Refused;
use bole_gateway_document::route;
use std::borrow::Cow;

/// All that a route changes.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Of path and host.
    pub rewrite: Option<Rewrite>,
    /// Of the request's headers.
    pub request_headers: HeaderChanges,
    /// Of the response's headers.
    pub response_headers: HeaderChanges,
    /// Of the query.
    pub query: QueryChanges,
}

impl Change {
    /// What a route of a checked document changes. What could not be read is left out; `Document::check` finds it.
    pub fn new(route: &route::Route) -> Self {
        Self {
            rewrite: route.rewrite.as_ref().map(Rewrite::new),
            request_headers: HeaderChanges::new(&route.request_headers),
            response_headers: HeaderChanges::new(&route.response_headers),
            query: QueryChanges::new(&route.query_changes),
        }
    }

    /// The path that goes on.
    ///
    /// # Errors
    /// A template made a path of it that is not safe to send.
    pub fn path<'p>(&self, values: &Values<'p>) -> Result<Cow<'p, str>, Refused> {
        self.rewrite.as_ref().map_or(Ok(Cow::Borrowed(values.path)), |rewrite| rewrite.path(values))
    }

    /// Path and query that go on.
    ///
    /// # Errors
    /// As [`Change::path`].
    pub fn target(&self, values: &Values<'_>) -> Result<String, Refused> {
        let mut target = self.path(values)?.into_owned();
        let changed = if self.query.is_empty() { None } else { self.query.apply(values) };
        let query = if self.query.is_empty() { values.query } else { changed.as_deref() };
        if let Some(query) = query {
            target.push('?');
            target.push_str(query);
        }
        Ok(target)
    }
}
