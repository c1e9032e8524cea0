//! The web console: pages for the admin door that show what a node does and has, and change what its commands can change.
//!
//! A page asks the node as a client of its own services does, for the user who is logged in: the same requests, the same rights, the same errors. What it
//! asks is in [`node`], which `bole` fulfils. There is no second way of doing anything here.
//!
//! What it leaves to others: sockets, and the check of Host and Origin in front of all requests (the admin door); who may do what (identity, asked by each service).
//!
//! # Invariants
//! - All works without a script, and a page loads nothing from elsewhere: `page` sends the policy that says so to the browser.
//! - Whatever comes from outside is text in a template, which escapes it; no string of others is ever markup.
//! - No change without a session and that session's token ([`mod@request`]); a session ends with its user, and with that user's password.
//! - What is read for a page has a bound in [`limits`].
//! - No password and no secret of a key is in a page, a log line or a `Debug`.
//!
//! Reading order: [`node`] → [`sessions`] → `request` → `page` → `pages`.

pub mod limits;
pub mod node;
mod page;
mod pages;
mod request;
pub mod sessions;
mod show;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use tokio::sync::Semaphore;

use node::Node;
use sessions::{Sessions, Tries};

/// Where the pages are.
pub const PATH: &str = "/console";

/// The console of one node.
pub(crate) struct Console {
    pub(crate) node: Arc<dyn Node>,
    pub(crate) sessions: Sessions,
    pub(crate) tries: Tries,
    /// Statements that run at once.
    pub(crate) statements: Semaphore,
    /// Uploads that are in memory at once.
    pub(crate) uploads: Arc<Semaphore>,
    /// Logins with a wrong password.
    pub(crate) logins_failed: AtomicU64,
    /// Logins that were refused since there were too many of those.
    pub(crate) logins_refused: AtomicU64,
}

/// What there is to be counted of a console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sessions that have not ended.
    pub sessions: u64,
    /// Statements that run.
    pub statements: u64,
    /// Files on their way in, in memory.
    pub uploads: u64,
    /// Logins with a wrong password.
    pub logins_failed: u64,
    /// Logins that were refused since there were too many of those.
    pub logins_refused: u64,
}

/// All pages, below [`PATH`], and the way there from `/`; and what counts them.
pub fn router(node: Arc<dyn Node>) -> (Router, impl Fn() -> Counts + Send + Sync + 'static) {
    let console = Arc::new(Console {
        node,
        sessions: Sessions::default(),
        tries: Tries::default(),
        statements: Semaphore::new(limits::STATEMENTS_MAX),
        uploads: Arc::new(Semaphore::new(limits::UPLOADS_MAX)),
        logins_failed: AtomicU64::new(0),
        logins_refused: AtomicU64::new(0),
    });
    // Who counts does not keep it: the pages ask an API that shows what is counted.
    let counted = Arc::downgrade(&console);
    let counts = move || counted.upgrade().map(|console| console.counts()).unwrap_or_default();
    (pages::router(console), counts)
}

impl Console {
    fn counts(&self) -> Counts {
        Counts {
            sessions: self.sessions.count() as u64,
            statements: (limits::STATEMENTS_MAX - self.statements.available_permits()) as u64,
            uploads: (limits::UPLOADS_MAX - self.uploads.available_permits()) as u64,
            logins_failed: self.logins_failed.load(Ordering::Relaxed),
            logins_refused: self.logins_refused.load(Ordering::Relaxed),
        }
    }
}
