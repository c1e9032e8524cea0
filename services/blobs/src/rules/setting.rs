//! How a document of a bucket is stored: JSON with a version, unknown fields refused. *Persisted.*
//!
//! The version is the document's own. A later version of Bole that writes another shape raises it and keeps reading the old one.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::limits::SETTING_BYTES_MAX;

/// A document that is stored for a bucket or an object.
pub trait Setting: Serialize + DeserializeOwned {
    /// Its name in messages.
    const NAME: &'static str;
    /// The version in which it is written.
    const VERSION: u32;
}

#[derive(Serialize)]
struct Written<'a, T> {
    version: u32,
    value: &'a T,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "T: DeserializeOwned")]
struct Read<T> {
    #[serde(rename = "version")]
    _version: u32,
    value: T,
}

/// The bytes to store.
pub fn encode<T: Setting>(value: &T) -> Vec<u8> {
    serde_json::to_vec(&Written { version: T::VERSION, value })
        .expect("documents hold strings, numbers and lists only, which JSON can say")
}

/// Reads what [`encode`] wrote; the error is for the operator.
pub fn decode<T: Setting>(bytes: &[u8]) -> Result<T, String> {
    if bytes.len() > SETTING_BYTES_MAX {
        let (name, length) = (T::NAME, bytes.len());
        return Err(format!("a stored {name} has {length} bytes; {SETTING_BYTES_MAX} are allowed"));
    }
    let failed = |error: serde_json::Error| format!("a stored {} cannot be read: {error}", T::NAME);
    let found = serde_json::from_slice::<Version>(bytes).map_err(failed)?.version;
    if found != T::VERSION {
        let (name, known) = (T::NAME, T::VERSION);
        return Err(format!("a stored {name} has version {found}; this version of Bole reads {known}"));
    }
    serde_json::from_slice::<Read<T>>(bytes).map(|read| read.value).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{acl, cors, encryption, events, lifecycle, lock, policy, tags, website};

    /// What version 1 of each document looks like on disk. These lines stay as they are, whatever is added.
    #[test]
    fn version_1_is_read_and_written() {
        fn check<T: Setting>(value: &str) {
            let stored = format!(r#"{{"version":1,"value":{value}}}"#);
            let read = decode::<T>(stored.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(encode(&read)).unwrap(), stored);
            // Nothing beyond what is known is read.
            let more = stored.replacen("\"value\":{", "\"value\":{\"unknown\":1,", 1);
            assert!(more == stored || decode::<T>(more.as_bytes()).is_err(), "{more}");
        }
        check::<policy::Stored>(r#"{"text":"{}","owner_may_be_denied":true}"#);
        check::<acl::Acl>(
            r#"{"owner":"o","grants":[{"grantee":{"user":"u"},"permission":"full-control"},{"grantee":{"group":"all-users"},"permission":"read-acp"}]}"#,
        );
        check::<acl::Ownership>(r#""bucket-owner-preferred""#);
        check::<acl::PublicAccessBlock>(
            r#"{"block_public_acls":true,"ignore_public_acls":false,"block_public_policy":true,"restrict_public_buckets":false}"#,
        );
        check::<lifecycle::Lifecycle>(
            r#"[{"id":"r","enabled":true,"filter":{"form":"and","prefix":"p","tags":[{"key":"k","value":"v"}],"size_greater":1,"size_less":9},"expiration":{"days":1,"date_ms":null,"expired_object_delete_marker":null},"noncurrent":{"days":2,"newer":3},"abort_days":null}]"#,
        );
        check::<lock::Lock>(r#"{"retention":{"mode":"GOVERNANCE","until_ms":5},"legal_hold":true}"#);
        check::<lock::Configuration>(r#"{"default":{"mode":"COMPLIANCE","days":1,"years":null}}"#);
        check::<cors::Cors>(
            r#"[{"id":null,"origins":["*"],"methods":["GET"],"headers":[],"expose":["ETag"],"max_age_seconds":5}]"#,
        );
        check::<website::Website>(
            r#"{"index_suffix":"i","error_key":null,"redirect_all":null,"rules":[{"if_prefix":"p","if_error":404,"host":"h","protocol":"https","replace_prefix":null,"replace_key":"k","status":302}]}"#,
        );
        check::<tags::Tags>(r#"[{"key":"k","value":"v"}]"#);
        check::<events::Notifications>(
            r#"[{"id":"n","kind":"queue","destination":"d","events":["s3:ObjectCreated:*"],"prefix":"p","suffix":null}]"#,
        );
        check::<encryption::DefaultEncryption>(r#"{"bucket_key":true}"#);
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        text: String,
    }

    impl Setting for Sample {
        const NAME: &'static str = "sample";
        const VERSION: u32 = 3;
    }

    #[test]
    fn settings_are_read_as_written() {
        let sample = Sample { text: "a\u{1}\"é".to_owned() };
        assert_eq!(decode::<Sample>(&encode(&sample)), Ok(sample));
        for (bytes, expected) in [
            (r#"{"version":3,"value":{"text":"a","more":1}}"#, "unknown field `more`"),
            (r#"{"version":3,"value":{"text":"a"},"more":1}"#, "unknown field `more`"),
            (r#"{"version":4,"value":{"other":1}}"#, "version 4; this version of Bole reads 3"),
            (r#"{"value":{"text":"a"}}"#, "missing field `version`"),
            (r"{", "EOF"),
            ("", "EOF"),
        ] {
            let error = decode::<Sample>(bytes.as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{error} lacks {expected}");
        }
        assert!(decode::<Sample>(&vec![b' '; SETTING_BYTES_MAX + 1]).unwrap_err().contains("are allowed"));
    }
}
