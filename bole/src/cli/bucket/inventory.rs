//! `bole bucket inventory`: what is in a bucket, a line a version, as it is listed: nothing is kept in memory.

use std::io::Write;

use anyhow::Result;

use crate::s3_client::Client;
use crate::s3_client::objects::Version;

/// The columns of the CSV.
const HEADER: &str = "key,size,etag,last_modified,version_id,is_latest,is_delete_marker";

/// What is listed, and how.
pub(super) struct What<'a> {
    pub(super) bucket: &'a str,
    pub(super) prefix: &'a str,
    pub(super) has_versions: bool,
    pub(super) is_csv: bool,
}

/// Writes it.
pub(super) async fn write(client: &Client, what: &What<'_>, out: &mut dyn Write) -> Result<()> {
    if what.is_csv {
        writeln!(out, "{HEADER}")?;
    }
    let mut next = None;
    loop {
        let page = if what.has_versions {
            client.list_versions(what.bucket, what.prefix, next.as_ref()).await?
        } else {
            client.list(what.bucket, what.prefix, next.as_ref()).await?
        };
        for version in &page.versions {
            let line = if what.is_csv { csv(version) } else { plain(version) };
            writeln!(out, "{line}")?;
        }
        next = page.next;
        if next.is_none() {
            return Ok(());
        }
    }
}

/// A line of CSV (RFC 4180): the key is quoted where it has to be.
fn csv(version: &Version) -> String {
    let Version { key, id, is_latest, is_marker, bytes, etag, modified } = version;
    let key = if key.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", key.replace('"', "\"\""))
    } else {
        key.clone()
    };
    format!("{key},{bytes},{etag},{modified},{id},{is_latest},{is_marker}")
}

fn plain(version: &Version) -> String {
    let Version { key, id, is_marker, bytes, etag, .. } = version;
    let what = if *is_marker { "delete marker" } else { etag };
    // A key may have characters that a terminal obeys.
    let key: String = key
        .chars()
        .flat_map(|one| if one.is_control() { one.escape_default().collect() } else { vec![one] })
        .collect();
    format!("{bytes:>14}  {what:<36}  {key}{}", if id.is_empty() { String::new() } else { format!("  {id}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let version = |key: &str| Version {
            key: key.to_owned(),
            bytes: 3,
            etag: "e".to_owned(),
            modified: "t".to_owned(),
            is_latest: true,
            ..Version::default()
        };
        assert_eq!(csv(&version("a b")), "a b,3,e,t,,true,false");
        assert_eq!(csv(&version("a,\"b\"\n")), "\"a,\"\"b\"\"\n\",3,e,t,,true,false");
        assert!(plain(&version("a\u{1b}[2J")).ends_with("  a\\u{1b}[2J"));
    }
}
