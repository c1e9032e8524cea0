//! Opens the gateway: the shard of what it keeps, the API at the admin door, its doors, and what carries a change from the one to the other.

mod buckets;
mod certificates;
mod file;
mod logins;
mod registry;
mod sight;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bole_base::Durability;
use bole_catalog::NewDataset;
use bole_edge_core::limits::Shared;
use bole_gateway::config::{AccessLog, LogFormat, Parts};
use bole_gateway::limits::Limits;
use bole_gateway::{Config, Service, otel};
use bole_gateway_acme::status::Phase;
use bole_gateway_control::control::{self, Source};
use bole_gateway_control::door::{self, Door};
use bole_gateway_control::vault::Vault;
use bole_gateway_control::{Control, Trial};
use bole_gateway_document::Document;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::admin::gateway::Admission;
use crate::admin::identity::IdentityUsers;
use crate::banner::Endpoint;
use crate::config::Settings;
use crate::config::gateway::AccessLogFormat;
use crate::kernel::Kernel;
use crate::keyspace_client::{KeyspaceCells, Login};
use crate::parts::Part;
use crate::serve::Node;
use crate::status;

use buckets::Buckets;
use registry::Registered;
use sight::Sight;

/// The one dataset of the gateway.
const DATASET: &str = "default/gateway/control";
/// What the keys are for that secrets are sealed with. *Persisted* in that other words are other keys.
const KEYS_PURPOSE: &str = "gateway secrets 1";
/// How often is looked whether a lease is over.
const SWEEP_INTERVAL: Duration = Duration::from_millis(500);

/// Opens the gateway's dataset and hosts its shard; the runtime recovers it next.
pub async fn host(settings: &Settings, kernel: &Kernel) -> Result<Arc<Control>> {
    if kernel.catalog.read(|state| state.dataset(DATASET).is_none())? {
        let new = NewDataset { name: DATASET.to_owned(), shards: 1, attributes: BTreeMap::new() };
        kernel.catalog.create(&[new]).await?;
    }
    let log = kernel.catalog.read(|state| state.dataset(DATASET).and_then(|record| record.logs().next()))?;
    let log = log.with_context(|| format!("dataset {DATASET} is not in the catalog"))?;
    let source = match &settings.gateway.file {
        Some(file) => Source::File(file.display().to_string()),
        None => Source::Kept,
    };
    let vault = Vault::new(kernel.identity.derived_keys(KEYS_PURPOSE));
    let runtime = Arc::clone(&kernel.runtime);
    Ok(Arc::new(Control::host(runtime, log, &format!("{DATASET}#0"), source, vault)?))
}

/// How the endpoints of a service of the gateway are; `None` if there is no such service.
pub type Endpoints = Arc<dyn Fn(&str) -> Option<Vec<bole_edge_core::balance::Status>> + Send + Sync>;

/// Opens the gateway over the recovered shard.
pub async fn serve(node: &mut Node, kernel: &Kernel, control: Arc<Control>) -> Result<Endpoints> {
    let settings = node.settings.clone();
    control.start().await?;
    let registered = Arc::new(Registered::new(control.watch()));
    let cdn = super::cdn::open(node)?;
    let parts = Parts {
        store: Some(cdn.store.clone()),
        objects: node.buckets.take().map(|door| Arc::new(Buckets(door)) as _),
        metrics: node.metrics.clone(),
        registry: Some(Arc::clone(&registered) as _),
        logins: logins::of(&settings, kernel)?,
        keeper: Some(Arc::new(certificates::Kept(Arc::clone(&control))) as _),
        shared_store: Some(Arc::new(Shared::new(KeyspaceCells::new(keyspace(&settings)?)))),
        ..Parts::default()
    };
    let service = Service::open(config(&settings), parts).await.context("the gateway cannot be opened")?;
    let gateway = Arc::new(Carried { service, problems: Mutex::default() });
    control.try_with(Arc::clone(&gateway) as _);
    if let Some(file) = &settings.gateway.file {
        file::take(&control, file).await.with_context(|| format!("gateway.file {}", file.display()))?;
    }
    let mut tasks = vec![
        tokio::spawn(registered.follow()),
        tokio::spawn(follow(Arc::clone(&control), Arc::clone(&gateway))),
        tokio::spawn(sweep(Arc::clone(&control))),
    ];
    tasks.extend(
        settings.gateway.file.clone().map(|path| tokio::spawn(file::watch(Arc::clone(&control), path))),
    );
    let users = Arc::new(IdentityUsers::new(Arc::clone(&kernel.identity)));
    let admission = Arc::new(Admission(Arc::clone(&users) as Arc<_>));
    cdn.serve(node, admission, gateway.service.warmer())?;
    node.admin_routes.push(door::router(Door {
        control: Arc::clone(&control),
        admission: Arc::new(Admission(users)),
        sight: Arc::new(Sight(Arc::clone(&gateway))),
    }));
    let plain = gateway.service.http().iter().map(|address| ("http", *address));
    let secured = gateway.service.https().iter().map(|address| ("https", *address));
    for (scheme, address) in plain.chain(secured) {
        node.endpoints.push(Endpoint {
            service: format!("gateway ({})", scheme.to_uppercase()),
            address,
            paste: format!("curl {scheme}://{address}/"),
        });
    }
    node.durability.push(("gateway".to_owned(), Durability::Sync));
    let (for_status, metrics) = (Arc::clone(&gateway), node.metrics.service("gateway"));
    node.status.push(Box::new(move |status| {
        status.services.push(status::Service {
            name: "gateway".to_owned(),
            connections: metrics.connections_open.get().max(0) as u64,
            memory_bytes: 0,
            memory_bytes_max: 0,
            notes: for_status.notes(),
        });
    }));
    let for_others = Arc::clone(&gateway);
    node.parts.push(GatewayPart { gateway, tasks });
    Ok(Arc::new(move |service| {
        let state = for_others.service.state();
        state.services.get(service).map(|upstream| upstream.set.status())
    }))
}

