//! One connection's client: who it is, and what it may do.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::Error;
use crate::access::{self, CLUSTER};
use crate::protocol::{ErrorCode, Text};
use crate::quotas::Throttle;
use crate::sasl::Login;
use crate::service::Service;

/// Who a client is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The user; empty for a client without credentials.
    pub name: Arc<str>,
    /// Another system says so (a certificate, a token): identity need not know the user.
    pub is_vouched: bool,
}

impl Principal {
    /// A client without credentials.
    pub fn anonymous() -> Self {
        Self { name: Arc::from(""), is_vouched: false }
    }

    /// A user of identity that has shown its password.
    pub fn user(name: &str) -> Self {
        Self { name: Arc::from(name), is_vouched: false }
    }

    /// Somebody whom another system vouches for.
    pub fn vouched(name: &str) -> Self {
        Self { name: Arc::from(name), is_vouched: true }
    }

    /// Whether it came without credentials.
    pub fn is_anonymous(&self) -> bool {
        self.name.is_empty()
    }
}

/// The client of one connection.
pub struct Session {
    /// The service that it talks to.
    pub service: Arc<Service>,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// The address of the door that it came through.
    pub local: SocketAddr,
    principal: Mutex<Principal>,
    /// What the client calls itself.
    client_id: Mutex<Arc<str>>,
    /// Where it stands in a SASL exchange.
    pub(crate) login: Mutex<Login>,
    /// What it has to wait for by its quotas.
    pub(crate) throttle: Throttle,
}

/// What a client wants to do, as identity's policies name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read records, join groups.
    Read,
    /// Append records, use a transactional id.
    Write,
    /// Make topics.
    Create,
    /// Remove topics, groups, records.
    Delete,
    /// Change topics: more partitions.
    Alter,
    /// See that something exists.
    Describe,
    /// Change settings.
    AlterConfigs,
    /// See settings.
    DescribeConfigs,
    /// What brokers ask of each other.
    ClusterAction,
    /// Produce without duplicates.
    IdempotentWrite,
}

impl Action {
    /// Its name in policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Alter => "alter",
            Self::Describe => "describe",
            Self::AlterConfigs => "alter_configs",
            Self::DescribeConfigs => "describe_configs",
            Self::ClusterAction => "cluster_action",
            Self::IdempotentWrite => "idempotent_write",
        }
    }

    /// The names of the actions of which each allows this one too, as in Kafka.
    pub const fn implied_by(self) -> &'static [&'static str] {
        match self {
            Self::Describe => &["read", "write", "delete", "alter"],
            Self::DescribeConfigs => &["alter_configs"],
            _ => &[],
        }
    }
}

impl Session {
    /// A client that has not said who it is.
    pub fn new(service: Arc<Service>, peer: SocketAddr, local: SocketAddr) -> Self {
        Self::of(service, peer, local, Principal::anonymous())
    }

    /// A client of which the door knows already who it is.
    pub fn of(service: Arc<Service>, peer: SocketAddr, local: SocketAddr, principal: Principal) -> Self {
        Self {
            service,
            peer,
            local,
            principal: Mutex::new(principal),
            client_id: Mutex::new(Arc::from("")),
            login: Mutex::default(),
            throttle: Throttle::default(),
        }
    }

    /// The host and port that the client is told to connect to.
    pub fn advertised(&self) -> (Text, i32) {
        let host = self.service.config.advertised_host.clone();
        let host = host.unwrap_or_else(|| self.local.ip().to_canonical().to_string());
        (Text::from(host), i32::from(self.local.port()))
    }

    /// The user; empty for a client without credentials.
    pub fn user(&self) -> Arc<str> {
        Arc::clone(&self.principal.lock().name)
    }

    /// Who the client is.
    pub fn principal(&self) -> Principal {
        self.principal.lock().clone()
    }

    /// What the client calls itself.
    pub fn client_id(&self) -> Arc<str> {
        Arc::clone(&self.client_id.lock())
    }

    /// The client has called itself `name` in its newest request.
    pub fn set_client_id(&self, name: &str) {
        let mut client_id = self.client_id.lock();
        if **client_id != *name {
            *client_id = Arc::from(name);
        }
    }

    /// The client has shown who it is.
    pub fn set_principal(&self, principal: Principal) {
        *self.principal.lock() = principal;
    }

