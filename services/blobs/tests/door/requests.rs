//! Requests one after another, and what they are answered with.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use bole_blobs::rules::checksums::{Algorithm, checksum};

use crate::client::{Answer, Ask, ask};
use crate::node::Node;

/// Runs blocking requests beside the node's runtime.
pub(crate) async fn with_node(run: impl FnOnce(SocketAddr, &Node) + Send + 'static) {
    let node = Node::start().await;
    tokio::task::spawn_blocking(move || run(node.address, &node)).await.unwrap();
}

pub(crate) fn outcome(address: SocketAddr, ask: &Ask<'_>) -> (u16, String) {
    ask.send(address).outcome()
}

pub(crate) fn done(answer: Answer) -> Answer {
    assert!(answer.status < 300, "{} {}", answer.status, answer.text());
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_come_back() {
    with_node(|address, node| {
        done(ask("PUT", "/photos").send(address));
        for (at, bytes) in [0_usize, 1, 65_536, 65_537, 700_000].into_iter().enumerate() {
            let body: Vec<u8> = (0..bytes).map(|at| (at * 7 + at / 251) as u8).collect();
            let path = format!("/photos/a%20b/{at}");
            let sum = checksum(Algorithm::Crc32c, &body).base64();
            let put = ask("PUT", &path)
                .header("content-type", "image/png")
                .header("x-amz-meta-who", "me")
                .header("x-amz-checksum-crc32c", sum.as_str())
                .body(body.clone());
            let etag = done(put.send(address)).header("etag").unwrap().to_owned();
            let got = done(ask("GET", &path).header("x-amz-checksum-mode", "ENABLED").send(address));
            assert_eq!(got.body, body);
            assert_eq!(got.header("etag"), Some(etag.as_str()));
            assert_eq!(got.header("content-type"), Some("image/png"));
            assert_eq!(got.header("x-amz-meta-who"), Some("me"));
            assert_eq!(got.header("x-amz-checksum-crc32c"), Some(sum.as_str()));
            assert_eq!(got.header("content-length"), Some(bytes.to_string().as_str()));
            let head = ask("HEAD", &path).send(address);
            assert_eq!((head.status, head.header("content-length")), (200, Some(bytes.to_string().as_str())));
            let again = ask("GET", &path).header("if-none-match", etag.as_str()).send(address);
            assert_eq!((again.status, again.header("etag")), (304, Some(etag.as_str())));
            let stale = ask("PUT", &path).header("if-none-match", "*").body("x");
            assert_eq!(outcome(address, &stale), (412, "PreconditionFailed".to_owned()));
        }
        let named = ask("GET", "/copy?list-type=2").header("host", "photos.localhost:9000");
        assert_eq!(outcome(address, &named), (404, "NoSuchKey".to_owned()), "the bucket is in the host");
        let part = done(ask("GET", "/photos/a%20b/4").header("range", "bytes=65530-65545").send(address));
        assert_eq!((part.status, part.body.len()), (206, 16));
        assert_eq!(part.header("content-range"), Some("bytes 65530-65545/700000"));
        let beyond = ask("GET", "/photos/a%20b/4").header("range", "bytes=700000-");
        assert_eq!(outcome(address, &beyond), (416, "InvalidRange".to_owned()));
        let copy = ask("PUT", "/photos/copy").header("x-amz-copy-source", "/photos/a%20b/4");
        done(copy.send(address));
        assert_eq!(done(ask("GET", "/photos/copy").send(address)).body.len(), 700_000);
        let list = done(ask("GET", "/photos?delimiter=%2F&list-type=2").send(address));
        let text = list.text();
        assert!(text.contains("<Key>copy</Key>") && text.contains("<Prefix>a b/</Prefix>"), "{text}");
        assert!(node.chunks.bytes() > 700_000);
        let delete = "<Delete><Object><Key>copy</Key></Object><Object><Key>none</Key></Object></Delete>";
        done(ask("PUT", "/photos/c%01%0D%EF%BF%BE").body("x").send(address));
        for (target, encoded) in [
            ("/photos?list-type=2", "/photos?encoding-type=url&list-type=2"),
            ("/photos", "/photos?encoding-type=url"),
            ("/photos?versions", "/photos?encoding-type=url&versions"),
        ] {
            for (target, key) in [(target, "c&#1;&#13;&#65534;"), (encoded, "c%01%0D%EF%BF%BE")] {
                let text = done(ask("GET", target).send(address)).text();
                assert!(text.contains(&format!("<Key>{key}</Key>")), "{text}");
            }
        }
        done(ask("DELETE", "/photos/c%01%0D%EF%BF%BE").send(address));
        let many = done(ask("POST", "/photos?delete").body(delete).send(address)).text();
        assert!(many.matches("<Deleted>").count() == 2 && !many.contains("<Error>"), "{many}");
        assert_eq!(outcome(address, &ask("DELETE", "/photos")), (409, "BucketNotEmpty".to_owned()));
        assert_eq!(outcome(address, &ask("GET", "/photos/copy")), (404, "NoSuchKey".to_owned()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_refused_with_its_code() {
    with_node(|address, node| {
        done(ask("PUT", "/bucket").send(address));
        let (long, zeros) = (vec![7; 200_000], "0".repeat(64));
        let put = || ask("PUT", "/bucket/k");
        let keys = |access: &'static str, secret: &'static str| Ask { keys: Some((access, secret)), ..put() };
        let rows: Vec<(Ask<'_>, u16, &str)> = vec![
            (keys("bole", "wrong"), 403, "SignatureDoesNotMatch"),
            (keys("nobody", "bolebole"), 403, "InvalidAccessKeyId"),
            (put().anonymous(), 403, "AccessDenied"),
            (ask("GET", "/").anonymous(), 403, "AccessDenied"),
            (ask("GET", "/none/k"), 404, "NoSuchBucket"),
            (ask("GET", "/bucket/k?versionId=x"), 400, "InvalidArgument"),
            (ask("PUT", "/B_A"), 400, "InvalidBucketName"),
            (put().header("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==").body("x"), 400, "BadDigest"),
            (put().header("content-md5", "?").body("x"), 400, "InvalidDigest"),
            (put().header("x-amz-checksum-crc32", "AAAAAA==").body(long.clone()), 400, "BadDigest"),
            (put().header("x-amz-checksum-crc32", "?").body("x"), 400, "InvalidRequest"),
            (Ask { payload: Some(&zeros), ..put().body(long.clone()) }, 400, "XAmzContentSHA256Mismatch"),
            (put().header("x-amz-storage-class", "GLACIER"), 400, "InvalidStorageClass"),
            (put().header("x-amz-server-side-encryption", "aws:kms"), 501, "NotImplemented"),
            (put().header("x-amz-server-side-encryption", "rot13"), 400, "InvalidArgument"),
            (
                put().header("x-amz-server-side-encryption-customer-algorithm", "AES256"),
                400,
                "InvalidArgument",
            ),
            (put().header("x-amz-server-side-encryption-context", "e30="), 501, "NotImplemented"),
            (ask("GET", "/bucket?encryption"), 404, "ServerSideEncryptionConfigurationNotFoundError"),
            (put().header("x-amz-acl", "public-read"), 400, "AccessControlListNotSupported"),
            (put().header("x-amz-object-lock-legal-hold", "ON"), 400, "InvalidRequest"),
            (put().header("x-amz-security-token", "t"), 400, "InvalidToken"),
            (put().header("host", "evil.example"), 403, "AccessDenied"),
            (put().header("x-amz-expected-bucket-owner", "111111111111"), 403, "AccessDenied"),
            (put().anonymous().header("authorization", "AWS bole:c2lnbmF0dXJl"), 400, "InvalidRequest"),
            (ask("POST", "/bucket?delete").body("<Delete>"), 400, "MalformedXML"),
            (ask("GET", "/bucket?policy"), 404, "NoSuchBucketPolicy"),
            (ask("PUT", "/bucket?policy").body("{}"), 400, "MalformedPolicy"),
            (ask("GET", "/bucket?continuation-token=x&list-type=2"), 400, "InvalidArgument"),
        ];
        for (ask, status, code) in rows {
            let answer = ask.send(address);
            let shown = format!("{} {}?{} {:?}", ask.method, ask.path, ask.query, ask.headers);
            assert_eq!(answer.outcome(), (status, code.to_owned()), "{shown}: {}", answer.text());
            let id = answer.header("x-amz-request-id").map(str::to_owned);
            assert!(id.is_some() && answer.element("RequestId") == id, "{shown}: {}", answer.text());
        }
        assert_eq!(outcome(address, &ask("GET", "/bucket/k")), (404, "NoSuchKey".to_owned()));
        for _ in 0..1_000 {
            if node.chunks.bytes() == 0 {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("{} bytes of refused bodies are left", node.chunks.bytes());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_public_is_for_everybody_and_nothing_more() {
    with_node(|address, _| {
        done(ask("PUT", "/web").send(address));
        done(ask("PUT", "/web/open").body("o").send(address));
        let anonymous = |method, path| ask(method, path).anonymous();
        assert_eq!(outcome(address, &anonymous("GET", "/web/open")), (403, "AccessDenied".to_owned()));
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::web/*"}]}"#;
        done(ask("PUT", "/web?policy").body(policy).send(address));
        assert_eq!(done(anonymous("GET", "/web/open").send(address)).body, b"o");
        // Who may not list is not told what there is not.
        assert_eq!(outcome(address, &anonymous("GET", "/web/none")), (403, "AccessDenied".to_owned()));
        assert_eq!(outcome(address, &anonymous("PUT", "/web/open")), (403, "AccessDenied".to_owned()));
        assert_eq!(outcome(address, &anonymous("GET", "/web")), (403, "AccessDenied".to_owned()));
        let delete = "<Delete><Object><Key>open</Key></Object></Delete>";
        let many = anonymous("POST", "/web?delete").body(delete).send(address);
        assert_eq!(many.element("Code").as_deref(), Some("AccessDenied"), "{}", many.text());
        assert_eq!(done(ask("GET", "/web?policy").send(address)).text(), policy);
        let block = "<PublicAccessBlockConfiguration><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>";
        done(ask("PUT", "/web?publicAccessBlock").body(block).send(address));
        assert_eq!(outcome(address, &anonymous("GET", "/web/open")), (403, "AccessDenied".to_owned()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_other_sites_get_what_cors_says() {
    with_node(|address, _| {
        done(ask("PUT", "/cors").send(address));
        let preflight = |bucket: &'static str| {
            ask("OPTIONS", bucket)
                .anonymous()
                .header("origin", "https://app.example")
                .header("access-control-request-method", "PUT")
                .header("access-control-request-headers", "content-type")
        };
        assert_eq!(outcome(address, &preflight("/cors/k")), (403, "AccessForbidden".to_owned()));
        let rules = "<CORSConfiguration><CORSRule><AllowedOrigin>https://app.example</AllowedOrigin><AllowedMethod>PUT</AllowedMethod>\
             <AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>7</MaxAgeSeconds></CORSRule></CORSConfiguration>";
        done(ask("PUT", "/cors?cors").body(rules).send(address));
        let allowed = done(preflight("/cors/k").send(address));
        assert_eq!(allowed.header("access-control-allow-origin"), Some("https://app.example"));
        assert_eq!(allowed.header("access-control-max-age"), Some("7"));
        let put = ask("PUT", "/cors/k").header("origin", "https://app.example").body("x");
        let answer = done(put.send(address));
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
        assert_eq!(answer.header("access-control-expose-headers"), Some("ETag"));
        let other = done(ask("PUT", "/cors/k").header("origin", "https://evil.example").body("x").send(address));
        assert_eq!(other.header("access-control-allow-origin"), None);
        assert_eq!(outcome(address, &ask("OPTIONS", "/cors/k").anonymous()), (400, "BadRequest".to_owned()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_in_parts_and_versions() {
    with_node(|address, _| {
        done(ask("PUT", "/multi").send(address));
        let enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        done(ask("PUT", "/multi?versioning").body(enabled).send(address));
        let begun = done(ask("POST", "/multi/big?uploads").send(address));
        let id = begun.element("UploadId").unwrap();
        let parts = [vec![1; 5 << 20], vec![2; 100]];
        let mut listed = String::new();
        for (number, part) in parts.iter().enumerate() {
            let target = format!("/multi/big?partNumber={}&uploadId={id}", number + 1);
            let etag =
                done(ask("PUT", &target).body(part.clone()).send(address)).header("etag").unwrap().to_owned();
            let number = (number + 1).to_string();
            listed += &["<Part><PartNumber>", &number, "</PartNumber><ETag>", &etag, "</ETag></Part>"].concat();
        }
        let target = format!("/multi/big?uploadId={id}");
        assert_eq!(done(ask("GET", &target).send(address)).text().matches("<Part>").count(), 2);
        let body = format!("<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>");
        let complete = || ask("POST", &target).body(body.clone());
        let made = done(complete().send(address));
        let again = done(complete().send(address));
        assert_eq!(again.text(), made.text(), "an answer that was lost is given again");
        assert_eq!(again.header("x-amz-version-id"), made.header("x-amz-version-id"));
        let shorter = body.replace(&body[body.rfind("<Part>").unwrap()..body.rfind("</C").unwrap()], "");
        assert_eq!(outcome(address, &ask("POST", &target).body(shorter)), (404, "NoSuchUpload".to_owned()));
        assert!(made.element("ETag").is_some_and(|etag| etag.contains("-2")), "{}", made.text());
        let got = done(ask("GET", "/multi/big").send(address));
        assert_eq!(got.body, parts.concat());
        let names = ask("GET", "/multi/big?attributes").header("x-amz-object-attributes", "ObjectParts,ObjectSize");
        let told = done(names.send(address));
        assert_eq!(told.element("ObjectSize").as_deref(), Some("5242980"), "{}", told.text());
        assert_eq!(told.element("PartsCount").as_deref(), Some("2"), "{}", told.text());
        let names = ask("GET", "/multi/big?attributes").header("x-amz-object-attributes", "ETag");
        let bare = done(names.send(address)).element("ETag").unwrap();
        let marked = got.header("etag").unwrap();
        assert_eq!(format!("\"{bare}\""), marked, "S3 has no quotation marks in this document");
        let second = done(ask("GET", "/multi/big?partNumber=2").send(address));
        assert_eq!((second.status, &second.body), (206, &parts[1]));
        let begun = done(ask("POST", "/multi/copied?uploads").send(address));
        let target = format!("/multi/copied?partNumber=1&uploadId={}", begun.element("UploadId").unwrap());
        let part = ask("PUT", &target).header("x-amz-copy-source", "/multi/big");
        let part = done(part.header("x-amz-copy-source-range", "bytes=5242875-5242884").send(address));
        let (etag, target) = (part.element("ETag").unwrap(), target.replace("partNumber=1&", ""));
        let list = format!("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>");
        let copied = done(ask("POST", &target).body(list.clone()).send(address));
        assert_eq!(done(ask("GET", "/multi/copied").send(address)).body, [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
        let version = got.header("x-amz-version-id").unwrap().to_owned();
        done(ask("DELETE", &format!("/multi/copied?versionId={}", copied.header("x-amz-version-id").unwrap())).send(address));
        assert_eq!(outcome(address, &ask("POST", &target).body(list)), (404, "NoSuchUpload".to_owned()), "what it made is gone");
        let marker = ask("DELETE", "/multi/big").send(address);
        assert_eq!((marker.status, marker.header("x-amz-delete-marker")), (204, Some("true")));
        let gone = ask("GET", "/multi/big").send(address);
        assert_eq!(gone.outcome(), (404, "NoSuchKey".to_owned()));
        assert_eq!(gone.header("x-amz-delete-marker"), Some("true"));
        let target = format!("/multi/big?versionId={version}");
        assert_eq!(done(ask("GET", &target).send(address)).body.len(), got.body.len());
        let list = done(ask("GET", "/multi?versions").send(address)).text();
        assert!(list.contains("<DeleteMarker>") && list.contains(&version), "{list}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_in_chunks_with_trailers() {
    with_node(|address, _| {
        done(ask("PUT", "/tail").send(address));
        let content = vec![9_u8; 100_000];
        let framed = |sum: &str| {
            let head = format!("{:x}\r\n", content.len());
            let tail = format!("\r\n0\r\nx-amz-checksum-crc32:{sum}\r\n\r\n");
            [head.as_bytes(), &content, tail.as_bytes()].concat()
        };
        let put = |body: Vec<u8>| Ask {
            payload: Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            ..ask("PUT", "/tail/k")
                .header("content-encoding", "aws-chunked")
                .header("x-amz-decoded-content-length", content.len().to_string())
                .header("x-amz-trailer", "x-amz-checksum-crc32")
                .body(body)
        };
        let sum = checksum(Algorithm::Crc32, &content).base64();
        let made = done(put(framed(&sum)).send(address));
        assert_eq!(made.header("x-amz-checksum-crc32"), Some(sum.as_str()));
        let got = done(ask("GET", "/tail/k").send(address));
        assert!(got.body == content && got.header("content-encoding").is_none());
        assert_eq!(outcome(address, &put(framed("AAAAAA=="))), (400, "BadDigest".to_owned()));
        let (nothing, inner) = (checksum(Algorithm::Crc32, b"").base64(), put(Vec::new()));
        let tail = format!("0\r\nx-amz-checksum-crc32:{nothing}\r\n\r\n");
        let framed_twice = format!("{:x}\r\n{tail}\r\n0\r\n\r\n", tail.len()).into_bytes();
        let headers = [
            ("content-encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", "0"),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
        ];
        let headers = headers.map(|(name, value)| (name, value.to_owned())).to_vec();
        let without_length = Ask { headers, body: framed_twice, path: "/tail/empty", ..inner };
        done(without_length.unsigned("transfer-encoding", "chunked").send(address));
        assert_eq!(done(ask("HEAD", "/tail/empty").send(address)).header("content-length"), Some("0"));
        let long = format!("{:x}\r\n", 1_u64 << 40);
        assert_eq!(outcome(address, &put(long.into_bytes())), (400, "InvalidRequest".to_owned()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_without_an_access_key_is_nobody() {
    let node = Node::start().await;
    node.identity.add_user("reader", "a password of some length", Vec::new()).await.unwrap();
    let address = node.address;
    tokio::task::spawn_blocking(move || {
        let asks = Ask { keys: Some(("reader", "a password of some length")), ..ask("GET", "/") };
        assert_eq!(outcome(address, &asks), (403, "InvalidAccessKeyId".to_owned()));
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_nobody_waited_for_ends_the_connection() {
    with_node(|address, _| {
        let head = format!(
            "PUT /waits/k HTTP/1.1\r\nHost: {address}\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
        );
        done(ask("PUT", "/waits").send(address));
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut told = String::new();
        stream.read_to_string(&mut told).unwrap();
        let told = told.to_lowercase();
        assert!(told.starts_with("http/1.1 403") && told.contains("connection: close"), "{told}");
        // Nor does anybody wait for a body of no bytes.
        let empty = String::from_utf8(ask("PUT", "/waits/empty").written(&address.to_string())).unwrap();
        let waiting = empty.replace("connection: close", "expect: 100-continue");
        assert_ne!(waiting, empty);
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(waiting.as_bytes()).unwrap();
        let mut told = String::new();
        stream.read_to_string(&mut told).unwrap();
        let told = told.to_lowercase();
        assert!(told.starts_with("http/1.1 200") && told.contains("connection: close"), "{told}");
    })
    .await;
}
