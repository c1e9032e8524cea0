//! Who is known to the gateway besides the consumers of its document: the users of identity, as their policies let them. And the
//! keys of session cookies.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use bole_gateway::logins::Logins;
use bole_gateway_access::{FetchError, Policies, SessionKeys, Users};
use bole_identity::Identity;

use crate::config::Settings;
use crate::kernel::Kernel;

/// What the keys are for that session cookies are sealed with. *Persisted* in browsers: other words end all sessions.
const KEYS_PURPOSE: &str = "gateway sessions 1";
/// Keys in a file: the first seals, the second opens what it sealed before.
const KEYS_MAX: usize = 2;

/// Identity, as logins ask it.
struct Known(Arc<Identity>);

#[async_trait]
impl Users for Known {
    async fn verify(&self, user: &str, password: &str) -> Result<bool, FetchError> {
        self.0.verify(user, password).await.map_err(|error| FetchError(error.to_string()))
    }
}

impl Policies for Known {
    fn allows(&self, user: &str, action: &str, resource: &str) -> bool {
        self.0.allowed(user, "gateway", action, resource)
    }
}

/// All that logins stand on.
pub(super) fn of(settings: &Settings, kernel: &Kernel) -> Result<Logins> {
    let known = Arc::new(Known(Arc::clone(&kernel.identity)));
    let keys = match &settings.gateway.session_keys_file {
        Some(file) => read(file).with_context(|| format!("gateway.session_keys_file {}", file.display()))?,
        None => kernel.identity.derived_keys(KEYS_PURPOSE).map(|(_, key)| key).collect(),
    };
    let mut keys = keys.into_iter();
    let current = keys.next().context("the node has no key to seal sessions with")?;
    let session_keys = Some(SessionKeys { current, previous: keys.next() });
    Ok(Logins { users: Arc::clone(&known) as _, policies: known, session_keys, ..Logins::default() })
}

/// Keys of a file: 64 hexadecimal digits a line.
fn read(file: &Path) -> Result<Vec<[u8; 32]>> {
    let text = std::fs::read_to_string(file).context("cannot be read")?;
    let mut keys = Vec::new();
    for (number, line) in text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty()) {
        // The line itself is a secret.
        let wrong = || format!("line {} is not 64 hexadecimal digits", number + 1);
        ensure!(line.len() == 64 && line.bytes().all(|byte| byte.is_ascii_hexdigit()), wrong());
        let mut key = [0; 32];
        for (byte, at) in key.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&line[at..at + 2], 16).ok().with_context(wrong)?;
        }
        keys.push(key);
    }
    ensure!(!keys.is_empty(), "has no key; write 64 random hexadecimal digits");
    ensure!(keys.len() <= KEYS_MAX, "has {} keys; at most {KEYS_MAX} are possible", keys.len());
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_lines_of_hexadecimal_digits() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("keys");
        let (one, two) = ("0a".repeat(32), "FF".repeat(32));
        for (text, expected) in [
            (format!("{one}\n"), Ok(vec![[10; 32]])),
            (format!("{one}\n\n {two} \n"), Ok(vec![[10; 32], [255; 32]])),
            (String::new(), Err("has no key")),
            ("0a".to_owned(), Err("line 1 is not")),
            (format!("{one}\n{}", "0g".repeat(32)), Err("line 2 is not")),
            (format!("+{}", &one[1..]), Err("line 1 is not")),
            (format!("{one}\n{one}\n{one}"), Err("has 3 keys")),
        ] {
            std::fs::write(&file, &text).expect("room");
            match (read(&file), expected) {
                (Ok(keys), Ok(expected)) => assert_eq!(keys, expected, "{text}"),
                (Err(error), Err(expected)) => {
                    let error = format!("{error:#}");
                    assert!(error.contains(expected) && !error.contains("0a0a"), "{text}: {error}");
                }
                (got, _) => panic!("{text}: {}", got.is_ok()),
            }
        }
    }
}
