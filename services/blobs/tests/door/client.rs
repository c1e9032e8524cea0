//! A client of a few lines: it signs (Signature Version 4, "Authenticating Requests" in S3's API reference), sends one request and reads its answer.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use bole_base::{Clock as _, SystemClock};
use bole_blobs::rules::calendar::format_iso;
use ring::{digest, hmac};

/// A request; its query is given encoded and in order.
#[derive(Clone)]
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: Vec<(&'a str, String)>,
    pub(crate) body: Vec<u8>,
    /// Access key and secret; nothing for an anonymous request.
    pub(crate) keys: Option<(&'a str, &'a str)>,
    /// What is said of the body in place of its digest.
    pub(crate) payload: Option<&'a str>,
    /// Headers that are sent and not signed.
    pub(crate) unsigned: Vec<(&'a str, String)>,
    /// The service that it is signed for.
    pub(crate) service: &'a str,
}

pub(crate) const BOLE: Option<(&str, &str)> = Some(("bole", "bolebole"));

/// The path and query of a URL that the default user signed with version 4; `query` is encoded and in order, as are the names of headers in `signed`.
pub(crate) fn presign(method: &str, host: &str, path: &str, query: &str, signed: &[(&str, &str)]) -> String {
    let time = compact_now();
    let scope = format!("{}/us-east-1/s3/aws4_request", &time[..8]);
    let names: Vec<&str> = ["host"].into_iter().chain(signed.iter().map(|(name, _)| *name)).collect();
    let mut query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}&X-Amz-Date={time}&X-Amz-Expires=60&X-Amz-SignedHeaders={}&{query}",
        format!("bole/{scope}").replace('/', "%2F"),
        names.join("%3B"),
    );
    query.truncate(query.trim_end_matches('&').len());
    let lines: String = signed.iter().map(|(name, value)| [name, ":", value, "\n"].concat()).collect();
    let request =
        format!("{method}\n{path}\n{query}\nhost:{host}\n{lines}\n{}\nUNSIGNED-PAYLOAD", names.join(";"));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(request.as_bytes()));
    format!("{path}?{query}&X-Amz-Signature={}", signature("bolebole", &time[..8], "s3", &text))
}

/// The same with version 2, as botocore does it: what stands for headers is in `query` as it is in `lines`, which is signed.
pub(crate) fn presign_old(method: &str, path: &str, query: &str, content_type: &str, lines: &str) -> String {
    let text = format!("{method}\n\n{content_type}\n4102444800\n{lines}{path}");
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"bolebole");
    let signed = Base64::encode_string(hmac::sign(&key, text.as_bytes()).as_ref());
    let signed = signed.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("{path}?AWSAccessKeyId=bole&Signature={signed}&Expires=4102444800&{query}")
}

