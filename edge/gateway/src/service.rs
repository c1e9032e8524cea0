//! The gateway as a whole: opened, told what to do, closed.
//!
//! A document takes effect at once and as a whole; requests under way keep what they began with, and what was learned of instances
//! goes on. A gateway that closes takes no more connections, tells its clients so, and waits for what is under way.

use crate::access_log::Log;
use crate::acme;
use crate::cached::prefetch::Prefetcher;
use crate::cached::{self, Store};
use crate::clock::{self, Lag};
use crate::collapse::Flights;
use crate::config::{Config, Parts};
use crate::connection::{self, Door, RefusedCounters};
use crate::direct::Direct;
use crate::direct::look::Lookout;
use crate::direct::pool::Keeper;
use crate::error::{Error, Result};
use crate::inner::Engine;
use crate::logins;
use crate::metrics::LoginCounters;
use crate::otel::Tracer;
use crate::proxy::Proxy;
use crate::rates::Stores;
use crate::state::{self, State, Workshop};
use crate::straight::Straight;
use crate::tls::{Certificates, Prepared};
use crate::upstream::{Tools, resolve};
use arc_swap::ArcSwap;
use bole_base::clock::SystemClock;
use bole_edge_core::limits::shed::{self, Shedder};
use bole_edge_core::limits::store::Local;
use bole_gateway_acme::Acme;
use bole_gateway_document::Document;
use bole_net::limits::ConnectionLimit;
use bole_net::listener::{self, LastWord, Listener};
use bole_net::tasks::{self, OnFailure};
use bole_net::{Metrics, ServiceMetrics, Shutdown, Stopper};
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::HttpProxy;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::task::JoinHandle;
use tracing::info;

/// How long a new document waits for names of instances to be looked up, before requests are answered by it all the same.
const LOOK_UP: Duration = Duration::from_secs(2);

/// How long a gateway that closes waits for its last spans to be sent.
const FLUSH: Duration = Duration::from_secs(2);

/// A gateway that runs.
pub struct Service {
    state: Arc<ArcSwap<State>>,
    workshop: Workshop,
    certificates: Arc<Certificates>,
    store: Option<Store>,
    engine: Arc<Engine>,
    tracer: Option<Arc<Tracer>>,
    applying: Mutex<()>,
    addresses: Vec<SocketAddr>,
    secured: Vec<SocketAddr>,
    stopper: Stopper,
    closing: watch::Sender<bool>,
    listeners: std::sync::Mutex<Vec<JoinHandle<bole_net::Drained>>>,
    helpers: Vec<JoinHandle<()>>,
}

/// How the connections ended that were open when a gateway closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// Finished in time.
    pub finished: usize,
    /// Cut off.
    pub aborted: usize,
}

impl Service {
    /// Opens the listeners. Until a document is applied no route takes any request.
    ///
    /// # Errors
    /// An address that cannot be listened on, settings that cannot be.
    pub async fn open(config: Config, parts: Parts) -> Result<Self> {
        let config = Arc::new(config);
        let metrics = parts.metrics.clone();
        let log = Arc::new(Log::open(&config.access_log, &metrics).map_err(Error::Config)?);
        let (closing, is_closing) = watch::channel(false);
        let state = Arc::new(ArcSwap::from_pointee(State::default()));
        let acme = authorities(&parts);
        let (certificates, lag) = (Arc::new(Certificates::new(acme.clone())), Arc::new(Lag::default()));
        let problems = RefusedCounters::new(&metrics);
        let overload = shed::Settings { wait: config.limits.shed_wait, ..shed::Settings::default() };
        let own = Arc::<Engine>::default();
        let (tracer, exporter) = traced(&config, &metrics)?;
        let proxy = Proxy {
            state: state.clone(),
            config: config.clone(),
            certificates: certificates.clone(),
            acme: acme.clone(),
            closing: is_closing.clone(),
            log,
            tracer: tracer.clone(),
            problems,
            logins: LoginCounters::new(&metrics),
            shedder: parking_lot::Mutex::new(Shedder::new(overload, clock::now())),
            lag: lag.clone(),
            store: parts.store.clone(),
            engine: own.clone(),
            mirrors: Arc::new(Semaphore::new(config.limits.mirrors_max)),
            flights: Flights::new(config.limits.collapse),
            prefetcher: Prefetcher::new(&metrics),
        };
        let door = door(proxy, &metrics);
        let node_limit = parts.node_limit.clone().unwrap_or_else(|| ConnectionLimit::new(usize::MAX));
        let store = parts.store.clone();
        let workshop = workshop(&config, parts, acme.clone());
        let (stopper, shutdown) = Stopper::new();
        let mut helpers = helpers((&config, &state, &is_closing), &certificates, &lag, acme);
        helpers.extend(exporter);
        let mut service = Self {
            state,
            tracer,
            workshop,
            certificates,
            store,
            engine: own,
            applying: Mutex::new(()),
            addresses: Vec::new(),
            secured: Vec::new(),
            stopper,
            closing,
            listeners: std::sync::Mutex::default(),
            helpers,
        };
        service.listen(&config, Arc::new(door), &node_limit, &metrics.service("gateway"), &shutdown).await?;
        Ok(service)
    }

