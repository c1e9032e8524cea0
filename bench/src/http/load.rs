//! The load: `h2load`, as fast as it goes or at a rate.

use super::Node;
use anyhow::{Context, Result, ensure};
use std::io::Write as _;
use std::path::Path;
use xtask::process;
use xtask::server::Settings;

/// What one round gave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) requests_per_second: f64,
    /// Of the proxy, for each request.
    pub(crate) cpu_us: f64,
}

/// What one round at a rate gave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paced {
    pub(crate) requests_per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// What is asked for, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load<'l> {
    pub(crate) protocol: Protocol,
    pub(crate) tls: bool,
    /// In turn. At least one.
    pub(crate) paths: &'l [String],
    /// Requests under way at a time.
    pub(crate) at_once: u32,
}

/// The protocol of the client's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1, a request under way on each connection.
    Http1,
    /// HTTP/2, several; without TLS by prior knowledge.
    Http2,
}

/// Requests under way on a connection of HTTP/2.
const STREAMS: u32 = 8;

impl Load<'_> {
    /// Fills what is kept from one request to the next, outside of what is measured.
    pub(crate) fn warm_up(&self, node: &Node) -> Result<()> {
        self.run(node, &["-D", "1"]).map(drop)
    }

    /// Each path once.
    pub(crate) fn once(&self, node: &Node) -> Result<()> {
        // Each connection of `h2load` begins with the first path.
        Load { at_once: 1, ..*self }.run(node, &["-n", &self.paths.len().to_string()]).map(drop)
    }

    /// One round as fast as it goes.
    pub(crate) fn full(&self, node: &Node, seconds: u32) -> Result<Measured> {
        let before = node.cpu_seconds()?;
        let (requests, requests_per_second) = self.run(node, &["-D", &seconds.to_string()])?;
        let cpu = node.cpu_seconds()? - before;
        Ok(Measured { requests_per_second, cpu_us: cpu * 1e6 / requests as f64 })
    }

    /// One round at `rate` requests a second over all connections. Times are from when a request was sent: a connection of HTTP/1.1
    /// that waits for an answer sends its next one late, and that is not counted.
    pub(crate) fn paced(&self, node: &Node, rate: f64, seconds: u32) -> Result<Paced> {
        let each = (rate / f64::from(self.connections())).max(1.0);
        let file = tempfile::NamedTempFile::new()?;
        let log = format!("--log-file={}", file.path().display());
        let (_, requests_per_second) =
            self.run(node, &["-D", &seconds.to_string(), "--rps", &format!("{each:.0}"), &log])?;
        let text = std::fs::read_to_string(file.path())?;
        let mut micros = text.lines().map(read_log_line).collect::<Result<Vec<_>>>()?;
        ensure!(!micros.is_empty(), "h2load logged no request");
        micros.sort_unstable();
        let at = |share: f64| micros[((micros.len() - 1) as f64 * share) as usize] as f64 / 1e3;
        Ok(Paced { requests_per_second, p50_ms: at(0.5), p99_ms: at(0.99) })
    }

    const fn connections(&self) -> u32 {
        match self.protocol {
            Protocol::Http1 => self.at_once,
            Protocol::Http2 => self.at_once.div_ceil(STREAMS),
        }
    }

    /// Runs `h2load`: answers with 2xx, and how many a second.
    fn run(&self, node: &Node, how: &[&str]) -> Result<(u64, f64)> {
        let settings = Settings { core: Some(crate::LOAD_CORE), ..Settings::default() };
        let mut command = xtask::server::pinned(Path::new("h2load"), &settings);
        command.args(["-t", "1", "-c", &self.connections().to_string()]).args(how);
        match self.protocol {
            Protocol::Http1 => command.arg("--h1"),
            Protocol::Http2 => command.args(["-m", &STREAMS.to_string()]),
        };
        let (scheme, port) = match (self.tls, self.protocol) {
            (true, _) => ("https", node.doors.tls),
            (false, Protocol::Http1) => ("http", node.doors.plain),
            (false, Protocol::Http2) => ("http", node.doors.cleartext_http2),
        };
        let mut list = tempfile::NamedTempFile::new()?;
        for path in self.paths {
            writeln!(list, "{scheme}://localhost:{port}{path}")?;
        }
        list.flush()?;
        command.arg("-i").arg(list.path()).arg("--connect-to").arg(format!("127.0.0.1:{port}"));
        read_summary(&process::output(&mut command)?)
    }
}

/// Requests that were answered with 2xx and how many a second; an error if any was not.
fn read_summary(said: &str) -> Result<(u64, f64)> {
    let unread = || format!("what h2load says is not understood:\n{said}");
    let rate = said.lines().find_map(|line| {
        line.strip_prefix("finished in ")?.split(", ").nth(1)?.strip_suffix(" req/s")?.parse::<f64>().ok()
    });
    let codes = said.lines().find_map(|line| line.strip_prefix("status codes: ")).with_context(unread)?;
    let counts = codes.split(", ").map(|part| part.split(' ').next().unwrap_or_default().parse::<u64>());
    let counts = counts.collect::<Result<Vec<_>, _>>().with_context(unread)?;
    let [good, others @ ..] = counts.as_slice() else { anyhow::bail!(unread()) };
    ensure!(
        *good > 0 && others.iter().all(|count| *count == 0),
        "not all requests were answered with 2xx:\n{said}"
    );
    Ok((*good, rate.with_context(unread)?))
}

/// A line of its log: when it began, the status, how long it took; microseconds.
fn read_log_line(line: &str) -> Result<u64> {
    let took = line.split('\t').nth(2).and_then(|text| text.trim().parse().ok());
    took.with_context(|| format!("a line of h2load's log is not understood: {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_words_are_read() {
        let said = |codes: &str| {
            format!(
                "starting benchmark...\n\nfinished in 3.00s, 12345.67 req/s, 14.20MB/s\n\
                 requests: 37037 total, 37101 started, 37037 done, 37037 succeeded, 0 failed, 0 errored, 0 timeout\n\
                 status codes: {codes}\n"
            )
        };
        let (requests, rate) = read_summary(&said("37037 2xx, 0 3xx, 0 4xx, 0 5xx")).unwrap();
        assert_eq!((requests, rate), (37_037, 12_345.67));
        assert!(read_summary(&said("37036 2xx, 0 3xx, 0 4xx, 1 5xx")).is_err());
        assert!(read_summary("").is_err());
        assert_eq!(read_log_line("1441663304000000\t200\t532").unwrap(), 532);
        assert!(read_log_line("x").is_err());
    }
}
