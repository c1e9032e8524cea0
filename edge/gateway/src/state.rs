//! A document, compiled: what each request is answered by. A new one takes the place of the old one at once; requests under way
//! keep the one that they began with.

use crate::answer::{Files, Reply};
use crate::config::Network;
use crate::error::{Error, Result};
use crate::metrics::RouteCounters;
use crate::rates::{Rate, Stores};
use crate::routing::Routing;
use crate::unbuilt;
use crate::upstream::{Tools, Upstream};
use bole_gateway_document::Document;
use bole_gateway_document::route::{self as document, Share};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What requests are answered by.
#[derive(Default)]
pub struct State {
    /// As it was told.
    pub document: Document,
    /// Which route takes a request.
    pub routing: Routing,
    /// All routes, as the document numbers them.
    pub routes: Vec<Arc<Route>>,
    /// All services.
    pub services: BTreeMap<String, Arc<Upstream>>,
}

/// A route.
pub struct Route {
    /// Its name.
    pub name: String,
    /// As it was told.
    pub document: document::Route,
    /// Where its requests go.
    pub action: Action,
    /// How often who may ask.
    pub rates: Vec<Arc<Rate>>,
    /// Which clients are let in; all if empty.
    pub allow: Vec<Network>,
    /// Which are not.
    pub deny: Vec<Network>,
    /// What is counted.
    pub counters: RouteCounters,
}

/// Where requests go.
pub enum Action {
    /// To services, by weight; one in most cases.
    Services(Vec<(f64, Arc<Upstream>)>),
    /// Elsewhere.
    Redirect(document::Redirect),
    /// Nowhere: the gateway answers.
    Reply(Reply),
    /// To files.
    Files(Arc<Files>),
}

/// What is compiled with.
#[derive(Clone)]
pub struct Workshop {
    /// For services.
    pub tools: Tools,
    /// For rates.
    pub stores: Stores,
}

impl State {
    /// Compiles a document. What services have learned in `before` goes on.
    ///
    /// # Errors
    /// All that is wrong with it. Nothing has changed then.
    pub fn new(document: Document, before: &Self, workshop: &Workshop) -> Result<Self> {
        let mut problems = unbuilt::found(&document, workshop.stores.shared.is_some());
        let mut services = BTreeMap::new();
        for (name, service) in &document.services {
            match Upstream::new(name, service, before.services.get(name), &workshop.tools) {
                Ok(upstream) => {
                    services.insert(name.clone(), upstream);
                }
                Err(more) => problems.extend(more),
            }
        }
        let mut rates = BTreeMap::new();
        for (name, limit) in &document.limits {
            match Rate::new(name, limit, &workshop.stores) {
                Ok(rate) => {
                    rates.insert(name.clone(), Arc::new(rate));
                }
                Err(problem) => problems.push(format!("limits.{name}{problem}")),
            }
        }
        let mut routes = Vec::new();
        for (name, route) in &document.routes {
            let counters = RouteCounters::new(&workshop.tools.metrics, name);
            match Route::new(name, route, &services, &rates, counters) {
                Ok(route) => routes.push(Arc::new(route)),
                Err(more) => {
                    problems.extend(more.into_iter().map(|problem| format!("routes.{name}{problem}")));
                }
            }
        }
        if !problems.is_empty() {
            return Err(Error::Document(problems));
        }
        Ok(Self { routing: Routing::new(&document), routes, services, document })
    }
}

impl Route {
    fn new(
        name: &str,
        route: &document::Route,
        services: &BTreeMap<String, Arc<Upstream>>,
        rates: &BTreeMap<String, Arc<Rate>>,
        counters: RouteCounters,
    ) -> std::result::Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let action = Action::new(route, services).map_err(|problem| problems.push(problem)).ok();
        let known = |limit: &String| {
            let rate = rates.get(limit).cloned();
            rate.ok_or_else(|| format!(".limits: there is no limit {limit:?}"))
        };
        let rates: Vec<Arc<Rate>> = route
            .limits
            .iter()
            .filter_map(|limit| known(limit).map_err(|problem| problems.push(problem)).ok())
            .collect();
        let mut networks = |field: &str, list: &[String]| -> Vec<Network> {
            let read = |text: &String| {
                text.parse().map_err(|error| problems.push(format!(".{field}: {error}"))).ok()
            };
            list.iter().filter_map(read).collect()
        };
        let allow = networks("allow_networks", &route.allow_networks);
        let deny = networks("deny_networks", &route.deny_networks);
        match action {
            Some(action) if problems.is_empty() => Ok(Self {
                name: name.to_owned(),
                document: route.clone(),
                action,
                rates,
                allow,
                deny,
                counters,
            }),
            _ => Err(problems),
        }
    }
}

impl Action {
    fn new(
        route: &document::Route,
        services: &BTreeMap<String, Arc<Upstream>>,
    ) -> std::result::Result<Self, String> {
        let find = |name: &String| {
            services.get(name).cloned().ok_or_else(|| format!(": there is no service {name:?}"))
        };
        let shares = |shares: &[Share]| {
            let share = |share: &Share| Ok((share.weight.max(0.0), find(&share.service)?));
            shares.iter().map(share).collect::<std::result::Result<Vec<_>, String>>()
        };
        match (&route.service, &route.split[..], &route.redirect, &route.reply, &route.files) {
            (Some(service), [], None, None, None) => Ok(Self::Services(vec![(1.0, find(service)?)])),
            (None, split @ [_, ..], None, None, None) => {
                let shares = shares(split)?;
                if shares.iter().map(|(weight, _)| weight).sum::<f64>() <= 0.0 {
                    return Err(".split: all weights are zero".to_owned());
                }
                Ok(Self::Services(shares))
            }
            (None, [], Some(redirect), None, None) => match redirect.status {
                301 | 302 | 303 | 307 | 308 => Ok(Self::Redirect(redirect.clone())),
                status => Err(format!(
                    ".redirect.status: {status} sends nobody elsewhere; use 301, 302, 303, 307 or 308"
                )),
            },
            (None, [], None, Some(reply), None) => Reply::new(reply).map(Self::Reply),
            (None, [], None, None, Some(files)) => Files::new(files).map(Arc::new).map(Self::Files),
            _ => Err(": needs one of service, split, redirect, reply and files, and not more".to_owned()),
        }
    }
}
