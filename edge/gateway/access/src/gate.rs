//! What stands before a route: networks, ways to log in, who is let in.

use crate::consumers::Consumers;
use crate::link;
use crate::login::basic::Basic;
use crate::login::certificate::Certificate;
use crate::login::forward::Forward;
use crate::login::jwt::Jwt;
use crate::login::key::Key;
use crate::login::link::Link;
use crate::oidc::Oidc;
use crate::parts::Parts;
use crate::problem::Problems;
use crate::signature::Signature;
use bole_gateway_document::access::Login;
use bole_gateway_document::network::Network;
use bole_gateway_document::route::Route;
use http::header::HeaderName;
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

/// A way to log in.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    Key(Arc<Key>),
    Basic(Arc<Basic>),
    Jwt(Arc<Jwt>),
    Signature(Arc<Signature>),
    Certificate(Arc<Certificate>),
    Oidc(Arc<Oidc>),
    Forward(Arc<Forward>),
    Link(Arc<Link>),
}

impl Way {
    /// Compiles a login.
    pub(crate) fn new(name: &str, login: &Login, parts: &Parts, problems: &mut Problems) -> Option<Self> {
        let at = format!("logins.{name}");
        match login {
            Login::Key { header, query, forward } => {
                let key = problems.take(&at, Key::new(header.as_deref(), query.as_deref(), *forward))?;
                Some(Self::Key(Arc::new(key)))
            }
            Login::Basic { realm, users } => {
                let realm = realm.clone().unwrap_or_else(|| name.to_owned());
                Some(Self::Basic(Arc::new(Basic { realm, users: *users })))
            }
            Login::Jwt(settings) => Some(Self::Jwt(Arc::new(Jwt::new(name, settings, parts, problems)?))),
            Login::Signature { clock_skew, components } => {
                let signature = problems.take(&at, Signature::new(clock_skew.0, components))?;
                Some(Self::Signature(Arc::new(signature)))
            }
            Login::Certificate { names } => {
                let certificate = problems.take(&at, Certificate::new(names))?;
                Some(Self::Certificate(Arc::new(certificate)))
            }
            Login::Oidc(settings) => Some(Self::Oidc(Arc::new(Oidc::new(name, settings, parts, problems)?))),
            Login::Link(settings) => {
                Some(Self::Link(Arc::new(problems.take(&at, Link::new(settings, parts))?)))
            }
            Login::Forward { url, headers, timeout } => {
                let forward = problems.take(&at, Forward::new(url, headers, timeout.0))?;
                Some(Self::Forward(Arc::new(forward)))
            }
        }
    }

    pub(crate) fn challenge(&self) -> Option<String> {
        match self {
            Self::Key(key) => Some(key.challenge()),
            Self::Basic(basic) => Some(basic.challenge()),
            Self::Jwt(jwt) => Some(jwt.challenge()),
            Self::Signature(_) => Some(Signature::challenge()),
            Self::Oidc(oidc) => Some(oidc.challenge()),
            // A handshake, a server, or nobody asks for these.
            Self::Certificate(_) | Self::Forward(_) | Self::Link(_) => None,
        }
    }

    /// Whether it can only say that it is a consumer of the document.
    fn names_consumers_only(&self) -> bool {
        match self {
            Self::Key(_) | Self::Signature(_) => true,
            Self::Basic(basic) => !basic.users,
            _ => false,
        }
    }

    /// Headers that it sets, which no client may.
    fn sets(&self) -> Vec<HeaderName> {
        match self {
            Self::Jwt(jwt) => jwt.headers.iter().map(|(name, _)| name.clone()).collect(),
            Self::Oidc(oidc) => oidc.headers.iter().map(|(name, _)| name.clone()).collect(),
            Self::Forward(forward) => forward.headers.clone(),
            Self::Key(key) if !key.forward => key.header.iter().cloned().collect(),
            _ => Vec::new(),
        }
    }
}

