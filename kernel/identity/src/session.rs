//! Temporary credentials: an access key, its secret, and a token that says whose they are and until when. The node keeps none of it.
//!
//! The secret is a function of the access key under the key file's key, so that a signature can be checked before the token is looked at. The token is
//! encrypted under the same key and bound to its access key; it says what [`Session`] says. Both are good after a restart, and no longer when the
//! key file is another one.
//!
//! # Invariants
//! - A session has at most the rights that its user has at the time of each request.
//! - It ends with the user, with the access key that asked for it, and when that key's secret changes; one of a token of another system ends when
//!   the issuer of such tokens is another one, and loses each role that is removed.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use bole_base::Timestamp;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::hex;
use crate::secret::{Key, Plain};
use crate::user::ROLES_MAX;

/// What temporary access keys begin with.
const PREFIX: &str = "ASIA";
/// Characters after that: 80 random bits.
const RANDOM_CHARS: usize = 16;
/// Of which they are: the alphabet of RFC 4648, section 6.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Bytes of the policy of a session.
pub const POLICY_BYTES_MAX: usize = 2_048;
/// Bytes of a token: what the longest policy and the most roles need.
pub const TOKEN_BYTES_MAX: usize = 32 * 1_024;
/// Bytes of the name of somebody of another system.
pub const SUBJECT_BYTES_MAX: usize = 256;
/// In front of the names of those, which no user's name begins with.
const FOREIGN: &str = "web:";
/// *Persisted* in tokens that clients have.
const VERSION: u8 = 1;

/// Who holds temporary credentials, and what limits them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub of: Of,
    /// Until when, in milliseconds since the Unix epoch.
    pub expires_ms: u64,
    /// A document of a service's language that narrows what the session may do.
    pub policy: Option<String>,
}

/// Whose a session is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Of {
    /// A user's.
    User {
        /// The name.
        name: String,
        /// The access key that asked for it.
        access_key: String,
        /// A role that the session may do no more than; nothing: all that the user may.
        role: Option<String>,
    },
    /// Somebody's of another system, who has roles and is no user.
    Foreign {
        /// `web:` and the name there.
        name: String,
        /// Who said so.
        issuer: String,
        /// What its roles are here.
        roles: Vec<String>,
    },
}

impl Of {
    /// Somebody of another system. Errors: a name that is not printable ASCII without quotes, backslashes and wildcards, or too many roles.
    pub fn foreign(subject: &str, issuer: &str, roles: Vec<String>) -> Result<Self> {
        let legal = |byte: u8| byte.is_ascii_graphic() && !b"\"'\\*?".contains(&byte);
        if subject.is_empty() || subject.len() > SUBJECT_BYTES_MAX || !subject.bytes().all(legal) {
            let shown: String = subject.chars().take(80).flat_map(char::escape_default).collect();
            return Err(Error::Invalid(format!(
                "the name \"{shown}\" is not 1 to {SUBJECT_BYTES_MAX} printable ASCII characters without spaces, quotes, backslashes, * and ?"
            )));
        }
        if roles.len() > ROLES_MAX {
            return Err(Error::Invalid(format!("{} roles; {ROLES_MAX} are allowed", roles.len())));
        }
        Ok(Self::Foreign { name: format!("{FOREIGN}{subject}"), issuer: issuer.to_owned(), roles })
    }

    /// The name.
    pub fn name(&self) -> &str {
        match self {
            Self::User { name, .. } | Self::Foreign { name, .. } => name,
        }
    }
}

/// Temporary credentials.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The access key.
    pub access_key: String,
    /// Its secret.
    pub secret: Plain,
    /// The token that goes with each request.
    pub token: String,
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is none of this node's, of another access key, or whose it was is gone.
    Invalid,
    /// Its time is over.
    Expired,
}

/// What a token says. *Persisted* in tokens that clients have.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    version: u8,
    of: Of,
    expires_ms: u64,
    policy: Option<String>,
    /// Of the secret of the access key that asked; empty for others.
    mark: String,
}

/// Whether an access key has the form of temporary ones.
pub fn is_temporary(access_key: &str) -> bool {
    let random = access_key.strip_prefix(PREFIX).unwrap_or_default();
    random.len() == RANDOM_CHARS && random.bytes().all(|byte| ALPHABET.contains(&byte))
}

/// The secret of a temporary access key: 40 characters.
pub(crate) fn secret(key: &Key, access_key: &str) -> Option<Plain> {
    let derived = || key.derive(&format!("secret of temporary access key {access_key}"));
    is_temporary(access_key).then(|| Plain::new(Base64UrlUnpadded::encode_string(&derived()[..30])))
}

fn context(access_key: &str) -> String {
    format!("session token {VERSION} of {access_key}")
}

