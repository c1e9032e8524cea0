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
