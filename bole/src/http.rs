//! The client that the command line uses to talk to a node's admin door: one HTTP/1.1 request on one connection,
//! nothing more. Every wait has a bound, and so has the answer.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::admin::Credentials;

const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read; a status with 100,000 shards has about 10 MB.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// The node to talk to, and as whom.
#[derive(Clone, Debug)]
pub struct Client {
    /// Address of the admin door: `HOST:PORT`.
    pub addr: String,
    /// Sent with every request.
    pub credentials: Option<Credentials>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub code: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Client {
    /// Sends a request and reads the answer; one that does not say success is an error with the node's own words.
    pub fn request(&self, method: &str, path: &str, body: &[u8]) -> Result<Vec<u8>> {
        self.request_as(method, path, "application/json", body)
    }

    /// The same with a body of this media type.
    pub fn request_as(&self, method: &str, path: &str, media: &str, body: &[u8]) -> Result<Vec<u8>> {
        let answer = self.send(method, path, media, body)?;
        if (200..300).contains(&answer.code) {
            return Ok(answer.body);
        }
        let said: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
        let error = said.as_ref().and_then(|value| value["error"].as_str()).unwrap_or("no reason given");
        let problems = said.as_ref().and_then(|value| value["problems"].as_array()).into_iter().flatten();
        let lines = std::iter::once(error).chain(problems.filter_map(serde_json::Value::as_str));
        let said = lines.collect::<Vec<_>>().join("\n  ");
        bail!("the node at {} answered {} {}: {said}", self.addr, answer.code, meaning(answer.code))
    }

    fn send(&self, method: &str, path: &str, media: &str, body: &[u8]) -> Result<Answer> {
        let addr = &self.addr;
        let mut stream = self.connect()?;
        stream.set_read_timeout(Some(TIMEOUT)).and_then(|()| stream.set_write_timeout(Some(TIMEOUT)))?;
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n");
        if let Some(credentials) = &self.credentials {
            let _ = write!(request, "authorization: {}\r\n", credentials.to_header());
        }
        if !body.is_empty() {
            let _ = write!(request, "content-type: {media}\r\n");
        }
        let _ = write!(request, "content-length: {}\r\n\r\n", body.len());
        let exchange = |stream: &mut TcpStream| {
            stream.write_all(request.as_bytes())?;
            stream.write_all(body)?;
            let mut bytes = Vec::new();
            stream.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes)?;
            std::io::Result::Ok(bytes)
        };
        let bytes = exchange(&mut stream).with_context(|| format!("the node at {addr} did not answer"))?;
        parse(&bytes).with_context(|| format!("what listens at {addr} does not speak as a Bole node does"))
    }

    fn connect(&self) -> Result<TcpStream> {
        let addr = &self.addr;
        let found =
            addr.to_socket_addrs().with_context(|| format!("\"{addr}\" is not an address HOST:PORT"))?;
        let mut last = None;
        for address in found {
            match TcpStream::connect_timeout(&address, TIMEOUT) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(error),
            }
        }
        let error = last.with_context(|| format!("\"{addr}\" has no address"))?;
        Err(error).with_context(|| format!("no node answers at {addr}; is it running? --addr names another"))
    }
}

/// Reads a whole answer: status line, headers, and a body of the length that they say.
fn parse(bytes: &[u8]) -> Result<Answer> {
    let end =
        bytes.windows(4).position(|window| window == b"\r\n\r\n").context("the answer has no headers")?;
    let head = std::str::from_utf8(&bytes[..end]).context("the headers are not text")?;
    let body = bytes[end + 4..].to_vec();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    let code =
        status.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|code| code.parse().ok());
    let code = code.with_context(|| format!("\"{status}\" is not a status line"))?;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("transfer encoding \"{}\" is not supported", value.trim());
        }
        if name.eq_ignore_ascii_case("content-length") {
            let length: usize = value.trim().parse().context("the content length is not a number")?;
            ensure!(body.len() == length, "the answer has {} of {length} bytes", body.len());
        }
    }
    Ok(Answer { code, body })
}

const fn meaning(code: u16) -> &'static str {
    match code {
        401 => "(not who you say; set BOLE_USER and BOLE_PASSWORD)",
        403 => "(not allowed)",
        404 => "(not found)",
        409 => "(exists)",
        503 => "(not now)",
        _ => "",
    }
}

/// Writes a name so that it can stand in a path (RFC 3986, section 2.3).
pub fn escape(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(parse(whole).unwrap(), Answer { code: 200, body: b"ok".to_vec() });
        assert_eq!(parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().code, 204);
        for (bytes, part) in [
            (&b""[..], "no headers"),
            (b"+PONG\r\n\r\n", "not a status line"),
            (b"HTTP/1.1 2\xc3\xa40\r\n\r\n", "not a status line"),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", "2 of 9 bytes"),
            (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0", "\"chunked\" is not supported"),
        ] {
            let message = format!("{:#}", parse(bytes).unwrap_err());
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn names_in_paths() {
        assert_eq!(escape("a b/ä"), "a%20b%2F%C3%A4");
    }
}
