//! What signatures cover, and URLs that are signed: in both versions, with what stands in them for headers.

use crate::client::{Answer, ask, presign, presign_old};
use crate::requests::{done, outcome, with_node};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_that_nobody_signed_is_refused() {
    with_node(|address, _| {
        let host = address.to_string();
        done(ask("PUT", "/signed").send(address));
        done(ask("PUT", "/signed/secret").body("secret").send(address));
        let url = presign("PUT", &host, "/signed/k", "", &[("x-amz-meta-m", "1")]);
        let old = presign_old("PUT", "/signed/k", "", "", "");
        let refused = (403, "AccessDenied".to_owned());
        for (name, value) in
            [("x-amz-copy-source", "/signed/secret"), ("x-amz-acl", "private"), ("x-amz-meta-n", "1")]
        {
            let by_url = ask("PUT", &url).anonymous().header("x-amz-meta-m", "1").header(name, value);
            assert_eq!(outcome(address, &by_url), refused, "{name}");
            let by_header = ask("PUT", "/signed/k").unsigned(name, value);
            assert_eq!(outcome(address, &by_header), refused, "{name}");
            let by_old = ask("PUT", &old).anonymous().header(name, value);
            assert_eq!(outcome(address, &by_old), (403, "SignatureDoesNotMatch".to_owned()), "{name}");
        }
        assert_eq!(outcome(address, &ask("GET", "/signed/k")), (404, "NoSuchKey".to_owned()));
        done(ask("PUT", &url).anonymous().header("x-amz-meta-m", "1").body("x").send(address));
        done(ask("PUT", &old).anonymous().body("x").send(address));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn urls_say_what_headers_say() {
    with_node(|address, _| {
        let host = address.to_string();
        done(ask("PUT", "/urls").send(address));
        let lines = "x-amz-meta-m:a b\nx-amz-tagging:c=d\n";
        let said = "x-amz-meta-m=a%20b&x-amz-tagging=c%3Dd";
        let urls = [
            presign("PUT", &host, "/urls/a%20b%2Bc", said, &[]),
            presign_old(
                "PUT",
                "/urls/a%20b%2Bc",
                &format!("{said}&content-type=text%2Fplain"),
                "text/plain",
                lines,
            ),
        ];
        for url in urls {
            done(ask("PUT", &url).anonymous().body("hello").send(address));
            let got: Answer = done(ask("GET", "/urls/a%20b%2Bc").send(address));
            assert_eq!((got.text().as_str(), got.header("x-amz-meta-m")), ("hello", Some("a b")), "{url}");
            assert_eq!(got.header("x-amz-tagging-count"), Some("1"), "{url}");
            let head = done(ask("HEAD", "/urls/a%20b%2Bc").send(address));
            assert_eq!(head.header("x-amz-tagging-count"), Some("1"), "{url}");
            let is_old = url.contains("AWSAccessKeyId");
            let kind = if is_old { "text/plain" } else { "binary/octet-stream" };
            assert_eq!(got.header("content-type"), Some(kind), "{url}");
            let tampered = url.replace("a%20b&", "x&");
            let refused = ask("PUT", &tampered).anonymous().body("x").send(address);
            assert_eq!(refused.outcome(), (403, "SignatureDoesNotMatch".to_owned()), "{url}");
            assert!(refused.element("Message").is_some(), "{}", refused.text());
        }
        let digest = |value: &str| {
            let said = format!("x-amz-checksum-crc32={value}&x-amz-sdk-checksum-algorithm=CRC32");
            let url = presign("PUT", &host, "/urls/k", &said, &[]);
            ask("PUT", &url).anonymous().body("hello").send(address).outcome()
        };
        assert_eq!(digest("NhCmhg%3D%3D"), (200, String::new()), "of the body");
        assert_eq!(digest("AAAAAA%3D%3D"), (200, String::new()), "of no body: signed before there was one");
        assert_eq!(digest("AAAAAQ%3D%3D"), (400, "BadDigest".to_owned()), "of another body");
        let url = presign("GET", &host, "/urls/k", "", &[]);
        let several = ask("GET", &url).anonymous().header("range", "bytes=0-0,2-2").send(address);
        assert_eq!(
            (several.status, several.text().as_str()),
            (200, "hello"),
            "a range that is none is ignored"
        );
        let one = ask("GET", &url).anonymous().header("range", "bytes=1-2").send(address);
        assert_eq!((one.status, one.text().as_str()), (206, "el"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_that_is_none_is_told_the_right_one() {
    with_node(|address, _| {
        let credential =
            "AWS4-HMAC-SHA256 Credential=bole/20260102/US/s3/aws4_request, SignedHeaders=host, Signature=0";
        let told = ask("GET", "/").anonymous().header("authorization", credential).send(address);
        assert_eq!(told.outcome(), (400, "AuthorizationHeaderMalformed".to_owned()));
        assert_eq!(told.element("Region").as_deref(), Some("us-east-1"));
    })
    .await;
}
