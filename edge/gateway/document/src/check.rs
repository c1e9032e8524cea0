//! What must hold within a document besides its shape: each value by itself, and what one part says of another.
//!
//! All problems are found in one go. Each says where it is (`routes.orders.path`), what is wrong with the value, and what to
//! do. Secrets are never in them.

mod access;
mod balance;
mod limit;
mod route;
mod service;
mod target;
mod tls;
mod transform;
mod value;

pub use value::{is_header_value, is_token};

use crate::limits::{self, PROBLEMS_MAX, SUGGESTIONS_MAX};
use crate::{Document, service as shapes};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

/// Something that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `routes.orders.hosts[0]`.
    pub path: String,
    /// What is wrong, with the value.
    pub wrong: String,
    /// What to do.
    pub todo: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, wrong, todo } = self;
        write!(formatter, "{path}: {wrong}; {todo}")
    }
}

/// The problems that were found so far, bounded.
#[derive(Debug, Default)]
pub(crate) struct Found {
    problems: Vec<Problem>,
    dropped: usize,
    suggestions: usize,
}

impl Found {
    /// All of them; the last one says how many more there are.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems;
        if self.dropped > 0 {
            let wrong = format!("{} more problems", self.dropped);
            problems.push(Problem { path: "document".into(), wrong, todo: "mend those above first".into() });
        }
        problems
    }
}

/// A place in the document, where problems may be told.
pub(crate) struct At<'f> {
    found: &'f RefCell<Found>,
    path: String,
}

impl<'f> At<'f> {
    /// The document itself.
    pub(crate) fn root(found: &'f RefCell<Found>) -> Self {
        Self { found, path: String::new() }
    }

    /// A field or a named object within.
    pub(crate) fn field(&self, name: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        let plain = !name.is_empty() && name.bytes().all(value::is_bare_key_byte);
        let path = &self.path;
        let path = if plain { format!("{path}{dot}{name}") } else { format!("{path}{dot}{name:?}") };
        Self { found: self.found, path }
    }

    /// An item of a list.
    pub(crate) fn item(&self, index: usize) -> Self {
        Self { found: self.found, path: format!("{}[{index}]", self.path) }
    }

    /// A place within, by a path as it is written; the same place for an empty one.
    pub(crate) fn field_path(&self, path: &str) -> Self {
        let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
        Self { found: self.found, path: format!("{}{dot}{path}", self.path) }
    }

    /// Tells a problem.
    pub(crate) fn say(&self, wrong: impl Into<String>, todo: impl Into<String>) {
        let mut found = self.found.borrow_mut();
        if found.problems.len() >= PROBLEMS_MAX {
            found.dropped += 1;
            return;
        }
        let path = if self.path.is_empty() { "document".to_owned() } else { self.path.clone() };
        found.problems.push(Problem { path, wrong: wrong.into(), todo: todo.into() });
    }

    /// Tells a problem unless something holds.
    pub(crate) fn expect(&self, holds: bool, wrong: impl FnOnce() -> String, todo: &str) {
        if !holds {
            self.say(wrong(), todo);
        }
    }

    /// Refuses more than a bound.
    pub(crate) fn at_most(&self, count: usize, most: usize, what: &str) {
        self.expect(
            count <= most,
            || format!("{count} {what}; at most {most} are possible"),
            "take some out",
        );
    }

    /// The nearest known name, as advice.
    pub(crate) fn nearest<'n>(&self, name: &str, known: impl Iterator<Item = &'n str>) -> String {
        let mut found = self.found.borrow_mut();
        found.suggestions += 1;
        let near = if found.suggestions > SUGGESTIONS_MAX { None } else { value::nearest(name, known) };
        near.map_or_else(String::new, |near| format!("did you mean {near:?}?"))
    }
}