fn mark(key: &Key, access_key: &str, secret: &Plain) -> String {
    hex::encode(&key.derive(&format!("session {access_key} by {}", secret.expose()))[..16])
}

/// What goes with the credentials that asked: nothing if there are none such any more.
fn mark_of(directory: &Directory, key: &Key, access_key: &str, of: &Of) -> Option<String> {
    let Of::User { name, access_key: parent, role } = of else { return Some(String::new()) };
    let user = directory.user_of_access_key(parent).filter(|user| user.enabled && user.name == *name)?;
    if role.as_ref().is_some_and(|role| !user.roles.contains(role)) {
        return None;
    }
    let secret = user.access_key_secret(parent, key).ok()?;
    Some(mark(key, access_key, &secret))
}

/// Makes credentials. Errors: the user or its role is gone, the policy is too long.
pub(crate) fn begin(
    directory: &Directory,
    key: &Key,
    session: &Session,
    rng: &mut impl CryptoRng,
) -> Result<Credentials> {
    if session.policy.as_ref().is_some_and(|policy| policy.len() > POLICY_BYTES_MAX) {
        return Err(Error::Invalid(format!(
            "the policy of a session has more than {POLICY_BYTES_MAX} bytes, which is what is allowed"
        )));
    }
    let mut random = [0; RANDOM_CHARS];
    rng.fill_bytes(&mut random);
    let random = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    let access_key: String = PREFIX.chars().chain(random).collect();
    let mark = mark_of(directory, key, &access_key, &session.of).ok_or_else(|| Error::NotFound {
        what: "enabled user, access key or role",
        name: session.of.name().to_owned(),
    })?;
    let claims = Claims {
        version: VERSION,
        of: session.of.clone(),
        expires_ms: session.expires_ms,
        policy: session.policy.clone(),
        mark,
    };
    let internal = || Error::Internal("a session cannot be written down".to_owned());
    let bytes = serde_json::to_vec(&claims).map_err(|_| internal())?;
    let token = Base64UrlUnpadded::encode_string(&key.seal_bytes(&context(&access_key), &bytes, rng)?);
    let secret = secret(key, &access_key).ok_or_else(internal)?;
    Ok(Credentials { access_key, secret, token })
}

