//! Signature Version 4 in headers ("Authenticating Requests: Using the Authorization Header" in S3's API reference).

use std::fmt::Write as _;

use bole_base::Timestamp;
use bole_blobs::rules::calendar::format_iso;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use super::Keys;

/// What stands for the digest of a body that is not signed.
pub(crate) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// What is signed of a request.
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    /// Encoded.
    pub(crate) path: &'a str,
    /// Names and values, not encoded.
    pub(crate) query: &'a [(&'a str, String)],
    pub(crate) region: &'a str,
    pub(crate) now: Timestamp,
    /// The digest of the body, or [`UNSIGNED`].
    pub(crate) payload: &'a str,
}

/// The SHA-256 of bytes in hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to a string does not fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// The query as it is sent: encoded, in the order in which it is signed.
pub(crate) fn query(pairs: &[(&str, String)]) -> String {
    let encode = |(name, value): &(&str, String)| {
        format!("{}={}", super::encode(name, false), super::encode(value, false))
    };
    let mut pairs: Vec<String> = pairs.iter().map(encode).collect();
    pairs.sort_unstable();
    pairs.join("&")
}

/// `YYYYMMDDTHHMMSSZ`.
fn time(now: Timestamp) -> String {
    let text: String = format_iso(now).chars().filter(|one| !"-:".contains(*one)).collect();
    format!("{}Z", text.split(['.', 'Z']).next().unwrap_or_default())
}

impl Keys {
    /// Adds to `headers`, whose names are in lower case and among which is `host`, what shows who sends them.
    pub(crate) fn sign(&self, request: &Signed<'_>, headers: &mut Vec<(String, String)>) {
        let time = time(request.now);
        headers.push(("x-amz-date".to_owned(), time.clone()));
        headers.push(("x-amz-content-sha256".to_owned(), request.payload.to_owned()));
        if let Some(token) = &self.session_token {
            headers.push(("x-amz-security-token".to_owned(), token.clone()));
        }
        headers.sort_unstable();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let lines = headers.iter().fold(String::new(), |lines, (name, value)| {
            let value: Vec<&str> = value.split(' ').filter(|word| !word.is_empty()).collect();
            lines + name + ":" + &value.join(" ") + "\n"
        });
        let Signed { method, path, region, payload, .. } = request;
        let query = query(request.query);
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{payload}");
        let day = &time[..8];
        let scope = format!("{day}/{region}/s3/aws4_request");
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", digest(canonical.as_bytes()));
        let secret = format!("AWS4{}", self.secret_key).into_bytes();
        let key = [day, region, "s3", "aws4_request"].iter().fold(secret, |key, part| mac(&key, part));
        let value = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            self.access_key,
            hex(&mac(&key, &text))
        );
        headers.push(("authorization".to_owned(), value));
    }
}

#[cfg(test)]
mod tests {
    use bole_blobs::rules::calendar::parse_iso;

    use super::*;

    /// The example "GET Bucket Lifecycle" of S3's API reference, "Signature Calculations for the Authorization Header".
    #[test]
    fn the_example_of_the_reference_is_signed_alike() {
        let keys = Keys {
            access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: None,
        };
        let query = [("lifecycle", String::new())];
        let empty = digest(b"");
        let request = Signed {
            method: "GET",
            path: "/",
            query: &query,
            region: "us-east-1",
            now: parse_iso("2013-05-24T00:00:00Z").unwrap(),
            payload: &empty,
        };
        let mut headers = vec![("host".to_owned(), "examplebucket.s3.amazonaws.com".to_owned())];
        keys.sign(&request, &mut headers);
        let (_, value) = headers.last().unwrap();
        assert!(
            value.ends_with(
                "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
            ),
            "{value}"
        );
        assert!(!format!("{keys:?}").contains("wJalr"));
    }
}
