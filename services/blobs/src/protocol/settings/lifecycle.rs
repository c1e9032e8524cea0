//! `LifecycleConfiguration`.

use bole_base::Timestamp;
use s3s::dto;

use super::{malformed, read_time, show_time, signed, tags, unsigned};
use crate::error::{Code, Error, Result, shown};
use crate::rules::lifecycle::{Expiration, Filter, Form, Lifecycle, Noncurrent, Rule};

/// What a client sent, named and checked.
pub fn read(document: dto::BucketLifecycleConfiguration) -> Result<Lifecycle> {
    let mut lifecycle = Lifecycle(document.rules.into_iter().map(read_rule).collect::<Result<Vec<_>>>()?);
    lifecycle.name();
    lifecycle.check()?;
    Ok(lifecycle)
}

/// The least size of objects that transitions move, where their rules do not say one.
pub const TRANSITION_MINIMUM: &str = dto::TransitionDefaultMinimumObjectSize::ALL_STORAGE_CLASSES_128K;

/// Checks what a client asks of that. There are no transitions, so there is one answer: S3's default.
pub fn check_transition_minimum(asked: Option<&str>) -> Result<()> {
    match asked {
        None | Some(TRANSITION_MINIMUM) => Ok(()),
        Some(dto::TransitionDefaultMinimumObjectSize::VARIES_BY_STORAGE_CLASS) => Err(Error::new(
            Code::NotImplemented,
            format!(
                "x-amz-transition-default-minimum-object-size: there is one storage class, so nothing varies by it; leave the header out or send {TRANSITION_MINIMUM}"
            ),
        )),
        Some(other) => {
            let shown = shown(other);
            let text = format!("Invalid TransitionDefaultMinimumObjectSize found: \"{shown}\"");
            Err(Error::new(Code::InvalidRequest, text))
        }
    }
}

/// What a client gets.
pub fn show(lifecycle: Lifecycle) -> dto::GetBucketLifecycleConfigurationOutput {
    dto::GetBucketLifecycleConfigurationOutput {
        rules: Some(lifecycle.0.into_iter().map(show_rule).collect()),
        transition_default_minimum_object_size: Some(TRANSITION_MINIMUM.to_owned().into()),
    }
}

fn read_rule(rule: dto::LifecycleRule) -> Result<Rule> {
    let enabled = match rule.status.as_str() {
        "Enabled" => true,
        "Disabled" => false,
        other => {
            return Err(malformed(format!("The Status of a rule is Enabled or Disabled, not \"{other}\"")));
        }
    };
    let class = |class: Option<dto::TransitionStorageClass>| {
        class.map_or_else(|| "Transition".to_owned(), |class| class.as_str().to_owned())
    };
    let transitions = rule.transitions.unwrap_or_default().into_iter().map(|one| class(one.storage_class));
    let noncurrent = rule.noncurrent_version_transitions.unwrap_or_default();
    let transitions = transitions.chain(noncurrent.into_iter().map(|one| class(one.storage_class)));
    Ok(Rule {
        id: rule.id,
        enabled,
        filter: read_filter(rule.prefix, rule.filter)?,
        expiration: rule.expiration.map(read_expiration).transpose()?,
        noncurrent: rule.noncurrent_version_expiration.as_ref().map(read_noncurrent).transpose()?,
        abort_days: rule.abort_incomplete_multipart_upload.as_ref().map(read_abort).transpose()?,
        transitions: transitions.collect(),
    })
}

fn read_filter(prefix: Option<String>, filter: Option<dto::LifecycleRuleFilter>) -> Result<Filter> {
    let Some(filter) = filter else {
        // A rule with neither is about all objects, as `Filter` without conditions is.
        let form = if prefix.is_some() { Form::Legacy } else { Form::Single };
        return Ok(Filter { form, prefix, ..Filter::default() });
    };
    if prefix.is_some() {
        return Err(malformed("A rule has either Prefix or Filter"));
    }
    let size = |name, size: Option<i64>| size.map(|size| unsigned::<u64>(name, size)).transpose();
    let Some(and) = filter.and else {
        return Ok(Filter {
            form: Form::Single,
            prefix: filter.prefix,
            tags: filter.tag.map(tags::read_tag).transpose()?.into_iter().collect(),
            size_greater: size("ObjectSizeGreaterThan", filter.object_size_greater_than)?,
            size_less: size("ObjectSizeLessThan", filter.object_size_less_than)?,
        });
    };
    let beside = filter.prefix.is_some()
        || filter.tag.is_some()
        || filter.object_size_greater_than.is_some()
        || filter.object_size_less_than.is_some();
    if beside {
        return Err(malformed("A Filter has either And or a condition"));
    }
    Ok(Filter {
        form: Form::And,
        prefix: and.prefix,
        tags: and.tags.unwrap_or_default().into_iter().map(tags::read_tag).collect::<Result<_>>()?,
        size_greater: size("ObjectSizeGreaterThan", and.object_size_greater_than)?,
        size_less: size("ObjectSizeLessThan", and.object_size_less_than)?,
    })
}

