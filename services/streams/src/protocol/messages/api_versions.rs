//! `ApiVersions` (key 18): which keys and versions a broker speaks. The first request of most connections.
//!
//! A version that the broker lacks is answered with `UNSUPPORTED_VERSION` in the form of version 0, and the response header has
//! no tagged section in any version: the asker does not know yet what it may expect.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    ApiVersions = 18, versions 0 to 4, flexible 3;

    struct Request {
        /// The library, as it wants to be known.
        client_software_name: Text, since(3).ignorable();
        client_software_version: Text, since(3).ignorable();
    }

    struct Response {
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        api_keys: Vec<ApiVersion>, always();
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, since(1).ignorable();
        supported_features: Vec<SupportedFeatureKey>, since(3).tagged(0).ignorable();
        /// Rises with every change of the features; -1 when unknown.
        finalized_features_epoch: i64 = -1, since(3).tagged(1).ignorable();
        finalized_features: Vec<FinalizedFeatureKey>, since(3).tagged(2).ignorable();
        zk_migration_ready: bool, since(3).tagged(3).ignorable();
    }

    /// One key with its range of versions.
    struct ApiVersion {
        api_key: i16, always();
        min_version: i16, always();
        max_version: i16, always();
    }

    /// The levels of a cluster feature that the broker could run at (KIP-584).
    struct SupportedFeatureKey {
        name: Text, always();
        min_version: i16, always();
        max_version: i16, always();
    }

    /// The level of a cluster feature that is in force (KIP-584).
    struct FinalizedFeatureKey {
        name: Text, always();
        max_version_level: i16, always();
        min_version_level: i16, always();
    }
}
