//! Object lock, versioning and default encryption: what decides about versions and how they are kept.

use bole_base::Timestamp;
use s3s::dto;

use super::{malformed, read_time, show_time, signed, unsigned};
use crate::error::{Code, Error, Result, shown};
use crate::rules::encryption::{DefaultEncryption, check_server_algorithm};
use crate::rules::lock::{Configuration, DefaultRetention, Mode, Retention, is_held};

/// `ObjectLockConfiguration` as a client sent it. Whether the bucket may have it is the state's to check.
pub fn read(document: &dto::ObjectLockConfiguration) -> Result<Configuration> {
    match document.object_lock_enabled.as_ref().map(dto::ObjectLockEnabled::as_str) {
        Some("Enabled") => {}
        other => {
            let text = format!("ObjectLockEnabled is Enabled, not \"{}\"", shown(other.unwrap_or_default()));
            return Err(malformed(text));
        }
    }
    let Some(rule) = &document.rule else { return Ok(Configuration::default()) };
    let default =
        rule.default_retention.as_ref().ok_or_else(|| malformed("A Rule has a DefaultRetention"))?;
    let mode = default.mode.as_ref().ok_or_else(|| malformed("DefaultRetention has no Mode"))?;
    Ok(Configuration {
        default: Some(DefaultRetention {
            mode: Mode::parse(mode.as_str())?,
            days: default.days.map(|days| unsigned("Days", days)).transpose()?,
            years: default.years.map(|years| unsigned("Years", years)).transpose()?,
        }),
    })
}

/// `ObjectLockConfiguration` for a client.
pub fn show(configuration: &Configuration) -> dto::ObjectLockConfiguration {
    dto::ObjectLockConfiguration {
        object_lock_enabled: Some(dto::ObjectLockEnabled::from_static(dto::ObjectLockEnabled::ENABLED)),
        rule: configuration.default.map(|default| dto::ObjectLockRule {
            default_retention: Some(dto::DefaultRetention {
                mode: Some(dto::ObjectLockRetentionMode::from_static(default.mode.name())),
                days: default.days.and_then(signed),
                years: default.years.and_then(signed),
            }),
        }),
    }
}

/// `Retention` of an object; an empty one takes it away.
pub fn read_retention(document: &dto::ObjectLockRetention) -> Result<Option<Retention>> {
    match (&document.mode, &document.retain_until_date) {
        (Some(mode), Some(until)) => Ok(Some(Retention {
            mode: Mode::parse(mode.as_str())?,
            until_ms: read_time("RetainUntilDate", until)?.0,
        })),
        (None, None) => Ok(None),
        _ => Err(malformed("A Retention has both Mode and RetainUntilDate")),
    }
}

/// `Retention` for a client.
pub fn show_retention(retention: &Retention) -> dto::ObjectLockRetention {
    dto::ObjectLockRetention {
        mode: Some(dto::ObjectLockRetentionMode::from_static(retention.mode.name())),
        retain_until_date: Some(show_time(Timestamp(retention.until_ms))),
    }
}

/// `LegalHold` of an object.
pub fn read_hold(document: &dto::ObjectLockLegalHold) -> Result<bool> {
    let status = document.status.as_ref().ok_or_else(|| malformed("LegalHold has no Status"))?;
    is_held(status.as_str())
}

/// `LegalHold` for a client.
pub fn show_hold(held: bool) -> dto::ObjectLockLegalHold {
    use dto::ObjectLockLegalHoldStatus as Status;
    dto::ObjectLockLegalHold {
        status: Some(Status::from_static(if held { Status::ON } else { Status::OFF })),
    }
}

/// `VersioningConfiguration`: whether new versions are kept from now on.
pub fn read_versioning(document: &dto::VersioningConfiguration) -> Result<bool> {
    if document.mfa_delete.as_ref().is_some_and(|mfa| mfa.as_str() != dto::MFADelete::DISABLED) {
        let text = "MfaDelete: there is no multi-factor authentication here; use object lock";
        return Err(Error::new(Code::NotImplemented, text));
    }
    match document.status.as_ref().map(dto::BucketVersioningStatus::as_str) {
        Some("Enabled") => Ok(true),
        Some("Suspended") => Ok(false),
        other => {
            let shown = shown(other.unwrap_or_default());
            Err(malformed(format!("The Status of versioning is Enabled or Suspended, not \"{shown}\"")))
        }
    }
}

/// `VersioningConfiguration` for a client; nothing for a bucket that never had versions.
pub fn show_versioning(enabled: Option<bool>) -> dto::GetBucketVersioningOutput {
    use dto::BucketVersioningStatus as Status;
    let name = |enabled| if enabled { Status::ENABLED } else { Status::SUSPENDED };
    let status = enabled.map(|enabled| Status::from_static(name(enabled)));
    dto::GetBucketVersioningOutput { status, mfa_delete: None }
}

/// `ServerSideEncryptionConfiguration`.
pub fn read_encryption(document: &dto::ServerSideEncryptionConfiguration) -> Result<DefaultEncryption> {
    let [rule] = &document.rules[..] else {
        return Err(malformed(format!("There is one Rule of encryption, not {}", document.rules.len())));
    };
    let default = rule.apply_server_side_encryption_by_default.as_ref();
    let default = default.ok_or_else(|| malformed("The Rule has no ApplyServerSideEncryptionByDefault"))?;
    check_server_algorithm(default.sse_algorithm.as_str())?;
    if default.kms_master_key_id.is_some() {
        let text = "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms";
        return Err(Error::new(Code::InvalidArgument, text));
    }
    Ok(DefaultEncryption { bucket_key: rule.bucket_key_enabled.unwrap_or(false) })
}

/// `ServerSideEncryptionConfiguration` for a client.
pub fn show_encryption(default: &DefaultEncryption) -> dto::ServerSideEncryptionConfiguration {
    dto::ServerSideEncryptionConfiguration {
        rules: vec![dto::ServerSideEncryptionRule {
            apply_server_side_encryption_by_default: Some(dto::ServerSideEncryptionByDefault {
                kms_master_key_id: None,
                sse_algorithm: dto::ServerSideEncryption::from_static(dto::ServerSideEncryption::AES256),
            }),
            bucket_key_enabled: Some(default.bucket_key),
        }],
    }
}
