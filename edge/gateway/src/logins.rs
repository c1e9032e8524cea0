//! What the logins of a document stand on, and what keeps their keys new. What a login is worth is decided by
//! `bole-gateway-access`; whom the node knows and what they may do is told by whoever opens the gateway.

use crate::fetch;
use crate::state::State;
use arc_swap::ArcSwap;
use bole_base::clock::SystemClock;
use bole_gateway_access::parts::{Entropy as _, Nobody, SystemEntropy};
use bole_gateway_access::{
    Access, Fetch, Memory, Parts, Policies, Secrets, SessionKeys, SystemSecrets, Users,
};
use bole_gateway_document::Document;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked whether keys have grown old.
const TEND_INTERVAL: Duration = Duration::from_secs(5);

/// Who is known besides the consumers of a document, and how others are asked.
#[derive(Clone)]
pub struct Logins {
    /// The node's users.
    pub users: Arc<dyn Users>,
    /// What they may do.
    pub policies: Arc<dyn Policies>,
    /// Sends requests to issuers, providers and servers that decide.
    pub fetch: Arc<dyn Fetch>,
    /// Where references of secrets lead.
    pub secrets: Arc<dyn Secrets>,
    /// Keys of session cookies; random ones without, so that sessions end with the process.
    pub session_keys: Option<SessionKeys>,
}

impl Default for Logins {
    /// No users.
    fn default() -> Self {
        Self {
            users: Arc::new(Nobody),
            policies: Arc::new(Nobody),
            fetch: fetch::web(),
            secrets: Arc::new(SystemSecrets),
            session_keys: None,
        }
    }
}

impl Logins {
    /// With a memory that lasts as long as the gateway.
    pub(crate) fn parts(self) -> Parts {
        let keys = self.session_keys.unwrap_or_else(|| {
            let mut current = [0; 32];
            SystemEntropy.fill(&mut current);
            SessionKeys { current, previous: None }
        });
        Parts {
            fetch: self.fetch,
            users: self.users,
            policies: self.policies,
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
            secrets: self.secrets,
            session_keys: keys,
            memory: Arc::new(Memory::new(&SystemEntropy)),
        }
    }
}

/// The same, but nothing is remembered by what is only tried.
pub(crate) fn forgetful(parts: &Parts) -> Parts {
    Parts { memory: Arc::new(Memory::new(&SystemEntropy)), ..parts.clone() }
}

/// Compiles who may come in; nothing where nobody has to log in.
///
/// # Errors
/// All that is wrong with it.
pub(crate) fn compile(document: &Document, parts: &Parts) -> Result<Option<Arc<Access>>, Vec<String>> {
    if document.logins.is_empty() && document.consumers.is_empty() {
        return Ok(None);
    }
    let access = Access::new(document, parts.clone());
    let access = access.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    Ok((!document.logins.is_empty()).then(|| Arc::new(access)))
}

/// The task `gateway logins`: fetches keys that have grown old, of the document that is carried out, until the gateway closes.
/// A fetch that fails is told by the log, and tried again.
pub(crate) async fn tend(state: Arc<ArcSwap<State>>, mut closing: watch::Receiver<bool>) {
    let mut every = tokio::time::interval(TEND_INTERVAL);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = closing.wait_for(|closing| *closing) => return,
            _ = every.tick() => {}
        }
        let access = state.load().access.clone();
        if let Some(access) = access {
            tokio::select! {
                _ = closing.wait_for(|closing| *closing) => return,
                () = access.tend() => {}
            }
        }
    }
}
