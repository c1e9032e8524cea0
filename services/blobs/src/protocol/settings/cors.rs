//! `CORSConfiguration`.

use s3s::dto;

use super::unsigned;
use crate::error::Result;
use crate::rules::cors::{Cors, Rule};

/// What a client sent, checked.
pub fn read(document: dto::CORSConfiguration) -> Result<Cors> {
    let rules = document.cors_rules.into_iter().map(|rule| {
        Ok(Rule {
            id: rule.id,
            origins: rule.allowed_origins,
            methods: rule.allowed_methods,
            headers: rule.allowed_headers.unwrap_or_default(),
            expose: rule.expose_headers.unwrap_or_default(),
            max_age_seconds: rule.max_age_seconds.map(|age| unsigned("MaxAgeSeconds", age)).transpose()?,
        })
    });
    let cors = Cors(rules.collect::<Result<_>>()?);
    cors.check()?;
    Ok(cors)
}

/// What a client gets.
pub fn show(cors: Cors) -> dto::GetBucketCorsOutput {
    let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
    let rules = cors.0.into_iter().map(|rule| dto::CORSRule {
        id: rule.id,
        allowed_origins: rule.origins,
        allowed_methods: rule.methods,
        allowed_headers: some(rule.headers),
        expose_headers: some(rule.expose),
        max_age_seconds: rule.max_age_seconds.and_then(super::signed),
    });
    dto::GetBucketCorsOutput { cors_rules: Some(rules.collect()) }
}
