//! Why a node stops: a signal, or a failure that ends it. The second signal ends the process at once.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Exit code after a second signal, as a shell gives it to a program that SIGINT killed.
const AT_ONCE: i32 = 130;

/// Why the node stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A signal asked for it: finish what is in flight, exit code 0.
    Signal(&'static str),
    /// Something failed for good (promise P4): nothing more may be acknowledged, exit code 1.
    Failed(String),
}

/// The request to stop. Cheap to clone; all clones are one. The first reason counts.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Sender<Option<Reason>>);

impl Default for Shutdown {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Shutdown {
    /// Listens for SIGINT and SIGTERM from here on. Must run in the runtime.
    pub fn on_signals() -> Result<Self> {
        let interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?;
        let terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be handled")?;
        let shutdown = Self::default();
        tokio::spawn(shutdown.clone().watch(interrupt, terminate));
        Ok(shutdown)
    }

    async fn watch(self, mut interrupt: Signal, mut terminate: Signal) {
        loop {
            let name = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
            };
            if !self.request(Reason::Signal(name)) {
                let _ = writeln!(std::io::stderr(), "bole: {name} again: stopped at once");
                std::process::exit(AT_ONCE);
            }
        }
    }

    /// Asks the node to stop because something failed for good.
    pub fn fail(&self, message: impl Into<String>) {
        self.request(Reason::Failed(message.into()));
    }

    /// Asks the node to stop cleanly because a client with the right said so.
    pub fn by_client(&self) {
        self.request(Reason::Signal("a client's SHUTDOWN"));
    }

    /// Whether this is the first reason.
    fn request(&self, reason: Reason) -> bool {
        self.0.send_if_modified(|current| {
            let first = current.is_none();
            current.get_or_insert(reason);
            first
        })
    }

    /// Waits for the reason to stop. May be dropped and called again.
    pub async fn requested(&self) -> Reason {
        let mut receiver = self.0.subscribe();
        let reason = receiver.wait_for(Option::is_some).await.expect("this handle keeps the sender alive");
        reason.clone().expect("waited for a reason")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_counts() {
        let shutdown = Shutdown::default();
        let waiting = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.requested().await }
        });
        shutdown.fail("fsync: EIO");
        assert!(!shutdown.request(Reason::Signal("SIGINT")));
        let reason = Reason::Failed("fsync: EIO".to_owned());
        assert_eq!((waiting.await.unwrap(), shutdown.requested().await), (reason.clone(), reason));
    }
}
