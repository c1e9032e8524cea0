//! One connection's client: who it is, and what it may do.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::Error;
use crate::protocol::{ErrorCode, Text};
use crate::service::Service;

/// The client of one connection.
pub struct Session {
    /// The service that it talks to.
    pub service: Arc<Service>,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// The address of the door that it came through.
    pub local: SocketAddr,
    /// The user; empty for a client without credentials.
    user: Mutex<Arc<str>>,
    /// What the client calls itself.
    client_id: Mutex<Arc<str>>,
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
        }
    }
}

impl Session {
    /// A client that has not said who it is.
    pub fn new(service: Arc<Service>, peer: SocketAddr, local: SocketAddr) -> Self {
        Self { service, peer, local, user: Mutex::new(Arc::from("")), client_id: Mutex::new(Arc::from("")) }
    }

    /// The host and port that the client is told to connect to.
    pub fn advertised(&self) -> (Text, i32) {
        let host = self.service.config.advertised_host.clone();
        let host = host.unwrap_or_else(|| self.local.ip().to_canonical().to_string());
        (Text::from(host), i32::from(self.local.port()))
    }

    /// The user; empty for a client without credentials.
    pub fn user(&self) -> Arc<str> {
        Arc::clone(&self.user.lock())
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

    /// The client has shown that it is `user`.
    pub fn set_user(&self, user: &str) {
        *self.user.lock() = Arc::from(user);
    }

    /// Whether requests other than those of the handshake are answered.
    pub fn is_known(&self) -> bool {
        !self.user.lock().is_empty() || self.service.authenticator.anonymous()
    }

    /// Whether the client may do `action` on `kind` (`topic`, `group`, `transactional_id`, `cluster`) of this name.
    pub fn may(&self, action: Action, kind: &str, name: &str) -> bool {
        let resource = format!("default/streams/{kind}:{name}");
        self.service.authenticator.allowed(&self.user(), action.name(), &resource)
    }

    /// Errors: `TopicAuthorizationFailed` where [`Session::may`] says no.
    pub fn check_topic(&self, action: Action, topic: &str) -> Result<(), Error> {
        self.check(action, "topic", topic, ErrorCode::TopicAuthorizationFailed)
    }

    /// Errors: `ClusterAuthorizationFailed` where [`Session::may`] says no.
    pub fn check_cluster(&self, action: Action) -> Result<(), Error> {
        self.check(action, "cluster", "kafka-cluster", ErrorCode::ClusterAuthorizationFailed)
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
