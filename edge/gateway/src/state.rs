//! A document, compiled: what each request is answered by. A new one takes the place of the old one at once; requests under way
//! keep the one that they began with.

use crate::acme;
use crate::answer::{Files, Reply};
use crate::bucket::{Bucket, Objects};
use crate::cached;
use crate::collapse;
use crate::config::Network;
use crate::described::Described;
use crate::direct;
use crate::error::{Error, Result};
use crate::logins;
use crate::metrics::RouteCounters;
use crate::mirror::{self, Mirror};
use crate::rates::{Rate, Stores};
use crate::straight;
use crate::unbuilt;
use crate::upstream::{Tools, Upstream};
use bole_gateway_acme::{Acme, Wanted};
use bole_gateway_document::Document;
use bole_gateway_document::access::Login;
use bole_gateway_document::route::{self as document, Share};
use bole_gateway_openapi::merge;
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
    /// Who may come in, if anybody has to log in.
    pub access: Option<Arc<bole_gateway_access::Access>>,
    /// All rates, by name: consumers have some of their own.
    pub rates: BTreeMap<String, Arc<Rate>>,
    /// Descriptions of services that have one.
    pub described: BTreeMap<String, Arc<Described>>,
    /// All services.
    pub services: BTreeMap<String, Arc<Upstream>>,
    /// What authorities are asked for.
    pub wanted: BTreeMap<String, Wanted>,
}

impl Default for State {
    /// Of a document that says nothing.
    fn default() -> Self {
        let document = Document::default();
        let table = Table::new(&document);
        let (routes, rates, services) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let (described, wanted) = (BTreeMap::new(), BTreeMap::new());
        Self { document, table, routes, access: None, rates, described, services, wanted }
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
    /// What its stored answers are shared in, by service; empty if none are stored.
    pub spaces: BTreeMap<String, Arc<str>>,
    /// Its answers may be one client's own: somebody logged in, by more than a link.
    pub is_personal: bool,
    /// Nothing stands between its requests and what is stored.
    pub is_plain: bool,
    /// What it says of requests to a service needs no proxy library.
    pub is_direct: bool,
    /// Where copies of its requests go.
    pub mirror: Option<Mirror>,
    /// What became of requests that share answers.
    pub collapsed: collapse::Counters,
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
    /// To objects.
    Bucket(Box<Bucket>),
    /// Nowhere: the descriptions of all services, under this title.
    Api(String),
}

/// What can be stored of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// Nothing.
    None,
    /// Those of services.
    Alone,
    /// Those of shields as well.
    InNetwork,
}

/// What is compiled with.
#[derive(Clone)]
pub struct Workshop {
    /// For services.
    pub tools: Tools,
    /// For rates.
    pub stores: Stores,
    /// For logins.
    pub logins: bole_gateway_access::Parts,
    /// Whether answers can be stored, and of shields.
    pub cache: Cache,
    /// What reads buckets.
    pub objects: Option<Arc<dyn Objects>>,
    /// What proofs for authorities need.
    pub doors: acme::Doors,
    /// What gets certificates of authorities, if there is anything.
    pub acme: Option<Arc<Acme>>,
}

impl Workshop {
    /// For a document that is only tried: what it would count and remember is thrown away.
    #[must_use]
    pub fn for_trial(&self) -> Self {
        let mut trial = self.clone();
        trial.tools.metrics = bole_net::Metrics::default();
        trial.logins = logins::forgetful(&self.logins);
        trial.acme = None;
        trial
    }
}

