//! A client that costs little: one connection that stays open, requests signed in their headers (Signature Version 4), bodies that are not (`UNSIGNED-PAYLOAD`), as
//! the usual clients do over TLS. An answer that does not say success ends the run.

use anyhow::{Context, Result, bail, ensure};
use ring::{digest, hmac};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use xtask::seaweedfs::{ACCESS_KEY, SECRET_KEY};

const REGION: &str = "us-east-1";
/// How long a server may be silent.
const TIMEOUT: Duration = Duration::from_mins(3);
/// Bytes that are read at once.
const READ_BYTES: usize = 256 << 10;
const HEAD_BYTES_MAX: usize = 64 << 10;

/// A server, and the key that signs what is sent to it today. The default user of a node has the same keys as the peer's.
#[derive(Clone)]
pub(super) struct Target {
    address: SocketAddr,
    day: String,
    key: hmac::Key,
}

impl Target {
    pub(super) fn new(port: u16) -> Self {
        let day = timestamp(SystemTime::now())[..8].to_owned();
        let first = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{SECRET_KEY}").as_bytes());
        let key = [day.as_str(), REGION, "s3", "aws4_request"].iter().fold(first, |key, part| {
            hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
        });
        Self { address: ([127, 0, 0, 1], port).into(), day, key }
    }

    /// The head of a request, signed.
    fn head(&self, request: &Request<'_>, host: &str) -> String {
        let Request { method, path, query, body, .. } = request;
        let mut time = timestamp(SystemTime::now());
        if !time.starts_with(&self.day) {
            // The run began yesterday: what it signs with is good for a quarter of an hour more.
            time = format!("{}T235959Z", self.day);
        }
        let md5 = request.md5.map_or(String::new(), |md5| format!("content-md5:{md5}\n"));
        let names = format!(
            "{}host;x-amz-content-sha256;x-amz-date",
            if md5.is_empty() { "" } else { "content-md5;" }
        );
        let canonical = format!(
            "{method}\n{path}\n{query}\n{md5}host:{host}\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:{time}\n\n{names}\nUNSIGNED-PAYLOAD"
        );
        let scope = format!("{}/{REGION}/s3/aws4_request", self.day);
        let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}");
        let signature = hex(hmac::sign(&self.key, text.as_bytes()).as_ref());
        let mark = if query.is_empty() { "" } else { "?" };
        let md5 = request.md5.map_or(String::new(), |md5| format!("content-md5: {md5}\r\n"));
        format!(
            "{method} {path}{mark}{query} HTTP/1.1\r\nhost: {host}\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\n\
             x-amz-date: {time}\r\n{md5}authorization: AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, \
             SignedHeaders={names}, Signature={signature}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
    }
}

/// One request. The query is encoded and in order.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) body: &'a [u8],
    /// The digest that bulk deletes must have, in base64.
    pub(super) md5: Option<&'a str>,
}

impl<'a> Request<'a> {
    pub(super) const fn new(method: &'a str, path: &'a str) -> Self {
        Self { method, path, query: "", body: &[], md5: None }
    }
}

/// An answer that said success.
pub(super) struct Answer {
    head: String,
    /// The body, if it was to be kept.
    pub(super) body: Vec<u8>,
    /// Its length.
    pub(super) bytes: u64,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// What is in the first element of this name.
    pub(super) fn element(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.body);
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0.to_owned())
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = head.split("\r\n").filter_map(|line| line.split_once(':'));
    pairs.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// A connection.
pub(super) struct Client {
    target: Target,
    host: String,
    stream: TcpStream,
    buffer: Vec<u8>,
    /// What of the buffer was read and is not used yet.
    filled: std::ops::Range<usize>,
}

impl Client {
    pub(super) fn connect(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(target.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let host = target.address.to_string();
        Ok(Self { target: target.clone(), host, stream, buffer: vec![0; READ_BYTES], filled: 0..0 })
    }

    /// Sends a request and reads the answer; its body is kept or only counted.
    pub(super) fn send(&mut self, request: &Request<'_>, keep: bool) -> Result<Answer> {
        let head = self.target.head(request, &self.host);
        if request.body.len() <= READ_BYTES {
            self.stream.write_all(&[head.as_bytes(), request.body].concat())?;
        } else {
            self.stream.write_all(head.as_bytes())?;
            self.stream.write_all(request.body)?;
        }
        let what = || format!("{} {}?{}", request.method, request.path, request.query);
        let answer = self.answer(request.method == "HEAD", keep).with_context(what)?;
        let status = answer.head.split(' ').nth(1).unwrap_or_default();
        if !status.starts_with('2') {
            bail!("{} was answered {status}: {}", what(), String::from_utf8_lossy(&answer.body));
        }
        Ok(answer)
    }

    fn answer(&mut self, is_head: bool, keep: bool) -> Result<Answer> {
        let head = self.read_head()?;
        let keep = keep || !head.split(' ').nth(1).is_some_and(|status| status.starts_with('2'));
        let mut answer = Answer { head, body: Vec::new(), bytes: 0 };
        if is_head || answer.head.contains(" 204 ") {
            return Ok(answer);
        }
        if answer.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            loop {
                let line = self.read_line()?;
                let bytes =
                    u64::from_str_radix(line.trim(), 16).with_context(|| format!("chunk {line:?}"))?;
                self.read_body(bytes, keep, &mut answer)?;
                self.read_line()?;
                if bytes == 0 {
                    return Ok(answer);
                }
            }
        }
        let bytes = answer.header("content-length").context("the answer has no length")?.parse()?;
        self.read_body(bytes, keep, &mut answer)?;
        Ok(answer)
    }

    fn fill(&mut self) -> Result<()> {
        if self.filled.is_empty() {
            let read = self.stream.read(&mut self.buffer)?;
            ensure!(read > 0, "the server closed the connection");
            self.filled = 0..read;
        }
        Ok(())
    }

    fn read_head(&mut self) -> Result<String> {
        let mut head = String::new();
        loop {
            let line = self.read_line()?;
            if line == "\r\n" {
                return Ok(head);
            }
            head.push_str(&line);
            ensure!(head.len() < HEAD_BYTES_MAX, "the head of the answer does not end");
        }
    }

    fn read_line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            self.fill()?;
            let found = &self.buffer[self.filled.clone()];
            let end = found.iter().position(|byte| *byte == b'\n').map_or(found.len(), |at| at + 1);
            line.extend_from_slice(&found[..end]);
            self.filled.start += end;
            ensure!(line.len() < HEAD_BYTES_MAX, "a line of the answer does not end");
        }
        Ok(String::from_utf8(line)?)
    }

    fn read_body(&mut self, mut bytes: u64, keep: bool, answer: &mut Answer) -> Result<()> {
        while bytes > 0 {
            self.fill()?;
            let taken = self.filled.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
            if keep {
                answer.body.extend_from_slice(&self.buffer[self.filled.start..self.filled.start + taken]);
            }
            self.filled.start += taken;
            answer.bytes += taken as u64;
            bytes -= taken as u64;
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// `YYYYMMDDTHHMMSSZ`, by Hinnant's `civil_from_days` for dates after 1970.
fn timestamp(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let shifted = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written() {
        for (seconds, expected) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_798_761_599, "20261231T235959Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn headers_are_found() {
        let head = "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nx-a:b\r\n";
        assert_eq!(
            (header(head, "etag"), header(head, "X-A"), header(head, "b")),
            (Some("\"a\""), Some("b"), None)
        );
    }
}
