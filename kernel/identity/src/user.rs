//! A user: a name, verifiers of its password, access keys, and the roles that say what it may do.

use bole_base::Timestamp;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::secret::{Key, Plain, Sealed};
use crate::verifier::{Cost, Verifiers};

/// Names of users, roles and policies have at most this many bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// Names of roles may be longer.
pub const ROLE_NAME_BYTES_MAX: usize = 288;
/// Access keys of a user.
pub const ACCESS_KEYS_MAX: usize = 16;
/// Roles of a user.
pub const ROLES_MAX: usize = 32;

/// Who may come in. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Unique among users.
    pub name: String,
    /// Of its password. A user without may come in by access key only.
    pub verifiers: Option<Verifiers>,
    /// Names of its roles. A role that does not exist (any more) allows nothing.
    pub roles: Vec<String>,
    /// For protocols that sign requests.
    pub access_keys: Vec<AccessKey>,
    /// Whether it may do anything for now.
    pub enabled: bool,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: u64,
}

/// An id and a secret that only its owner and the node know. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// Unique among all access keys.
    pub id: String,
    /// The secret, encrypted.
    pub secret: Sealed,
}

impl User {
    /// An enabled user with a password and nothing that it may do.
    pub fn new(
        name: &str,
        password: &str,
        cost: Cost,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Self> {
        check_name("user", name)?;
        Ok(Self {
            name: name.to_owned(),
            verifiers: Some(Verifiers::new(password, cost, rng)?),
            roles: Vec::new(),
            access_keys: Vec::new(),
            enabled: true,
            created_ms: now.0,
        })
    }

    /// Adds an access key, or replaces the secret of the one with this id.
    pub fn put_access_key(
        &mut self,
        id: &str,
        secret: &str,
        key: &Key,
        rng: &mut impl CryptoRng,
    ) -> Result<()> {
        check_name("access key", id)?;
        let secret = key.seal(&self.context(id), secret, rng)?;
        self.access_keys.retain(|access_key| access_key.id != id);
        self.access_keys.push(AccessKey { id: id.to_owned(), secret });
        Ok(())
    }

    /// The secret of an access key of this user, in clear.
    pub fn access_key_secret(&self, id: &str, key: &Key) -> Result<Plain> {
        let access_key = self.access_keys.iter().find(|access_key| access_key.id == id);
        let missing = || Error::NotFound { what: "access key", name: id.to_owned() };
        key.unseal(&self.context(id), &access_key.ok_or_else(missing)?.secret)
    }

    /// Checks names and bounds.
    pub fn check(&self) -> Result<()> {
        check_name("user", &self.name)?;
        let bounds = [
            ("access keys", self.access_keys.len(), ACCESS_KEYS_MAX),
            ("roles", self.roles.len(), ROLES_MAX),
        ];
        for (what, count, max) in bounds {
            if count > max {
                let name = &self.name;
                return Err(Error::Invalid(format!("user \"{name}\" has {count} {what}; {max} are allowed")));
            }
        }
        self.access_keys.iter().try_for_each(|access_key| check_name("access key", &access_key.id))
    }

    /// Binds a secret to its owner.
    fn context(&self, id: &str) -> String {
        format!("user \"{}\", access key \"{id}\"", self.name)
    }
}

/// Checks a name: 1 to 64 bytes of ASCII letters, digits and `. _ - @ +`, so that it is safe in resource names, URLs,
/// files and messages.
pub fn check_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        let length = name.len();
        return Err(Error::Invalid(format!(
            "the {what} name has {length} bytes; 1 to {NAME_BYTES_MAX} are allowed"
        )));
    }
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@+".contains(&byte)) {
        return Ok(());
    }
    let shown: String = name.escape_default().collect();
    Err(Error::Invalid(format!("{what} name \"{shown}\": letters, digits and . _ - @ + are allowed")))
}

/// Checks the name of a role: as that of a user, or longer and of any printable ASCII but quotes, slashes and backslashes, as
/// services name roles that they make for principals of other systems.
pub fn check_role_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > ROLE_NAME_BYTES_MAX {
        let length = name.len();
        return Err(Error::Invalid(format!(
            "the role name has {length} bytes; 1 to {ROLE_NAME_BYTES_MAX} are allowed"
        )));
    }
    if name.bytes().all(|byte| (b' '..=b'~').contains(&byte) && !b"\"'/\\".contains(&byte)) {
        return Ok(());
    }
    let shown: String = name.escape_default().collect();
    Err(Error::Invalid(format!(
        "role name \"{shown}\": printable ASCII is allowed, without quotes, slashes and backslashes"
    )))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn names() {
        for (name, ok) in [
            ("bole", true),
            ("a.b_c-d@e+1", true),
            ("", false),
            ("a/b", false),
            ("a b", false),
            ("*", false),
            ("ä", false),
            ("a\n", false),
        ] {
            assert_eq!(check_name("user", name).is_ok(), ok, "{name:?}");
        }
        assert!(check_name("user", &"x".repeat(64)).is_ok() && check_name("user", &"x".repeat(65)).is_err());
    }

    #[test]
    fn access_keys_belong_to_their_user() {
        let mut rng = StdRng::seed_from_u64(1);
        let key = Key::new([1; 32]);
        let mut user = User::new("ann", "pencil", Cost::LEAST, Timestamp(7), &mut rng).unwrap();
        user.put_access_key("AK1", "old", &key, &mut rng).unwrap();
        user.put_access_key("AK1", "new", &key, &mut rng).unwrap();
        assert_eq!(user.access_keys.len(), 1);
        assert_eq!(user.access_key_secret("AK1", &key).unwrap().expose(), "new");
        assert!(matches!(user.access_key_secret("AK2", &key), Err(Error::NotFound { .. })));
        let thief = User { name: "bob".to_owned(), ..user.clone() };
        assert!(matches!(thief.access_key_secret("AK1", &key), Err(Error::Corrupt(_))));
        user.check().unwrap();
        user.roles = vec!["r".to_owned(); ROLES_MAX + 1];
        assert!(user.check().unwrap_err().to_string().contains("33 roles"));
    }
}