/// What stands before one route.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    pub(crate) ways: Vec<(String, Way)>,
    pub(crate) optional: bool,
    allow_consumers: HashSet<String>,
    allow_groups: HashSet<String>,
    allow_networks: Vec<Network>,
    deny_networks: Vec<Network>,
    pub(crate) strip_headers: Vec<HeaderName>,
    pub(crate) strip_query: Vec<String>,
}

impl Gate {
    pub(crate) fn new(
        name: &str,
        route: &Route,
        ways: &BTreeMap<String, Option<Way>>,
        consumers: &Consumers,
        problems: &mut Problems,
    ) -> Self {
        let at = format!("routes.{name}");
        let mut gate = Self { optional: route.login_optional, ..Self::default() };
        for login in &route.login {
            if gate.ways.iter().any(|(known, _)| known == login) {
                problems.add(&at, format!("login names {login:?} twice"));
            }
            match ways.get(login) {
                Some(Some(way)) => gate.ways.push((login.clone(), way.clone())),
                // Its own problem is noted already.
                Some(None) => {}
                None => problems.add(&at, format!("login {login:?} does not exist; write it under [logins]")),
            }
        }
        gate.networks(&at, route, problems);
        gate.allow(&at, route, consumers, problems);
        let set = gate.ways.iter().flat_map(|(_, way)| way.sets());
        gate.strip_headers = set.collect::<HashSet<_>>().into_iter().collect();
        let query = gate.ways.iter().flat_map(|(_, way)| match way {
            Way::Key(key) if !key.forward => key.query.iter().cloned().collect(),
            Way::Link(_) => link::PARAMETERS.map(str::to_owned).to_vec(),
            _ => Vec::new(),
        });
        gate.strip_query = query.collect();
        gate
    }

    fn networks(&mut self, at: &str, route: &Route, problems: &mut Problems) {
        let wrong =
            |text: &str| format!("{text:?} is no network; write 10.0.0.0/8, 2001:db8::/32 or an address");
        let mut read = |texts: &[String]| -> Vec<Network> {
            let one = |text: &String| problems.take(at, Network::parse(text).ok_or_else(|| wrong(text)));
            texts.iter().filter_map(one).collect()
        };
        self.allow_networks = read(&route.allow_networks);
        self.deny_networks = read(&route.deny_networks);
    }

    fn allow(&mut self, at: &str, route: &Route, consumers: &Consumers, problems: &mut Problems) {
        if route.login.is_empty() && route.login_optional {
            problems.add(at, "login_optional needs a login");
        }
        if route.allow.is_empty() {
            return;
        }
        if route.login.is_empty() {
            problems.add(at, "allow needs a login: without one nobody is known");
        }
        let names_nobody = |way: &Way| matches!(way, Way::Forward(_) | Way::Link(_));
        if !self.ways.is_empty() && self.ways.iter().all(|(_, way)| names_nobody(way)) {
            problems.add(at, "allow lets nobody in: a forward or link login names nobody");
        }
        let closed = !self.ways.is_empty() && self.ways.iter().all(|(_, way)| way.names_consumers_only());
        for allowed in &route.allow {
            let (known, set, name) = match allowed.strip_prefix('@') {
                Some(group) => (consumers.has_group(group), &mut self.allow_groups, group),
                None => (consumers.get(allowed).is_some(), &mut self.allow_consumers, allowed.as_str()),
            };
            if closed && !known {
                problems.add(at, format!("allow names {allowed:?}, whom no consumer's entry makes known"));
            }
            set.insert(name.to_owned());
        }
    }

    /// Whether the network of a client may come near.
    pub(crate) fn admits(&self, client: IpAddr) -> bool {
        let inside = |networks: &[Network]| networks.iter().any(|network| network.contains(client));
        !inside(&self.deny_networks) && (self.allow_networks.is_empty() || inside(&self.allow_networks))
    }

    /// Whether who has logged in is let in.
    pub(crate) fn allows(&self, consumer: Option<&str>, groups: &[String]) -> bool {
        (self.allow_consumers.is_empty() && self.allow_groups.is_empty())
            || consumer.is_some_and(|consumer| self.allow_consumers.contains(consumer))
            || groups.iter().any(|group| self.allow_groups.contains(group))
    }
}
