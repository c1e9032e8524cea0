//! How a node says "finish what is in flight and end": one [`Stopper`] side, any number of [`Shutdown`] tokens.
//!
//! A request is never taken back. When the last `Stopper` is dropped, that counts as a request, so that nothing waits
//! for a stop that can no longer come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// Requests the shutdown of everything that holds a token of this pair.
#[derive(Clone, Debug)]
pub struct Stopper {
    source: Arc<Source>,
}

/// Learns of the request. Cheap to clone and to ask.
#[derive(Clone, Debug)]
pub struct Shutdown {
    requested: Arc<AtomicBool>,
    changed: watch::Receiver<()>,
}

#[derive(Debug)]
struct Source {
    requested: Arc<AtomicBool>,
    changed: watch::Sender<()>,
}

impl Source {
    fn request(&self) {
        if !self.requested.swap(true, Ordering::SeqCst) {
            self.changed.send_replace(());
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.request();
    }
}

impl Stopper {
    /// A pair that has not been asked to stop.
    pub fn new() -> (Self, Shutdown) {
        let requested = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = watch::channel(());
        let source = Source { requested: Arc::clone(&requested), changed: sender };
        (Self { source: Arc::new(source) }, Shutdown { requested, changed: receiver })
    }

    /// Asks all holders of a token to finish. Later calls do nothing.
    pub fn stop(&self) {
        self.source.request();
    }

    /// Whether a stop was asked for.
    pub fn is_stopping(&self) -> bool {
        self.source.requested.load(Ordering::SeqCst)
    }

    /// One more token.
    pub fn token(&self) -> Shutdown {
        Shutdown { requested: Arc::clone(&self.source.requested), changed: self.source.changed.subscribe() }
    }
}

impl Shutdown {
    /// Whether a stop was asked for. One atomic load.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// Completes once a stop is asked for; at once if that has happened. Cancel safe. The future owns what it needs, so
    /// a connection's loop can pin it once and select on it many times, which is cheaper than asking anew.
    pub fn requested(&self) -> impl Future<Output = ()> + Send + Sync + 'static + use<> {
        let token = self.clone();
        async move {
            let Self { requested, mut changed } = token;
            // An error means that the source is gone, and its drop is a request.
            let _ = changed.wait_for(|()| requested.load(Ordering::SeqCst)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_token_learns_of_one_request() {
        let (stopper, first) = Stopper::new();
        let second = stopper.token();
        let waiting = tokio::spawn(first.requested());
        assert!(!first.is_requested() && !second.is_requested());
        stopper.stop();
        stopper.stop();
        waiting.await.unwrap();
        second.requested().await;
        assert!(first.is_requested() && stopper.is_stopping());
        // A token made, and a wait begun, after the request complete at once.
        stopper.token().requested().await;
    }

    #[tokio::test]
    async fn the_last_stopper_dropped_is_a_request() {
        let (stopper, token) = Stopper::new();
        let other = stopper.clone();
        drop(stopper);
        assert!(!token.is_requested());
        drop(other);
        assert!(token.is_requested());
        token.requested().await;
    }
}
