//! How an instance is chosen.

use super::{At, value};
use crate::service::Balance;
use bole_edge_core::balance::{ALGORITHMS, Kind};

pub(super) fn check(at: &At<'_>, balance: &Balance) {
    let kind = Kind::named(&balance.algorithm);
    let keyed = kind.is_some_and(|kind| kind.row().keyed);
    match (kind, &balance.key) {
        (None, _) => unknown(&at.field("algorithm"), &balance.algorithm),
        (Some(_), None) if keyed => {
            let todo = "say which, such as key = \"ip\" or key = { header = \"x-tenant\" }";
            at.field("key").say(format!("{} goes by a key", balance.algorithm), todo);
        }
        (Some(_), Some(_)) if !keyed => {
            let names: Vec<_> = ALGORITHMS.iter().filter(|row| row.keyed).map(|row| row.name).collect();
            let todo = format!("take it out, or use {}", names.join(", "));
            at.field("key").say(format!("{} does not go by a key", balance.algorithm), todo);
        }
        _ => {}
    }
    if let Some(key) = &balance.key {
        value::key_source(&at.field("key"), key);
    }
    cookie(&at.field("cookie"), balance, kind);
    if let Some(zone) = &balance.zone {
        value::name(&at.field("zone"), zone);
    }
    if let Some(slow_start) = balance.slow_start {
        value::span(&at.field("slow_start"), slow_start);
    }
    value::within(&at.field("panic_threshold"), balance.panic_threshold, 0.0, 1.0);
    let bound = balance.load_bound;
    let holds = bound > 1.0 && bound <= 100.0;
    at.field("load_bound").expect(
        holds,
        || format!("{bound} is out of range"),
        "use more than 1, and at most 100",
    );
}

fn unknown(at: &At<'_>, name: &str) {
    let names: Vec<_> = ALGORITHMS.iter().map(|row| row.name).collect();
    let near = at.nearest(name, names.iter().copied());
    let todo = if near.is_empty() { format!("use one of {}", names.join(", ")) } else { near };
    at.say(format!("there is no algorithm {name:?}"), todo);
}

fn cookie(at: &At<'_>, balance: &Balance, kind: Option<Kind>) {
    let sticky = kind == Some(Kind::Sticky);
    match &balance.cookie {
        None if sticky => at.say("sticky goes by a cookie", "name one: cookie = { name = \"instance\" }"),
        Some(_) if kind.is_some() && !sticky => {
            at.say(format!("{} sets no cookie", balance.algorithm), "take it out, or use sticky");
        }
        Some(cookie) => {
            value::cookie(&at.field("name"), &cookie.name);
            if let Some(age) = cookie.max_age {
                value::span(&at.field("max_age"), age);
            }
        }
        None => {}
    }
}