    async fn listen(
        &mut self,
        config: &Config,
        door: Arc<Door>,
        node_limit: &ConnectionLimit,
        metrics: &ServiceMetrics,
        shutdown: &Shutdown,
    ) -> Result<()> {
        let limit = ConnectionLimit::new(config.limits.connections_max);
        let plain = config.http.iter().map(|address| (*address, false));
        let secured = config.https.iter().map(|address| (*address, true));
        for (address, secured) in plain.chain(secured) {
            let option = if secured { "gateway.tls_listen" } else { "gateway.listen" };
            let listener = Listener::bind("gateway", option, address).await?;
            let local = listener.local();
            if secured {
                self.secured.push(local);
            } else {
                self.addresses.push(local);
            }
            let mut settings = listener::Config::new(limit.clone(), node_limit.clone());
            settings.drain_timeout = config.drain_timeout;
            settings.last_word = LastWord::none();
            let door = door.clone();
            let serve = listener.serve(settings, metrics.clone(), shutdown.clone(), move |connection| {
                connection::serve(connection, door.clone(), secured)
            });
            self.listeners
                .get_mut()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .push(tokio::spawn(serve));
        }
        Ok(())
    }

    /// What asks for answers so that they are stored.
    pub fn warmer(&self) -> cached::warm::Warmer {
        cached::warm::Warmer(self.engine.clone())
    }

