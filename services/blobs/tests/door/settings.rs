//! Lifecycle and notifications, as clients configure them and see them.

use std::net::SocketAddr;

use crate::client::{Answer, ask};
use crate::node::Node;

/// Runs blocking requests beside the node's runtime.
async fn with_node(run: impl FnOnce(SocketAddr, &Node) + Send + 'static) {
    let node = Node::start().await;
    tokio::task::spawn_blocking(move || run(node.address, &node)).await.unwrap();
}

fn done(answer: Answer) -> Answer {
    assert!(answer.status < 300, "{} {}", answer.status, answer.text());
    answer
}

const RULES: &str = "<LifecycleConfiguration>\
    <Rule><ID>old tmp</ID><Status>Enabled</Status><Filter><Prefix>tmp/</Prefix></Filter>\
    <Expiration><Days>3</Days></Expiration>\
    <AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>\
    </LifecycleConfiguration>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lifecycles_are_kept_and_told_with_objects() {
    with_node(|address, _| {
        done(ask("PUT", "/bucket").send(address));
        let none = ask("GET", "/bucket?lifecycle").send(address);
        assert_eq!(none.outcome(), (404, "NoSuchLifecycleConfiguration".to_owned()));
        done(ask("PUT", "/bucket?lifecycle").body(RULES).send(address));
        let minimum = "x-amz-transition-default-minimum-object-size";
        for (asked, expected) in [
            ("all_storage_classes_128K", (200, String::new())),
            ("varies_by_storage_class", (501, "NotImplemented".to_owned())),
            ("128", (400, "InvalidRequest".to_owned())),
        ] {
            let put = ask("PUT", "/bucket?lifecycle").header(minimum, asked).body(RULES).send(address);
            assert_eq!(put.outcome(), expected, "{asked}");
        }
        let shown = done(ask("GET", "/bucket?lifecycle").send(address));
        assert_eq!(shown.header(minimum), Some("all_storage_classes_128K"));
        assert_eq!(
            (shown.element("ID").as_deref(), shown.element("Days").as_deref()),
            (Some("old tmp"), Some("3"))
        );
        let expiration = |answer: &Answer| answer.header("x-amz-expiration").map(str::to_owned);
        let put = done(ask("PUT", "/bucket/tmp/a").body("body").send(address));
        let told = expiration(&put).unwrap();
        assert!(
            told.starts_with("expiry-date=\"") && told.ends_with(" 00:00:00 GMT\", rule-id=\"old%20tmp\""),
            "{told}"
        );
        for method in ["GET", "HEAD"] {
            let got = done(ask(method, "/bucket/tmp/a").send(address));
            assert_eq!(expiration(&got).as_ref(), Some(&told), "{method}");
        }
        let other = done(ask("PUT", "/bucket/other").body("body").send(address));
        assert_eq!(expiration(&other), None);
        let copied = ask("PUT", "/bucket/tmp/b").header("x-amz-copy-source", "/bucket/other");
        assert!(expiration(&done(copied.send(address))).is_some());
        let begun = done(ask("POST", "/bucket/tmp/c?uploads").send(address));
        assert_eq!(begun.header("x-amz-abort-rule-id"), Some("old tmp"));
        assert!(begun.header("x-amz-abort-date").is_some());
        let moved = RULES.replace(
            "<Expiration><Days>3</Days></Expiration>",
            "<Transition><Days>3</Days><StorageClass>GLACIER</StorageClass></Transition>",
        );
        let refused = ask("PUT", "/bucket?lifecycle").body(moved).send(address);
        assert_eq!(refused.outcome(), (501, "NotImplemented".to_owned()));
        done(ask("DELETE", "/bucket?lifecycle").send(address));
        assert_eq!(expiration(&done(ask("HEAD", "/bucket/tmp/a").send(address))), None);
    })
    .await;
}

