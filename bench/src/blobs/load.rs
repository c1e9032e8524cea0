//! The load: what one round of a case does, over as many connections as the case has, and what it cost.

use super::Args;
use super::cases::{Case, PAGE, Work};
use super::client::{Client, Request};
use super::contender::Node;
use crate::histogram::Histogram;
use anyhow::{Context, Result, ensure};
use base64ct::{Base64, Encoding as _};
use md5::{Digest as _, Md5};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of a part.
const PART_BYTES: usize = 64 << 20;
/// Connections that prepare what a round needs.
const PREPARING: u32 = 16;

/// What one round gave.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    /// Objects, or keys of a list.
    pub(super) objects_per_second: f64,
    pub(super) bytes_per_second: f64,
    pub(super) cpu_us: f64,
    /// Of requests, or whole objects in parts.
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// The most that the server had resident.
    pub(super) peak_bytes: f64,
}

/// What a connection did.
#[derive(Default)]
struct Done {
    objects: u64,
    bytes: u64,
    latencies: Histogram,
}

impl Done {
    fn request(&mut self, begun: Instant, objects: u64, bytes: u64) {
        self.latencies.record(begun.elapsed());
        self.objects += objects;
        self.bytes += bytes;
    }

    fn add(&mut self, other: &Self) {
        self.objects += other.objects;
        self.bytes += other.bytes;
        self.latencies.add(&other.latencies);
    }
}

/// Numbers that are spread well enough to choose objects by (xorshift, Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}

fn bucket(case: &Case) -> String {
    format!("/bench-{}", case.name().replace('/', "-").to_lowercase())
}

fn object(bucket: &str, number: u64) -> String {
    format!("{bucket}/at/{:03}/{number:08}", number / PAGE)
}

/// Runs `work` on each of `connections` connections, which is given its number.
fn on_each(
    node: &Node,
    connections: u32,
    work: impl Fn(u32, &mut Client) -> Result<Done> + Sync,
) -> Result<Done> {
    thread::scope(|scope| {
        let start = |number| {
            let work = &work;
            scope.spawn(move || work(number, &mut Client::connect(&node.target)?))
        };
        let threads: Vec<_> = (0..connections).map(start).collect();
        let mut all = Done::default();
        for thread in threads {
            all.add(&thread.join().map_err(|_| anyhow::anyhow!("a connection panicked"))??);
        }
        Ok(all)
    })
}

/// Puts objects 0 to `count`.
fn fill(case: &Case, node: &Node, count: u64) -> Result<()> {
    let (bucket, body) = (bucket(case), Numbers(7).bytes(case.size as usize));
    let next = AtomicU64::new(0);
    on_each(node, PREPARING, |_, client| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(Done::default());
            }
            let path = object(&bucket, number);
            client.send(&Request { body: &body, ..Request::new("PUT", &path) }, false)?;
        }
    })?;
    Ok(())
}

/// Makes the bucket, and the objects that all rounds of a case share.
pub(super) fn prepare(case: &Case, node: &Node, keys: u64) -> Result<()> {
    let bucket = bucket(case);
    Client::connect(&node.target)?.send(&Request::new("PUT", &bucket), false)?;
    match case.work {
        Work::List => fill(case, node, keys),
        Work::Delete | Work::BulkDelete => Ok(()),
        _ => fill(case, node, case.objects()),
    }
}

/// One round, measured.
pub(super) fn round(case: &Case, node: &Node, round: u32, args: &Args) -> Result<Measured> {
    let body = Numbers(u64::from(round) + 11).bytes(case.size as usize);
    if matches!(case.work, Work::Delete | Work::BulkDelete) {
        fill(case, node, case.objects())?;
    }
    if round == 0 {
        verify(case, node, &body)?;
    }
    let load =
        Load { case, bucket: bucket(case), round, body: &body, keys: args.keys, next: AtomicU64::new(0) };
    let length = Duration::from_secs(u64::from(args.seconds));
    node.reset_peak()?;
    let (cpu, begun) = (node.cpu_seconds()?, Instant::now());
    let done = on_each(node, case.connections, |number, client| load.work(number, client, begun + length))?;
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = node.cpu_seconds()? - cpu;
    let peak_bytes = node.peak_bytes()? as f64;
    if matches!(case.work, Work::Put | Work::Multipart) {
        empty(case, node)?;
    }
    Ok(Measured {
        objects_per_second: done.objects as f64 / seconds,
        bytes_per_second: done.bytes as f64 / seconds,
        cpu_us: cpu * 1e6 / done.objects.max(1) as f64,
        p50_ms: done.latencies.percentile_ms(0.5),
        p99_ms: done.latencies.percentile_ms(0.99),
        peak_bytes,
    })
}

