//! What stored answers name in `Link` as needed next is fetched before anybody asks for it (`rel=preload` and `rel=prefetch`, RFC 8288), on routes that say
//! so.
//!
//! Bounds: only URLs of the same scheme and host, so many of one answer, so many under way; further ones are passed over and counted. What is fetched so
//! does not begin more of it. Only answers that were stored just now count, which are for everybody; so nothing is fetched on behalf of somebody, and the
//! requests say nothing of who caused them.

mod link;

use super::warm;
use crate::inner::Engine;
use bole_cdn::Response;
use bole_net::Metrics;
use bole_net::metrics::Counter;
use bole_net::tasks::{self, OnFailure};
use futures_util::StreamExt as _;
use http::header::{self, HeaderMap};
use http::{Method, Uri};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// URLs of one answer.
const OF_ONE_MAX: usize = 16;
/// Fetches at once.
const AT_ONCE_MAX: usize = 4;
/// Fetches at once and those that wait.
const OPEN_MAX: usize = 256;
/// How long one may take.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Fetches what is needed next.
pub struct Prefetcher {
    turns: Semaphore,
    /// Under way and waiting: URL and coding.
    open: Mutex<HashSet<(String, String)>>,
    fetched: Counter,
    failed: Counter,
    passed_over: Counter,
}

impl Prefetcher {
    /// One that counts here.
    pub fn new(metrics: &Metrics) -> Arc<Self> {
        let of = |result| {
            let help = "What stored answers named as needed next, by what came of it.";
            metrics.counter("bole_gateway_prefetches", help, &[("result", result)])
        };
        Arc::new(Self {
            turns: Semaphore::new(AT_ONCE_MAX),
            open: Mutex::default(),
            fetched: of("fetched"),
            failed: of("failed"),
            passed_over: of("passed_over"),
        })
    }

    /// Looks at an answer to a `GET` of `uri`, and begins to fetch what it names, with the coding that the client took.
    pub(super) fn look(
        self: &Arc<Self>,
        engine: &Arc<Engine>,
        uri: &Uri,
        asked: &HeaderMap,
        response: &Response,
    ) {
        if !response.status().is_success() || !is_new(response) {
            return;
        }
        let mut named = link::named(response.headers(), uri);
        let beyond = named.split_off(named.len().min(OF_ONE_MAX));
        self.passed_over.add(beyond.len() as u64);
        let coding = asked.get(header::ACCEPT_ENCODING).and_then(|coding| coding.to_str().ok());
        for url in named {
            self.begin(engine, url, coding.unwrap_or_default());
        }
    }

    fn begin(self: &Arc<Self>, engine: &Arc<Engine>, url: String, coding: &str) {
        let name = (url, coding.to_owned());
        let mut open = self.open.lock();
        if open.contains(&name) {
            return;
        }
        if open.len() >= OPEN_MAX {
            return self.passed_over.add(1);
        }
        open.insert(name.clone());
        drop(open);
        let (own, engine) = (self.clone(), engine.clone());
        tasks::spawn("gateway prefetch", OnFailure::Log, async move {
            let place = Place { own: &own, name: &name };
            let Ok(_turn) = own.turns.acquire().await else { return };
            let fetched = tokio::time::timeout(TIMEOUT, fetch(&engine, &name.0, &name.1)).await;
            if matches!(fetched, Ok(true)) {
                own.fetched.add(1);
            } else {
                own.failed.add(1);
            }
            drop(place);
        });
    }
}

/// A fetch that is open, until it ends or is dropped.
struct Place<'a> {
    own: &'a Prefetcher,
    name: &'a (String, String),
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.own.open.lock().remove(self.name);
    }
}

/// Whether an answer was stored for everybody by the request that it answers.
fn is_new(response: &Response) -> bool {
    let status = response.headers().get("cache-status").and_then(|status| status.to_str().ok());
    status.is_some_and(|status| status.contains("; stored"))
}

/// Whether there was a whole, good answer.
async fn fetch(engine: &Arc<Engine>, url: &str, coding: &str) -> bool {
    let coding = Some(coding).filter(|coding| !coding.is_empty());
    let Ok(response) = warm::ask(engine, &Method::GET, url, coding, warm::Purpose::Prefetch).await else {
        return false;
    };
    let is_good = response.status().is_success();
    let mut body = response.into_body();
    while let Some(piece) = body.next().await {
        if piece.is_err() {
            return false;
        }
    }
    is_good
}
