//! Limits: how often a key may ask.

use crate::service::KeySource;
use crate::units::Span;
use serde::{Deserialize, Serialize};

/// A rate. Exactly one of `bucket` and `window`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// A steady rate with bursts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<Bucket>,
    /// At most so many in any stretch of that length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Who is counted.
    #[serde(default = "by_ip")]
    pub key: KeySource,
    /// What is counted: the same key on all routes together, or each route for itself.
    #[serde(default)]
    pub scope: Scope,
    /// Where it is counted.
    #[serde(default)]
    pub store: Store,
    /// Whether requests get in when the store cannot decide.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Only counts and logs what it would refuse.
    #[serde(default)]
    pub shadow: bool,
    /// What one request costs.
    #[serde(default = "one")]
    pub cost: u32,
}

fn by_ip() -> KeySource {
    KeySource::Ip
}

fn one() -> u32 {
    1
}

/// A steady rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// So many…
    pub limit: u32,
    /// …in this time.
    pub period: Span,
    /// At once at most; `limit` without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

/// A sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// So many…
    pub limit: u32,
    /// …in any stretch of this length.
    pub period: Span,
}

/// What is counted together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// All routes that name the limit.
    #[default]
    Limit,
    /// Each route for itself.
    Route,
}

/// Where it is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Store {
    /// In this gateway's memory.
    #[default]
    Local,
    /// In the keyspace, so that several gateways count together.
    Keyspace,
}

/// Whether requests get in when the store cannot decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// They do.
    #[default]
    Admit,
    /// They are refused.
    Refuse,
}
