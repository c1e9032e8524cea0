//! What a route changes on the way to a service and back: path, host, headers, query. Compiled once, applied to each request.

mod headers;
mod query;
mod rewrite;

pub use headers::HeaderChanges;
pub use query::QueryChanges;
pub use rewrite::Rewrite;

use bole_gateway_document::route;

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
}