/// What a token says that is good now.
pub(crate) fn open(
    directory: &Directory,
    key: &Key,
    access_key: &str,
    token: &str,
    now: Timestamp,
) -> Result<Session, Refused> {
    if token.len() > TOKEN_BYTES_MAX || !is_temporary(access_key) {
        return Err(Refused::Invalid);
    }
    let sealed = Base64UrlUnpadded::decode_vec(token).map_err(|_| Refused::Invalid)?;
    let bytes = key.unseal_bytes(&context(access_key), &sealed).ok_or(Refused::Invalid)?;
    let claims: Claims = serde_json::from_slice(&bytes).map_err(|_| Refused::Invalid)?;
    if claims.version != VERSION {
        return Err(Refused::Invalid);
    }
    if now.0 >= claims.expires_ms {
        return Err(Refused::Expired);
    }
    // Both were made here from the same secrets, so that comparing them tells nobody anything.
    let is_there = mark_of(directory, key, access_key, &claims.of).is_some_and(|mark| mark == claims.mark);
    let session = Session { of: claims.of, expires_ms: claims.expires_ms, policy: claims.policy };
    if is_there { Ok(session) } else { Err(Refused::Invalid) }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::entry::Entry;
    use crate::policy::Role;
    use crate::user::User;
    use crate::verifier::Cost;

    const NOW: Timestamp = Timestamp(1_000_000);

    struct World {
        directory: Directory,
        key: Key,
        rng: StdRng,
    }

    impl World {
        fn new() -> Self {
            let mut rng = StdRng::seed_from_u64(1);
            let key = Key::new([1; 32]);
            let mut world = Self { directory: Directory::new(), key, rng: rng.clone() };
            world.directory.apply(Entry::RolePut(Box::new(Role::administrator())));
            let user = User::new("ann", "pencil", Cost::LEAST, NOW, &mut rng).unwrap();
            world.put(User { roles: vec!["administrator".to_owned()], ..user }, "secret");
            world
        }

        fn put(&mut self, mut user: User, secret: &str) {
            user.put_access_key("AK1", secret, &self.key, &mut self.rng).unwrap();
            self.directory.apply(Entry::UserPut(Box::new(user)));
        }

        fn ann(&self) -> User {
            (**self.directory.user("ann").unwrap()).clone()
        }

        fn begin(&mut self, of: &Of, policy: Option<&str>) -> Result<Credentials> {
            let policy = policy.map(str::to_owned);
            let session = Session { of: of.clone(), expires_ms: NOW.0 + 1_000, policy };
            begin(&self.directory, &self.key, &session, &mut self.rng)
        }

        fn open(&self, credentials: &Credentials) -> Result<Session, Refused> {
            open(&self.directory, &self.key, &credentials.access_key, &credentials.token, NOW)
        }
    }

    fn of(role: Option<&str>) -> Of {
        let (name, access_key) = ("ann".to_owned(), "AK1".to_owned());
        Of::User { name, access_key, role: role.map(str::to_owned) }
    }

    #[test]
    fn sessions_are_good_for_a_while_and_for_their_access_key_only() {
        let mut world = World::new();
        let made = world.begin(&of(None), Some("{}")).unwrap();
        let session = world.open(&made).unwrap();
        assert_eq!((session.of.name(), session.policy.as_deref()), ("ann", Some("{}")));
        assert!(is_temporary(&made.access_key) && !is_temporary("AK1") && !is_temporary("ASIA"));
        assert_eq!(made.secret.expose().len(), 40);
        assert_eq!(secret(&world.key, &made.access_key).unwrap(), made.secret);
        assert_eq!(secret(&world.key, "AK1"), None);
        let at = |now| open(&world.directory, &world.key, &made.access_key, &made.token, Timestamp(now));
        assert!(at(session.expires_ms - 1).is_ok());
        assert_eq!(at(session.expires_ms), Err(Refused::Expired));
        let other_key = Key::new([2; 32]);
        assert_eq!(
            open(&world.directory, &other_key, &made.access_key, &made.token, NOW),
            Err(Refused::Invalid)
        );
        let other = world.begin(&of(None), None).unwrap();
        assert_ne!(other.access_key, made.access_key);
        assert_ne!(other.secret, made.secret);
        let swapped = Credentials { token: other.token, ..made.clone() };
        assert_eq!(world.open(&swapped), Err(Refused::Invalid));
        for wrong in ["", "x", "*", &"A".repeat(100), &"A".repeat(TOKEN_BYTES_MAX + 1)] {
            let wrong = Credentials { token: wrong.to_owned(), ..made.clone() };
            assert_eq!(world.open(&wrong), Err(Refused::Invalid));
        }
        for at in 0..made.token.len() {
            let mut bytes = made.token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = Credentials { token: String::from_utf8(bytes).unwrap(), ..made.clone() };
            assert_eq!(world.open(&changed), Err(Refused::Invalid), "{at}");
        }
        assert!(world.begin(&of(None), Some(&"x".repeat(POLICY_BYTES_MAX + 1))).is_err());
    }

    #[test]
    fn the_largest_token_is_taken() {
        let mut world = World::new();
        let roles = vec!["r".repeat(crate::user::ROLE_NAME_BYTES_MAX); ROLES_MAX];
        let of = Of::foreign(&"n".repeat(SUBJECT_BYTES_MAX), "https://issuer", roles).unwrap();
        let made = world.begin(&of, Some(&"\n".repeat(POLICY_BYTES_MAX))).unwrap();
        assert!(made.token.len() <= TOKEN_BYTES_MAX, "{}", made.token.len());
        assert_eq!(world.open(&made).unwrap().of, of);
    }

    #[test]
    fn a_session_ends_with_what_it_comes_from() {
        type Change = fn(&mut World);
        let changes: [(&str, Change, bool); 6] = [
            ("nothing", |_| {}, true),
            ("removed", |world| world.directory.apply(world.directory.delete_user("ann").unwrap()), false),
            ("disabled", |world| world.put(User { enabled: false, ..world.ann() }, "secret"), false),
            ("another secret", |world| world.put(world.ann(), "other"), false),
            ("the same secret", |world| world.put(world.ann(), "secret"), true),
            ("no role", |world| world.put(User { roles: Vec::new(), ..world.ann() }, "secret"), false),
        ];
        for (name, change, is_good) in changes {
            let mut world = World::new();
            let made = world.begin(&of(Some("administrator")), None).unwrap();
            change(&mut world);
            assert_eq!(world.open(&made).is_ok(), is_good, "{name}");
        }
        let mut world = World::new();
        assert!(world.begin(&of(Some("reader")), None).is_err());
        let stranger = Of::User { name: "bob".to_owned(), access_key: "AK1".to_owned(), role: None };
        assert!(world.begin(&stranger, None).is_err());
    }

    #[test]
    fn names_of_others_are_checked() {
        for (name, is_good) in
            [("ann", true), ("a|b@c.example", true), ("", false), ("a b", false), ("a*", false), ("ä", false)]
        {
            assert_eq!(Of::foreign(name, "i", Vec::new()).is_ok(), is_good, "{name}");
        }
        assert_eq!(Of::foreign("ann", "i", Vec::new()).unwrap().name(), "web:ann");
        assert!(Of::foreign("ann", "i", vec![String::new(); ROLES_MAX + 1]).is_err());
    }
}