/// What is put is what is got.
fn verify(case: &Case, node: &Node, body: &[u8]) -> Result<()> {
    let path = format!("{}/verify", bucket(case));
    let mut client = Client::connect(&node.target)?;
    if case.work == Work::Multipart {
        multipart(&mut client, &path, body)?;
    } else {
        client.send(&Request { body, ..Request::new("PUT", &path) }, false)?;
    }
    let found = client.send(&Request::new("GET", &path), true)?;
    ensure!(found.body == body, "{} bytes came back of {}, or others", found.bytes, body.len());
    client.send(&Request::new("DELETE", &path), false).map(drop)
}

/// What the connections of a round share.
struct Load<'a> {
    case: &'a Case,
    bucket: String,
    round: u32,
    body: &'a [u8],
    keys: u64,
    /// The next object to delete.
    next: AtomicU64,
}

impl Load<'_> {
    fn work(&self, number: u32, client: &mut Client, until: Instant) -> Result<Done> {
        match self.case.work {
            Work::List => list(client, &self.bucket, self.keys),
            Work::Delete => self.delete(client),
            Work::BulkDelete => self.delete_pages(client),
            _ => self.until(number, client, until),
        }
    }

    /// One request after the other until the time is over.
    fn until(&self, number: u32, client: &mut Client, until: Instant) -> Result<Done> {
        let mut done = Done::default();
        let mut numbers = Numbers((u64::from(self.round) << 16) + u64::from(number) + 1);
        let mut mine = Vec::new();
        for turn in 0_u64.. {
            if turn > 0 && Instant::now() >= until {
                break;
            }
            let put = format!("{}/new/{}/{number}/{turn}", self.bucket, self.round);
            let there = object(&self.bucket, numbers.next() % self.case.objects().max(1));
            let work = match self.case.work {
                Work::Mixed => match numbers.next() % 20 {
                    0..9 => Work::Get,
                    9..15 => Work::Head,
                    15..18 => Work::Put,
                    _ if mine.is_empty() => Work::Put,
                    _ => Work::Delete,
                },
                other => other,
            };
            let begun = Instant::now();
            let size = self.body.len() as u64;
            let bytes = match work {
                Work::Multipart => multipart(client, &put, self.body).map(|()| size)?,
                Work::Put => {
                    let request = Request { body: self.body, ..Request::new("PUT", &put) };
                    client.send(&request, false).map(|_| size)?
                }
                Work::Get => client.send(&Request::new("GET", &there), false)?.bytes,
                Work::Head => client.send(&Request::new("HEAD", &there), false)?.bytes,
                _ => {
                    let path: String = mine.pop().context("there is one")?;
                    client.send(&Request::new("DELETE", &path), false).map(|_| 0)?
                }
            };
            ensure!(work != Work::Get || bytes == size, "{bytes} of {size} bytes came of {there}");
            done.request(begun, 1, bytes);
            if work == Work::Put && self.case.work == Work::Mixed {
                mine.push(put);
            }
        }
        Ok(done)
    }

    fn delete(&self, client: &mut Client) -> Result<Done> {
        let mut done = Done::default();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.case.objects() {
                return Ok(done);
            }
            let (path, begun) = (object(&self.bucket, number), Instant::now());
            client.send(&Request::new("DELETE", &path), false)?;
            done.request(begun, 1, 0);
        }
    }

    fn delete_pages(&self, client: &mut Client) -> Result<Done> {
        let mut done = Done::default();
        for page in 0..self.case.objects() / PAGE {
            let keys = (page * PAGE..(page + 1) * PAGE).map(|number| object("", number)[1..].to_owned());
            let (keys, begun) = (keys.collect::<Vec<_>>(), Instant::now());
            bulk_delete(client, &self.bucket, &keys)?;
            done.request(begun, PAGE, 0);
        }
        Ok(done)
    }
}

