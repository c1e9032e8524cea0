//! What is remembered from one document to the next: keys, verified credentials, signatures that were seen, refreshed sessions.

use crate::limits;
use crate::oidc::refresh::Refreshed;
use crate::parts::{Entropy, random};
use crate::remembered::{Fingerprint, Remembered};
use crate::token::source::{Place, Source};
use hmac::{Hmac, Mac};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use sha2::Sha256;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use tokio::sync::Semaphore;

/// Claims of a token that was verified, and by which keys.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) generation: u64,
    pub(crate) claims: Map<String, Value>,
}

/// State that outlives a document. One for each gateway.
pub struct Memory {
    /// Of fingerprints: nobody who reads memory can try credentials against them elsewhere.
    key: [u8; 32],
    pub(crate) passwords: Mutex<Remembered<()>>,
    pub(crate) tokens: Mutex<Remembered<Arc<Verified>>>,
    pub(crate) replays: Mutex<Remembered<()>>,
    pub(crate) refreshed: Mutex<Remembered<Refreshed>>,
    /// Refreshes of sessions under way, by what they refresh.
    pub(crate) refreshing: Mutex<HashMap<Fingerprint, Arc<tokio::sync::Mutex<()>>>>,
    pub(crate) hashing: Arc<Semaphore>,
    pub(crate) hashing_waiting: AtomicUsize,
    sources: Mutex<HashMap<Place, Arc<Source>>>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Memory({:?})", self.counts())
    }
}

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Verified passwords.
    pub passwords: usize,
    /// Verified tokens.
    pub tokens: usize,
    /// Signatures.
    pub signatures: usize,
    /// Places where keys come from.
    pub sources: usize,
}

impl Memory {
    /// Remembers nothing yet.
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self {
            key: random(entropy),
            passwords: Mutex::new(Remembered::new(limits::PASSWORDS_MAX, usize::MAX)),
            tokens: Mutex::new(Remembered::new(limits::TOKENS_MAX, limits::TOKEN_BYTES_MAX)),
            replays: Mutex::new(Remembered::new(limits::REPLAYS_MAX, usize::MAX)),
            refreshed: Mutex::new(Remembered::new(limits::REFRESHED_MAX, usize::MAX)),
            refreshing: Mutex::default(),
            hashing: Arc::new(Semaphore::new(limits::HASHING_MAX)),
            hashing_waiting: AtomicUsize::new(0),
            sources: Mutex::default(),
        }
    }

    /// How much is remembered now.
    pub fn counts(&self) -> Counts {
        Counts {
            passwords: self.passwords.lock().len(),
            tokens: self.tokens.lock().len(),
            signatures: self.replays.lock().len(),
            sources: self.sources.lock().len(),
        }
    }

    /// A keyed hash of some parts, of which no other parts have the same.
    pub(crate) fn fingerprint(&self, parts: &[&[u8]]) -> Fingerprint {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key);
        let mut mac = mac.expect("invariant: HMAC takes keys of any length");
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// The source at a place: the same for all who ask.
    pub(crate) fn source(&self, place: &Place) -> Arc<Source> {
        let mut sources = self.sources.lock();
        if sources.len() >= limits::SOURCES_MAX {
            sources.retain(|_, source| Arc::strong_count(source) > 1);
        }
        let fresh = || Arc::new(Source::new(place.clone()));
        Arc::clone(sources.entry(place.clone()).or_insert_with(fresh))
    }
}