/// What the parts of a document may name of each other.
pub(crate) struct Names<'d> {
    pub(crate) document: &'d Document,
    pub(crate) services: BTreeSet<&'d str>,
    pub(crate) logins: BTreeSet<&'d str>,
    pub(crate) consumers: BTreeSet<&'d str>,
    pub(crate) groups: BTreeSet<&'d str>,
    pub(crate) limits: BTreeSet<&'d str>,
    /// Objects that are there and could not be read; nothing is said of who names them.
    pub(crate) unread: &'d BTreeSet<(String, String)>,
}

impl<'d> Names<'d> {
    fn of(document: &'d Document, unread: &'d BTreeSet<(String, String)>) -> Self {
        let groups = document.consumers.values().flat_map(|consumer| &consumer.groups);
        Self {
            document,
            services: document.services.keys().map(String::as_str).collect(),
            logins: document.logins.keys().map(String::as_str).collect(),
            consumers: document.consumers.keys().map(String::as_str).collect(),
            groups: groups.map(String::as_str).collect(),
            limits: document.limits.keys().map(String::as_str).collect(),
            unread,
        }
    }

    /// Tells of a name that nothing has.
    pub(crate) fn check(&self, at: &At<'_>, part: &str, name: &str) {
        let (one, known) = match part {
            "services" => ("service", &self.services),
            "logins" => ("login", &self.logins),
            "consumers" => ("consumer", &self.consumers),
            "groups" => ("group", &self.groups),
            _ => ("limit", &self.limits),
        };
        let unread = !self.unread.is_empty()
            && (part == "groups" || self.unread.contains(&(part.to_owned(), name.to_owned())));
        if known.contains(name) || unread {
            return;
        }
        let near = at.nearest(name, known.iter().copied());
        let todo = match (near.is_empty(), part) {
            (false, _) => near,
            (true, "groups") => "put it into the groups of a consumer".to_owned(),
            (true, part) => format!("add {part}.{name} or name another"),
        };
        at.say(format!("there is no {one} {name:?}"), todo);
    }

    /// The service of that name.
    pub(crate) fn service(&self, name: &str) -> Option<&'d shapes::Service> {
        self.document.services.get(name)
    }
}

impl Document {
    /// Everything that is wrong with it, in its order; nothing if it may be used.
    pub fn check(&self) -> Vec<Problem> {
        let found = RefCell::default();
        check(self, &BTreeSet::new(), &found);
        found.into_inner().into_problems()
    }
}

/// Checks what could be read; `unread` are the objects (part, name) that could not.
pub(crate) fn check(document: &Document, unread: &BTreeSet<(String, String)>, found: &RefCell<Found>) {
    let names = Names::of(document, unread);
    let root = At::root(found);
    each(&root, "services", &document.services, limits::SERVICES_MAX, |at, _, one| service::check(at, one));
    each(&root, "routes", &document.routes, limits::ROUTES_MAX, |at, _, one| route::check(at, &names, one));
    each(&root, "logins", &document.logins, limits::LOGINS_MAX, |at, _, one| access::login(at, one));
    let consumers = &document.consumers;
    each(&root, "consumers", consumers, limits::CONSUMERS_MAX, |at, _, one| {
        access::consumer(at, &names, one);
    });
    each(&root, "limits", &document.limits, limits::LIMITS_MAX, |at, _, one| limit::check(at, one));
    let certificates = &document.certificates;
    each(&root, "certificates", certificates, limits::CERTIFICATES_MAX, |at, _, one| tls::check(at, one));
    route::check_together(&root.field("routes"), document);
    access::check_together(&root.field("consumers"), document);
    tls::check_together(&root.field("certificates"), document);
}

fn each<T>(
    root: &At<'_>,
    part: &str,
    objects: &std::collections::BTreeMap<String, T>,
    most: usize,
    check: impl Fn(&At<'_>, &str, &T),
) {
    let at = root.field(part);
    at.at_most(objects.len(), most, part);
    for (name, object) in objects {
        let at = at.field(name);
        value::name(&at, name);
        check(&at, name, object);
    }
}

#[cfg(test)]
mod tests;
