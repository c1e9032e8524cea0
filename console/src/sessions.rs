//! Who is logged in, and how often somebody tried to be.
//!
//! A session is known by a token of 32 random bytes that only the browser has: here is its hash, so that neither a look-up's duration nor a dump of memory gives it
//! away. All bounds are in [`crate::limits`]. Sessions end with the process.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rand::Rng as _;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

use crate::limits::{
    SESSION_IDLE, SESSION_LIFETIME, SESSIONS_MAX, SESSIONS_PER_USER_MAX, TRIES_KEPT_MAX, TRIES_MAX,
    TRIES_WINDOW,
};

/// Bytes of a token.
const TOKEN_BYTES: usize = 32;

type Hash = [u8; 32];

/// 32 random bytes in hexadecimal.
fn token() -> String {
    let mut bytes = [0; TOKEN_BYTES];
    rand::rng().fill(&mut bytes);
    crate::show::hex(&bytes)
}

fn hash(token: &str) -> Hash {
    Sha256::digest(token.as_bytes()).into()
}

struct Session {
    user: Arc<str>,
    /// As the user's password was.
    stamp: u64,
    /// What each change must bring.
    proof: Arc<str>,
    made: Instant,
    used: Instant,
    /// What the next page tells.
    note: Option<String>,
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.used) >= SESSION_IDLE || now.duration_since(self.made) >= SESSION_LIFETIME
    }
}

/// A session that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Whose it is.
    pub user: Arc<str>,
    /// What each change must bring.
    pub proof: Arc<str>,
}

/// All sessions.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<Hash, Session>>);

impl Sessions {
    /// Begins a session; its token. The sessions that were used least recently make room where there are too many.
    pub fn begin(&self, user: &str, stamp: u64) -> String {
        let (token, now) = (token(), Instant::now());
        let mut sessions = self.0.lock();
        sessions.retain(|_, session| !session.is_over(now));
        let of_user = |session: &Session| *session.user == *user;
        make_room(&mut sessions, SESSIONS_PER_USER_MAX, of_user);
        make_room(&mut sessions, SESSIONS_MAX, |_| true);
        let session = Session {
            user: Arc::from(user),
            stamp,
            proof: Arc::from(self::token()),
            made: now,
            used: now,
            note: None,
        };
        sessions.insert(hash(&token), session);
        token
    }

    /// The session of a token, if it is good: `stamp` says how its user's password is now. One that is not good is gone.
    pub fn find(&self, token: &str, stamp: impl Fn(&str) -> Option<u64>) -> Option<Found> {
        let (key, now) = (hash(token), Instant::now());
        let mut sessions = self.0.lock();
        let session = sessions.get_mut(&key)?;
        if session.is_over(now) || stamp(&session.user) != Some(session.stamp) {
            sessions.remove(&key);
            return None;
        }
        session.used = now;
        Some(Found { user: Arc::clone(&session.user), proof: Arc::clone(&session.proof) })
    }

    /// How many there are that have not ended.
    pub fn count(&self) -> usize {
        let now = Instant::now();
        self.0.lock().values().filter(|session| !session.is_over(now)).count()
    }

    /// Ends the session of a token.
    pub fn end(&self, token: &str) {
        self.0.lock().remove(&hash(token));
    }

    /// Leaves a note for the next page of a session.
    pub fn leave_note(&self, token: &str, note: String) {
        if let Some(session) = self.0.lock().get_mut(&hash(token)) {
            session.note = Some(note);
        }
    }

    /// Takes the note.
    pub fn take_note(&self, token: &str) -> Option<String> {
        self.0.lock().get_mut(&hash(token))?.note.take()
    }
}

/// Removes the sessions that were used least recently until there is room for one more among those of a kind.
fn make_room(sessions: &mut HashMap<Hash, Session>, most: usize, is: impl Fn(&Session) -> bool) {
    while sessions.values().filter(|session| is(session)).count() >= most {
        let oldest =
            sessions.iter().filter(|(_, session)| is(session)).min_by_key(|(_, session)| session.used);
        let Some((key, _)) = oldest else { return };
        let key = *key;
        sessions.remove(&key);
    }
}

impl Found {
    /// Whether this is the session's proof, in a time that does not tell how much of it is right.
    pub fn is_proof(&self, said: &str) -> bool {
        self.proof.as_bytes().ct_eq(said.as_bytes()).into()
    }
}

/// Logins that failed, by address and by user.
#[derive(Default)]
pub struct Tries(Mutex<HashMap<String, (u32, Instant)>>);

