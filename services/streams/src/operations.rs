//! Requests to replies: one file an API, all of them in one table.

pub mod add_offsets_to_txn;
pub mod add_partitions_to_txn;
pub mod alter_client_quotas;
pub mod alter_configs;
mod alter_each;
pub mod alter_user_scram_credentials;
pub mod api_versions;
pub mod consumer_group_describe;
pub mod consumer_group_heartbeat;
pub mod create_acls;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_acls;
pub mod delete_groups;
pub mod delete_records;
pub mod delete_topics;
pub mod describe_acls;
pub mod describe_client_quotas;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_groups;
pub mod describe_log_dirs;
pub mod describe_producers;
pub mod describe_topic_partitions;
pub mod describe_transactions;
pub mod describe_user_scram_credentials;
pub mod end_txn;
pub mod fetch;
pub mod find_coordinator;
pub mod heartbeat;
pub mod incremental_alter_configs;
pub mod init_producer_id;
pub mod join_group;
pub mod leave_group;
pub mod list_config_resources;
pub mod list_groups;
pub mod list_offsets;
pub mod list_transactions;
pub mod metadata;
pub mod offset_commit;
pub mod offset_delete;
pub mod offset_fetch;
pub mod offset_for_leader_epoch;
pub mod produce;
pub mod sasl_authenticate;
pub mod sasl_handshake;
pub mod share_acknowledge;
pub mod share_fetch;
pub mod share_group_describe;
pub mod share_group_heartbeat;
pub mod share_group_offsets;
pub mod sync_group;
pub mod txn_offset_commit;
pub mod write_txn_markers;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bole_identity::{Directory, Entry};
use bytes::Bytes;
use parking_lot::Mutex;

use crate::protocol::header::response_frame;
use crate::protocol::messages;
use crate::protocol::{Decoder, ErrorCode, Frame, Message, Request, RequestHeader, Wire as _, api};
use crate::quotas::Timed;
use crate::service::BoxFuture;
use crate::session::{Action, Session};

