//! A client shows who it is, by SCRAM-SHA-256, and gets its session.

use std::sync::Arc;
use std::time::Duration;

use bole_identity::ScramHash;
use bole_sql_types::{Error, SqlState};
use tokio::sync::mpsc;

use super::End;
use super::scram::{Failure, MECHANISM, Server, nonce};
use super::startup::{self, Parameters};
use super::wire::Wire;
use crate::metrics::count;
use crate::protocol::backend;
use crate::protocol::body::Body;
use crate::protocol::startup::FIRST_BYTES_MAX;
use crate::protocol::{Message, frontend};
use crate::service::Service;
use crate::session::cancel::Canceller;
use crate::session::notify::Inbox;
use crate::session::{Out, Session, Settings};
use crate::store::Database;

/// How long the answer to a failed login takes: so many guesses a second one connection has.
const FAILURE_DELAY: Duration = Duration::from_millis(500);
/// Chunks of output that wait for the socket.
const CHUNKS_MAX: usize = 4;
/// Codes of `Authentication…` messages.
const OK: u32 = 0;
const SASL: u32 = 10;
const SASL_CONTINUE: u32 = 11;
const SASL_FINAL: u32 = 12;

/// A client that is in.
pub(super) struct Login {
    pub(super) session: Box<Session>,
    pub(super) chunks: mpsc::Receiver<Vec<u8>>,
    pub(super) notifications: Inbox,
    pub(super) canceller: Arc<Canceller>,
}

/// Lets a client in; `None` if all it wanted was to cancel. `known`: the user that it is, where the node knows that.
pub(super) async fn run(
    service: &Arc<Service>,
    wire: &mut Wire,
    known: Option<&str>,
) -> Result<Option<Login>, End> {
    let Some(parameters) = startup::run(service, wire).await? else { return Ok(None) };
    match known {
        None => authenticate(service, wire, &parameters.user).await?,
        Some(user) if user == parameters.user => {}
        Some(_) => return Err(End::Fatal(refused(&parameters.user))),
    }
    let database = authorize(service, &parameters).map_err(End::Fatal)?;
    let secured = wire.stream()?.is_secured();
    let settings = settings(service, &parameters, secured).map_err(End::Fatal)?;
    let canceller = Arc::new(Canceller::default());
    let (process_id, key) = service.sessions.enter(database.name(), &canceller);
    let notifications = service.hub.enter(process_id);
    let (sender, chunks) = mpsc::channel(CHUNKS_MAX);
    let out = Out::new(sender, Arc::clone(&database), service.handle.clone(), service.pool.clone());
    let (service, user) = (Arc::clone(service), parameters.user.as_str());
    let mut session =
        Box::new(Session::new(service, database, user, process_id, settings, Arc::clone(&canceller), out));
    backend::authentication(&mut session.out.buffer, OK, &[]);
    session.announce();
    backend::key_data(&mut session.out.buffer, process_id, key);
    session.set_ready();
    session.write_ready();
    // Nothing is waited for any more: from here on it is the connection that takes the session out of the lists.
    Ok(Some(Login { session, chunks, notifications, canceller }))
}

fn refused(user: &str) -> Error {
    Error::new(SqlState::INVALID_PASSWORD, format!("password authentication failed for user \"{user}\""))
}

fn malformed(what: &str) -> End {
    End::Fatal(
        Error::new(SqlState::PROTOCOL_VIOLATION, "malformed SCRAM message").with_detail(format!("{what}.")),
    )
}

/// The next message, which must be a SASL one.
async fn response(wire: &mut Wire) -> Result<Body, End> {
    loop {
        match frontend::next(&mut wire.intake.input, FIRST_BYTES_MAX)? {
            Some(Message::Password(bytes)) => return Ok(Body::new(bytes)),
            Some(Message::Terminate) => return Err(End::Left),
            Some(_) => {
                let message = "expected SASL response, got another message";
                return Err(End::Fatal(Error::new(SqlState::PROTOCOL_VIOLATION, message)));
            }
            None => wire.read(0).await?,
        }
    }
}

async fn authenticate(service: &Arc<Service>, wire: &mut Wire, user: &str) -> Result<(), End> {
    let outcome = exchange(service, wire, user).await;
    if let Err(End::Fatal(_)) = &outcome {
        count(&service.metrics.authentications_failed, 1);
        tokio::time::sleep(FAILURE_DELAY).await;
    }
    outcome
}

async fn exchange(service: &Arc<Service>, wire: &mut Wire, user: &str) -> Result<(), End> {
    let mut out = Vec::new();
    backend::authentication(&mut out, SASL, format!("{MECHANISM}\0\0").as_bytes());
    wire.send(&out).await?;
    let mut body = response(wire).await?;
    let mechanism = body.text().map_err(End::Fatal)?;
    if mechanism != MECHANISM {
        let message = "client selected an invalid SASL authentication mechanism";
        return Err(End::Fatal(Error::new(SqlState::PROTOCOL_VIOLATION, message)));
    }
    let first = body.value().map_err(End::Fatal)?.ok_or_else(|| malformed("The first message is missing"))?;
    let keys = service.identity.scram(user, ScramHash::Sha256);
    let keys =
        keys.map_err(|error| End::Fatal(Error::new(SqlState::CANNOT_CONNECT_NOW, error.to_string())))?;
    let told = |failure: Failure| match failure {
        Failure::Wrong => End::Fatal(refused(user)),
        Failure::Malformed(what) => malformed(what),
    };
    let server = Server::new(&first, keys, &nonce()).map_err(told)?;
    out.clear();
    backend::authentication(&mut out, SASL_CONTINUE, server.challenge().as_bytes());
    wire.send(&out).await?;
    let last = response(wire).await?.rest();
    let signature = server.finish(&last).map_err(told)?;
    out.clear();
    backend::authentication(&mut out, SASL_FINAL, signature.as_bytes());
    wire.send(&out).await?;
    Ok(())
}

/// The database, if the user may use it.
fn authorize(service: &Service, parameters: &Parameters) -> Result<Arc<Database>, Error> {
    let Parameters { user, database: name, .. } = parameters;
    let database = service.databases.get(name).ok_or_else(|| {
        Error::new(SqlState::INVALID_CATALOG_NAME, format!("database \"{name}\" does not exist"))
    })?;
    if service.allowed(user, "connect", name) {
        return Ok(database);
    }
    let error =
        Error::new(SqlState::INSUFFICIENT_PRIVILEGE, format!("permission denied for database \"{name}\""));
    Err(error.with_detail("User does not have CONNECT privilege."))
}

fn settings(service: &Service, parameters: &Parameters, secured: bool) -> Result<Settings, Error> {
    let on_off = |on: bool| if on { "on" } else { "off" }.to_owned();
    let all = ["connect", "read", "write", "schema", "create", "drop"];
    let superuser = all.iter().all(|action| service.allowed(&parameters.user, action, &parameters.database));
    let mut settings = Settings::new(&[
        ("server_version", service.config.server_version.clone()),
        ("TimeZone", service.config.time_zone.clone()),
        ("session_authorization", parameters.user.clone()),
        ("is_superuser", on_off(superuser)),
        ("max_connections", service.config.connections_max.to_string()),
        ("ssl", on_off(service.tls.is_some() || secured)),
    ]);
    for (name, value) in &parameters.settings {
        settings.start(name, value)?;
    }
    Ok(settings)
}