fn read_expiration(expiration: dto::LifecycleExpiration) -> Result<Expiration> {
    Ok(Expiration {
        days: expiration.days.map(|days| unsigned("Days", days)).transpose()?,
        date_ms: expiration.date.map(|date| read_time("Date", &date)).transpose()?.map(|date| date.0),
        expired_object_delete_marker: expiration.expired_object_delete_marker,
    })
}

fn read_noncurrent(noncurrent: &dto::NoncurrentVersionExpiration) -> Result<Noncurrent> {
    let days = noncurrent.noncurrent_days;
    Ok(Noncurrent {
        days: unsigned("NoncurrentDays", days.ok_or_else(|| malformed("NoncurrentDays is missing"))?)?,
        newer: noncurrent
            .newer_noncurrent_versions
            .map(|newer| unsigned("NewerNoncurrentVersions", newer))
            .transpose()?,
    })
}

fn read_abort(abort: &dto::AbortIncompleteMultipartUpload) -> Result<u32> {
    let days = abort.days_after_initiation.ok_or_else(|| malformed("DaysAfterInitiation is missing"))?;
    unsigned("DaysAfterInitiation", days)
}

fn show_rule(rule: Rule) -> dto::LifecycleRule {
    let status = if rule.enabled { "Enabled" } else { "Disabled" };
    let (prefix, filter) = show_filter(rule.filter);
    dto::LifecycleRule {
        id: rule.id,
        status: dto::ExpirationStatus::from_static(status),
        prefix,
        filter,
        expiration: rule.expiration.map(|expiration| dto::LifecycleExpiration {
            days: expiration.days.and_then(signed),
            date: expiration.date_ms.map(|date| show_time(Timestamp(date))),
            expired_object_delete_marker: expiration.expired_object_delete_marker,
        }),
        noncurrent_version_expiration: rule.noncurrent.map(|noncurrent| dto::NoncurrentVersionExpiration {
            noncurrent_days: signed(noncurrent.days),
            newer_noncurrent_versions: noncurrent.newer.and_then(signed),
        }),
        abort_incomplete_multipart_upload: rule
            .abort_days
            .map(|days| dto::AbortIncompleteMultipartUpload { days_after_initiation: signed(days) }),
        noncurrent_version_transitions: None,
        transitions: None,
    }
}

fn show_filter(filter: Filter) -> (Option<String>, Option<dto::LifecycleRuleFilter>) {
    let size = |size: Option<u64>| size.and_then(|size| i64::try_from(size).ok());
    let (greater, less) = (size(filter.size_greater), size(filter.size_less));
    let mut shown = dto::LifecycleRuleFilter::default();
    match filter.form {
        Form::Legacy => return (filter.prefix, None),
        Form::Single => {
            shown.prefix = filter.prefix;
            shown.tag = filter.tags.into_iter().next().map(tags::show_tag);
            shown.object_size_greater_than = greater;
            shown.object_size_less_than = less;
            // An empty prefix says the same as no condition, and is what clients that expect one can read.
            if shown == dto::LifecycleRuleFilter::default() {
                shown.prefix = Some(String::new());
            }
        }
        Form::And => {
            let list: Vec<_> = filter.tags.into_iter().map(tags::show_tag).collect();
            shown.and = Some(dto::LifecycleRuleAndOperator {
                prefix: filter.prefix,
                tags: (!list.is_empty()).then_some(list),
                object_size_greater_than: greater,
                object_size_less_than: less,
            });
        }
    }
    (None, Some(shown))
}
