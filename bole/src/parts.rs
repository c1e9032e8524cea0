//! The running parts of a node, in the order in which they were started, and their ordered stop.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout_at};

/// Something that runs until it is stopped: a door, a service, the journal.
pub trait Part: Send {
    /// The name in logs.
    fn name(&self) -> &'static str;

    /// Stops: takes nothing new, finishes what is in flight, and leaves on disk what a start needs to be quick. Should
    /// be done at `deadline`; what is late is dropped with the process, which loses nothing that was acknowledged.
    fn stop(self: Box<Self>, deadline: Instant) -> BoxFuture<'static, anyhow::Result<()>>;
}

/// The parts of a node.
#[derive(Default)]
pub struct Parts {
    started: Vec<Box<dyn Part>>,
}

impl Parts {
    /// Adds a part that was started after all that are here.
    pub fn push(&mut self, part: impl Part + 'static) {
        self.started.push(Box::new(part));
    }

    /// Stops all parts, the last started first, so that none loses what it stands on. Returns the names of those that
    /// failed or were not done in time; each is logged.
    pub async fn stop(self, timeout: Duration) -> Vec<&'static str> {
        let deadline = Instant::now() + timeout;
        let mut failed = Vec::new();
        for part in self.started.into_iter().rev() {
            let name = part.name();
            match timeout_at(deadline, part.stop(deadline)).await {
                Ok(Ok(())) => tracing::debug!(part = name, "stopped"),
                Ok(Err(error)) => {
                    tracing::error!(part = name, "stop failed: {error:#}");
                    failed.push(name);
                }
                Err(_) => {
                    tracing::warn!(part = name, "not stopped within node.shutdown_timeout; dropped");
                    failed.push(name);
                }
            }
        }
        failed
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use anyhow::bail;

    use super::*;

    struct Fake(&'static str, Arc<Mutex<Vec<&'static str>>>);

    impl Part for Fake {
        fn name(&self) -> &'static str {
            self.0
        }

        fn stop(self: Box<Self>, _: Instant) -> BoxFuture<'static, anyhow::Result<()>> {
            Box::pin(async move {
                self.1.lock().unwrap().push(self.0);
                match self.0 {
                    "late" => std::future::pending().await,
                    "broken" => bail!("the disk is gone"),
                    _ => Ok(()),
                }
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn parts_stop_in_reverse_and_every_part_gets_its_chance() {
        let order = Arc::default();
        let mut parts = Parts::default();
        for name in ["journal", "broken", "late", "door"] {
            parts.push(Fake(name, Arc::clone(&order)));
        }
        assert_eq!(parts.stop(Duration::from_secs(1)).await, ["late", "broken"]);
        assert_eq!(*order.lock().unwrap(), ["door", "late", "broken", "journal"]);
    }
}
