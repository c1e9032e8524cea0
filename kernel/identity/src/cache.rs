//! Checks passwords without letting reconnecting clients starve the node: what was verified a short while ago is
//! remembered, and only so many passwords are hashed at a time, on threads for blocking work.
//!
//! What is remembered is a keyed hash of name, password and the verifiers' version, so that memory holds no password
//! and a changed password is never taken for the old one. Failures are not remembered: each costs a hash.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bole_base::Clock;
use hmac::{Hmac, Mac};
use parking_lot::Mutex;
use rand::CryptoRng;
use sha2::Sha256;
use tokio::sync::Semaphore;

use crate::error::{Error, Result};
use crate::verifier::{Cost, Verifiers};

/// Bounds of an [`Authenticator`].
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Verified credentials that are remembered, about 150 bytes each.
    pub entries_max: usize,
    /// For how long.
    pub remember: Duration,
    /// Passwords that are hashed at a time; each takes a thread and the memory of its [`Cost`].
    pub hashing_max: usize,
    /// Logins that wait for that. More are refused.
    pub waiting_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { entries_max: 10_000, remember: Duration::from_mins(10), hashing_max: 2, waiting_max: 1_000 }
    }
}

/// Checks passwords for all protocols of a node.
pub struct Authenticator {
    config: Config,
    clock: Arc<dyn Clock>,
    hash_key: [u8; 32],
    remembered: Mutex<Remembered>,
    hashing: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Checked in place of a user that does not exist, so that time does not tell who does.
    decoy: Arc<Verifiers>,
}

type Fingerprint = [u8; 32];

/// Verified credentials with the time at which they are forgotten. All stay equally long, so the queue is in that
/// order.
#[derive(Default)]
struct Remembered {
    until: HashMap<Fingerprint, Duration>,
    queue: VecDeque<(Fingerprint, Duration)>,
}

impl Remembered {
    fn contains(&self, fingerprint: &Fingerprint, now: Duration) -> bool {
        self.until.get(fingerprint).is_some_and(|until| now < *until)
    }

