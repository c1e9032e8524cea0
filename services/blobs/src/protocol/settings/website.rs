//! `WebsiteConfiguration`.

use s3s::dto;

use crate::error::{Code, Error, Result, shown};
use crate::rules::website::{RedirectAll, RoutingRule, Website};

/// What a client sent, checked.
pub fn read(document: dto::WebsiteConfiguration) -> Result<Website> {
    let rules = document.routing_rules.unwrap_or_default().into_iter().map(read_rule);
    let website = Website {
        index_suffix: document.index_document.map(|index| index.suffix),
        error_key: document.error_document.map(|error| error.key),
        redirect_all: document.redirect_all_requests_to.map(|all| RedirectAll {
            host: all.host_name,
            protocol: all.protocol.map(|protocol| protocol.as_str().to_owned()),
        }),
        rules: rules.collect::<Result<_>>()?,
    };
    website.check()?;
    Ok(website)
}

fn read_rule(rule: dto::RoutingRule) -> Result<RoutingRule> {
    let condition = rule.condition.unwrap_or_default();
    let status = |name: &str, text: Option<String>| {
        let parse = |text: String| {
            text.parse::<u16>().map_err(|_| {
                let text = format!("{name} \"{}\" is not a status of HTTP", shown(&text));
                Error::new(Code::InvalidRequest, text)
            })
        };
        text.map(parse).transpose()
    };
    Ok(RoutingRule {
        if_prefix: condition.key_prefix_equals,
        if_error: status("HttpErrorCodeReturnedEquals", condition.http_error_code_returned_equals)?,
        host: rule.redirect.host_name,
        protocol: rule.redirect.protocol.map(|protocol| protocol.as_str().to_owned()),
        replace_prefix: rule.redirect.replace_key_prefix_with,
        replace_key: rule.redirect.replace_key_with,
        status: status("HttpRedirectCode", rule.redirect.http_redirect_code)?,
    })
}

/// What a client gets.
pub fn show(website: Website) -> dto::GetBucketWebsiteOutput {
    let rules: Vec<_> = website.rules.into_iter().map(show_rule).collect();
    dto::GetBucketWebsiteOutput {
        index_document: website.index_suffix.map(|suffix| dto::IndexDocument { suffix }),
        error_document: website.error_key.map(|key| dto::ErrorDocument { key }),
        redirect_all_requests_to: website.redirect_all.map(|all| dto::RedirectAllRequestsTo {
            host_name: all.host,
            protocol: all.protocol.map(dto::Protocol::from),
        }),
        routing_rules: (!rules.is_empty()).then_some(rules),
    }
}

fn show_rule(rule: RoutingRule) -> dto::RoutingRule {
    let condition = dto::Condition {
        key_prefix_equals: rule.if_prefix,
        http_error_code_returned_equals: rule.if_error.map(|status| status.to_string()),
    };
    let is_conditional =
        condition.key_prefix_equals.is_some() || condition.http_error_code_returned_equals.is_some();
    dto::RoutingRule {
        condition: is_conditional.then_some(condition),
        redirect: dto::Redirect {
            host_name: rule.host,
            http_redirect_code: rule.status.map(|status| status.to_string()),
            protocol: rule.protocol.map(dto::Protocol::from),
            replace_key_prefix_with: rule.replace_prefix,
            replace_key_with: rule.replace_key,
        },
    }
}