impl Tries {
    /// Whether one more may be made; counts it as failed until [`Tries::succeeded`] says otherwise, so that many at once are no way around.
    pub fn begin(&self, keys: &[String]) -> bool {
        let now = Instant::now();
        let mut tries = self.0.lock();
        tries.retain(|_, (_, begun)| now.duration_since(*begun) < TRIES_WINDOW);
        if keys.iter().any(|key| tries.get(key).is_some_and(|(count, _)| *count >= TRIES_MAX)) {
            return false;
        }
        let new = keys.iter().filter(|key| !tries.contains_key(*key)).count();
        if tries.len() + new > TRIES_KEPT_MAX {
            return false;
        }
        for key in keys {
            tries.entry(key.clone()).or_insert((0, now)).0 += 1;
        }
        true
    }

    /// The last one was right.
    pub fn succeeded(&self, keys: &[String]) {
        let mut tries = self.0.lock();
        for key in keys {
            tries.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "what is asked for a stamp may know none")]
    const fn one(_: &str) -> Option<u64> {
        Some(1)
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_by_itself_and_with_its_user() {
        let sessions = Sessions::default();
        let token = sessions.begin("ann", 1);
        let found = sessions.find(&token, one).unwrap();
        assert_eq!(&*found.user, "ann");
        assert!(found.is_proof(&found.proof) && !found.is_proof("") && !found.is_proof(&token));
        assert_eq!(sessions.find("", one), None);
        // Used now and then it lasts its lifetime.
        let mut passed = Duration::ZERO;
        while passed + SESSION_IDLE / 2 < SESSION_LIFETIME {
            tokio::time::advance(SESSION_IDLE / 2).await;
            passed += SESSION_IDLE / 2;
            assert!(sessions.find(&token, one).is_some(), "after {passed:?}");
        }
        tokio::time::advance(SESSION_IDLE / 2).await;
        assert_eq!(sessions.find(&token, one), None);
        let token = sessions.begin("ann", 1);
        tokio::time::advance(SESSION_IDLE).await;
        assert_eq!(sessions.find(&token, one), None, "unused");
        // Another password, no such user: it is gone, and stays gone.
        for stamp in [Some(2), None] {
            let token = sessions.begin("ann", 1);
            assert_eq!(sessions.find(&token, |_| stamp), None);
            assert_eq!(sessions.find(&token, one), None);
        }
        let token = sessions.begin("ann", 1);
        sessions.leave_note(&token, "done".to_owned());
        assert_eq!(sessions.take_note(&token).as_deref(), Some("done"));
        assert_eq!(sessions.take_note(&token), None);
        sessions.end(&token);
        assert_eq!(sessions.find(&token, one), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_least_used_make_room() {
        let sessions = Sessions::default();
        let first = sessions.begin("ann", 1);
        let mut tokens = Vec::new();
        for _ in 1..SESSIONS_PER_USER_MAX {
            tokio::time::advance(Duration::from_secs(1)).await;
            tokens.push(sessions.begin("ann", 1));
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(sessions.find(&first, one).is_some());
        tokio::time::advance(Duration::from_secs(1)).await;
        sessions.begin("ann", 1);
        assert!(sessions.find(&first, one).is_some(), "was used");
        assert_eq!(sessions.find(&tokens[0], one), None);
        for number in 0..SESSIONS_MAX + 10 {
            sessions.begin(&format!("user {number}"), 1);
        }
        assert!(sessions.0.lock().len() <= SESSIONS_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn tries_are_rated() {
        let tries = Tries::default();
        let keys = ["127.0.0.1".to_owned(), "ann".to_owned()];
        for _ in 0..TRIES_MAX {
            assert!(tries.begin(&keys));
        }
        assert!(!tries.begin(&keys));
        assert!(!tries.begin(&["127.0.0.1".to_owned(), "bob".to_owned()]), "the same address");
        assert!(!tries.begin(&["10.0.0.1".to_owned(), "ann".to_owned()]), "the same user");
        assert!(tries.begin(&["10.0.0.1".to_owned(), "bob".to_owned()]));
        tokio::time::advance(TRIES_WINDOW).await;
        assert!(tries.begin(&keys));
        tries.succeeded(&keys);
        for _ in 0..TRIES_MAX {
            assert!(tries.begin(&keys));
        }
        for number in 0..2 * TRIES_KEPT_MAX {
            tries.begin(&[number.to_string()]);
        }
        assert!(tries.0.lock().len() <= TRIES_KEPT_MAX);
    }
}
