//! Objects put by forms: with policies signed in either version, and what they forbid; anonymous ones; what is answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding as _};
use bole_base::{Clock as _, SystemClock, Timestamp};
use bole_blobs::rules::calendar::format_iso;
use ring::hmac;

use crate::client::{Answer, BOLE, ask, compact_now, signature};
use crate::node::Node;

/// A form: its fields in their order, and its file.
#[derive(Clone)]
struct Form {
    fields: Vec<(String, String)>,
    content: Vec<u8>,
}

impl Form {
    fn new(fields: &[(&str, &str)], content: impl Into<Vec<u8>>) -> Self {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { fields: fields.collect(), content: content.into() }
    }

    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// Signed with a policy of these conditions, and of those that the signature needs.
    fn signed(self, (access_key, secret): (&str, &str), conditions: &str) -> Self {
        let time = compact_now();
        let credential = format!("{access_key}/{}/us-east-1/s3/aws4_request", &time[..8]);
        let conditions = format!(
            r#"{conditions}{{"bucket":"bkt"}},{{"x-amz-algorithm":"AWS4-HMAC-SHA256"}},{{"x-amz-credential":"{credential}"}},{{"x-amz-date":"{time}"}}"#
        );
        let policy = policy(60_000, &conditions);
        let signed = signature(secret, &time[..8], "s3", &policy);
        self.with("x-amz-algorithm", "AWS4-HMAC-SHA256")
            .with("x-amz-credential", credential)
            .with("x-amz-date", time)
            .with("x-amz-signature", signed)
            .with("policy", policy)
    }

    /// The same in version 2.
    fn signed_v2(self, lasts_ms: i64, conditions: &str) -> Self {
        let policy = policy(lasts_ms, conditions);
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, BOLE.unwrap().1.as_bytes());
        let signed = Base64::encode_string(hmac::sign(&key, policy.as_bytes()).as_ref());
        self.with("AWSAccessKeyId", BOLE.unwrap().0).with("signature", signed).with("policy", policy)
    }

    fn post(&self, address: SocketAddr) -> Answer {
        self.post_to(address, "/bkt")
    }

    fn post_to(&self, address: SocketAddr, path: &str) -> Answer {
        let mut body = Vec::new();
        for (name, value) in &self.fields {
            let head = format!("--sep\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            body.extend_from_slice(&[head.as_bytes(), value.as_bytes(), b"\r\n"].concat());
        }
        let head = "--sep\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\dir\\cat 1.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n";
        let submit =
            "\r\n--sep\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload\r\n--sep--\r\n";
        body.extend_from_slice(&[head.as_bytes(), &self.content, submit.as_bytes()].concat());
        let kind = "multipart/form-data; boundary=sep";
        ask("POST", path).anonymous().header("content-type", kind).body(body).send(address)
    }
}

