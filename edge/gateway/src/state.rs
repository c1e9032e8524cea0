//! A document, compiled: what each request is answered by. A new one takes the place of the old one at once; requests under way
//! keep the one that they began with.

use crate::answer::{Files, Reply};
use crate::config::Network;
use crate::error::{Error, Result};
use crate::metrics::RouteCounters;
use crate::rates::{Rate, Stores};
use crate::unbuilt;
use crate::upstream::{Tools, Upstream};
use bole_gateway_document::Document;
use bole_gateway_document::route::{self as document, Share};
use bole_gateway_routes::Table;
use bole_gateway_routes::change::Change;
use bole_gateway_routes::cors::Cors;
use bole_gateway_routes::redirect::Redirect;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What requests are answered by.
pub struct State {
    /// As it was told.
    pub document: Document,
    /// Which route takes a request. Its routes have the numbers of those below.
    pub table: Table,
    /// All routes, as the document numbers them.
    pub routes: Vec<Arc<Route>>,
    /// All services.
    pub services: BTreeMap<String, Arc<Upstream>>,
}

impl Default for State {
    /// Of a document that says nothing.
    fn default() -> Self {
        let document = Document::default();
        let table = Table::new(&document);
        Self { document, table, routes: Vec::new(), services: BTreeMap::new() }
    }
}

/// A route.
pub struct Route {
    /// Its name.
    pub name: String,
    /// As it was told.
    pub document: document::Route,
    /// Where its requests go.
    pub action: Action,
    /// What is changed on the way.
    pub change: Change,
    /// What browsers of other origins may do.
    pub cors: Option<Cors>,
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
    /// To a service.
    Service(Arc<Upstream>),
    /// To services, as the table's split says.
    Split(BTreeMap<String, Arc<Upstream>>),
    /// Elsewhere.
    Redirect(Redirect),
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
        let mut problems: Vec<String> = document.check().iter().map(ToString::to_string).collect();
        problems.extend(unbuilt::found(&document, workshop.stores.shared.is_some()));
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
        Ok(Self { table: Table::new(&document), routes, services, document })
    }
}

impl Route {
    /// Whether the headers that the client sent are needed after they were changed.
    pub fn needs_headers(&self) -> bool {
        self.cors.is_some()
            || !self.change.request_headers.is_empty()
            || !self.change.response_headers.is_empty()
    }

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
                change: Change::new(route),
                cors: route.cors.as_ref().map(Cors::new),
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
        match (&route.service, &route.split[..], &route.redirect, &route.reply, &route.files) {
            (Some(service), [], None, None, None) => Ok(Self::Service(find(service)?)),
            (None, split @ [_, ..], None, None, None) => {
                let share = |share: &Share| Ok((share.service.clone(), find(&share.service)?));
                split.iter().map(share).collect::<std::result::Result<_, String>>().map(Self::Split)
            }
            (None, [], Some(redirect), None, None) => {
                let compiled = Redirect::new(redirect);
                compiled
                    .map(Self::Redirect)
                    .ok_or_else(|| format!(".redirect: {:?} leads nowhere", redirect.to))
            }
            (None, [], None, Some(reply), None) => Reply::new(reply).map(Self::Reply),
            (None, [], None, None, Some(files)) => Files::new(files).map(Arc::new).map(Self::Files),
            _ => Err(": needs one of service, split, redirect, reply and files, and not more".to_owned()),
        }
    }
}