fn multipart(client: &mut Client, path: &str, body: &[u8]) -> Result<()> {
    let begun = client.send(&Request { query: "uploads=", ..Request::new("POST", path) }, true)?;
    let upload = begun.element("UploadId").context("there is no UploadId")?;
    let upload = escape(&upload);
    let mut parts = "<CompleteMultipartUpload>".to_owned();
    for (number, part) in body.chunks(PART_BYTES).enumerate() {
        let number = number + 1;
        let query = format!("partNumber={number}&uploadId={upload}");
        let put = client.send(&Request { query: &query, body: part, ..Request::new("PUT", path) }, false)?;
        let etag = put.header("etag").context("a part has no ETag")?;
        write!(parts, "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")?;
    }
    parts.push_str("</CompleteMultipartUpload>");
    let query = format!("uploadId={upload}");
    client
        .send(&Request { query: &query, body: parts.as_bytes(), ..Request::new("POST", path) }, false)
        .map(drop)
}

fn bulk_delete(client: &mut Client, bucket: &str, keys: &[String]) -> Result<()> {
    let mut body = "<Delete><Quiet>true</Quiet>".to_owned();
    for key in keys {
        write!(body, "<Object><Key>{key}</Key></Object>")?;
    }
    body.push_str("</Delete>");
    let md5 = Base64::encode_string(&Md5::digest(&body));
    let request =
        Request { query: "delete=", body: body.as_bytes(), md5: Some(&md5), ..Request::new("POST", bucket) };
    let answer = client.send(&request, true)?;
    ensure!(
        answer.element("Error").is_none(),
        "not all were deleted: {}",
        String::from_utf8_lossy(&answer.body)
    );
    Ok(())
}

/// One page: its keys, and what the next begins with.
fn page(client: &mut Client, bucket: &str, token: Option<&str>) -> Result<(Vec<String>, Option<String>)> {
    let token = token.map_or(String::new(), |token| format!("continuation-token={}&", escape(token)));
    let query = format!("{token}list-type=2&max-keys={PAGE}");
    let answer = client.send(&Request { query: &query, ..Request::new("GET", bucket) }, true)?;
    let text = String::from_utf8_lossy(&answer.body);
    let keys = text.split("<Key>").skip(1).filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned()));
    Ok((keys.collect(), answer.element("NextContinuationToken")))
}

fn list(client: &mut Client, bucket: &str, expected: u64) -> Result<Done> {
    let (mut done, mut token, mut last) = (Done::default(), None, String::new());
    loop {
        let begun = Instant::now();
        let (keys, next) = page(client, bucket, token.as_deref())?;
        done.request(begun, keys.len() as u64, 0);
        for key in keys {
            ensure!(key > last, "{key} comes after {last}");
            last = key;
        }
        token = next;
        if token.is_none() {
            break;
        }
    }
    ensure!(done.objects == expected, "{} keys of {expected} were listed", done.objects);
    Ok(done)
}

/// Deletes all that is in the bucket of a case.
fn empty(case: &Case, node: &Node) -> Result<()> {
    let (bucket, mut client) = (bucket(case), Client::connect(&node.target)?);
    loop {
        let (keys, _) = page(&mut client, &bucket, None)?;
        if keys.is_empty() {
            return Ok(());
        }
        bulk_delete(&mut client, &bucket, &keys)?;
    }
}

/// Deletes what a case left, so that it does not weigh on the next. What was listed goes with the node.
pub(super) fn clear(case: &Case, node: &Node) -> Result<()> {
    if case.work == Work::List { Ok(()) } else { empty(case, node) }
}

fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}
