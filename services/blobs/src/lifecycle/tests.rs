//! Which walks and rounds rules need.

use super::*;
use crate::rules::lifecycle::{Expiration, Filter, Noncurrent};

fn rule(prefix: &str, change: impl FnOnce(&mut Rule)) -> Rule {
    let filter = Filter { prefix: Some(prefix.to_owned()), ..Filter::default() };
    let mut rule = Rule { enabled: true, filter, ..Rule::default() };
    change(&mut rule);
    rule
}

fn days(rule: &mut Rule) {
    rule.expiration = Some(Expiration { days: Some(1), ..Expiration::default() });
}

fn markers(rule: &mut Rule) {
    rule.expiration = Some(Expiration { expired_object_delete_marker: Some(true), ..Expiration::default() });
}

fn noncurrent(rule: &mut Rule) {
    rule.noncurrent = Some(Noncurrent { days: 1, newer: None });
}

#[test]
fn walks_are_made_where_rules_look() {
    let abort = |rule: &mut Rule| rule.abort_days = Some(1);
    let off = |rule: &mut Rule| {
        days(rule);
        rule.enabled = false;
    };
    for (rules, expected) in [
        (vec![], vec![]),
        (vec![rule("", off)], vec![]),
        (vec![rule("a", days)], vec![('V', "a"), ('C', "a")]),
        (vec![rule("a", markers)], vec![('V', "a")]),
        (vec![rule("a", noncurrent)], vec![('V', "a")]),
        (vec![rule("a", abort)], vec![('U', "a")]),
        (
            vec![rule("b", days), rule("a/b", days), rule("a", noncurrent), rule("a", abort)],
            vec![('V', "a"), ('V', "b"), ('U', "a"), ('C', "a/b"), ('C', "b")],
        ),
        (vec![rule("a", noncurrent), rule("", noncurrent)], vec![('V', "")]),
    ] {
        let found = walks(&Lifecycle(rules.clone()));
        let found: Vec<_> =
            found.iter().map(|walk| (char::from(walk.partition.number()), walk.prefix.as_str())).collect();
        assert_eq!(found, expected, "{rules:?}");
    }
}

#[test]
fn rounds_are_made_once_a_day_and_for_new_rules() {
    let midnight = Timestamp(2_000);
    let at = |midnight_ms, rules, place: Option<u32>| Round {
        midnight_ms,
        rules,
        place: place.map(|walk| Place { walk, ..Place::default() }),
    };
    for (last, expected) in [
        (None, Some(at(2_000, 7, Some(0)))),
        (Some(at(2_000, 7, None)), None),
        (Some(at(1_000, 7, None)), Some(at(2_000, 7, Some(0)))),
        (Some(at(1_000, 7, Some(3))), Some(at(1_000, 7, Some(3)))),
        (Some(at(2_000, 6, None)), Some(at(2_000, 7, Some(0)))),
        (Some(at(2_000, 6, Some(3))), Some(at(2_000, 7, Some(0)))),
        (Some(at(9_000, 7, None)), Some(at(2_000, 7, Some(0)))),
    ] {
        let told = format!("{last:?}");
        assert_eq!(next_round(last, 7, midnight, Timestamp(2_500)), expected, "{told}");
    }
}
