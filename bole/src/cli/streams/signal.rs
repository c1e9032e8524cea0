//! The wish of a user or a supervisor that a running command ends.

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT and SIGTERM. While this exists they do not end the process by themselves.
#[derive(Debug)]
pub(in crate::cli) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    pub(in crate::cli) fn new() -> Result<Self> {
        const FAILED: &str = "signals cannot be awaited";
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context(FAILED)?,
            terminate: signal(SignalKind::terminate()).context(FAILED)?,
        })
    }

    /// Waits for one of them. May be dropped and called again.
    pub(in crate::cli) async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