fn policy(lasts_ms: i64, conditions: &str) -> String {
    let expires = SystemClock::new().now().0.saturating_add_signed(lasts_ms);
    let expires = format_iso(Timestamp(expires));
    Base64::encode_string(format!(r#"{{"expiration":"{expires}","conditions":[{conditions}]}}"#).as_bytes())
}

const ANY_KEY: &str = r#"["starts-with","$key",""],"#;

async fn run(rows: impl FnOnce(SocketAddr, &Node) + Send + 'static) {
    let node = Node::start().await;
    tokio::task::spawn_blocking(move || {
        assert_eq!(ask("PUT", "/bkt").send(node.address).status, 200);
        rows(node.address, &node);
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_put_objects_as_puts_do() {
    run(|address, node| {
        let long: Vec<u8> = (0..300_000_u32).map(|number| number as u8).collect();
        let conditions = r#"["starts-with","$key","in/"],{"acl":"public-read"},["starts-with","$Content-Type","image/"],{"x-amz-meta-who":"ann"},{"tagging":"<Tagging><TagSet><Tag><Key>a b</Key><Value>c/d</Value></Tag></TagSet></Tagging>"},"#;
        assert_eq!(
            ask("PUT", "/bkt?ownershipControls")
                .body("<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>")
                .send(address)
                .status,
            200
        );
        for content in [Vec::new(), b"short".to_vec(), long] {
            let form = Form::new(
                &[
                    ("Key", "in/${filename}"),
                    ("acl", "public-read"),
                    ("content-type", "image/png"),
                    ("x-amz-meta-who", "ann"),
                    ("tagging", "<Tagging><TagSet><Tag><Key>a b</Key><Value>c/d</Value></Tag></TagSet></Tagging>"),
                    ("x-ignore-me", "1"),
                ],
                content.clone(),
            );
            let made = form.signed(BOLE.unwrap(), conditions).post(address);
            assert_eq!(made.status, 204, "{}", made.text());
            assert!(made.header("etag").is_some());
            let location = format!("http://{address}/bkt/in/cat%201.jpg");
            assert_eq!(made.header("location"), Some(location.as_str()));
            let got = ask("GET", "/bkt/in/cat%201.jpg").anonymous().send(address);
            assert_eq!((got.status, got.body == content), (200, true), "{}", content.len());
            assert_eq!(got.header("content-type"), Some("image/png"));
            assert_eq!(got.header("x-amz-meta-who"), Some("ann"));
            let tags = ask("GET", "/bkt/in/cat%201.jpg?tagging").send(address);
            assert_eq!(tags.element("Key").as_deref(), Some("a b"));
            assert_eq!(tags.element("Value").as_deref(), Some("c/d"));
        }
        assert!(node.chunks.bytes() > 300_000 && node.service.sizes().uploads_bytes == 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_is_what_the_form_asks_for() {
    run(|address, _| {
        let form = |field: &'static str, value: &'static str| {
            let conditions = format!(r#"{ANY_KEY}["starts-with","${field}",""],"#);
            Form::new(&[("key", "a b"), (field, value)], "x").signed(BOLE.unwrap(), &conditions).post(address)
        };
        for (value, status) in [("200", 200), ("201", 201), ("204", 204), ("404", 204), ("", 204)] {
            let answer = form("success_action_status", value);
            assert_eq!(answer.status, status, "{value}: {}", answer.text());
            assert_eq!(answer.element("Key").as_deref(), (status == 201).then_some("a b"));
        }
        let moved = form("success_action_redirect", "http://app.example/done?x=1");
        assert_eq!(moved.status, 303);
        let expected =
            "http://app.example/done?x=1&bucket=bkt&key=a%20b&etag=%229dd4e461268c8034f5c8564e155c67a6%22";
        assert_eq!(moved.header("location"), Some(expected));
        assert_eq!(form("success_action_redirect", "javascript:alert(1)").status, 204);
    })
    .await;
}

/// What was refused leaves no chunk; they are removed in the background.
fn nothing_is_left(node: &Node) {
    let begun = Instant::now();
    while (node.chunks.bytes(), node.service.sizes().uploads_bytes) != (0, 0) {
        assert!(begun.elapsed() < Duration::from_secs(30), "{} bytes of chunks", node.chunks.bytes());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_policy_does_not_allow_is_refused() {
    run(|address, node| {
        let keys = BOLE.unwrap();
        let form = |content: &str| Form::new(&[("key", "k")], content);
        let range = r#"["starts-with","$key",""],["content-length-range",3,5],"#;
        let long = "x".repeat(400_000);
        let wide = r#"["starts-with","$key",""],["content-length-range",0,300000],"#;
        let high = r#"["starts-with","$key",""],["content-length-range",500000,900000],"#;
        let good = form("x").signed(keys, ANY_KEY);
        let scope = good.fields.iter().find(|(name, _)| name == "x-amz-credential").unwrap().1.clone();
        let v2 = |lasts: i64| form("x").signed_v2(lasts, r#"{"bucket":"bkt"},["starts-with","$key",""]"#);
        let rows = [
            (good.clone(), 204, ""),
            (v2(60_000), 204, ""),
            (form("xxx").signed(keys, range), 204, ""),
            (form("xxxxx").signed(keys, range), 204, ""),
            (form("xx").signed(keys, range), 400, "EntityTooSmall"),
            (form("xxxxxx").signed(keys, range), 400, "EntityTooLarge"),
            (form(&long).signed(keys, wide), 400, "EntityTooLarge"),
            (form(&long).signed(keys, high), 400, "EntityTooSmall"),
            (v2(-1_000), 403, "AccessDenied"),
            (v2(60_000).with("signature", "AAAA"), 403, "SignatureDoesNotMatch"),
            (form("x").signed(keys, r#"["starts-with","$key","in/"],"#), 403, "AccessDenied"),
            (form("x").signed(keys, r#"["eq","$key","K"],"#), 403, "AccessDenied"),
            (good.clone().with("acl", "public-read"), 403, "AccessDenied"),
            (good.clone().with("x-amz-meta-a", "1"), 403, "AccessDenied"),
            (form("x").signed(("bole", "wrong"), ANY_KEY), 403, "SignatureDoesNotMatch"),
            (form("x").signed(("nobody", "x"), ANY_KEY), 403, "InvalidAccessKeyId"),
            (good.clone().with("x-amz-signature", "00"), 403, "SignatureDoesNotMatch"),
            (good.clone().with("x-amz-signature", "zz"), 403, "SignatureDoesNotMatch"),
            (good.clone().with("policy", policy(60_000, "")), 403, "SignatureDoesNotMatch"),
            (good.clone().with("x-amz-algorithm", "none"), 400, "InvalidArgument"),
            (good.clone().with("x-amz-credential", scope.replace("/s3/", "/sts/")), 400, "InvalidArgument"),
            (good.clone().with("x-amz-date", "20200101T000000Z"), 403, "AccessDenied"),
            (good.clone().with("x-amz-security-token", "x"), 400, "InvalidToken"),
            (form("x").with("policy", policy(60_000, "")), 400, "InvalidArgument"),
            (form("x").with("x-amz-signature", "00"), 400, "InvalidArgument"),
            (Form::new(&[("acl", "private")], "x"), 400, "InvalidArgument"),
            (form("x"), 403, "AccessDenied"),
            (form("x").with("bucket", "c").signed(keys, ANY_KEY), 400, "InvalidArgument"),
            (
                form("x")
                    .with("x-amz-storage-class", "GLACIER")
                    .signed(keys, r#"["starts-with","$key",""],["starts-with","$x-amz-storage-class",""],"#),
                400,
                "InvalidStorageClass",
            ),
            (
                form("x")
                    .with("tagging", "<Tag")
                    .signed(keys, r#"["starts-with","$key",""],["starts-with","$tagging",""],"#),
                400,
                "MalformedXML",
            ),
        ];
        for (number, (form, status, code)) in rows.into_iter().enumerate() {
            let answer = form.post(address);
            assert_eq!(answer.outcome(), (status, code.to_owned()), "row {number}: {}", answer.text());
        }
        assert_eq!(good.post_to(address, "/bkt/k").outcome(), (405, "MethodNotAllowed".to_owned()));
        assert_eq!(good.post_to(address, "/").outcome(), (405, "MethodNotAllowed".to_owned()));
        assert_eq!(good.post_to(address, "/none").status, 403);
        let kind = "multipart/form-data; boundary=sep";
        let cut = ask("POST", "/bkt").anonymous().header("content-type", kind).body("--sep\r\nX");
        assert_eq!(cut.send(address).outcome(), (400, "MalformedPOSTRequest".to_owned()));
        nothing_is_left(node);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anonymous_forms_do_what_everybody_may() {
    run(|address, _| {
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::bkt/open/*"}]}"#;
        assert_eq!(ask("PUT", "/bkt?policy").body(policy).send(address).status, 204);
        assert_eq!(Form::new(&[("key", "open/a")], "x").post(address).status, 204);
        assert_eq!(Form::new(&[("key", "a")], "x").post(address).outcome().1, "AccessDenied");
        let with_acl = Form::new(&[("key", "open/a"), ("acl", "public-read")], "x");
        assert_eq!(with_acl.post(address).outcome().1, "AccessDenied");
        let got = ask("GET", "/bkt/open/a").send(address);
        assert_eq!((got.status, got.body), (200, b"x".to_vec()));
    })
    .await;
}