    fn insert(&mut self, fingerprint: Fingerprint, now: Duration, config: &Config) {
        let until = now + config.remember;
        self.until.insert(fingerprint, until);
        self.queue.push_back((fingerprint, until));
        while let Some((oldest, until)) = self.queue.front().copied() {
            if self.queue.len() <= config.entries_max && now < until {
                break;
            }
            self.queue.pop_front();
            // It stays if it was verified again since: then a later place in the queue is its own.
            if self.until.get(&oldest) == Some(&until) {
                self.until.remove(&oldest);
            }
        }
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Authenticator").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Authenticator {
    /// Remembers nothing yet. `cost` is that of the node's users.
    pub fn new(config: Config, cost: Cost, clock: Arc<dyn Clock>, rng: &mut impl CryptoRng) -> Result<Self> {
        let mut hash_key = [0; 32];
        rng.fill_bytes(&mut hash_key);
        Ok(Self {
            config,
            clock,
            hash_key,
            remembered: Mutex::default(),
            hashing: Arc::new(Semaphore::new(config.hashing_max.max(1))),
            waiting: AtomicUsize::new(0),
            decoy: Arc::new(Verifiers::new("decoy", cost, rng)?),
        })
    }

    /// Whether `password` is that of the user with these verifiers. For a user that does not exist, is disabled or has
    /// no password, pass `None`: the answer is `false` and takes as long. Fails only when too many wait.
    ///
    /// Cancel safe: a hash that has begun goes on, and counts against the bound until it ends.
    pub async fn verify(&self, name: &str, password: &str, verifiers: Option<&Verifiers>) -> Result<bool> {
        let fingerprint = verifiers.map(|known| self.fingerprint(name, password, known));
        if fingerprint.is_some_and(|known| self.remembered.lock().contains(&known, self.clock.monotonic())) {
            return Ok(true);
        }
        let checked = verifiers.cloned().map_or_else(|| Arc::clone(&self.decoy), Arc::new);
        let right = self.hash(password.to_owned(), checked).await?;
        let Some(fingerprint) = fingerprint.filter(|_| right) else { return Ok(false) };
        self.remembered.lock().insert(fingerprint, self.clock.monotonic(), &self.config);
        Ok(true)
    }

    /// How many credentials are remembered.
    pub fn remembered(&self) -> usize {
        self.remembered.lock().until.len()
    }

    /// How many logins wait for a hash.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Checks by hashing, when it is this login's turn.
    async fn hash(&self, password: String, verifiers: Arc<Verifiers>) -> Result<bool> {
        let turn = if let Ok(turn) = Arc::clone(&self.hashing).try_acquire_owned() {
            turn
        } else {
            let _waiting = Waiting::enter(&self.waiting, self.config.waiting_max)?;
            let turn = Arc::clone(&self.hashing).acquire_owned().await;
            turn.map_err(|error| Error::Internal(format!("bound on hashing: {error}")))?
        };
        let checked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            verifiers.verify(&password)
        });
        checked.await.map_err(|error| Error::Internal(format!("password check: {error}")))
    }

    fn fingerprint(&self, name: &str, password: &str, verifiers: &Verifiers) -> Fingerprint {
        let mac = Hmac::<Sha256>::new_from_slice(&self.hash_key);
        let mut mac = mac.expect("invariant: HMAC takes keys of any length");
        // With the lengths in between, no two triples give the same bytes.
        for part in [name, password, &verifiers.version()] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

/// A place among those who wait.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a AtomicUsize, max: usize) -> Result<Self> {
        let enter = |waiting: usize| (waiting < max).then_some(waiting + 1);
        match waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enter) {
            Ok(_) => Ok(Self(waiting)),
            Err(waiting) => Err(Error::Busy { waiting }),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use bole_base::clock::ManualClock;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn start(config: Config) -> (Authenticator, Arc<ManualClock>, StdRng) {
        let (clock, mut rng) = (Arc::new(ManualClock::new()), StdRng::seed_from_u64(1));
        let authenticator = Authenticator::new(config, Cost::LEAST, clock.clone(), &mut rng).unwrap();
        (authenticator, clock, rng)
    }

    /// An authenticator that can hash no more answers only what it remembers.
    async fn is_remembered(authenticator: &Authenticator, password: &str, verifiers: &Verifiers) -> bool {
        let _all = authenticator.hashing.acquire_many(authenticator.config.hashing_max as u32).await.unwrap();
        matches!(authenticator.verify("ann", password, Some(verifiers)).await, Ok(true))
    }

    #[tokio::test]
    async fn what_was_verified_is_remembered_for_a_while() {
        let config = Config { entries_max: 2, waiting_max: 0, ..Config::default() };
        let (authenticator, clock, mut rng) = start(config);
        let verifiers = Verifiers::new("pencil", Cost::LEAST, &mut rng).unwrap();
        assert!(!is_remembered(&authenticator, "pencil", &verifiers).await);
        assert!(!authenticator.verify("ann", "pen", Some(&verifiers)).await.unwrap());
        assert!(!authenticator.verify("ann", "decoy", None).await.unwrap());
        assert_eq!(authenticator.remembered(), 0);
        assert!(authenticator.verify("ann", "pencil", Some(&verifiers)).await.unwrap());
        assert!(is_remembered(&authenticator, "pencil", &verifiers).await);
        assert!(!is_remembered(&authenticator, "pen", &verifiers).await);
        // The same password, set anew.
        let again = Verifiers::new("pencil", Cost::LEAST, &mut rng).unwrap();
        assert!(!is_remembered(&authenticator, "pencil", &again).await);
        clock.advance(config.remember);
        assert!(!is_remembered(&authenticator, "pencil", &verifiers).await);
        for name in ["a", "b", "c", "d"] {
            assert!(authenticator.verify(name, "pencil", Some(&verifiers)).await.unwrap());
            assert!(authenticator.remembered() <= 2);
        }
    }

    #[test]
    fn what_is_verified_again_is_remembered_anew() {
        let config = Config { entries_max: 3, remember: Duration::from_secs(10), ..Config::default() };
        let mut remembered = Remembered::default();
        let at = Duration::from_secs;
        remembered.insert([1; 32], at(0), &config);
        remembered.insert([1; 32], at(6), &config);
        remembered.insert([2; 32], at(11), &config);
        assert!(remembered.contains(&[1; 32], at(15)) && !remembered.contains(&[1; 32], at(16)));
        for second in 20..40 {
            remembered.insert([second as u8; 32], at(second), &config);
            assert!(remembered.queue.len() <= 3 && remembered.until.len() <= 3);
        }
    }

    #[tokio::test]
    async fn hashing_and_waiting_are_bounded() {
        let (authenticator, _, mut rng) =
            start(Config { hashing_max: 1, waiting_max: 2, ..Config::default() });
        let authenticator = Arc::new(authenticator);
        let verifiers = Arc::new(Verifiers::new("pencil", Cost::LEAST, &mut rng).unwrap());
        let held = authenticator.hashing.acquire().await.unwrap();
        let login = |name: &'static str| {
            let (authenticator, verifiers) = (Arc::clone(&authenticator), Arc::clone(&verifiers));
            tokio::spawn(async move { authenticator.verify(name, "pencil", Some(&verifiers)).await })
        };
        let (first, second) = (login("a"), login("b"));
        while authenticator.waiting() < 2 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(login("c").await.unwrap(), Err(Error::Busy { waiting: 2 })));
        // Who goes away gives its place back.
        second.abort();
        while authenticator.waiting() > 1 {
            tokio::task::yield_now().await;
        }
        let third = login("d");
        drop(held);
        assert!(first.await.unwrap().unwrap() && third.await.unwrap().unwrap());
        assert_eq!(authenticator.waiting(), 0);
    }
}