fn listening(topic: &str) -> String {
    format!(
        "<NotificationConfiguration><TopicConfiguration><Id>n</Id><Topic>{topic}</Topic>\
         <Event>s3:ObjectCreated:*</Event><Filter><S3Key><FilterRule><Name>suffix</Name><Value>.jpg</Value>\
         </FilterRule></S3Key></Filter></TopicConfiguration></NotificationConfiguration>"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notifications_reach_their_topic() {
    with_node(|address, node| {
        done(ask("PUT", "/bucket").send(address));
        let empty = done(ask("GET", "/bucket?notification").send(address));
        assert!(empty.text().contains("NotificationConfiguration"), "{}", empty.text());
        let put = |topic: &str| ask("PUT", "/bucket?notification").body(listening(topic)).send(address);
        for (topic, status, text) in [
            ("arn:aws:sns:us-east-1:000000000000:none", 400, "there is no topic"),
            ("arn:aws:sns:us-east-1:111111111111:photos", 400, "another one"),
            ("photos", 400, "six fields"),
        ] {
            let refused = put(topic);
            let message = refused.element("Message").unwrap_or_default();
            assert!(refused.status == status && message.contains(text), "{topic}: {}", refused.text());
        }
        let bridge = "<NotificationConfiguration><EventBridgeConfiguration></EventBridgeConfiguration></NotificationConfiguration>";
        let refused = ask("PUT", "/bucket?notification").body(bridge).send(address);
        assert_eq!(refused.outcome(), (501, "NotImplemented".to_owned()));
        done(ask("PUT", "/bucket/a.jpg").body("body").send(address));
        assert_eq!(node.topics.values("photos").len(), 0, "what is refused is not kept");
        done(put("arn:aws:sns:us-east-1:000000000000:photos"));
        let shown = done(ask("GET", "/bucket?notification").send(address));
        assert_eq!(shown.element("Topic").as_deref(), Some("arn:aws:sns:us-east-1:000000000000:photos"));
        let answer = done(ask("PUT", "/bucket/b.jpg").body("body").send(address));
        done(ask("PUT", "/bucket/c.png").body("body").send(address));
        let told: Vec<serde_json::Value> =
            node.topics.values("photos").iter().map(|value| serde_json::from_slice(value).unwrap()).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(told[0]["Event"], "s3:TestEvent");
        let record = &told[1]["Records"][0];
        assert_eq!((&record["eventName"], &record["s3"]["object"]["key"]), (&"ObjectCreated:Put".into(), &"b.jpg".into()));
        assert_eq!(record["responseElements"]["x-amz-request-id"].as_str(), answer.header("x-amz-request-id"));
        assert_eq!(record["requestParameters"]["sourceIPAddress"], "127.0.0.1");
        let nothing = "<NotificationConfiguration></NotificationConfiguration>";
        done(ask("PUT", "/bucket?notification").body(nothing).send(address));
        done(ask("PUT", "/bucket/d.jpg").body("body").send(address));
        assert_eq!(node.topics.values("photos").len(), 2);
        // Without the test event, which nobody needs who knows that the topic will come.
        let later = ask("PUT", "/bucket?notification")
            .header("x-amz-skip-destination-validation", "true")
            .body(listening("arn:bole:streams:::none"));
        done(later.send(address));
        done(ask("PUT", "/bucket/e.jpg").body("body").send(address));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_legal_hold_that_was_taken_off_is_told() {
    with_node(|address, _| {
        done(ask("PUT", "/held").header("x-amz-bucket-object-lock-enabled", "true").send(address));
        done(ask("PUT", "/held/k").body("body").send(address));
        let told = || {
            let head = done(ask("HEAD", "/held/k").send(address));
            head.header("x-amz-object-lock-legal-hold").map(str::to_owned)
        };
        assert_eq!(told(), None);
        for status in ["ON", "OFF", "ON", "OFF"] {
            let body = format!("<LegalHold><Status>{status}</Status></LegalHold>");
            done(ask("PUT", "/held/k?legal-hold").body(body).send(address));
            assert_eq!(told().as_deref(), Some(status));
        }
    })
    .await;
}