/// What became of a request when it was begun.
pub enum Begun {
    /// Its reply.
    Done(Frame),
    /// Its reply comes later. `None`: the connection ends instead.
    Later(BoxFuture<'static, Option<Frame>>),
    /// Its reply, after which the connection ends.
    Last(Frame),
    /// It gets no reply.
    Silent,
}

/// The same, before the reply is written in its version.
pub enum Outcome<T> {
    /// The reply.
    Reply(T),
    /// The reply comes later; the next request of the connection is begun meanwhile.
    Later(BoxFuture<'static, T>),
    /// The reply, after which the client is disconnected.
    Farewell(T),
    /// No reply.
    Silent,
    /// The client has to be disconnected, for this reason.
    Disconnect(String),
}

impl<T> From<T> for Outcome<T> {
    fn from(reply: T) -> Self {
        Self::Reply(reply)
    }
}

/// How a request is answered.
pub trait Handle: Request<Response: Send + 'static> + 'static {
    /// Answers it. The connection's next request is begun when this is done.
    fn handle(
        self,
        session: Arc<Session>,
        version: i16,
    ) -> impl Future<Output = Outcome<Self::Response>> + Send;
}

/// One API that is served.
pub struct Operation {
    /// The number of the API.
    pub key: i16,
    /// Its name.
    pub name: &'static str,
    run: fn(Arc<Session>, RequestHeader, Decoder) -> BoxFuture<'static, Result<Begun, String>>,
}

impl Operation {
    const fn of<R: Handle>() -> Self {
        Self { key: R::KEY, name: R::NAME, run: run::<R> }
    }
}

/// Every API that is served, by key.
pub static OPERATIONS: &[Operation] = &[
    Operation::of::<messages::produce::Request>(),
    Operation::of::<messages::fetch::Request>(),
    Operation::of::<messages::list_offsets::Request>(),
    Operation::of::<messages::metadata::Request>(),
    Operation::of::<messages::offset_commit::Request>(),
    Operation::of::<messages::offset_fetch::Request>(),
    Operation::of::<messages::find_coordinator::Request>(),
    Operation::of::<messages::join_group::Request>(),
    Operation::of::<messages::heartbeat::Request>(),
    Operation::of::<messages::leave_group::Request>(),
    Operation::of::<messages::sync_group::Request>(),
    Operation::of::<messages::describe_groups::Request>(),
    Operation::of::<messages::list_groups::Request>(),
    Operation::of::<messages::sasl_handshake::Request>(),
    Operation::of::<messages::api_versions::Request>(),
    Operation::of::<messages::create_topics::Request>(),
    Operation::of::<messages::delete_topics::Request>(),
    Operation::of::<messages::delete_records::Request>(),
    Operation::of::<messages::init_producer_id::Request>(),
    Operation::of::<messages::offset_for_leader_epoch::Request>(),
    Operation::of::<messages::add_partitions_to_txn::Request>(),
    Operation::of::<messages::add_offsets_to_txn::Request>(),
    Operation::of::<messages::end_txn::Request>(),
    Operation::of::<messages::write_txn_markers::Request>(),
    Operation::of::<messages::txn_offset_commit::Request>(),
    Operation::of::<messages::describe_acls::Request>(),
    Operation::of::<messages::create_acls::Request>(),
    Operation::of::<messages::delete_acls::Request>(),
    Operation::of::<messages::describe_configs::Request>(),
    Operation::of::<messages::alter_configs::Request>(),
    Operation::of::<messages::describe_log_dirs::Request>(),
    Operation::of::<messages::sasl_authenticate::Request>(),
    Operation::of::<messages::create_partitions::Request>(),
    Operation::of::<messages::delete_groups::Request>(),
    Operation::of::<messages::incremental_alter_configs::Request>(),
    Operation::of::<messages::offset_delete::Request>(),
    Operation::of::<messages::describe_client_quotas::Request>(),
    Operation::of::<messages::alter_client_quotas::Request>(),
    Operation::of::<messages::describe_user_scram_credentials::Request>(),
    Operation::of::<messages::alter_user_scram_credentials::Request>(),
    Operation::of::<messages::describe_cluster::Request>(),
    Operation::of::<messages::describe_producers::Request>(),
    Operation::of::<messages::describe_transactions::Request>(),
    Operation::of::<messages::list_transactions::Request>(),
    Operation::of::<messages::consumer_group_heartbeat::Request>(),
    Operation::of::<messages::consumer_group_describe::Request>(),
    Operation::of::<messages::list_config_resources::Request>(),
    Operation::of::<messages::describe_topic_partitions::Request>(),
    Operation::of::<messages::share_group_heartbeat::Request>(),
    Operation::of::<messages::share_group_describe::Request>(),
    Operation::of::<messages::share_fetch::Request>(),
    Operation::of::<messages::share_acknowledge::Request>(),
    Operation::of::<messages::describe_share_group_offsets::Request>(),
    Operation::of::<messages::alter_share_group_offsets::Request>(),
    Operation::of::<messages::delete_share_group_offsets::Request>(),
];

/// Keys that a client may send before it has said who it is.
const HANDSHAKE_KEYS: [i16; 3] = [17, 18, 36];

/// Whether requests with this key are answered.
pub fn is_served(key: i16) -> bool {
    find(key).is_some()
}

fn find(key: i16) -> Option<&'static Operation> {
    OPERATIONS.binary_search_by_key(&key, |operation| operation.key).ok().map(|at| &OPERATIONS[at])
}

/// Begins the request in `frame`. The error says why the client has to be disconnected: what it sent cannot be answered.
pub async fn begin(session: &Arc<Session>, frame: Bytes) -> Result<Begun, String> {
    let mut decoder = Decoder::new(frame);
    let header = RequestHeader::decode(&mut decoder).map_err(|error| error.to_string())?;
    let operation = find(header.key).ok_or_else(|| format!("API {} is not served", header.key))?;
    if !HANDSHAKE_KEYS.contains(&header.key) {
        session.admit().map_err(|why| format!("{} was sent {why}", operation.name))?;
    }
    session.set_client_id(header.client_id.as_deref().unwrap_or_default());
    (operation.run)(Arc::clone(session), header, decoder).await
}

fn run<R: Handle>(
    session: Arc<Session>,
    RequestHeader { version, correlation_id, .. }: RequestHeader,
    mut decoder: Decoder,
) -> BoxFuture<'static, Result<Begun, String>> {
    Box::pin(async move {
        if R::KEY == messages::api_versions::Request::KEY && !R::VERSIONS.contains(version) {
            let frame = response_frame(&api::unsupported_versions(), 0, correlation_id);
            return frame.map(Begun::Done).map_err(|error| error.to_string());
        }
        let request = R::decode(&mut decoder, version).map_err(|error| error.to_string())?;
        let (outcome, busy) = Timed::new(request.handle(Arc::clone(&session), version)).await;
        session.charge_time(busy);
        let throttled = session.throttle.take();
        let frame = move |mut reply: R::Response, throttled: i32| {
            if throttled > 0 {
                reply.set_throttle(throttled);
            }
            response_frame(&reply, version, correlation_id)
        };
        Ok(match outcome {
            Outcome::Silent => Begun::Silent,
            Outcome::Disconnect(reason) => return Err(reason),
            Outcome::Reply(reply) => Begun::Done(frame(reply, throttled).map_err(|error| error.to_string())?),
            Outcome::Farewell(reply) => {
                Begun::Last(frame(reply, throttled).map_err(|error| error.to_string())?)
            }
            Outcome::Later(reply) => Begun::Later(Box::pin(async move {
                let reply = reply.await;
                frame(reply, throttled.max(session.throttle.take())).ok()
            })),
        })
    })
}

/// Counts a part of a request that was refused.
pub(crate) fn refused(session: &Session) {
    session.service.metrics.errors.fetch_add(1, Ordering::Relaxed);
}

/// The code of an error about a transaction. Versions below `fenced_from` know a fenced producer by the code of its epoch.
pub(crate) fn transactional_code(
    session: &Session,
    error: &crate::Error,
    version: i16,
    fenced_from: i16,
) -> i16 {
    refused(session);
    match error.code() {
        ErrorCode::ProducerFenced if version < fenced_from => ErrorCode::InvalidProducerEpoch as i16,
        code => code as i16,
    }
}

/// Errors: `TransactionalIdAuthorizationFailed` where the client may not do `action` on the transactional id.
pub(crate) fn check_transactional_id(
    session: &Session,
    action: Action,
    id: &str,
) -> Result<(), crate::Error> {
    session.check(action, "transactional_id", id, ErrorCode::TransactionalIdAuthorizationFailed)
}

/// Changes identity by what `decide` makes of it, whose refusals are the client's.
async fn change_identity(
    session: &Session,
    decide: impl Fn(&Directory) -> Result<Vec<Entry>, crate::Error> + Send + Sync,
) -> Result<(), crate::Error> {
    let refusal = Mutex::new(None);
    let outcome = session
        .service
        .identity
        .change(|directory| {
            decide(directory).map_err(|error| {
                let text = error.to_string();
                *refusal.lock() = Some(error);
                bole_identity::Error::Invalid(text)
            })
        })
        .await;
    match refusal.into_inner() {
        Some(refusal) => Err(refusal),
        None => Ok(outcome?),
    }
}