/// A signed request of the default user; its target is `path?query`.
pub(crate) fn ask<'a>(method: &'a str, target: &'a str) -> Ask<'a> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ask {
        method,
        path,
        query,
        headers: Vec::new(),
        body: Vec::new(),
        keys: BOLE,
        payload: None,
        unsigned: Vec::new(),
        service: "s3",
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What is in an element of an XML body.
    pub(crate) fn element(&self, name: &str) -> Option<String> {
        let text = self.text();
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0.to_owned())
    }

    /// The status and S3's code.
    pub(crate) fn outcome(&self) -> (u16, String) {
        (self.status, self.element("Code").unwrap_or_default())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// What Signature Version 4 makes of a text, for a day.
pub(crate) fn signature(secret: &str, day: &str, service: &str, text: &str) -> String {
    let parts = [day, "us-east-1", service, "aws4_request"];
    let key = parts.iter().fold(format!("AWS4{secret}").into_bytes(), |key, part| sign(&key, part));
    hex(&sign(&key, text))
}

/// Now, as signatures have it: `20260102T030405Z`.
pub(crate) fn compact_now() -> String {
    let now: String =
        format_iso(SystemClock::new().now()).chars().filter(|one| !"-:".contains(*one)).collect();
    format!("{}Z", now.split('.').next().unwrap())
}

/// The query of a presigned GET of a path that has no characters to encode.
pub(crate) fn presigned(
    host: &str,
    path: &str,
    (access_key, secret): (&str, &str),
    token: Option<&str>,
) -> String {
    let time = compact_now();
    let scope = format!("{}/us-east-1/s3/aws4_request", &time[..8]);
    let mut query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={access_key}%2F{}&X-Amz-Date={time}&X-Amz-Expires=60",
        scope.replace('/', "%2F")
    );
    // The alphabet of tokens needs no encoding.
    if let Some(token) = token {
        write!(query, "&X-Amz-Security-Token={token}").unwrap();
    }
    query += "&X-Amz-SignedHeaders=host";
    let request = format!("GET\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(request.as_bytes()));
    format!("{query}&X-Amz-Signature={}", signature(secret, &time[..8], "s3", &text))
}

impl Ask<'_> {
    /// A header that is sent and not signed.
    pub(crate) fn unsigned(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.unsigned.push((name, value.into()));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn anonymous(mut self) -> Self {
        self.keys = None;
        self
    }

    /// The request's head and body as they are sent.
    pub(crate) fn written(&self, host: &str) -> Vec<u8> {
        let mut headers: Vec<(String, String)> =
            self.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        if !headers.iter().any(|(name, _)| name == "host") {
            headers.push(("host".to_owned(), host.to_owned()));
        }
        if let Some((access_key, secret)) = self.keys {
            let payload = self.payload.map_or_else(|| sha256(&self.body), str::to_owned);
            let time = compact_now();
            headers.push(("x-amz-content-sha256".to_owned(), payload.clone()));
            headers.push(("x-amz-date".to_owned(), time.clone()));
            headers.sort_unstable();
            let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
            let names = names.join(";");
            let line = |(name, value): &(String, String)| [name, ":", value.trim(), "\n"].concat();
            let lines: String = headers.iter().map(line).collect();
            let query = self
                .query
                .split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") });
            let query = query.collect::<Vec<_>>().join("&");
            let request = format!("{}\n{}\n{query}\n{lines}\n{names}\n{payload}", self.method, self.path);
            let scope = format!("{}/us-east-1/{}/aws4_request", &time[..8], self.service);
            let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(request.as_bytes()));
            let signature = signature(secret, &time[..8], self.service, &text);
            let value = format!(
                "AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
            );
            headers.push(("authorization".to_owned(), value));
        }
        headers.extend(self.unsigned.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let has_length = |name: &str| ["content-length", "transfer-encoding"].contains(&name);
        if !headers.iter().any(|(name, _)| has_length(name)) {
            headers.push(("content-length".to_owned(), self.body.len().to_string()));
        }
        headers.push(("connection".to_owned(), "close".to_owned()));
        let mark = if self.query.is_empty() { "" } else { "?" };
        let mut out = format!("{} {}{mark}{} HTTP/1.1\r\n", self.method, self.path, self.query);
        for (name, value) in headers {
            write!(out, "{name}: {value}\r\n").unwrap();
        }
        out.push_str("\r\n");
        [out.as_bytes(), &self.body].concat()
    }

    /// Sends it and reads the answer to its end. Blocks.
    pub(crate) fn send(&self, address: SocketAddr) -> Answer {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        // The door may answer and close before it has read all of a body that it refuses.
        let _ = stream.write_all(&self.written(&address.to_string()));
        let mut raw = Vec::new();
        let _ = stream.read_to_end(&mut raw);
        let end = raw.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head");
        let head = String::from_utf8(raw[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut body = raw[end + 4..].to_vec();
        if head.to_lowercase().contains("transfer-encoding: chunked") {
            body = unchunked(&body);
        }
        Answer { status, head, body }
    }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        out.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 2 + size + 2..];
    }
    out
}