fn config(settings: &Settings) -> Config {
    let gateway = &settings.gateway;
    let format = match gateway.access_log {
        AccessLogFormat::Off => LogFormat::Off,
        AccessLogFormat::Json => LogFormat::Json,
        AccessLogFormat::Text => LogFormat::Text(gateway.access_log_format.clone().unwrap_or_default()),
    };
    Config {
        http: vec![gateway.listen],
        https: gateway.tls_listen.into_iter().collect(),
        trusted_proxies: gateway.trusted_proxies.0.clone(),
        proxy_protocol: gateway.proxy_protocol,
        limits: Limits { connections_max: gateway.connections_max as usize, ..Limits::default() },
        drain_timeout: settings.node.shutdown_timeout / 2,
        explain: gateway.explain,
        access_log: AccessLog { file: gateway.access_log_file.clone(), format },
        otel: otel(settings),
        ..Config::default()
    }
}

fn otel(settings: &Settings) -> Option<otel::Config> {
    let gateway = &settings.gateway;
    let endpoint = gateway.otel_endpoint.0.clone()?;
    Some(otel::Config {
        endpoint,
        headers_file: gateway.otel_headers_file.clone(),
        authorities: gateway.otel_ca_file.clone(),
        sampler: otel::Sampler { share: gateway.otel_sample, parents: gateway.otel_parents },
        service_name: gateway.otel_service_name.clone().unwrap_or_else(|| "bole".to_owned()),
    })
}

fn keyspace(settings: &Settings) -> Result<Login> {
    let gateway = &settings.gateway;
    let password = gateway.limits_password_file.as_ref().map(|file| {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("gateway.limits_password_file {} cannot be read", file.display()))?;
        Ok::<_, anyhow::Error>(text.lines().next().unwrap_or_default().to_owned())
    });
    let credentials = gateway.limits_user.clone().zip(password.transpose()?);
    let crate::config::gateway::KeyspaceAddress { address, database } = gateway.limits_keyspace.clone();
    Ok(Login { address, database, credentials })
}

/// Gives the gateway each document that there is. What it cannot carry out is told in the status, and the one before stays.
async fn follow(control: Arc<Control>, gateway: Arc<Carried>) {
    let mut views = control.watch();
    let mut carried = None;
    loop {
        let (revision, document) = {
            let view = views.borrow_and_update();
            (view.revision, Arc::clone(&view.document))
        };
        if carried.as_ref().is_none_or(|carried| *carried != document) {
            let mut opened = (*document).clone();
            let mut problems = control.open_secrets(&mut opened);
            if problems.is_empty()
                && let Err(error) = gateway.service.apply(opened).await
            {
                problems = told(error);
            }
            for problem in &problems {
                tracing::error!(revision, "the gateway cannot carry out its document: {problem}");
            }
            if problems.is_empty() {
                tracing::info!(revision, "the gateway carries out its document");
            }
            gateway.problems.lock().clone_from(&problems);
            control.set_carried(control::Carried { revision, problems });
            carried = Some(document);
        } else {
            let problems = gateway.problems.lock().clone();
            control.set_carried(control::Carried { revision, problems });
        }
        if views.changed().await.is_err() {
            return;
        }
    }
}

async fn sweep(control: Arc<Control>) {
    let mut every = tokio::time::interval(SWEEP_INTERVAL);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = control.sweep().await {
            tracing::warn!("leases of registered instances cannot be ended: {error}");
        }
    }
}

/// The gateway, and what it cannot carry out of the document that is kept.
struct Carried {
    service: Service,
    problems: Mutex<Vec<String>>,
}

impl Carried {
    /// What somebody has to know: what is not carried out, and certificates that there are none of.
    fn notes(&self) -> Vec<String> {
        let mut notes = self.problems.lock().clone();
        for (name, status) in self.service.certificates() {
            if let (Phase::Failing, Some(error)) = (status.phase, &status.last_error) {
                let failures = status.failures;
                notes.push(format!(
                    "certificate \"{name}\" could not be had {failures} times in a row: {error}"
                ));
            }
        }
        notes
    }
}

/// What is wrong, one by one.
fn told(error: bole_gateway::Error) -> Vec<String> {
    match error {
        bole_gateway::Error::Document(problems) => problems,
        other => vec![other.to_string()],
    }
}

impl Trial for Carried {
    fn attempt(&self, document: Document) -> BoxFuture<'_, Vec<String>> {
        Box::pin(async move { self.service.attempt(document).await.err().map(told).unwrap_or_default() })
    }
}

/// The running gateway.
struct GatewayPart {
    gateway: Arc<Carried>,
    tasks: Vec<JoinHandle<()>>,
}

impl Part for GatewayPart {
    fn name(&self) -> &'static str {
        "gateway"
    }

    fn stop(self: Box<Self>, _: Instant) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            self.gateway.service.close().await;
            self.tasks.iter().for_each(JoinHandle::abort);
            Ok(())
        })
    }
}

/// The doors that others may reach.
pub fn doors(settings: &Settings) -> Vec<(&'static str, SocketAddr, bool)> {
    let gateway = &settings.gateway;
    let tls = gateway.tls_listen.map(|address| ("gateway.tls_listen", address, true));
    std::iter::once(("gateway.listen", gateway.listen, false)).chain(tls).collect()
}
