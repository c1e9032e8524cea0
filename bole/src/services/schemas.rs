//! Opens the schema registry: its dataset from the catalog, its shard on the journal, its door, and what it is given of identity.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bole_base::{Durability, Kind};
use bole_catalog::NewDataset;
use bole_identity::Identity;
use bole_net::limits::ConnectionLimit;
use bole_net::listener::{self, Listener};
use bole_net::safety::{HostOriginGuard, is_loopback};
use bole_net::shutdown::Stopper;
use bole_schemas::access::{Action, Authenticator, Credentials, Refusal};
use bole_schemas::service::Parts as ServiceParts;
use bole_schemas::store::Store;
use bole_schemas::{Config, Service, door};
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::banner::Endpoint;
use crate::kernel::Kernel;
use crate::parts::Part;
use crate::serve::Node;
use crate::status;

/// The one dataset of the registry.
const DATASET: &str = "default/schemas/registry";

/// Opens the registry's dataset and hosts its shard; the runtime recovers it next.
pub async fn host(kernel: &Kernel) -> Result<Store> {
    if kernel.catalog.read(|state| state.dataset(DATASET).is_none())? {
        let new = NewDataset { name: DATASET.to_owned(), shards: 1, attributes: BTreeMap::new() };
        kernel.catalog.create(&[new]).await?;
    }
    let log = kernel.catalog.read(|state| state.dataset(DATASET).and_then(|record| record.logs().next()))?;
    let log = log.with_context(|| format!("dataset {DATASET} is not in the catalog"))?;
    Ok(Store::host(Arc::clone(&kernel.runtime), log, &format!("{DATASET}#0"))?)
}

/// Opens the registry and its door over the recovered shard.
pub async fn serve(node: &mut Node, kernel: &Kernel, store: Store) -> Result<()> {
    let settings = node.settings.clone();
    let listener = Listener::bind("schemas", "schemas.listen", settings.schemas.listen).await?;
    let address = listener.local();
    let config = Config {
        connections_max: settings.schemas.connections_max as usize,
        drain_timeout: settings.node.shutdown_timeout / 2,
        ..Config::default()
    };
    let limit = ConnectionLimit::new(config.connections_max);
    let doors = listener::Config {
        drain_timeout: config.drain_timeout,
        ..listener::Config::new(limit.clone(), ConnectionLimit::new(usize::MAX >> 4))
    };
    // A door on another address is reached by that address, and by the names that are configured.
    let bound = Some(address.ip()).filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string());
    let service = Service::open(ServiceParts {
        store,
        config,
        authenticator: Arc::new(Users {
            identity: Arc::clone(&kernel.identity),
            loopback: is_loopback(settings.schemas.listen.ip()),
        }),
        guard: HostOriginGuard::new(bound.into_iter().chain(settings.schemas.hosts.0.iter().cloned())),
    });
    let (stopper, token) = Stopper::new();
    let router = door::router(Arc::clone(&service));
    let handler = move |connection: listener::Connection| door::serve(router.clone(), connection);
    let serving = listener.serve(doors, node.metrics.service("schemas"), token, handler);
    let door = tokio::spawn(async move {
        let drained = serving.await;
        if drained.aborted > 0 {
            tracing::warn!(
                connections = drained.aborted,
                "connections of the schema registry did not finish in time and were cut off"
            );
        }
    });
    node.endpoints.push(Endpoint {
        service: "schema registry".to_owned(),
        address,
        paste: format!("curl http://{address}/subjects"),
    });
    node.durability.push(("schemas".to_owned(), Durability::Sync));
    let (for_status, for_metrics) = (Arc::clone(&service), service);
    node.status.push(Box::new(move |status| {
        status.services.push(status::Service {
            name: "schemas".to_owned(),
            connections: limit.open() as u64,
            memory_bytes: for_status.sizes().text_bytes,
            memory_bytes_max: bole_schemas::limits::STATE_BYTES_MAX,
            notes: Vec::new(),
        });
    }));
    node.collectors.push(Arc::new(move |out| write_metrics(&for_metrics, out)));
    node.parts.push(SchemasPart { stopper, door });
    Ok(())
}

fn write_metrics(service: &Service, out: &mut String) {
    for (name, help, value) in service.metrics.rows() {
        crate::metrics::counter(out, &format!("bole_schemas_{name}"), help, value);
    }
    let sizes = service.sizes();
    for (name, help, value) in [
        ("schemas", "Schemas.", sizes.schemas),
        ("subjects", "Subjects, those without versions included.", sizes.subjects),
        ("text_bytes", "Bytes of the schemas' texts.", sizes.text_bytes),
        ("text_bytes_max", "The most that they may have.", bole_schemas::limits::STATE_BYTES_MAX),
    ] {
        crate::metrics::gauge(out, &format!("bole_schemas_{name}"), help, value);
    }
}

/// What the registry asks of identity.
struct Users {
    identity: Arc<Identity>,
    /// On loopback, and only there, clients may come without credentials.
    loopback: bool,
}

impl Authenticator for Users {
    fn authorize<'a>(
        &'a self,
        credentials: Option<&'a Credentials>,
        action: Action,
        subject: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(async move {
            let Some(Credentials { user, password }) = credentials else {
                return if self.loopback { Ok(()) } else { Err(Refusal::Unauthenticated) };
            };
            match self.identity.verify(user, password).await {
                Ok(true) => {}
                Ok(false) => return Err(Refusal::Unauthenticated),
                Err(error) if error.kind() == Kind::InvalidInput => return Err(Refusal::Unauthenticated),
                Err(error) => {
                    tracing::warn!(user, %error, "a password could not be checked");
                    return Err(Refusal::Denied("the password could not be checked; try again".to_owned()));
                }
            }
            let word = match action {
                Action::Read => "read",
                Action::Write => "write",
            };
            // The registry as a whole is what no subject is called: its name is empty.
            let resource = format!("{DATASET}/{}", subject.unwrap_or_default());
            if self.identity.allowed(user, "schemas", word, &resource) {
                return Ok(());
            }
            Err(Refusal::Denied(format!("user \"{user}\" may not do this: schemas:{word} on {resource}")))
        })
    }
}

struct SchemasPart {
    stopper: Stopper,
    door: JoinHandle<()>,
}

impl Part for SchemasPart {
    fn name(&self) -> &'static str {
        "schemas"
    }

    fn stop(self: Box<Self>, _deadline: Instant) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            self.stopper.stop();
            self.door.await?;
            Ok(())
        })
    }
}
