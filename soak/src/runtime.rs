//! A tokio runtime for the few commands that hand garbage to another thread. Nothing that a simulation can see runs on it.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

/// Runs `body` where `spawn_blocking` works.
pub(crate) fn with<T>(body: impl FnOnce() -> T) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        Builder::new_current_thread().build().expect("a runtime without drivers needs nothing of the system")
    });
    let _entered = runtime.enter();
    body()
}
