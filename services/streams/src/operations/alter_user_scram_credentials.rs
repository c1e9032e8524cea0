//! Sets and removes SCRAM credentials. A client sends the salted password, so the node never sees the password.
//!
//! Users are the whole node's: who may alter the cluster may make users without roles and give them passwords; those of a user with roles of
//! its own can be changed only by who may manage users at the admin door.

use std::collections::BTreeMap;
use std::sync::Arc;

use bole_identity::{Directory, Entry, Scram, ScramHash, User, Verifiers};

use super::describe_user_scram_credentials::MECHANISMS;
use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::messages::alter_user_scram_credentials::{
    AlterUserScramCredentialsResult, Request, Response, ScramCredentialUpsertion,
};
use crate::protocol::{ErrorCode, Text};
use crate::session::{Action, Session, message};

/// Rounds of salting that are taken, as in Kafka.
const ITERATIONS_MIN: i32 = 4_096;
const ITERATIONS_MAX: i32 = 16_384;
/// Bytes of a salt that are taken.
const SALT_BYTES_MAX: usize = 256;

/// What is to become of one user: mechanisms with their new keys, or none.
type Changes = Vec<(ScramHash, Option<Scram>)>;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let mut users: BTreeMap<Text, Result<Changes, Error>> = BTreeMap::new();
        for deletion in &self.deletions {
            collect(&mut users, &deletion.name, hash(deletion.mechanism).map(|hash| (hash, None)));
        }
        for upsertion in &self.upsertions {
            collect(&mut users, &upsertion.name, keys(upsertion));
        }
        let mut results = Vec::with_capacity(users.len());
        for (user, changes) in users {
            let outcome = match changes {
                Ok(changes) => alter(&session, &user, &changes).await,
                Err(error) => Err(error),
            };
            let error = outcome.err();
            if error.is_some() {
                super::refused(&session);
            }
            results.push(AlterUserScramCredentialsResult {
                user,
                error_code: error.as_ref().map_or(0, |error| error.code() as i16),
                error_message: error.as_ref().and_then(message),
            });
        }
        Response { results, ..Response::default() }.into()
    }
}

fn collect(
    users: &mut BTreeMap<Text, Result<Changes, Error>>,
    user: &Text,
    change: Result<(ScramHash, Option<Scram>), Error>,
) {
    let changes = users.entry(user.clone()).or_insert_with(|| Ok(Vec::new()));
    let Ok(known) = changes else { return };
    match change {
        Ok((hash, _)) if known.iter().any(|(other, _)| *other == hash) => {
            let text = format!("user \"{user}\": one mechanism is changed twice");
            *changes = Err(Error::refused(ErrorCode::DuplicateResource, text));
        }
        Ok(change) => known.push(change),
        Err(error) => *changes = Err(error),
    }
}

fn hash(mechanism: i8) -> Result<ScramHash, Error> {
    let known = MECHANISMS.into_iter().find(|(number, _)| *number == mechanism);
    known.map(|(_, hash)| hash).ok_or_else(|| {
        let text = format!("mechanism {mechanism}; use 1 (SCRAM-SHA-256) or 2 (SCRAM-SHA-512)");
        Error::refused(ErrorCode::UnsupportedSaslMechanism, text)
    })
}

fn keys(upsertion: &ScramCredentialUpsertion) -> Result<(ScramHash, Option<Scram>), Error> {
    let unacceptable = |text: String| Error::refused(ErrorCode::UnacceptableCredential, text);
    let hash = hash(upsertion.mechanism)?;
    let ScramCredentialUpsertion { iterations, salt, salted_password, .. } = upsertion;
    if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(iterations) {
        return Err(unacceptable(format!(
            "{iterations} iterations; {ITERATIONS_MIN} to {ITERATIONS_MAX} are allowed"
        )));
    }
    if salt.is_empty() || salt.len() > SALT_BYTES_MAX {
        let bytes = salt.len();
        return Err(unacceptable(format!("a salt of {bytes} bytes; 1 to {SALT_BYTES_MAX} are allowed")));
    }
    if salted_password.len() != hash.bytes() {
        let (bytes, needed) = (salted_password.len(), hash.bytes());
        return Err(unacceptable(format!("a salted password of {bytes} bytes; {needed} are needed")));
    }
    Ok((hash, Some(Scram::from_salted(hash, salted_password, salt, *iterations as u32))))
}

async fn alter(session: &Session, name: &str, changes: &Changes) -> Result<(), Error> {
    session.check_cluster(Action::Alter)?;
    let now = session.service.now() as u64;
    let manages = session.manages_users();
    super::change_identity(session, |directory| {
        decide(directory, name, changes, manages, now).map(|entry| vec![entry])
    })
    .await
}

