//! Load at a fixed rate over several connections, whatever the server does.
//!
//! Request *i* is due at *start + i / rate* and goes out on connection *i mod n*. Its latency counts from the time
//! when it was due, not from when it was sent, so a server that stalls is charged for every request that it kept
//! waiting. One thread sends; one thread for each connection reads. A reply is RESP; an error reply ends the run.

use crate::histogram::Histogram;
use anyhow::{Context, Result, bail};
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};
use xtask::resp::{self, Reply};

/// How long a reply may take before the run fails.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// Deepest nesting of a reply.
const DEPTH_MAX: usize = 4;

/// What is sent, and how fast.
#[derive(Clone, Copy)]
pub struct Load {
    /// Requests a second over all connections.
    pub rate: u32,
    /// How many connections take turns.
    pub connections: usize,
    /// Requests that warm up and are not counted.
    pub warm_up: u64,
    /// Requests that are counted.
    pub requests: u64,
    /// Appends request number *i* to the buffer.
    pub request: fn(u64, &mut Vec<u8>),
}

impl Load {
    fn due(&self, start: Instant, request: u64) -> Instant {
        start + Duration::from_secs_f64(request as f64 / f64::from(self.rate))
    }

    fn total(&self) -> u64 {
        self.warm_up + self.requests
    }
}

/// Sends the load and returns the latencies.
pub fn run(server: SocketAddr, load: &Load) -> Result<Histogram> {
    let open = |_| -> Result<TcpStream> {
        let stream = TcpStream::connect(server).with_context(|| format!("cannot connect to {server}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
        stream.set_write_timeout(Some(REPLY_TIMEOUT))?;
        Ok(stream)
    };
    let mut streams = (0..load.connections).map(open).collect::<Result<Vec<_>>>()?;
    let readers = streams.iter().map(TcpStream::try_clone).collect::<Result<Vec<_>, _>>()?;
    let start = Instant::now() + Duration::from_millis(10);
    thread::scope(|scope| {
        let readers: Vec<_> = readers
            .into_iter()
            .enumerate()
            .map(|(turn, stream)| scope.spawn(move || read(stream, turn, start, load)))
            .collect();
        let sent = send(&mut streams, start, load);
        let mut latencies = Histogram::default();
        for reader in readers {
            let read = reader.join().map_err(|_| anyhow::anyhow!("a reader panicked"))?;
            latencies.add(&read?);
        }
        sent.map(|()| latencies)
    })
}

fn send(streams: &mut [TcpStream], start: Instant, load: &Load) -> Result<()> {
    let connections = streams.len() as u64;
    let mut buffer = Vec::new();
    for request in 0..load.total() {
        let wait = load.due(start, request).saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            thread::sleep(wait);
        }
        buffer.clear();
        (load.request)(request, &mut buffer);
        streams[(request % connections) as usize].write_all(&buffer).context("cannot send a request")?;
    }
    Ok(())
}

fn read(stream: TcpStream, turn: usize, start: Instant, load: &Load) -> Result<Histogram> {
    let mut reader = BufReader::new(stream);
    let mut latencies = Histogram::default();
    for request in (turn as u64..load.total()).step_by(load.connections) {
        let reply = resp::read_reply(&mut reader, DEPTH_MAX)?;
        if let Reply::Error(text) = reply {
            bail!("request {request} was refused: {text}");
        }
        if request >= load.warm_up {
            latencies.record(load.due(start, request).elapsed());
        }
    }
    Ok(latencies)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, Read};
    use std::net::TcpListener;

    /// Answers every line with `+OK`, but waits before the first one.
    fn serve(listener: &TcpListener, stall: Duration) {
        let (stream, _) = listener.accept().unwrap();
        let mut writer = stream.try_clone().unwrap();
        let mut lines = BufReader::new(stream.take(u64::MAX)).lines();
        let mut first = true;
        while let Some(Ok(_)) = lines.next() {
            if std::mem::take(&mut first) {
                thread::sleep(stall);
            }
            writer.write_all(b"+OK\r\n").unwrap();
        }
    }

    #[test]
    fn a_stall_is_charged_to_every_request_that_was_due() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stall = Duration::from_millis(200);
        let request = |_: u64, buffer: &mut Vec<u8>| buffer.extend_from_slice(b"PING\r\n");
        let load = Load { rate: 1000, connections: 1, warm_up: 0, requests: 300, request };
        let latencies = thread::scope(|scope| {
            scope.spawn(|| serve(&listener, stall));
            run(address, &load).unwrap()
        });
        assert_eq!(latencies.count(), 300);
        // 200 of the 300 requests were due during the stall; a third of all waited for 100 ms or longer.
        assert!(latencies.percentile_ms(0.70) > 90.0, "{}", latencies.percentile_ms(0.70));
        assert!(latencies.percentile_ms(1.0) >= 199.0);
    }

    #[test]
    fn a_refused_request_ends_the_run() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let request = |_: u64, buffer: &mut Vec<u8>| buffer.extend_from_slice(b"PING\r\n");
        let load = Load { rate: 1000, connections: 1, warm_up: 0, requests: 1, request };
        thread::scope(|scope| {
            scope.spawn(|| listener.accept().unwrap().0.write_all(b"-ERR no\r\n").unwrap());
            let error = run(address, &load).unwrap_err();
            assert!(format!("{error:#}").contains("ERR no"), "{error:#}");
        });
    }
}
