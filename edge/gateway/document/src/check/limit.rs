//! Limits.

use super::{At, value};
use crate::limit::Limit;
use bole_edge_core::limits::Rule;

pub(super) fn check(at: &At<'_>, limit: &Limit) {
    value::exactly_one(at, &[("bucket", limit.bucket.is_some()), ("window", limit.window.is_some())]);
    if let Some(bucket) = limit.bucket {
        let burst = bucket.burst.unwrap_or(bucket.limit);
        rule(&at.field("bucket"), Rule::bucket(bucket.limit, bucket.period.0, burst));
        cost(at, limit.cost, burst);
    }
    if let Some(window) = limit.window {
        rule(&at.field("window"), Rule::window(window.limit, window.period.0));
        cost(at, limit.cost, window.limit);
    }
    value::key_source(&at.field("key"), &limit.key);
}

fn rule(at: &At<'_>, rule: Result<Rule, bole_edge_core::limits::rule::Error>) {
    if let Err(error) = rule {
        let text = error.to_string();
        let (wrong, todo) = text.split_once("; ").unwrap_or((&text, "use other numbers"));
        at.say(wrong, todo);
    }
}

fn cost(at: &At<'_>, cost: u32, most: u32) {
    let at = at.field("cost");
    at.expect(cost > 0, || "a cost of 0 limits nothing".to_owned(), "use 1 or more");
    at.expect(
        cost <= most.max(1),
        || format!("a cost of {cost} is more than is ever let in, {most}"),
        "use less",
    );
}
