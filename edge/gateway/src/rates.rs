//! Rates: how often a key may ask, counted here or where several gateways count together.

use crate::clock;
use bole_edge_core::limits::store::{Local, OnFailure, Store};
use bole_edge_core::limits::{Decision, Rule, headers::Policy, store};
use bole_gateway_document::limit::{self as document, Scope};
use bole_gateway_document::service::KeySource;
use std::sync::Arc;
use std::time::Duration;

/// A rate as a document says it.
pub struct Rate {
    /// Its name.
    pub name: String,
    /// Who is counted.
    pub key: KeySource,
    /// It only counts and tells.
    pub shadow: bool,
    scope: Scope,
    rule: Rule,
    cost: u32,
    on_failure: OnFailure,
    policy: Policy,
    store: Arc<dyn Store>,
    /// Times are told since 1970, because others count as well.
    shared: bool,
}

/// Where rates are counted.
#[derive(Clone)]
pub struct Stores {
    /// In this process.
    pub local: Arc<Local>,
    /// Where several gateways count together.
    pub shared: Option<Arc<dyn Store>>,
}

/// What a rate says of a request.
pub struct Verdict {
    /// Whether it may go on.
    pub admitted: bool,
    /// Whether that could not be decided.
    pub unknown: bool,
    /// The members of the headers `RateLimit-Policy` and `RateLimit`.
    pub headers: Option<(String, String)>,
    /// After which time to ask again.
    pub retry_after: Option<Duration>,
}

impl Rate {
    /// Compiles a rate.
    ///
    /// # Errors
    /// What is wrong with it, after its place.
    pub fn new(name: &str, limit: &document::Limit, stores: &Stores) -> Result<Self, String> {
        let rule = match (&limit.bucket, &limit.window) {
            (Some(bucket), None) => {
                Rule::bucket(bucket.limit, bucket.period.0, bucket.burst.unwrap_or(bucket.limit))
            }
            (None, Some(window)) => Rule::window(window.limit, window.period.0),
            _ => return Err(": needs bucket or window, and not both".to_owned()),
        };
        let rule = rule.map_err(|error| format!(": {error}"))?;
        let policy = Policy::of(name, &rule).map_err(|error| format!(": {error}"))?;
        let (store, shared): (Arc<dyn Store>, bool) = match limit.store {
            document::Store::Local => (stores.local.clone(), false),
            document::Store::Keyspace => {
                let store = stores.shared.clone();
                (store.ok_or(".store: this node has no keyspace to count in; use \"local\"")?, true)
            }
        };
        let on_failure = match limit.on_failure {
            document::OnFailure::Admit => OnFailure::Admit,
            document::OnFailure::Refuse => OnFailure::Refuse,
        };
        let (key, scope, cost, shadow) = (limit.key.clone(), limit.scope, limit.cost, limit.shadow);
        Ok(Self { name: name.to_owned(), key, shadow, scope, rule, cost, on_failure, policy, store, shared })
    }

    /// Counts a request.
    pub async fn take(&self, route: &str, key: &[u8]) -> Verdict {
        let mut whole = Vec::with_capacity(self.name.len() + route.len() + key.len() + 2);
        whole.extend_from_slice(self.name.as_bytes());
        whole.push(0);
        if self.scope == Scope::Route {
            whole.extend_from_slice(route.as_bytes());
        }
        whole.push(0);
        whole.extend_from_slice(key);
        let now = if self.shared { clock::wall() } else { clock::now() };
        self.verdict(self.store.take(&whole, &self.rule, self.cost, now).await)
    }

    fn verdict(&self, taken: Result<Decision, store::Error>) -> Verdict {
        let admitted = self.on_failure.admits(&taken);
        match taken {
            Ok(decision) => Verdict {
                admitted,
                unknown: false,
                headers: Some((self.policy.to_string(), self.policy.remaining(&decision))),
                retry_after: decision.retry_after,
            },
            Err(error) => {
                tracing::debug!("limit {}: {error}", self.name);
                Verdict { admitted, unknown: true, headers: None, retry_after: None }
            }
        }
    }
}