fn decide(
    directory: &Directory,
    name: &str,
    changes: &Changes,
    manages: bool,
    now: u64,
) -> Result<Entry, Error> {
    let known = directory.user(name);
    if known.is_some_and(|user| !manages && (!user.roles.is_empty() || !user.access_keys.is_empty())) {
        let text = format!(
            "user \"{name}\" has roles or access keys; its password can be changed only by who may manage users (admin:users)"
        );
        return Err(Error::refused(ErrorCode::ClusterAuthorizationFailed, text));
    }
    let mut user = known.map_or_else(
        || User {
            name: name.to_owned(),
            verifiers: None,
            roles: Vec::new(),
            access_keys: Vec::new(),
            enabled: true,
            created_ms: now,
        },
        |user| (**user).clone(),
    );
    let mut verifiers = user.verifiers.take().unwrap_or_default();
    for (hash, keys) in changes {
        if keys.is_none() && verifiers.scram(*hash).is_none() {
            let text = format!("user \"{name}\" has no such credential");
            return Err(Error::refused(ErrorCode::ResourceNotFound, text));
        }
        verifiers.set_scram(*hash, keys.clone());
    }
    user.verifiers = Some(verifiers).filter(|verifiers: &Verifiers| !verifiers.is_empty());
    let unacceptable =
        |error: bole_identity::Error| Error::refused(ErrorCode::UnacceptableCredential, error.to_string());
    if user.verifiers.is_none() && user.roles.is_empty() && user.access_keys.is_empty() {
        return directory.delete_user(name).map_err(unacceptable);
    }
    directory.put_user(user).map_err(unacceptable)
}

#[cfg(test)]
mod tests {
    use bole_identity::Role;

    use super::*;

    fn change(hash: ScramHash, password: Option<&str>) -> Changes {
        vec![(hash, password.map(|password| Scram::new(hash, password, b"salt", 4_096)))]
    }

    #[test]
    fn users_come_change_and_go() {
        let mut directory = Directory::new();
        directory.apply(Entry::RolePut(Box::new(Role::administrator())));
        let root = User {
            name: "root".to_owned(),
            verifiers: None,
            roles: vec!["administrator".to_owned()],
            access_keys: Vec::new(),
            enabled: true,
            created_ms: 0,
        };
        directory.apply(Entry::UserPut(Box::new(root)));
        // User, change, whether who asks manages users; the code if it is refused; whether a password passes after it.
        let (sha256, sha512) = (ScramHash::Sha256, ScramHash::Sha512);
        for (name, changes, manages, refusal, right) in [
            ("ann", change(sha256, None), false, Some(ErrorCode::ResourceNotFound), None),
            ("ann", change(sha256, Some("one")), false, None, Some("one")),
            ("ann", change(sha512, Some("two")), false, None, Some("two")),
            ("ann", change(sha256, None), false, None, Some("two")),
            ("ann", change(sha512, None), false, None, None),
            ("a b", change(sha256, Some("one")), false, Some(ErrorCode::UnacceptableCredential), None),
            ("root", change(sha256, Some("one")), false, Some(ErrorCode::ClusterAuthorizationFailed), None),
            ("root", change(sha256, Some("one")), true, None, Some("one")),
            ("root", change(sha256, None), true, None, None),
        ] {
            let decided = decide(&directory, name, &changes, manages, 7);
            assert_eq!(decided.as_ref().err().map(Error::code), refusal, "{name} {changes:?}");
            if let Ok(entry) = decided {
                directory.apply(entry);
            }
            let verifiers = directory.user(name).and_then(|user| user.verifiers.as_ref());
            let passes = right.is_some_and(|right| verifiers.is_some_and(|known| known.verify(right)));
            assert_eq!(passes, right.is_some(), "{name} {changes:?}");
        }
        assert!(directory.user("ann").is_none() && directory.user("root").is_some());
    }

    #[test]
    fn credentials_that_are_too_weak_are_refused() {
        let good = ScramCredentialUpsertion {
            name: Text::from("ann"),
            mechanism: 1,
            iterations: 4_096,
            salt: bytes::Bytes::from_static(b"salt"),
            salted_password: bytes::Bytes::from_static(&[1; 32]),
        };
        assert!(keys(&good).is_ok());
        for bad in [
            ScramCredentialUpsertion { mechanism: 0, ..good.clone() },
            ScramCredentialUpsertion { mechanism: 2, ..good.clone() },
            ScramCredentialUpsertion { iterations: 4_095, ..good.clone() },
            ScramCredentialUpsertion { iterations: 16_385, ..good.clone() },
            ScramCredentialUpsertion { salt: bytes::Bytes::new(), ..good.clone() },
            ScramCredentialUpsertion { salted_password: bytes::Bytes::new(), ..good },
        ] {
            assert!(keys(&bad).is_err(), "{bad:?}");
        }
    }
}
