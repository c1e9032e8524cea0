//! For fuzzing: arbitrary bytes through everything that reads a client's text, with what must hold for whatever is read. The fuzz
//! targets and `tests/hostile.rs` call these.

use bole_base::Timestamp;

use super::acl::{On, Permission, Requested};
use super::conditions::{Conditions, Current};
use super::encryption::CustomerHeaders;
use super::policy::{Context, Kind, Policy, Request, Requester, Verdict};
use super::range::Selected;
use super::setting::{Setting, decode, encode};
use super::{
    acl, calendar, checksums, conditions, cors, encryption, events, lifecycle, list, lock, names, policy,
    range, tags, website,
};

/// As policies of a bucket and of a session, which are then asked about requests.
///
/// # Panics
/// Where a policy contradicts itself.
pub fn check_policy(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut context = Context::default();
    context.set("aws:username", "alice");
    context.set("aws:SourceIp", "10.0.0.1");
    context.set("s3:prefix", "home/alice");
    let alice = Requester { account: "000000000000", canonical: "a", user: "alice" };
    for kind in [Kind::Bucket("photos"), Kind::Session] {
        let Ok(policy) = Policy::parse(&text, kind) else { continue };
        for requester in [Some(&alice), None] {
            for (action, resource) in
                [("GetObject", "photos/a"), ("ListBucket", "photos"), ("PutObject", "photos/é*?")]
            {
                let request = Request { requester, action, resource, context: &context };
                let decision = policy.decide(&request);
                let named = decision.statement.map(|number| &policy.statements[number - 1]);
                assert_eq!(named.is_none(), decision.verdict == Verdict::Silent, "{text:?}");
                assert!(named.is_none_or(|statement| statement.applies(&request)), "{text:?}");
            }
        }
        assert!(kind != Kind::Session || !policy.is_public(), "{text:?}");
    }
}

/// As the value of every header and parameter, and as a name.
///
/// # Panics
/// Where something is read that may not be there.
pub fn check_headers(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    check_names(bytes, text);
    if let Ok(requested) = Requested::parse(None, &[(Permission::Read, text)]) {
        let acl = requested.acl(On::Object, "o", "o");
        assert!(acl.check("o").is_ok(), "{text:?}");
    }
    let _ = (acl::Canned::parse(text), acl::Ownership::parse(text));
    let current = Current { etag: "abc", modified: Timestamp(1_000) };
    let all = Conditions {
        if_match: Some(text),
        if_none_match: Some(text),
        if_modified_since: Some(text),
        if_unmodified_since: Some(text),
    };
    let _ = (conditions::read(&all, &current), conditions::copy_source(&all, &current));
    let _ = conditions::write(&Conditions { if_match: Some(text), ..Conditions::default() }, Some(&current));
    for size in [0, 10, u64::MAX] {
        let selected = match range::range(text, size) {
            Ok(Selected::Part(span)) => Some(span),
            Ok(Selected::Whole) | Err(_) => None,
        };
        for span in selected.into_iter().chain(range::copy_source(text, size).ok()) {
            assert!(span.first < span.end && span.end <= size, "{text:?} of {size}");
        }
    }
    for algorithm in checksums::Algorithm::ALL {
        let _ = checksums::parse_composite(algorithm, text);
        if let Ok(value) = checksums::Value::parse(algorithm, text) {
            assert_eq!(value.base64(), text);
        }
    }
    let _ = (checksums::Algorithm::parse(text), checksums::parse_content_md5(text));
    if let Ok(tags) = tags::Tags::parse_header(text) {
        assert!(tags.check(tags::On::Object).is_ok(), "{text:?}");
    }
    let _ = lock::requested(Some(text), Some(text), Some(text), true, Timestamp(0));
    let _ = lock::requested(Some("GOVERNANCE"), Some(text), None, true, Timestamp(0));
    let customer = CustomerHeaders { algorithm: Some("AES256"), key: Some(text), key_md5: Some(text) };
    let _ = encryption::requested(Some(text), None, &customer);
    for time in calendar::parse_iso(text).into_iter().chain(calendar::parse_http(text)) {
        assert_eq!(calendar::parse_iso(&calendar::format_iso(time)), Some(time), "{text:?}");
    }
}

fn check_names(bytes: &[u8], text: &str) {
    if names::check_bucket(text).is_ok() {
        assert!((3..=63).contains(&text.len()) && text.is_ascii(), "{text:?}");
    }
    if let Ok(key) = names::key(bytes) {
        let mut row = Vec::new();
        names::escape(key.as_bytes(), &mut row);
        assert_eq!(names::unescape(&row), Some((bytes.to_vec(), &[][..])));
        assert_eq!(names::references(&names::url_encode(key)), None);
        assert_eq!(list::parse_token(&list::token(key)).as_deref(), Ok(key));
    }
    let _ = names::unescape(bytes);
    if let Ok(key) = list::parse_token(text) {
        assert_eq!(list::token(&key), text);
    }
    let _ = list::max_keys("max-keys", Some(text));
}

/// As every document that is stored.
///
/// # Panics
/// Where a document is not written as it was read.
pub fn check_settings(bytes: &[u8]) {
    fn check<T: Setting>(bytes: &[u8]) -> Option<T> {
        let read = decode::<T>(bytes).ok()?;
        let written = encode(&read);
        let again = decode::<T>(&written).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(encode(&again), written);
        Some(again)
    }
    check::<policy::Stored>(bytes);
    check::<acl::Acl>(bytes).map(|acl| acl.check("o"));
    check::<acl::Ownership>(bytes);
    check::<acl::PublicAccessBlock>(bytes);
    check::<lock::Lock>(bytes);
    check::<lock::Configuration>(bytes).map(|lock| lock.check(true));
    check::<cors::Cors>(bytes).map(|cors| (cors.check(), cors.actual("http://a", "GET")));
    check::<website::Website>(bytes).map(|website| website.check());
    check::<tags::Tags>(bytes).map(|tags| tags.check(tags::On::Bucket));
    check::<events::Notifications>(bytes).map(|notifications| notifications.check());
    check::<encryption::DefaultEncryption>(bytes);
    let Some(lifecycle) = check::<lifecycle::Lifecycle>(bytes) else { return };
    let standing = lifecycle::Standing::Current;
    let version = lifecycle::Version { key: "k", size: 1, tags: &[], created: Timestamp(5), standing };
    let due = lifecycle.due(&version, lifecycle::Day::default());
    assert!(due.is_none_or(|due| due.action == lifecycle::Action::Expire));
    let _ = lifecycle.check();
}
