//! The vectors of RFC 9421, appendix B, whose facts are restated here, and each way in which a signature is not taken.

use super::*;
use base64ct::{Base64, Encoding};
use http::Request;

/// Appendix B.1.5.
const SECRET: &str =
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";

/// Appendix B.2.
fn request() -> http::request::Parts {
    let digest =
        "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
    let request = Request::post("/foo?param=Value&Pet=dog")
        .header("host", "example.com")
        .header("date", "Tue, 20 Apr 2021 02:07:55 GMT")
        .header("content-type", "application/json")
        .header("content-digest", digest)
        .header("content-length", "18");
    request.body(()).unwrap().into_parts().0
}

fn facts(head: &http::request::Parts) -> RequestFacts<'_> {
    let client = "127.0.0.1".parse().unwrap();
    RequestFacts { head, tls: true, authority: "example.com", client, certificate: None }
}

fn base_of(input: &str) -> Result<String, String> {
    let mut members = fields::dictionary(input.as_bytes()).unwrap();
    let (_, input) = members.pop().unwrap();
    let components = covered(&input).map_err(|refusal| refusal.detail)?;
    let head = request();
    base::base(&components, &input, &facts(&head)).map(|base| String::from_utf8(base).unwrap())
}

#[test]
fn the_vector_with_a_shared_secret_is_right() {
    let input =
        "sig-b25=(\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\"";
    let base = base_of(input).unwrap();
    let expected = "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@authority\": example.com\n\"content-type\": application/json\n\
                    \"@signature-params\": (\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\"";
    assert_eq!(base, expected);
    let secret = Base64::decode_vec(SECRET).unwrap();
    let signature = Base64::decode_vec("pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=").unwrap();
    assert!(signed(&secret, base.as_bytes(), &signature));
    assert!(!signed(&secret, base.as_bytes(), &signature[1..]));
    assert!(!signed(&secret[1..], base.as_bytes(), &signature));
}

/// The base is right where another algorithm's vector is: Ed25519 of appendix B.2.6, with the key of B.1.4.
#[test]
fn the_vector_with_ed25519_is_of_the_same_base() {
    let base = base_of(
        "sig-b26=(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"",
    );
    let key = Base64::decode_vec("JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=").unwrap();
    let signature =
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";
    let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, key);
    key.verify(base.unwrap().as_bytes(), &Base64::decode_vec(signature).unwrap()).unwrap();
}

#[test]
fn components_are_lines_or_refused() {
    for (input, expected) in [
        ("a=(\"@method\")", Ok("\"@method\": POST")),
        ("a=(\"@target-uri\")", Ok("\"@target-uri\": https://example.com/foo?param=Value&Pet=dog")),
        ("a=(\"@request-target\")", Ok("\"@request-target\": /foo?param=Value&Pet=dog")),
        ("a=(\"@scheme\")", Ok("\"@scheme\": https")),
        ("a=(\"@path\")", Ok("\"@path\": /foo")),
        ("a=(\"@query\")", Ok("\"@query\": ?param=Value&Pet=dog")),
        ("a=(\"@query-param\";name=\"Pet\")", Ok("\"@query-param\";name=\"Pet\": dog")),
        ("a=(\"@query-param\";name=\"none\")", Err("does not have")),
        ("a=(\"@query-param\")", Err("has the parameter name")),
        ("a=(\"@status\")", Err("not known")),
        ("a=(\"date\";sf)", Err("not supported")),
        ("a=(\"Date\")", Err("not known")),
        ("a=(\"x-none\")", Err("does not have")),
        ("a=(date)", Err("no string")),
        ("a=(\"date\" \"date\")", Err("twice")),
    ] {
        match (base_of(input), expected) {
            (Ok(base), Ok(line)) => assert_eq!(base.lines().next(), Some(line)),
            (Err(error), Err(text)) => assert!(error.contains(text), "{input}: {error}"),
            (got, _) => panic!("{input}: {got:?}"),
        }
    }
}

#[test]
fn a_body_is_what_its_digest_says() {
    let head = request();
    let mut check = BodyCheck::new(&head.headers).unwrap();
    check.update(b"{\"hello\": ");
    check.update(b"\"world\"}");
    assert_eq!(check.finish(), Ok(()));
    let mut other = BodyCheck::new(&head.headers).unwrap();
    other.update(b"{\"hello\": \"World\"}");
    assert_eq!(other.finish(), Err(digest::WrongBody));
    for wrong in ["", "md5=:AAAA:", "sha-256=1", "sha-256=:AAAA", "sha-256=(:AAAA:)"] {
        let request = Request::get("/").header("content-digest", wrong).body(()).unwrap();
        BodyCheck::new(request.headers()).unwrap_err();
    }
    let request = Request::get("/").header("content-digest", "sha-256=:AAAA:").body(()).unwrap();
    assert_eq!(BodyCheck::new(request.headers()).unwrap().finish(), Err(digest::WrongBody));
}
