//! `BucketLoggingStatus`.

use s3s::dto;

use crate::error::{Code, Error, Result};
use crate::rules::logging::Logging;

/// What a client sent, checked; nothing where it switches logging off.
pub fn read(document: dto::BucketLoggingStatus) -> Result<Option<Logging>> {
    let Some(enabled) = document.logging_enabled else { return Ok(None) };
    let refuse = |what: &str| Err(Error::new(Code::NotImplemented, what));
    if enabled.target_grants.is_some_and(|grants| !grants.is_empty()) {
        return refuse("TargetGrants are not supported: log objects belong to the owner of their bucket");
    }
    if enabled.target_object_key_format.is_some_and(|format| format.partitioned_prefix.is_some()) {
        return refuse("PartitionedPrefix is not supported: the keys of log objects have their SimplePrefix");
    }
    let logging = Logging { target: enabled.target_bucket, prefix: enabled.target_prefix };
    logging.check()?;
    Ok(Some(logging))
}

/// A stored configuration for a client.
pub fn show(logging: Option<Logging>) -> dto::GetBucketLoggingOutput {
    let show = |logging: Logging| dto::LoggingEnabled {
        target_bucket: logging.target,
        target_grants: None,
        target_object_key_format: None,
        target_prefix: logging.prefix,
    };
    dto::GetBucketLoggingOutput { logging_enabled: logging.map(show) }
}