    /// The addresses without TLS.
    pub fn http(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The addresses with TLS.
    pub fn https(&self) -> &[SocketAddr] {
        &self.secured
    }

    /// What becomes of certificates that authorities are asked for, by their names.
    pub fn certificates(&self) -> BTreeMap<String, bole_gateway_acme::Status> {
        self.workshop.acme.as_ref().map(|acme| acme.status()).unwrap_or_default()
    }

    /// What requests are answered by, now.
    pub fn state(&self) -> Arc<State> {
        self.state.load_full()
    }

    /// Tries whether this gateway could carry out a document: compiles it, reads its files, and forgets it again. Nothing changes, and nobody is
    /// asked or looked up.
    ///
    /// # Errors
    /// All that is wrong with the document, or that this gateway cannot do.
    pub async fn attempt(&self, document: Document) -> Result<()> {
        let workshop = self.workshop.for_trial();
        let attempt = move || compile(document, &State::default(), &workshop).map(|_| ());
        let tried = tokio::task::spawn_blocking(attempt).await;
        tried.map_err(|error| Error::Config(error.to_string()))?
    }

    /// Takes a document, as a whole or not at all. Requests under way keep the one that they began with.
    ///
    /// # Errors
    /// All that is wrong with the document, or that this gateway cannot do. Nothing has changed then.
    pub async fn apply(&self, document: Document) -> Result<()> {
        let _one_at_a_time = self.applying.lock().await;
        let before = self.state.load_full();
        let (workshop, learned) = (self.workshop.clone(), before.clone());
        // Files are read, patterns compiled: not here, where requests are served.
        let compiled = tokio::task::spawn_blocking(move || compile(document, &learned, &workshop)).await;
        let (state, certificates) = compiled.map_err(|error| Error::Config(error.to_string()))??;
        for (name, upstream) in &before.services {
            if state.services.get(name).is_none_or(|after| !Arc::ptr_eq(upstream, after)) {
                upstream.retire();
            }
        }
        let mut ready = Vec::new();
        for upstream in state.services.values() {
            ready.push(upstream.start(&self.workshop.tools));
        }
        let known = async {
            for mut ready in ready {
                // A service whose driver is gone has nothing to wait for.
                let _ = ready.wait_for(|ready| *ready).await;
            }
        };
        // Names that are not found in time are looked up on and on; their services answer 503 until then.
        let _ = tokio::time::timeout(LOOK_UP, known).await;
        if let Some(acme) = &self.workshop.acme {
            acme.want(state.wanted.clone()).await;
        }
        let (routes, services) = (state.routes.len(), state.services.len());
        self.certificates.commit(certificates);
        if let Some(store) = &self.store {
            store.cache.set_spaces(cached::spaces(&state.document));
        }
        self.state.store(Arc::new(state));
        info!("the gateway has {routes} routes to {services} services");
        Ok(())
    }

    /// Takes no more connections, and waits for what is under way as long as the settings allow.
    pub async fn close(&self) -> Closed {
        self.closing.send_replace(true);
        self.stopper.stop();
        let listeners =
            std::mem::take(&mut *self.listeners.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        let mut closed = Closed::default();
        for listener in listeners {
            if let Ok(drained) = listener.await {
                closed.finished += drained.finished;
                closed.aborted += drained.aborted;
            }
        }
        for upstream in self.state.load().services.values() {
            upstream.retire();
        }
        if let Some(tracer) = &self.tracer {
            tracer.flush(FLUSH).await;
        }
        closed
    }
}

/// What connections are served with: the phases in the library's engine, and the ways around it.
fn door(proxy: Proxy, metrics: &bole_net::Metrics) -> Door {
    let Proxy { state, config, certificates, closing, log, problems, store, tracer, engine: own, .. } =
        &proxy;
    let lookout =
        Lookout { state: state.clone(), config: config.clone(), certificates: certificates.clone() };
    let (log, tracer) = (log.clone(), tracer.clone());
    let straight = Straight { config: config.clone(), log: log.clone(), tracer, store: store.clone() };
    let keeper = Keeper::new(config.limits.upstream_idle_connections_max, metrics);
    let direct = Direct::new(config.clone(), log, problems.clone(), closing.clone(), keeper);
    let (config, closing, certificates) = (config.clone(), closing.clone(), certificates.clone());
    let (refused, own) = (problems.clone(), own.clone());
    let engine = Arc::new(engine(proxy, &config));
    let _ = own.set(Arc::downgrade(&engine));
    Door { engine, lookout, straight, direct, config, closing, certificates, refused }
}

/// What asks authorities for certificates, if there is where to keep them.
fn authorities(parts: &Parts) -> Option<Arc<Acme>> {
    let keeper = parts.keeper.clone()?;
    let (open, clock) = (acme::open(), Arc::new(SystemClock::new()));
    Some(Acme::new(bole_gateway_acme::Parts { keeper, open, clock, metrics: parts.metrics.clone() }))
}

/// What runs beside the requests.
fn helpers(
    (config, state, is_closing): (&Config, &Arc<ArcSwap<State>>, &watch::Receiver<bool>),
    certificates: &Arc<Certificates>,
    lag: &Arc<Lag>,
    acme: Option<Arc<Acme>>,
) -> Vec<JoinHandle<()>> {
    let mut helpers = vec![
        tokio::spawn(certificates.clone().watch(config.reload_interval)),
        tokio::spawn(lag.clone().measure()),
        tasks::spawn("gateway logins", OnFailure::Log, logins::tend(state.clone(), is_closing.clone())),
    ];
    let orders =
        |acme: Arc<Acme>| tasks::spawn("gateway certificates", OnFailure::Log, acme.run(is_closing.clone()));
    helpers.extend(acme.map(orders));
    helpers
}

/// What takes spans, and the task that sends them, if somebody wants them.
fn traced(config: &Config, metrics: &Metrics) -> Result<(Option<Arc<Tracer>>, Option<JoinHandle<()>>)> {
    let Some(otel) = &config.otel else { return Ok((None, None)) };
    let (tracer, exporter) = Tracer::open(otel, metrics).map_err(Error::Config)?;
    let sends = tasks::spawn("gateway spans", OnFailure::Log, exporter.run());
    Ok((Some(Arc::new(tracer)), Some(sends)))
}

/// The library's engine around our phases.
fn engine(proxy: Proxy, config: &Config) -> HttpProxy<Proxy> {
    let settings = ServerConf {
        upstream_keepalive_pool_size: config.limits.upstream_idle_connections_max,
        max_retries: config.limits.tries_max as usize,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        ..ServerConf::default()
    };
    let mut engine = HttpProxy::new(proxy, Arc::new(settings));
    engine.handle_init_modules();
    engine
}

/// What documents are compiled with.
fn workshop(config: &Config, parts: Parts, acme: Option<Arc<Acme>>) -> Workshop {
    let cache = match &parts.store {
        None => state::Cache::None,
        Some(Store { network: None, .. }) => state::Cache::Alone,
        Some(_) => state::Cache::InNetwork,
    };
    Workshop {
        tools: Tools {
            resolver: parts.resolver.unwrap_or_else(|| Arc::new(resolve::Machine::default())),
            registry: parts.registry,
            metrics: parts.metrics,
            probes_at_once_max: config.limits.probes_at_once_max,
        },
        stores: Stores {
            local: Arc::new(Local::new(config.limits.rate_keys_max, rand::random())),
            shared: parts.shared_store,
        },
        objects: parts.objects,
        doors: acme::Doors::of(config, acme.is_some()),
        acme,
        logins: parts.logins.parts(),
        cache,
    }
}

/// Compiles a document with its certificates. Blocks on files.
fn compile(document: Document, learned: &State, workshop: &Workshop) -> Result<(State, Prepared)> {
    let certificates = Certificates::prepare(&document.certificates, workshop.acme.as_ref());
    let state = State::new(document, learned, workshop);
    match (state, certificates) {
        (Ok(state), Ok(certificates)) => Ok((state, certificates)),
        (Err(Error::Document(mut problems)), Err(more)) => {
            problems.extend(more);
            Err(Error::Document(problems))
        }
        (Err(error), _) => Err(error),
        (_, Err(problems)) => Err(Error::Document(problems)),
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.helpers.iter().for_each(JoinHandle::abort);
        self.stopper.stop();
    }
}
