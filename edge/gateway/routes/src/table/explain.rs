//! Which route would take a request, and why: the plain scan in order, which [`Table::find`](super::Table::find) must agree with.

use super::{Found, Mismatch, Place, Table};
use crate::Request;
use std::fmt;

/// Candidates that are told one by one; of the others only how many there are.
const CANDIDATES_MAX: usize = 1_000;

/// What became of each place of a route, in order.
pub struct Explanation<'t> {
    /// The route that takes the request.
    pub taken: Option<Found<'t>>,
    /// Those for the request's host and path, in order.
    pub candidates: Vec<Candidate<'t>>,
    /// Candidates beyond those.
    pub more: usize,
    /// Places for other hosts.
    pub other_hosts: usize,
    /// Places for the host and other paths.
    pub other_paths: usize,
}

/// A route at one of its hosts and paths, which are those of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<'t> {
    /// The route.
    pub route: &'t str,
    /// Its host, as written; nothing for any.
    pub host: Option<&'t str>,
    /// Its path, as written; nothing for any.
    pub path: Option<&'t str>,
    /// Its priority.
    pub priority: i32,
    /// What became of it.
    pub verdict: Verdict<'t>,
}

/// What became of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'t> {
    /// It takes the request.
    Taken,
    /// It would, but another comes first.
    Later,
    /// It does not fit.
    Not(Mismatch<'t>),
}

pub(super) fn explain<'t>(table: &'t Table, request: &Request<'_>) -> Explanation<'t> {
    let mut explanation =
        Explanation { taken: None, candidates: Vec::new(), more: 0, other_hosts: 0, other_paths: 0 };
    for place in &table.places {
        let verdict = match check(table, *place, request) {
            Err(Mismatch::Host) => {
                explanation.other_hosts += 1;
                continue;
            }
            Err(Mismatch::Path) => {
                explanation.other_paths += 1;
                continue;
            }
            Err(mismatch) => Verdict::Not(mismatch),
            Ok(()) if explanation.taken.is_some() => Verdict::Later,
            Ok(()) => {
                explanation.taken = Some(table.found(*place));
                Verdict::Taken
            }
        };
        if explanation.candidates.len() < CANDIDATES_MAX || verdict == Verdict::Taken {
            explanation.candidates.push(candidate(table, *place, verdict));
        } else {
            explanation.more += 1;
        }
    }
    explanation
}

/// Each condition by itself, without any of the indexes.
fn check<'t>(table: &'t Table, place: Place, request: &Request<'_>) -> Result<(), Mismatch<'t>> {
    let route = &table.routes[place.route as usize];
    let host = route.hosts.get(usize::from(place.host));
    if host.is_some_and(|host| !host.fits(request.host, request.port)) {
        return Err(Mismatch::Host);
    }
    let path = route.paths.get(usize::from(place.path));
    if path.is_some_and(|path| !path.fits(request.path.as_str())) {
        return Err(Mismatch::Path);
    }
    route.conditions.check(request)
}

fn candidate<'t>(table: &'t Table, place: Place, verdict: Verdict<'t>) -> Candidate<'t> {
    let route = &table.routes[place.route as usize];
    let document = &route.document;
    let paths = document.path.iter().chain(&document.paths);
    Candidate {
        route: &route.name,
        host: document.hosts.get(usize::from(place.host)).map(String::as_str),
        path: paths.map(String::as_str).nth(usize::from(place.path)),
        priority: document.priority,
        verdict,
    }
}

impl fmt::Display for Candidate<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, path) = (self.host.unwrap_or("any host"), self.path.unwrap_or("any path"));
        write!(formatter, "{} ({host}, {path}", self.route)?;
        if self.priority != 0 {
            write!(formatter, ", priority {}", self.priority)?;
        }
        match &self.verdict {
            Verdict::Taken => formatter.write_str("): takes it"),
            Verdict::Later => formatter.write_str("): fits as well, and comes later"),
            Verdict::Not(mismatch) => write!(formatter, "): {mismatch}"),
        }
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.taken {
            Some(found) => writeln!(formatter, "route {} takes it", found.route.name)?,
            None => writeln!(formatter, "no route takes it")?,
        }
        for candidate in &self.candidates {
            writeln!(formatter, "  {candidate}")?;
        }
        if self.more > 0 {
            writeln!(formatter, "  {} more that come later", self.more)?;
        }
        let Self { other_hosts, other_paths, .. } = self;
        write!(formatter, "  {other_hosts} are for other hosts, {other_paths} for other paths")
    }
}
