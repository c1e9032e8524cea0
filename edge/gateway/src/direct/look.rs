//! The first look at a request of HTTP/1.1: what it asks for and which route takes it, once for all ways that need no proxy library.

use super::ask::{self, Ask};
use crate::clock;
use crate::config::Config;
use crate::connection::client::Client;
use crate::connection::head::Head;
use crate::proxy::meaning;
use crate::proxy::request::share;
use crate::routing::Asked;
use crate::state::{Action, Route, State};
use crate::tls::Certificates;
use crate::upstream::Upstream;
use arc_swap::ArcSwap;
use bole_gateway_acme::proof;
use bole_gateway_routes::forwarded::Trusted;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What is looked with.
pub struct Lookout {
    /// What requests are answered by, now.
    pub state: Arc<ArcSwap<State>>,
    /// Settings.
    pub config: Arc<Config>,
    /// To see that a connection may carry a request for a host.
    pub certificates: Arc<Certificates>,
}

/// A request, and the route that takes it, which is one of those that may need no library.
pub struct Looked {
    /// When its head had come.
    pub began: Duration,
    /// Its head.
    pub ask: Ask,
    /// What it asks for.
    pub asked: Asked,
    /// Whose request it is.
    pub ip: IpAddr,
    /// The route.
    pub route: Arc<Route>,
    /// The service, if it goes to one.
    pub service: Option<Arc<Upstream>>,
    /// What `*` stood for in the route's path, if anything of the route reads that.
    pub rest: String,
    /// What the groups of its path did.
    pub groups: Vec<String>,
    /// The path of the route as the document has it, if spans are made.
    pub pattern: Option<String>,
}

impl Lookout {
    /// Looks at the request whose head has these bytes. `None`: it goes the usual way.
    pub fn look(&self, bytes: &[u8], head: &Head, client: &Client) -> Option<Box<Looked>> {
        if self.config.explain || head.upgrade || head.offer.is_some() || head.expects {
            return None;
        }
        let state = self.state.load();
        // Cookies of sessions no service may see, and their paths are the gateway's own.
        if state.access.as_ref().is_some_and(|access| access.has_sessions()) {
            return None;
        }
        let began = clock::now();
        let ask = ask::read(bytes)?;
        let request = &ask.request;
        meaning::check(request, &self.config.limits).ok()?;
        let asked = Asked::of(request, client.tls.is_some()).ok()?;
        // Proofs for authorities come before all that services say.
        if asked.path.starts_with(proof::PATH) {
            return None;
        }
        let tls = client.tls.as_ref();
        if tls.is_some_and(|tls| !self.certificates.are_alike(tls.server_name.as_deref(), &asked.host)) {
            return None;
        }
        let found = asked.find(request, &state.table)?;
        let route = state.routes[found.route.index].clone();
        if !(route.is_plain || route.is_direct) {
            return None;
        }
        let ip = Trusted(&self.config.trusted_proxies)
            .client(&request.headers, client.address.ip(), asked.tls)
            .address;
        let service = match &route.action {
            Action::Service(service) => Some(service.clone()),
            Action::Split(services) => {
                let split = found.route.split.as_ref()?;
                services.get(share(split, &route, request, (ip, None))).cloned()
            }
            _ => None,
        };
        let (mut rest, mut groups) = (String::new(), Vec::new());
        if route.reads_values() {
            let parts = found.parts(&asked.path);
            parts.rest.clone_into(&mut rest);
            groups = parts.groups.iter().map(|group| (*group).to_owned()).collect();
        }
        let pattern = self.config.otel.as_ref().and_then(|_| found.pattern().map(ToString::to_string));
        Some(Box::new(Looked { began, ask, asked, ip, route, service, rest, groups, pattern }))
    }
}
