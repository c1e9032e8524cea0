//! Access logs and metrics of requests.

use std::time::{Duration, Instant};

use crate::client::ask;
use crate::node::Node;

const ON: &str = "<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>of-b/</TargetPrefix></LoggingEnabled></BucketLoggingStatus>";

/// Waits until as many lines were delivered: a line is written when its answer has gone, which its client may know first.
async fn delivered(node: &Node, lines: u64) {
    let begun = Instant::now();
    while node.service.logs().delivered() < lines {
        assert!(begun.elapsed() < Duration::from_secs(30), "{} lines", node.service.logs().delivered());
        node.service.deliver_logs(true).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_are_put_where_the_bucket_says() {
    let node = Node::start().await;
    let address = node.address;
    let requests = move || {
        for bucket in ["/bkt", "/logs"] {
            assert_eq!(ask("PUT", bucket).send(address).status, 200);
        }
        let empty = ask("GET", "/bkt?logging").send(address);
        assert!(empty.status == 200 && empty.element("TargetBucket").is_none(), "{}", empty.text());
        let nowhere = ON.replace(">logs<", ">nowhere<");
        let wrong = ask("PUT", "/bkt?logging").body(nowhere).send(address);
        assert_eq!(wrong.outcome(), (400, "InvalidTargetBucketForLogging".to_owned()));
        let put = ask("PUT", "/bkt?logging").body(ON).send(address);
        assert_eq!(put.status, 200, "{}", put.text());
        assert_eq!(
            ask("GET", "/bkt?logging").send(address).element("TargetPrefix").as_deref(),
            Some("of-b/")
        );
        assert_eq!(
            ask("PUT", "/bkt/a%20b").header("user-agent", "tester").body("12345").send(address).status,
            200
        );
        assert_eq!(ask("GET", "/bkt/a%20b").send(address).status, 200);
        assert_eq!(ask("GET", "/bkt/none").anonymous().send(address).status, 403);
        assert_eq!(ask("GET", "/logs").send(address).status, 200);
    };
    tokio::task::spawn_blocking(requests).await.unwrap();
    // That logging was switched on is in the log too, and so are the two requests for the configuration after that.
    delivered(&node, 5).await;
    let read = move || {
        let list = ask("GET", "/logs?prefix=of-b%2F").send(address).text();
        let keys: Vec<&str> =
            list.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()).collect();
        let text: String =
            keys.iter().map(|key| ask("GET", &format!("/logs/{key}")).send(address).text()).collect();
        let has = |words: &[&str]| {
            let found = text.lines().any(|line| words.iter().all(|word| line.contains(word)));
            assert!(found, "{words:?} are not in a line of\n{text}");
        };
        let user = "arn:aws:iam::000000000000:user/bole";
        has(&[
            " bkt [",
            user,
            "REST.PUT.OBJECT a%20b \"PUT /bkt/a%20b HTTP/1.1\" 200 - - 5 ",
            "\"tester\"",
            "SigV4 - AuthHeader",
        ]);
        has(&[user, "REST.GET.OBJECT a%20b", " 200 - 5 5 "]);
        has(&[" 127.0.0.1 - ", "REST.GET.OBJECT none", " 403 AccessDenied "]);
        has(&["REST.GET.LOGGING_STATUS - ", " 200 "]);
        assert!(!text.contains(" logs ["), "{text}");
        assert_eq!(text.lines().count(), 5, "{text}");
        assert_eq!(ask("PUT", "/bkt?logging").body("<BucketLoggingStatus/>").send(address).status, 200);
        assert!(ask("GET", "/bkt?logging").send(address).element("TargetBucket").is_none());
        let partitioned = ON.replace("</LoggingEnabled>", "<TargetObjectKeyFormat><PartitionedPrefix><PartitionDateSource>EventTime</PartitionDateSource></PartitionedPrefix></TargetObjectKeyFormat></LoggingEnabled>");
        assert_eq!(ask("PUT", "/bkt?logging").body(partitioned).send(address).status, 501);
    };
    tokio::task::spawn_blocking(read).await.unwrap();
    assert_eq!(node.service.logs().dropped(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_whose_bucket_is_gone_are_counted_as_lost() {
    let node = Node::start().await;
    let address = node.address;
    let requests = move || {
        for bucket in ["/bkt", "/logs"] {
            ask("PUT", bucket).send(address);
        }
        assert_eq!(ask("PUT", "/bkt?logging").body(ON).send(address).status, 200);
        assert_eq!(ask("DELETE", "/logs").send(address).status, 204);
        ask("GET", "/bkt/none").send(address);
    };
    tokio::task::spawn_blocking(requests).await.unwrap();
    let begun = Instant::now();
    while node.service.logs().dropped() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(30));
        node.service.deliver_logs(true).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_counted() {
    let node = Node::start().await;
    let address = node.address;
    let requests = move || {
        ask("PUT", "/bkt").send(address);
        ask("PUT", "/bkt/k").body("12345").send(address);
        ask("GET", "/bkt/k").send(address);
        ask("GET", "/bkt/none").send(address);
        ask("OPTIONS", "/bkt/k").anonymous().send(address);
    };
    tokio::task::spawn_blocking(requests).await.unwrap();
    let wanted = [
        "bole_blobs_requests_total{operation=\"GetObject\",class=\"2xx\"} 1",
        "bole_blobs_requests_total{operation=\"GetObject\",class=\"4xx\"} 1",
        "bole_blobs_request_bytes_total{operation=\"PutObject\",class=\"2xx\"} 5",
        "bole_blobs_answer_bytes_total{operation=\"GetObject\",class=\"2xx\"} 5",
        "bole_blobs_requests_total{operation=\"Preflight\",class=\"4xx\"} 1",
        "bole_blobs_request_seconds_count{operation=\"GetObject\"} 2",
        "bole_errors_total{service=\"blobs\",kind=\"not_found\"} 1",
    ];
    let begun = Instant::now();
    loop {
        let text = node.metrics.render();
        let missing: Vec<_> = wanted.iter().filter(|line| !text.contains(**line)).collect();
        if missing.is_empty() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{missing:?} are not in\n{text}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
