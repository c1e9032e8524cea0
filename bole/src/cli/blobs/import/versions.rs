//! One key with all its versions: they are put in the order in which they were made.

use anyhow::{Result, ensure};

use super::Outcome;
use super::transfer::{self, Target};
use crate::cli::blobs::place::Place;
use crate::s3_client::Client;
use crate::s3_client::objects::Version;

/// Whether a version here is one of the source.
fn is_like(here: &Version, there: &Version) -> bool {
    let digests = here.etag == there.etag || there.etag.contains('-') || here.etag.contains('-');
    here.is_marker == there.is_marker && (here.is_marker || (here.bytes == there.bytes && digests))
}

/// Puts those that are not here. What is here has to be what the source began with.
pub(super) async fn copy(
    client: &Client,
    place: &Place,
    target: &Target,
    versions: &[Version],
    outcomes: &mut Vec<(Outcome, u64)>,
) -> Result<()> {
    let key = versions.first().map_or("", |version| &version.key);
    let key = target.key(key, place)?;
    let here = here(target, &key).await?;
    let is_beginning = here.len() <= versions.len() && here.iter().zip(versions).all(|(a, b)| is_like(a, b));
    ensure!(
        is_beginning,
        "there are {} versions here that are not what the source's {} begin with",
        here.len(),
        versions.len()
    );
    outcomes.extend(versions[..here.len()].iter().map(|version| (Outcome::Present, version.bytes)));
    for version in &versions[here.len()..] {
        let outcome = if version.is_marker {
            target.client.delete(&target.place.bucket, &key).await?;
            Outcome::Copied
        } else {
            transfer::put(client, place, target, version, &key).await?
        };
        outcomes.push((outcome, version.bytes));
    }
    Ok(())
}

/// The versions of a key here, from the oldest to the newest.
async fn here(target: &Target, key: &str) -> Result<Vec<Version>> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let page = target.client.list_versions(&target.place.bucket, key, next.as_ref()).await?;
        // The key itself comes before those that it is the beginning of.
        let is_over = page.versions.iter().any(|version| version.key != key);
        found.extend(page.versions.into_iter().filter(|version| version.key == key));
        next = page.next;
        if is_over || next.is_none() {
            found.reverse();
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared() {
        let object = |etag: &str, bytes| Version { etag: etag.to_owned(), bytes, ..Version::default() };
        let marker = || Version { is_marker: true, ..Version::default() };
        for (here, there, expected) in [
            (object("a", 1), object("a", 1), true),
            (object("a", 1), object("b", 1), false),
            (object("a", 1), object("b-2", 1), true),
            (object("a", 1), object("b-2", 2), false),
            (marker(), marker(), true),
            (object("a", 0), marker(), false),
        ] {
            assert_eq!(is_like(&here, &there), expected, "{here:?} {there:?}");
        }
    }
}