    /// Whether requests other than those of the handshake are answered.
    pub fn is_known(&self) -> bool {
        self.service.config.anonymous || !self.principal.lock().is_anonymous()
    }

    /// Why a request other than those of the handshake is not answered now, if it is not: the end of a sentence.
    pub(crate) fn admit(&self) -> Result<(), &'static str> {
        let login = self.login.lock();
        if login.is_under_way() {
            return Err("within a SASL exchange");
        }
        if login.expires_ms.is_some_and(|expires| self.service.now() >= expires) {
            return Err("after the session ended; the client has to authenticate again before");
        }
        drop(login);
        if self.is_known() { Ok(()) } else { Err("before authentication") }
    }

    /// Whether the client may do `action` on `kind` (`topic`, `group`, `transactional_id`, `cluster`) of this name. A client
    /// without credentials may do everything where such clients are let in at all.
    pub fn may(&self, action: Action, kind: &str, name: &str) -> bool {
        let principal = self.principal();
        if principal.is_anonymous() {
            return self.service.config.anonymous;
        }
        access::allowed(&self.service.identity, &principal, action, kind, name)
            && (action != Action::Read || kind != "topic" || self.sees_dataset(&principal, name))
    }

    /// Whether the client may read what a feed shows, by the rights of the service that it belongs to: who may read all topics does not read
    /// the databases thereby.
    fn sees_dataset(&self, principal: &Principal, topic: &str) -> bool {
        let feed = self.service.topics.feeds().get(topic);
        feed.is_none_or(|feed| {
            access::may_on_dataset(&self.service.identity, principal, Action::Read, &feed.resource)
        })
    }

    /// Whether the client may write to a dataset of another service, by that service's rights.
    pub fn writes_dataset(&self, dataset: &str) -> bool {
        let principal = self.principal();
        if principal.is_anonymous() {
            return self.service.config.anonymous;
        }
        access::may_on_dataset(&self.service.identity, &principal, Action::Write, dataset)
    }

    /// Whether the client may manage the node's users, as the admin door asks.
    pub fn manages_users(&self) -> bool {
        self.service.identity.allowed(&self.user(), "admin", "users", "default/admin/node")
    }

    /// Whether there may be a topic that the client may write to, or it may produce without duplicates anyway.
    pub fn may_produce(&self) -> bool {
        let principal = self.principal();
        self.may(Action::IdempotentWrite, "cluster", CLUSTER)
            || !principal.is_anonymous()
                && access::allowed_any(&self.service.identity, &principal, Action::Write, "topic")
    }

    /// Whether the client may make a topic of this name: by a rule for it, or one for the cluster.
    pub fn check_create(&self, topic: &str) -> Result<(), Error> {
        if self.may(Action::Create, "cluster", CLUSTER) {
            return Ok(());
        }
        self.check_topic(Action::Create, topic)
    }

    /// The actions that the client may do, a bit for each by Kafka's number; `kind` and `name` as for [`Session::may`].
    pub fn authorized_operations(&self, kind: &str, name: &str) -> i32 {
        let actions = access::actions_of(kind).iter().filter(|(_, action)| self.may(*action, kind, name));
        actions.fold(0, |bits, (code, _)| bits | 1 << code)
    }

    /// Errors: `TopicAuthorizationFailed` where [`Session::may`] says no.
    pub fn check_topic(&self, action: Action, topic: &str) -> Result<(), Error> {
        self.check(action, "topic", topic, ErrorCode::TopicAuthorizationFailed)
    }

    /// Errors: `ClusterAuthorizationFailed` where [`Session::may`] says no.
    pub fn check_cluster(&self, action: Action) -> Result<(), Error> {
        self.check(action, "cluster", CLUSTER, ErrorCode::ClusterAuthorizationFailed)
    }

    /// Errors: `code` where [`Session::may`] says no.
    pub fn check(&self, action: Action, kind: &str, name: &str, code: ErrorCode) -> Result<(), Error> {
        if self.may(action, kind, name) {
            return Ok(());
        }
        let text = format!("user \"{}\" may not {} {kind} \"{name}\"", self.user(), action.name());
        Err(Error::refused(code, text))
    }
}

/// The text of an error as messages carry it.
pub fn message(error: &Error) -> Option<Text> {
    Some(Text::from(error.to_string()))
}
