//! Where the gateway's accounts and certificates are kept: sealed, on the log of its control plane. And what the status says of certificates.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bole_gateway_acme::{Keeper, Status};
use bole_gateway_control::Control;
use serde_json::{Value, json};

/// The control plane, as who keeps secrets.
pub(super) struct Kept(pub(super) Arc<Control>);

#[async_trait]
impl Keeper for Kept {
    async fn load(&self, name: &str) -> Result<Option<String>, String> {
        self.0.kept(name).await.map_err(|error| error.to_string())
    }

    async fn keep(&self, name: &str, text: String) -> Result<(), String> {
        self.0.keep(name, &text).await.map_err(|error| error.to_string())
    }

    async fn forget(&self, name: &str) -> Result<(), String> {
        self.0.forget(name).await.map_err(|error| error.to_string())
    }

    async fn names(&self) -> Result<Vec<String>, String> {
        self.0.kept_names().await.map_err(|error| error.to_string())
    }
}

/// One that an authority is asked for, as the status has it.
pub(super) fn told(status: &Status) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let days_left = status.not_after.map(|end| ((end as f64 - now) / 8_640.0).round() / 10.0);
    json!({
        "state": status.phase.name(),
        "hosts": status.hosts,
        "directory": status.directory,
        "shown_hosts": status.shown_hosts,
        "ends_unix": status.not_after,
        "days_left": days_left,
        "next_order_unix": status.next,
        "failures": status.failures,
        "last_error": status.last_error,
    })
}
