//! Connections to an instance that wait for their next request. An instance has one pool; how many wait at all of them together is bounded by the
//! gateway's [`Keeper`].
//!
//! A connection that was closed, or on which something came that nobody asked for, is not used again (RFC 9112, section 9.3).

use crate::clock;
use bole_net::metrics::Gauge;
use parking_lot::Mutex;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;

/// Counts the connections that wait, at all instances.
#[derive(Debug)]
pub struct Keeper {
    waiting: AtomicUsize,
    most: usize,
    gauge: Gauge,
}

impl Keeper {
    /// Lets `most` connections wait.
    pub fn new(most: usize, metrics: &bole_net::Metrics) -> Arc<Self> {
        let help = "Connections to instances that wait for their next request, outside the proxy library.";
        let gauge = metrics.gauge("bole_gateway_upstream_idle", help, &[]);
        Arc::new(Self { waiting: AtomicUsize::new(0), most, gauge })
    }

    fn place(self: &Arc<Self>) -> Option<Place> {
        let more = |waiting: usize| (waiting < self.most).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        self.gauge.add(1);
        Some(Place(self.clone()))
    }
}

/// A place among those that may wait.
#[derive(Debug)]
struct Place(Arc<Keeper>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        self.0.gauge.add(-1);
    }
}

#[derive(Debug)]
struct Kept {
    stream: TcpStream,
    until: Duration,
    _place: Place,
}

/// The connections to one instance that wait.
#[derive(Debug, Default)]
pub struct Pool(Mutex<Vec<Kept>>);

impl Pool {
    /// The connection that was used last, if it is still good.
    pub fn take(&self, now: Duration) -> Option<TcpStream> {
        loop {
            let kept = self.0.lock().pop()?;
            if kept.until > now && is_quiet(&kept.stream) {
                return Some(kept.stream);
            }
        }
    }

    /// Keeps a connection on which nothing is under way for `idle`. It is closed if too many wait.
    pub fn put(&self, stream: TcpStream, idle: Duration, keeper: &Arc<Keeper>) {
        if let Some(place) = keeper.place() {
            self.0.lock().push(Kept { stream, until: clock::now() + idle, _place: place });
        }
    }

    /// Closes what has waited too long, or was closed by the instance. To be called about once a second.
    pub fn sweep(&self) {
        let now = clock::now();
        let mut waiting = self.0.lock();
        if !waiting.is_empty() {
            waiting.retain(|kept| kept.until > now && is_quiet(&kept.stream));
        }
    }
}

/// Whether nothing came on a connection, not even its end.
fn is_quiet(stream: &TcpStream) -> bool {
    matches!(stream.try_read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    const LONG: Duration = Duration::from_mins(1);

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
        (ours.expect("a connection"), theirs.expect("a connection").0)
    }

    async fn until(what: &str, holds: impl Fn() -> bool) {
        let begun = std::time::Instant::now();
        while !holds() {
            assert!(begun.elapsed() < Duration::from_secs(20), "in vain: {what}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    #[tokio::test]
    async fn only_quiet_connections_are_used_again() {
        let (keeper, pool) = (Keeper::new(9, &bole_net::Metrics::default()), Pool::default());
        let (quiet, _theirs) = pair().await;
        let address = quiet.local_addr().expect("an address");
        let (closed, gone) = pair().await;
        let (loud, mut talker) = pair().await;
        drop(gone);
        talker.write_all(b"HTTP/1.1 408 Late\r\n\r\n").await.expect("it is open");
        for stream in [quiet, closed, loud] {
            pool.put(stream, LONG, &keeper);
        }
        until("both are noticed", || {
            pool.sweep();
            keeper.waiting.load(Ordering::Relaxed) == 1
        })
        .await;
        assert_eq!(
            pool.take(clock::now()).expect("the quiet one").local_addr().expect("an address"),
            address
        );
        assert!(pool.take(clock::now()).is_none());
    }

    #[tokio::test]
    async fn few_wait_and_not_for_long() {
        let (keeper, pool, other) =
            (Keeper::new(1, &bole_net::Metrics::default()), Pool::default(), Pool::default());
        let (one, _one) = pair().await;
        let (two, _two) = pair().await;
        pool.put(one, LONG, &keeper);
        other.put(two, LONG, &keeper);
        assert!(other.take(clock::now()).is_none(), "one in all");
        let one = pool.take(clock::now()).expect("the first");
        pool.put(one, Duration::ZERO, &keeper);
        assert!(pool.take(clock::now()).is_none(), "its time is over");
        assert_eq!(keeper.waiting.load(Ordering::Relaxed), 0);
    }
}
