//! What is served, in which versions.

use std::sync::Arc;

use super::{Handle, Outcome, is_served};
use crate::protocol::messages::api_versions::{FinalizedFeatureKey, Request, Response, SupportedFeatureKey};
use crate::protocol::{Text, api};
use crate::session::Session;

/// The cluster's features and their levels. Transactions at level 2 are KIP-890's: each end of a transaction raises the producer's epoch, and partitions become
/// part of a transaction with their first batch.
const FEATURES: [(&str, i16); 1] = [("transaction.version", 2)];
/// Rises with every change of [`FEATURES`] while a node runs: there is none.
const FEATURES_EPOCH: i64 = 1;

impl Handle for Request {
    async fn handle(self, _session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let feature = |(name, max_version): (&str, i16)| SupportedFeatureKey {
            name: Text::from(name),
            min_version: 0,
            max_version,
        };
        let level = |(name, max_version_level): (&str, i16)| FinalizedFeatureKey {
            name: Text::from(name),
            max_version_level,
            min_version_level: max_version_level,
        };
        Response {
            supported_features: FEATURES.into_iter().map(feature).collect(),
            finalized_features_epoch: FEATURES_EPOCH,
            finalized_features: FEATURES.into_iter().map(level).collect(),
            ..api::versions(is_served)
        }
        .into()
    }
}
