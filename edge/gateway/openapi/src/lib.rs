//! What `OpenAPI` documents (3.0 and 3.1) of services say of requests and answers: whether a request fits, whether an answer does,
//! and one document of all services.
//!
//! [`Api::read`] compiles a document whole or not at all; [`Api::operation`] finds what a request asks for, [`Operation::request`] checks its
//! head, [`Operation::body`] and [`Operation::answer`] check bodies. What does not fit is told place by place as [`Misfit`]s.
//!
//! Left to others: files, sockets, how long bodies may be, what becomes of what does not fit.
//!
//! Invariants: nothing is fetched, references lead only within the document; patterns take time linear in what they look at; no value of a
//! request is in a message; what a document asks for and is not checked here is refused when it is read, but for what
//! `docs/guide/gateway-openapi.md` lists.
//!
//! Reading order: [`text`] → [`schema`] → [`template`] → [`parameter`] → [`content`] → [`operation`] → [`api`] → [`merge`].

pub mod api;
pub mod content;
pub mod limits;
pub mod merge;
pub mod operation;
pub mod parameter;
pub mod schema;
pub mod template;
pub mod text;

pub use api::{Api, Found};
pub use operation::Operation;

/// One thing that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Where: `path.id`, `query.limit`, `header.x-tenant`, `body/items/0/name`.
    pub place: String,
    /// What is wrong there, and what would be right.
    pub wrong: String,
}

impl Misfit {
    pub(crate) fn new(place: impl Into<String>, wrong: impl Into<String>) -> Self {
        Self { place: place.into(), wrong: wrong.into() }
    }
}
