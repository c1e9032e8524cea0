//! What policies say, as tables, and against a model that takes the language's definition literally.

use proptest::prelude::*;

use super::*;

mod model;

const BUCKET: Kind<'_> = Kind::Bucket("photos");
const ALICE: Requester<'_> = Requester { account: "000000000000", canonical: "a", user: "alice" };

/// A policy of one statement with these elements beside its effect and principal.
fn allowing(elements: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*",{elements}}}]}}"#)
}

/// A policy that allows to get all objects under conditions.
fn on_condition(condition: &str) -> String {
    allowing(&format!(
        r#""Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*","Condition":{condition}"#
    ))
}

#[test]
fn documents_are_refused_as_s3_does() {
    let get = r#""Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*""#;
    let long = format!("{{{}", " ".repeat(crate::limits::POLICY_BYTES_MAX));
    let rows = [
        (String::new(), "first byte must be '{'"),
        (" {}".to_owned(), "first byte must be '{'"),
        ("{".to_owned(), "valid JSON"),
        ("{}x".to_owned(), "valid JSON"),
        ("{".repeat(200), "valid JSON"),
        (long, "maximum allowed document size"),
        ("{}".to_owned(), "Missing required field Statement"),
        (r#"{"Statement":[]}"#.to_owned(), "Statement is empty"),
        (r#"{"Statement":1}"#.to_owned(), "Statement must be"),
        (r#"{"Statement":[1]}"#.to_owned(), "A statement must be an object"),
        (r#"{"Version":"2020-01-01","Statement":[]}"#.to_owned(), "valid version string"),
        (r#"{"Version":1,"Statement":[]}"#.to_owned(), "valid version string"),
        (r#"{"Id":1,"Statement":[]}"#.to_owned(), "Id must be"),
        (r#"{"Statements":[]}"#.to_owned(), "Unknown field Statements"),
        (r#"{"Statement":[],"Statement":[]}"#.to_owned(), "is there twice"),
        (r#"{"Statement":{"Principal":"*"}}"#.to_owned(), "Missing required field Effect"),
        (r#"{"Statement":{"Effect":"allow"}}"#.to_owned(), "Invalid effect: allow"),
        (format!(r#"{{"Statement":{{"Effect":"Allow",{get}}}}}"#), "Missing required field Principal"),
        (format!(r#"{{"Statement":{{"Effect":"Allow","NotPrincipal":"*",{get}}}}}"#), "NotPrincipal"),
        (allowing(r#""Resource":"*""#), "Missing required field Action"),
        (allowing(r#""Action":"s3:*""#), "Missing required field Resource"),
        (allowing(r#""Action":[],"Resource":"*""#), "Action must be"),
        (allowing(r#""Action":"s3:*","NotAction":"s3:*","Resource":"*""#), "both Action and NotAction"),
        (allowing(r#""Action":"s3:Frob","Resource":"*""#), "Policy has invalid action: s3:Frob"),
        (allowing(r#""Action":"s3:*","Resource":"photos/*""#), "Policy has invalid resource: photos/*"),
        (allowing(r#""Action":"s3:*","Resource":"arn:aws:s3:::other/*""#), "not in the bucket \"photos\""),
        (allowing(r#""Action":"s3:*","Resource":"arn:aws:s3:::photosx""#), "not in the bucket \"photos\""),
        (allowing(r#""Action":"s3:*","Resource":"arn:aws:s3:::photos/${aws:no}""#), "no variable \"aws:no\""),
        (allowing(r#""Action":"s3:ListBucket","Resource":"arn:aws:s3:::photos/*""#), "does not apply to any"),
        (allowing(r#""Action":"s3:GetObject","Resource":"arn:aws:s3:::photos""#), "does not apply to any"),
        (allowing(r#""Action":"s3:*","Resource":"*","Sid":1"#), "Sid must be"),
        (allowing(r#""Action":"s3:*","Resource":"*","Owner":"x""#), "Unknown field Owner"),
        (on_condition("[]"), "Condition must be an object"),
        (on_condition(r#"{"StringEquals":1}"#), "Condition StringEquals must be an object"),
        (on_condition(r#"{"StringIs":{"s3:prefix":"a"}}"#), "Invalid Condition type : StringIs"),
        (on_condition(r#"{"ForSome:StringEquals":{"s3:prefix":"a"}}"#), "Invalid Condition type : ForSome"),
        (on_condition(r#"{"NullIfExists":{"s3:prefix":"true"}}"#), "Invalid Condition type : NullIfExists"),
        (on_condition(r#"{"StringEquals":{"s3:prefixx":"a"}}"#), "invalid condition key: s3:prefixx"),
        (on_condition(r#"{"StringEquals":{"aws:SourceVpce":"a"}}"#), "invalid condition key: aws:SourceVpce"),
        (on_condition(r#"{"StringEquals":{"s3:prefix":[]}}"#), "must be a string"),
        (on_condition(r#"{"StringEquals":{"s3:prefix":"a","s3:prefix":"b"}}"#), "is there twice"),
        (on_condition(r#"{"NumericEquals":{"s3:max-keys":"ten"}}"#), "\"ten\" is not a number"),
        (on_condition(r#"{"NumericEquals":{"s3:max-keys":"inf"}}"#), "is not a number"),
        (on_condition(r#"{"DateEquals":{"aws:CurrentTime":"now"}}"#), "is not a date"),
        (on_condition(r#"{"Bool":{"aws:SecureTransport":"yes"}}"#), "is not true or false"),
        (on_condition(r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/40"}}"#), "is not an address or a network"),
        (on_condition(r#"{"ArnLike":{"aws:PrincipalArn":"user/x"}}"#), "is not an ARN"),
        (on_condition(r#"{"BinaryEquals":{"aws:userid":"?"}}"#), "is not base64"),
        (on_condition(r#"{"StringLike":{"s3:prefix":"${"}}"#), "no closing"),
    ];
    for (text, expected) in rows {
        let error = Policy::parse(&text, BUCKET).expect_err(&text);
        assert_eq!(error.code, Code::MalformedPolicy);
        assert!(error.message.contains(expected), "{text}: {error}");
    }
    let session = allowing(r#""Action":"s3:*","Resource":"*""#);
    assert!(Policy::parse(&session, Kind::Session).unwrap_err().message.contains("principal"));
    for text in [
        format!(
            r#"{{"Version":"2012-10-17","Id":"x","Statement":{{"Sid":"s","Effect":"Deny","NotPrincipal":{{"AWS":"000000000000"}},{get}}}}}"#
        ),
        allowing(
            r#""Action":["s3:ListBucket","s3:GetObject"],"Resource":["arn:aws:s3:::photos","arn:aws:s3:::photos/*"]"#,
        ),
        allowing(r#""NotAction":"s3:DeleteBucket","NotResource":"arn:aws:s3:::photos/secret/*""#),
        allowing(r#""Action":"*","Resource":"arn:aws:s3:::pho*""#),
        on_condition(r#"{"Bool":{"aws:SecureTransport":true},"NumericLessThan":{"s3:max-keys":10}}"#),
    ] {
        Policy::parse(&text, BUCKET).expect(&text);
    }
}

#[test]
fn statements_apply() {
    use Verdict::{Allow, Deny, Silent};
    let home = r#""Action":"s3:*","Resource":"arn:aws:s3:::photos/home/${aws:username}/*""#;
    let old = allowing(home).replace("2012-10-17", "2008-10-17");
    let both = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Deny","Principal":"*","NotAction":"s3:GetObject","Resource":"*"},
        {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/alice"},"Action":"s3:*","NotResource":"arn:aws:s3:::photos/secret*"}]}"#;
    let except = r#"{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam:::user/alice"},"Action":"s3:*","Resource":"*"}}"#;
    for (policy, requester, action, resource, expected) in [
        (allowing(home).as_str(), Some(&ALICE), "GetObject", "photos/home/alice/x", Allow),
        (&allowing(home), Some(&ALICE), "GetObject", "photos/home/bob/x", Silent),
        (&allowing(home), None, "GetObject", "photos/home//x", Silent),
        (&old, Some(&ALICE), "GetObject", "photos/home/alice/x", Silent),
        (&old, None, "GetObject", "photos/home/${aws:username}/x", Allow),
        (both, Some(&ALICE), "GetObject", "photos/a", Allow),
        (both, Some(&ALICE), "GetObject", "photos/secret/a", Silent),
        (both, Some(&ALICE), "PutObject", "photos/a", Deny),
        (both, None, "GetObject", "photos/a", Silent),
        (except, Some(&ALICE), "GetObject", "photos/a", Silent),
        (except, None, "GetObject", "photos/a", Deny),
    ] {
        let parsed = Policy::parse(policy, BUCKET).unwrap();
        let mut context = Context::default();
        if let Some(requester) = requester {
            context.set("aws:username", requester.user);
        }
        let request = Request { requester, action, resource, context: &context };
        assert_eq!(parsed.decide(&request).verdict, expected, "{policy} {action} {resource}");
    }
}

#[test]
fn sessions_have_the_same_language() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Get*","s3:ListAllMyBuckets"],"Resource":"*"}]}"#;
    let policy = Policy::parse(text, Kind::Session).unwrap();
    let context = Context::default();
    for (action, resource, expected) in [
        ("GetObject", "any/key", Verdict::Allow),
        ("ListAllMyBuckets", "", Verdict::Allow),
        ("PutObject", "any/key", Verdict::Silent),
    ] {
        let request = Request { requester: Some(&ALICE), action, resource, context: &context };
        assert_eq!(policy.decide(&request).verdict, expected, "{action}");
    }
}

fn context() -> Context {
    let mut context = Context::default();
    for (key, value) in [
        ("aws:SourceIp", "10.1.2.3"),
        ("aws:SecureTransport", "true"),
        ("aws:username", "alice"),
        ("aws:userid", "YWJj"),
        ("aws:PrincipalArn", "arn:aws:iam::000000000000:user/alice"),
        ("aws:CurrentTime", "2026-03-01T12:00:00Z"),
        ("aws:EpochTime", "1772366400"),
        ("s3:prefix", "Home/alice"),
        ("s3:max-keys", "10"),
        ("s3:ExistingObjectTag/team", "red"),
    ] {
        context.set(key, value);
    }
    context.set_all("s3:RequestObjectTagKeys", ["team".to_owned(), "env".to_owned()]);
    context
}

#[test]
fn conditions_hold() {
    for (condition, expected) in [
        (r#"{"StringEquals":{"s3:prefix":"Home/alice"}}"#, true),
        (r#"{"StringEquals":{"S3:PREFIX":["x","Home/${aws:username}"]}}"#, true),
        (r#"{"StringEquals":{"s3:prefix":"Home/*"}}"#, false),
        (r#"{"StringEquals":{"s3:delimiter":"/"}}"#, false),
        (r#"{"StringEqualsIfExists":{"s3:delimiter":"/"}}"#, true),
        (r#"{"StringEqualsIfExists":{"s3:prefix":"x"}}"#, false),
        (r#"{"StringNotEquals":{"s3:prefix":["x","Home/alice"]}}"#, false),
        (r#"{"StringNotEquals":{"s3:prefix":["x","y"]}}"#, true),
        (r#"{"StringNotEquals":{"s3:delimiter":"/"}}"#, true),
        (r#"{"StringEqualsIgnoreCase":{"s3:prefix":"hOME/ALICE"}}"#, true),
        (r#"{"StringNotEqualsIgnoreCase":{"s3:prefix":"home/alice"}}"#, false),
        (r#"{"StringLike":{"s3:prefix":"Home/?l*"}}"#, true),
        (r#"{"StringLike":{"s3:prefix":["${aws:referer}*"]}}"#, false),
        (r#"{"StringNotLike":{"s3:prefix":"Home/*"}}"#, false),
        (r#"{"NumericEquals":{"s3:max-keys":10}}"#, true),
        (r#"{"NumericNotEquals":{"s3:max-keys":"10.0"}}"#, false),
        (r#"{"NumericLessThan":{"s3:max-keys":"10"}}"#, false),
        (r#"{"NumericLessThanEquals":{"s3:max-keys":"10"}}"#, true),
        (r#"{"NumericGreaterThan":{"s3:max-keys":"9.5"}}"#, true),
        (r#"{"NumericGreaterThanEquals":{"s3:max-keys":"11"}}"#, false),
        (r#"{"NumericEquals":{"s3:prefix":"1"}}"#, false),
        (r#"{"DateLessThan":{"aws:CurrentTime":"2026-03-01T13:00:00+01:00"}}"#, false),
        (r#"{"DateLessThanEquals":{"aws:CurrentTime":"2026-03-01T13:00:00+01:00"}}"#, true),
        (r#"{"DateGreaterThan":{"aws:CurrentTime":"2026-02-28"}}"#, true),
        (r#"{"DateGreaterThanEquals":{"aws:EpochTime":"1772366400"}}"#, true),
        (r#"{"DateEquals":{"aws:EpochTime":"2026-03-01T12:00:00Z"}}"#, true),
        (r#"{"DateNotEquals":{"aws:EpochTime":"2026-03-01T12:00:00Z"}}"#, false),
        (r#"{"Bool":{"aws:SecureTransport":"TRUE"}}"#, true),
        (r#"{"Bool":{"aws:SecureTransport":"false"}}"#, false),
        (r#"{"BinaryEquals":{"aws:userid":"YWJj"}}"#, true),
        (r#"{"BinaryEquals":{"aws:userid":"YWJk"}}"#, false),
        (r#"{"IpAddress":{"aws:SourceIp":["192.168.0.0/16","10.0.0.0/8"]}}"#, true),
        (r#"{"IpAddress":{"aws:SourceIp":"10.1.2.4"}}"#, false),
        (r#"{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#, false),
        (r#"{"NotIpAddress":{"aws:SourceIp":"11.0.0.0/8"}}"#, true),
        (r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/a*"}}"#, true),
        (r#"{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::*:user/${aws:username}"}}"#, true),
        (r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:*:user/alice:x:y:z"}}"#, false),
        (r#"{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/b*"}}"#, true),
        (r#"{"ArnNotEquals":{"aws:PrincipalArn":"*"}}"#, false),
        (r#"{"Null":{"s3:delimiter":"true"}}"#, true),
        (r#"{"Null":{"s3:delimiter":false}}"#, false),
        (r#"{"Null":{"s3:prefix":"false"}}"#, true),
        (r#"{"ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":["team","env","x"]}}"#, true),
        (r#"{"ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":["team"]}}"#, false),
        (r#"{"ForAllValues:StringEquals":{"s3:delimiter":"/"}}"#, true),
        (r#"{"ForAnyValue:StringEquals":{"s3:RequestObjectTagKeys":["x","env"]}}"#, true),
        (r#"{"ForAnyValue:StringEquals":{"s3:RequestObjectTagKeys":["x"]}}"#, false),
        (r#"{"ForAnyValue:StringNotEquals":{"s3:RequestObjectTagKeys":["team"]}}"#, true),
        (r#"{"ForAnyValue:StringNotEquals":{"s3:delimiter":"/"}}"#, false),
        (r#"{"ForAllValues:StringNotEquals":{"s3:RequestObjectTagKeys":["team"]}}"#, false),
        (r#"{"StringEquals":{"s3:ExistingObjectTag/team":"red"}}"#, true),
        (r#"{"StringEquals":{"s3:ExistingObjectTag/Team":"red"}}"#, false),
        (r#"{"StringEquals":{"s3:prefix":"Home/alice"},"Bool":{"aws:SecureTransport":"false"}}"#, false),
        (r#"{"StringEquals":{"s3:prefix":"Home/alice","aws:username":"bob"}}"#, false),
    ] {
        let policy = Policy::parse(&on_condition(condition), BUCKET).expect(condition);
        let request =
            Request { requester: None, action: "GetObject", resource: "photos/a", context: &context() };
        let verdict = policy.decide(&request).verdict;
        assert_eq!(verdict == Verdict::Allow, expected, "{condition}");
    }
}

#[test]
fn policies_may_be_public() {
    let to = |principal: &str| {
        on_condition("{}").replace(r#""Principal":"*""#, &format!(r#""Principal":{principal}"#))
    };
    let denying = on_condition("{}").replace("Allow", "Deny");
    for (policy, expected) in [
        (on_condition("{}"), true),
        (denying, false),
        (to(r#"{"AWS":"*"}"#), true),
        (to(r#"{"AWS":["000000000000","*"]}"#), true),
        (to(r#"{"AWS":"000000000000"}"#), false),
        (on_condition(r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#), false),
        (on_condition(r#"{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}"#), true),
        (on_condition(r#"{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","0.0.0.0/1"]}}"#), true),
        (on_condition(r#"{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#), true),
        (on_condition(r#"{"IpAddressIfExists":{"aws:SourceIp":"10.0.0.0/8"}}"#), true),
        (on_condition(r#"{"StringEquals":{"aws:username":"alice"}}"#), false),
        (on_condition(r#"{"StringLike":{"aws:username":"a*"}}"#), true),
        (on_condition(r#"{"ForAllValues:StringEquals":{"aws:username":"alice"}}"#), true),
        (on_condition(r#"{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::000000000000:user/a"}}"#), false),
        (on_condition(r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/a"}}"#), true),
        (on_condition(r#"{"StringEquals":{"s3:prefix":"a"}}"#), true),
        (on_condition(r#"{"Bool":{"aws:SecureTransport":"true"}}"#), true),
    ] {
        assert_eq!(Policy::parse(&policy, BUCKET).unwrap().is_public(), expected, "{policy}");
    }
}

proptest! {
    /// Whatever is sent is read or refused, and what is read can be asked.
    #[test]
    fn any_text_is_judged(text in "\\{\\PC{0,200}", pieces in proptest::collection::vec(0..PIECES.len(), 0..40)) {
        let jumbled = format!("{{{}", pieces.iter().map(|piece| PIECES[*piece]).collect::<String>());
        for text in [text, jumbled] {
            for kind in [BUCKET, Kind::Session] {
                let Ok(policy) = Policy::parse(&text, kind) else { continue };
                let context = context();
                policy.decide(&Request { requester: None, action: "GetObject", resource: "photos/a", context: &context });
                policy.is_public();
            }
        }
    }
}

/// What policies are made of, so that jumbled ones come far.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"Statement\":",
    "\"Effect\":\"Allow\"",
    "\"Principal\":",
    "\"*\"",
    "\"Action\":",
    "\"s3:GetObject\"",
    "\"Resource\":",
    "\"arn:aws:s3:::photos/*\"",
    "\"Condition\":",
    "\"StringLike\":",
    "\"s3:prefix\":",
    "\"AWS\":",
    "\"${aws:username}\"",
    "null",
    "1",
    "\"Version\":\"2012-10-17\"",
];