impl State {
    /// Compiles a document. What services have learned in `before` goes on.
    ///
    /// # Errors
    /// All that is wrong with it. Nothing has changed then.
    pub fn new(document: Document, before: &Self, workshop: &Workshop) -> Result<Self> {
        let mut problems: Vec<String> = document.check().iter().map(ToString::to_string).collect();
        // What is wrong already would only be said twice.
        let access =
            if problems.is_empty() { logins::compile(&document, &workshop.logins) } else { Ok(None) };
        let access = access.unwrap_or_else(|more| {
            problems.extend(more);
            None
        });
        problems.extend(unbuilt::found(&document, workshop.stores.shared.is_some()));
        problems.extend(workshop.cache.problems(&document));
        let wanted = acme::wanted(&document, workshop.doors, &*workshop.logins.secrets);
        let wanted = wanted.unwrap_or_else(|more| {
            problems.extend(more);
            BTreeMap::new()
        });
        let mut services = BTreeMap::new();
        for (name, service) in &document.services {
            match Upstream::new(name, service, before.services.get(name), &workshop.tools) {
                Ok(upstream) => {
                    services.insert(name.clone(), upstream);
                }
                Err(more) => problems.extend(more),
            }
        }
        let mut described = BTreeMap::new();
        for (name, service) in &document.services {
            let Some(settings) = &service.openapi else { continue };
            match Described::new(name, settings, &workshop.tools.metrics) {
                Ok(one) => {
                    described.insert(name.clone(), Arc::new(one));
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
            let is_link = |login: &String| matches!(document.logins.get(login), Some(Login::Link(_)));
            let is_personal = !route.login.iter().all(is_link);
            match Route::new(name, route, is_personal, (&services, &rates), workshop) {
                Ok(route) => routes.push(Arc::new(route)),
                Err(more) => {
                    problems.extend(more.into_iter().map(|problem| format!("routes.{name}{problem}")));
                }
            }
        }
        if !problems.is_empty() {
            return Err(Error::Document(problems));
        }
        let table = Table::new(&document);
        Ok(Self { document, table, routes, access, rates, described, services, wanted })
    }

    /// The descriptions of all services, as one document.
    pub fn merged(&self, title: &str) -> serde_json::Value {
        merge::merged(title, self.described.iter().map(|(name, described)| (name.as_str(), &described.api)))
    }
}

impl Route {
    /// Whether the headers that the client sent are needed after they were changed.
    pub fn needs_headers(&self) -> bool {
        self.cors.is_some()
            || !self.change.request_headers.is_empty()
            || !self.change.response_headers.is_empty()
    }

    /// Whether anything that it changes may read parts of the path.
    pub fn reads_values(&self) -> bool {
        let change = &self.change;
        change.rewrite.is_some()
            || !(change.query.is_empty()
                && change.request_headers.is_empty()
                && change.response_headers.is_empty())
    }

    fn new(
        name: &str,
        route: &document::Route,
        is_personal: bool,
        (services, rates): (&BTreeMap<String, Arc<Upstream>>, &BTreeMap<String, Arc<Rate>>),
        workshop: &Workshop,
    ) -> std::result::Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let metrics = &workshop.tools.metrics;
        let action = match &route.bucket {
            Some(bucket) => Bucket::of(name, bucket, workshop),
            None => Action::new(route, services),
        };
        let action = action.map_err(|problem| problems.push(problem)).ok();
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
        let mirror = route.mirror.as_ref().and_then(|mirror| {
            let unknown = || format!(".mirror.service: there is no service {:?}", mirror.service);
            let upstream = services.get(&mirror.service).cloned().ok_or_else(unknown);
            let upstream = upstream.map_err(|problem| problems.push(problem)).ok()?;
            let counters = mirror::Counters::new(metrics, name);
            Some(Mirror { upstream, share: mirror.weight / 100.0, counters })
        });
        match action {
            Some(action) if problems.is_empty() => Ok(Self {
                name: name.to_owned(),
                document: route.clone(),
                action,
                change: Change::new(route),
                cors: route.cors.as_ref().map(Cors::new),
                rates,
                spaces: spaces(route),
                is_plain: straight::is_plain(route),
                is_direct: direct::plain::route(route),
                is_personal,
                allow,
                deny,
                mirror,
                collapsed: collapse::Counters::new(metrics, name),
                counters: RouteCounters::new(metrics, name),
            }),
            _ => Err(problems),
        }
    }
}

fn spaces(route: &document::Route) -> BTreeMap<String, Arc<str>> {
    let services = route.service.iter().chain(route.split.iter().map(|share| &share.service));
    let named = services.filter(|_| cached::is_on(route));
    named.map(|service| (service.clone(), cached::space(route, service))).collect()
}

impl Cache {
    /// What a document wants of the cache that is not there.
    fn problems(self, document: &Document) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, route) in document.routes.iter().filter(|(_, route)| cached::is_on(route)) {
            if self == Self::None {
                problems.push(format!("routes.{name}.cache: this gateway stores no answers; take it out"));
            } else if self == Self::Alone && route.cache.as_ref().is_some_and(|cache| cache.shield) {
                problems.push(format!(
                    "routes.{name}.cache.shield: this node is in no network of caches; set cdn.secret_file, or take it out"
                ));
            }
            let services = route.service.iter().chain(route.split.iter().map(|share| &share.service));
            for service in services.filter(|service| is_sticky(document, service)) {
                problems.push(format!(
                    "routes.{name}.cache: service {service:?} binds clients to instances, which stored answers cannot; take out cache, or choose another services.{service}.balance.algorithm"
                ));
            }
        }
        problems
    }
}

fn is_sticky(document: &Document, service: &str) -> bool {
    document.services.get(service).is_some_and(|service| service.balance.algorithm == "sticky")
}

impl Action {
    fn new(
        route: &document::Route,
        services: &BTreeMap<String, Arc<Upstream>>,
    ) -> std::result::Result<Self, String> {
        let find = |name: &String| {
            services.get(name).cloned().ok_or_else(|| format!(": there is no service {name:?}"))
        };
        if let (Some(api), None, [], None) = (&route.openapi, &route.service, &route.split[..], &route.files)
        {
            return Ok(Self::Api(api.title.clone()));
        }
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
            _ => {
                Err(": needs one of service, split, redirect, reply, files, openapi and bucket, and not more"
                    .to_owned())
            }
        }
    }
}
