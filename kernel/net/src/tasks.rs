//! The one place that spawns tasks and threads of execution: it names them, keeps a panic inside, logs it once, and
//! does what was decided for the case that they fail.
//!
//! A panic is reported with its message and place if [`install_panic_hook`] was called; otherwise the standard hook
//! prints it and the report here has the message alone.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use tokio::task::JoinHandle;
use tracing::{Instrument, error, error_span};

use crate::shutdown::Stopper;

thread_local! {
    /// Whether a [`contained`] future is being polled on this thread.
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
    /// Message and place of the panic that unwinds towards its boundary.
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What happens when a task fails or panics. In both cases it is logged first.
#[derive(Clone, Debug)]
pub enum OnFailure {
    /// Nothing more: the node does without the task.
    Log,
    /// The node cannot do without it and stops.
    StopNode(Stopper),
}

/// How a task ended: `()` never fails; a `Result` may.
pub trait Outcome: Send + 'static {
    /// The text of the failure, with its chain, if it is one.
    fn failure(&self) -> Option<String>;
}

impl Outcome for () {
    fn failure(&self) -> Option<String> {
        None
    }
}

impl<E: std::error::Error + Send + 'static> Outcome for Result<(), E> {
    fn failure(&self) -> Option<String> {
        self.as_ref().err().map(|failure| chain(failure))
    }
}

/// The text of an error and all its sources.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// A panic that was caught at a task's boundary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    /// The panic's message, and its place where the hook is installed.
    pub message: String,
}

impl fmt::Display for Panic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "panicked: {}", self.message)
    }
}

impl std::error::Error for Panic {}

impl Panic {
    fn new(payload: &(dyn Any + Send)) -> Self {
        let noted = LAST_PANIC.with_borrow_mut(Option::take);
        Self { message: noted.unwrap_or_else(|| message(payload)) }
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "with a payload that is not text".to_owned())
}

/// Spawns `future` on the current runtime under `name`. The handle may be dropped: the task goes on.
pub fn spawn<F>(name: &'static str, on_failure: OnFailure, future: F) -> JoinHandle<()>
where
    F: Future<Output: Outcome> + Send + 'static,
{
    let task = async move {
        let failure = match contained(future).await {
            Ok(outcome) => outcome.failure(),
            Err(panic) => Some(panic.to_string()),
        };
        let Some(failure) = failure else { return };
        match on_failure {
            OnFailure::Log => error!("task \"{name}\" failed: {failure}"),
            OnFailure::StopNode(stopper) => {
                error!("task \"{name}\" failed: {failure}; the node cannot go on without it and stops");
                stopper.stop();
            }
        }
    };
    tokio::spawn(task.instrument(error_span!("task", name)))
}

/// Runs `future` and keeps a panic inside: the caller gets it as an error, and decides what it costs. State that the
/// future shares with others must stay valid when it is dropped at any point, as with cancellation.
pub async fn contained<F: Future>(future: F) -> Result<F::Output, Panic> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        let outer = CONTAINED.replace(true);
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        CONTAINED.set(outer);
        match polled {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(Panic::new(payload.as_ref()))),
        }
    })
    .await
}

/// Makes panics inside a boundary silent until the boundary logs them, once, with message and place. Panics elsewhere
/// go to the hook that was installed before. Called once, by the node, at its start.
pub fn install_panic_hook() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !CONTAINED.get() {
            return previous(info);
        }
        let place = info.location().map_or_else(String::new, |location| format!(" at {location}"));
        let text = format!("{}{place}", message(info.payload()));
        LAST_PANIC.with_borrow_mut(|last| *last = Some(text));
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    fn outer() -> Outer {
        Outer(std::io::Error::other("inner"))
    }

    #[test]
    fn an_error_is_told_with_its_chain() {
        assert_eq!(chain(&outer()), "outer: inner");
    }

    #[tokio::test]
    async fn failures_and_panics_stop_the_node_if_told_so() {
        install_panic_hook();
        for (fails, stops) in [("no", false), ("error", true), ("panic", true)] {
            let (stopper, shutdown) = Stopper::new();
            let task = async move {
                tokio::task::yield_now().await;
                match fails {
                    "error" => Err(outer()),
                    "panic" => panic!("told so"),
                    _ => Ok(()),
                }
            };
            spawn("row", OnFailure::StopNode(stopper.clone()), task).await.unwrap();
            assert_eq!(shutdown.is_requested(), stops, "{fails}");
        }
    }

    #[tokio::test]
    async fn a_contained_panic_has_message_and_place() {
        install_panic_hook();
        let panic = contained(async { panic!("number {}", 7) }).await.unwrap_err();
        assert!(panic.message.starts_with("number 7 at ") && panic.message.contains("tasks.rs"), "{panic}");
        assert_eq!(contained(async { 3 }).await, Ok(3));
    }
}
