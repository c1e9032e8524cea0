//! A bucket, and perhaps what its keys begin with: `BUCKET` or `BUCKET/PREFIX`, also behind `s3://`.

use std::str::FromStr;

/// Some of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) bucket: String,
    /// May be empty.
    pub(super) prefix: String,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix("s3://").unwrap_or(text);
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        if bucket.is_empty() {
            return Err("it names no bucket; use BUCKET or BUCKET/PREFIX".to_owned());
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        for (text, expected) in [
            ("b", Some(("b", ""))),
            ("s3://b/", Some(("b", ""))),
            ("s3://b/a/c", Some(("b", "a/c"))),
            ("b/a/", Some(("b", "a/"))),
            ("s3://", None),
            ("/a", None),
        ] {
            let read = text.parse::<Place>().ok();
            assert_eq!(read.as_ref().map(|it| (it.bucket.as_str(), it.prefix.as_str())), expected, "{text}");
        }
    }
}
