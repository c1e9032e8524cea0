//! What is refused, and what is due when, as tables.

use proptest::prelude::*;

use super::*;
use crate::rules::setting;

#[expect(clippy::unnecessary_wraps, reason = "as the rows have it")]
fn days(days: u32) -> Option<Expiration> {
    Some(Expiration { days: Some(days), ..Expiration::default() })
}

fn tag(key: &str) -> Tag {
    Tag { key: key.to_owned(), value: "v".to_owned() }
}

fn rule() -> Rule {
    Rule { id: Some("r".to_owned()), enabled: true, expiration: days(3), ..Rule::default() }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn configurations_are_checked() {
    let filter = |form, prefix: Option<&str>, tags: usize, greater, less| Filter {
        form,
        prefix: prefix.map(str::to_owned),
        tags: (0..tags).map(|number| tag(&format!("k{number}"))).collect(),
        size_greater: greater,
        size_less: less,
    };
    let with = |filter| Rule { filter, ..rule() };
    let expiring = |expiration| Rule { expiration: Some(expiration), ..rule() };
    let marker = Expiration { expired_object_delete_marker: Some(true), ..Expiration::default() };
    let noncurrent = |days, newer| Rule { noncurrent: Some(Noncurrent { days, newer }), ..rule() };
    let dated = |date_ms| Expiration { date_ms: Some(date_ms), ..Expiration::default() };
    let none = filter(Form::Single, None, 0, None, None);
    let single = |prefix, tags, greater, less| with(filter(Form::Single, prefix, tags, greater, less));
    let long = "p".repeat(1_025);
    let mut repeated = filter(Form::And, None, 0, None, None);
    repeated.tags = vec![tag("a"), tag("a")];
    let ok = "";
    let rows = [
        (rule(), ok),
        (single(Some(""), 0, None, None), ok),
        (single(None, 1, None, None), ok),
        (single(None, 0, Some(5), None), ok),
        (single(Some("a"), 1, None, None), "MalformedXML: A Filter with several conditions needs And"),
        (single(Some(&long), 0, None, None), "InvalidRequest: The maximum size of a prefix"),
        (with(filter(Form::And, Some("a"), 2, Some(1), Some(9))), ok),
        (with(filter(Form::And, None, 0, None, None)), "MalformedXML: And has no condition"),
        (with(filter(Form::And, None, 0, Some(9), Some(9))), "InvalidRequest: 'ObjectSizeLessThan'"),
        (with(filter(Form::And, None, 0, Some(9), Some(10))), "InvalidRequest: 'ObjectSizeLessThan'"),
        (with(filter(Form::And, None, 11, None, None)), "BadRequest: Object tags"),
        (with(repeated), "InvalidTag"),
        (with(filter(Form::Legacy, Some("a"), 0, None, None)), ok),
        (with(filter(Form::Legacy, None, 0, None, None)), "MalformedXML: A rule has either"),
        (with(filter(Form::Legacy, Some("a"), 1, None, None)), "MalformedXML: A rule has either"),
        (Rule { expiration: days(0), ..rule() }, "InvalidArgument: 'Days' for Expiration"),
        (Rule { expiration: days(36_501), ..rule() }, "it is 36501"),
        (expiring(dated(86_400_000)), ok),
        (
            expiring(dated(86_400_001)),
            "InvalidArgument: 'Date' must be at midnight GMT; it is 1970-01-02T00:00:00.001Z",
        ),
        (expiring(Expiration::default()), "MalformedXML: Expiration has exactly one"),
        (expiring(Expiration { days: Some(1), ..dated(0) }), "MalformedXML: Expiration has exactly one"),
        (expiring(marker.clone()), ok),
        (
            Rule { expiration: Some(marker), ..with(filter(Form::Single, None, 1, None, None)) },
            "InvalidRequest: ExpiredObjectDeleteMarker cannot",
        ),
        (noncurrent(1, None), ok),
        (noncurrent(1, Some(100)), ok),
        (noncurrent(0, None), "InvalidArgument: 'Days' for NoncurrentVersionExpiration"),
        (noncurrent(1, Some(0)), "InvalidArgument: 'NewerNoncurrentVersions'"),
        (noncurrent(1, Some(101)), "InvalidArgument: 'NewerNoncurrentVersions'"),
        (Rule { abort_days: Some(7), ..rule() }, ok),
        (Rule { abort_days: Some(0), ..rule() }, "InvalidArgument: 'Days' for AbortIncomplete"),
        (
            Rule { abort_days: Some(7), ..with(filter(Form::Single, None, 1, None, None)) },
            "InvalidRequest: AbortIncompleteMultipartUpload cannot",
        ),
        (Rule { expiration: None, filter: none, ..rule() }, "InvalidRequest: At least one action"),
        (Rule { id: Some("é".repeat(255)), ..rule() }, ok),
        (Rule { id: Some("é".repeat(256)), ..rule() }, "InvalidArgument: ID length"),
        (
            Rule { transitions: vec!["GLACIER".to_owned()], ..rule() },
            "NotImplemented: Transition to storage class GLACIER",
        ),
    ];
    for (rule, expected) in rows {
        let lifecycle = Lifecycle(vec![rule]);
        match lifecycle.check() {
            Ok(()) => {
                assert_eq!(expected, "", "{lifecycle:?}");
                assert_eq!(setting::decode(&setting::encode(&lifecycle)), Ok(lifecycle));
            }
            Err(error) => {
                let text = error.to_string();
                assert!(!expected.is_empty() && text.contains(expected), "{text} lacks {expected}");
            }
        }
    }
    for (count, expected) in [(0, Some(Code::MalformedXML)), (1_000, None), (1_001, Some(Code::MalformedXML))]
    {
        let rules = (0..count).map(|number| Rule { id: Some(format!("r{number}")), ..rule() }).collect();
        assert_eq!(Lifecycle(rules).check().err().map(|error| error.code), expected, "{count}");
    }
    let twice = Lifecycle(vec![rule(), rule()]);
    assert!(twice.check().unwrap_err().message.contains("Rule ID must be unique"));
}

#[test]
fn rules_are_given_ids() {
    let with = |id: Option<&str>| Rule { id: id.map(str::to_owned), ..rule() };
    let mut lifecycle = Lifecycle(vec![with(None), with(Some("rule-2")), with(Some("")), with(None)]);
    lifecycle.name();
    let ids: Vec<_> = lifecycle.0.iter().map(Rule::id).collect();
    assert_eq!(ids, ["rule-1", "rule-2", "rule-3", "rule-4"]);
    assert_eq!(lifecycle.check(), Ok(()));
}

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

#[test]
fn things_are_due() {
    use Action::{Abort, Expire, Remove};
    let current = Standing::Current;
    let alone = Standing::DeleteMarker { alone: true };
    let noncurrent = |newer| Standing::Noncurrent { since: Timestamp(5 * DAY + HOUR), newer };
    let dated =
        Rule { expiration: Some(Expiration { date_ms: Some(9 * DAY), ..Expiration::default() }), ..rule() };
    let markers = |on| Rule {
        expiration: Some(Expiration { expired_object_delete_marker: Some(on), ..Expiration::default() }),
        ..rule()
    };
    let keeping =
        |newer| Rule { expiration: None, noncurrent: Some(Noncurrent { days: 2, newer }), ..rule() };
    let aborting = Rule { expiration: None, abort_days: Some(7), ..rule() };
    let filtered = |filter| Rule { filter, ..rule() };
    let prefixed = |prefix: &str| Filter { prefix: Some(prefix.to_owned()), ..Filter::default() };
    let tagged = |key| Filter { tags: vec![tag(key)], ..Filter::default() };
    let sized =
        |greater, less| Filter { size_greater: Some(greater), size_less: Some(less), ..Filter::default() };
    // A rule, and the day and action at which a version of day 1, 10:30 h is due.
    let rows = [
        (rule(), current, Some((5 * DAY, Expire))),
        (Rule { enabled: false, ..rule() }, current, None),
        (dated.clone(), current, Some((9 * DAY, Expire))),
        (markers(true), current, None),
        (rule(), Standing::DeleteMarker { alone: false }, None),
        (rule(), alone, Some((5 * DAY, Remove))),
        (markers(true), alone, Some((DAY + 10 * HOUR, Remove))),
        (markers(false), alone, None),
        (rule(), noncurrent(0), None),
        (keeping(None), noncurrent(0), Some((8 * DAY, Remove))),
        (keeping(Some(2)), noncurrent(1), None),
        (keeping(Some(2)), noncurrent(2), Some((8 * DAY, Remove))),
        (keeping(None), current, None),
        (aborting.clone(), Standing::Upload, Some((9 * DAY, Abort))),
        (rule(), Standing::Upload, None),
        (filtered(prefixed("lo")), current, Some((5 * DAY, Expire))),
        (filtered(prefixed("x")), current, None),
        (filtered(tagged("a")), current, Some((5 * DAY, Expire))),
        (filtered(tagged("b")), current, None),
        (filtered(tagged("a")), alone, None),
        (filtered(sized(99, 101)), current, Some((5 * DAY, Expire))),
        (filtered(sized(100, 200)), current, None),
        (filtered(sized(1, 100)), current, None),
    ];
    let tags = [tag("a")];
    for (rule, standing, expected) in rows {
        let version =
            Version { key: "logs/x", size: 100, tags: &tags, created: Timestamp(DAY + 10 * HOUR), standing };
        let lifecycle = Lifecycle(vec![rule]);
        let due = lifecycle.due(&version, Day::default());
        assert_eq!(due.map(|due| (due.at.0, due.action)), expected, "{lifecycle:?} {standing:?}");
    }
    // The earliest rule decides; a day may be short.
    let version = Version { key: "k", size: 0, tags: &[], created: Timestamp(1_500), standing: current };
    let both = Lifecycle(vec![dated, Rule { id: Some("s".to_owned()), ..rule() }]);
    let due = both.due(&version, Day::of_seconds(10)).unwrap();
    assert_eq!((due.at.0, due.rule_id), (40_000, "s"));
}

#[test]
fn the_header_says_when() {
    let due = Due { at: Timestamp(1_356_220_800_000), action: Action::Expire, rule_id: "a b" };
    let header = expiration_header(&due);
    assert_eq!(header.as_deref(), Some("expiry-date=\"Sun, 23 Dec 2012 00:00:00 GMT\", rule-id=\"a%20b\""));
    assert_eq!(expiration_header(&Due { action: Action::Remove, ..due }), None);
    let aborted = abort_headers(&Due { action: Action::Abort, ..due });
    assert_eq!(aborted, Some(("Sun, 23 Dec 2012 00:00:00 GMT".to_owned(), "a%20b".to_owned())));
    assert_eq!(abort_headers(&due), None);
}

proptest! {
    #[test]
    fn nothing_is_due_early(created in any::<u64>(), days in 1..=DAYS_MAX, seconds in any::<u64>()) {
        let day = Day::of_seconds(seconds);
        let at = day.after(Timestamp(created), days);
        prop_assert!(at.0 >= created.saturating_add(day.ms.saturating_mul(u64::from(days))) || at.0 > u64::MAX - day.ms);
        if created < 1 << 50 && seconds < 1 << 20 {
            prop_assert!(at.0 - created <= day.ms * u64::from(days) + day.ms);
            prop_assert_eq!(at.0 % day.ms, 0);
        }
    }
}
