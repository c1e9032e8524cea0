//! Who asks a server: keys, from a file or from the variables that S3's tools read.

use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// Who signs.
#[derive(Clone)]
pub(crate) struct Keys {
    /// The access key.
    pub(crate) access_key: String,
    /// Its secret.
    pub(crate) secret_key: String,
    /// The token of keys that expire.
    pub(crate) session_token: Option<String>,
}

/// Without the secrets.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

impl Keys {
    /// From the variables that S3's tools read.
    pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let found = |name: &str| {
            let value = variable(name).filter(|value| !value.is_empty());
            value.with_context(|| format!("the variable {name} is not set"))
        };
        Ok(Self {
            access_key: found("AWS_ACCESS_KEY_ID")?,
            secret_key: found("AWS_SECRET_ACCESS_KEY")?,
            session_token: variable("AWS_SESSION_TOKEN").filter(|token| !token.is_empty()),
        })
    }

    /// From a file as S3's tools keep it.
    pub(crate) fn of_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("the credentials in {} cannot be read", path.display()))?;
        Self::read(&text).with_context(|| format!("in {}", path.display()))
    }

    /// The profile `default`, or what stands before any profile.
    fn read(text: &str) -> Result<Self> {
        let (mut keys, mut applies) = ([None, None, None], true);
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with(['#', ';'])) {
            if let Some(profile) = line.strip_prefix('[') {
                applies = profile.trim_end_matches(']').trim() == "default";
                continue;
            }
            // The line is not told: it may hold the secret.
            let Some((name, value)) = line.split_once('=') else { bail!("a line is not NAME = VALUE") };
            let names = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];
            if let Some(place) = names.iter().position(|known| *known == name.trim())
                && applies
            {
                keys[place] = Some(value.trim().to_owned());
            }
        }
        let [access_key, secret_key, session_token] = keys;
        Ok(Self {
            access_key: access_key.context("the profile \"default\" has no aws_access_key_id")?,
            secret_key: secret_key.context("the profile \"default\" has no aws_secret_access_key")?,
            session_token,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_as_other_tools_read_them() {
        let of = |text: &str| {
            Keys::read(text)
                .map(|keys| (keys.access_key, keys.secret_key, keys.session_token.unwrap_or_default()))
        };
        let keys = |token: &str| Some(("a".to_owned(), "s=1".to_owned(), token.to_owned()));
        for (text, expected) in [
            ("aws_access_key_id=a\naws_secret_access_key=s=1", keys("")),
            (
                "# mine\n[other]\naws_access_key_id = x\n[default]\naws_access_key_id = a\naws_secret_access_key = s=1\naws_session_token = t\nregion = r\n",
                keys("t"),
            ),
            ("[other]\naws_access_key_id=a\naws_secret_access_key=s", None),
            ("aws_access_key_id=a", None),
            ("hunter2", None),
        ] {
            assert_eq!(of(text).ok(), expected, "{text}");
        }
        assert!(!format!("{:#}", of("hunter2").unwrap_err()).contains("hunter2"));
        let missing = Keys::of_environment(|_| None).err().unwrap();
        assert!(missing.to_string().contains("AWS_ACCESS_KEY_ID"), "{missing}");
    }
}
