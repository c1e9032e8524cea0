//! What is to be copied, key by key, as it is listed: pages of a bucket elsewhere, or files of a folder.

use std::path::Path;

use anyhow::{Context as _, Result};
use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};

use super::folder::{self, File, Found};
use crate::cli::blobs::place::Place;
use crate::cli::blobs::progress::Amount;
use crate::s3_client::Client;
use crate::s3_client::objects::{Next, Version};

/// One key's worth.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// An object, or all versions of a key from the oldest to the newest.
    Key(Vec<Version>),
    /// A file.
    File(File),
    /// What cannot be an object, and why.
    Refused(String, String),
}

impl Work {
    pub(super) fn key(&self) -> &str {
        match self {
            Self::Key(versions) => versions.first().map_or("", |version| &version.key),
            Self::File(file) => &file.key,
            Self::Refused(name, _) => name,
        }
    }
}

/// Where it comes from.
pub(super) enum Source {
    Bucket { client: Client, place: Place, has_versions: bool },
    Folder(Vec<Found>),
}

/// Where a list is: what of a page is left, the versions of the key that is not complete yet, and where the next page begins.
#[derive(Default)]
struct Cursor {
    versions: std::vec::IntoIter<Version>,
    key: Vec<Version>,
    next: Option<Next>,
    is_last: bool,
}

impl Source {
    /// The files of a folder.
    pub(super) fn folder(path: &str) -> Result<Self> {
        Ok(Self::Folder(folder::walk(Path::new(path))?))
    }

    /// A bucket; all versions if it keeps them, unless those that are current are wanted alone.
    pub(super) async fn bucket(client: Client, place: Place, current_only: bool) -> Result<Self> {
        let reads = || format!("the source's bucket \"{}\" cannot be read", place.bucket);
        let has_versions =
            !current_only && !client.versioning(&place.bucket).await.with_context(reads)?.is_empty();
        Ok(Self::Bucket { client, place, has_versions })
    }

    pub(super) const fn has_versions(&self) -> bool {
        matches!(self, Self::Bucket { has_versions: true, .. })
    }

    pub(super) const fn noun(&self) -> &'static str {
        match self {
            Self::Bucket { has_versions: true, .. } => "versions and delete markers",
            Self::Bucket { .. } => "objects",
            Self::Folder(_) => "files",
        }
    }

    /// The bucket and prefix that it is.
    pub(super) fn place(&self) -> Option<Place> {
        match self {
            Self::Bucket { place, .. } => Some(place.clone()),
            Self::Folder(_) => None,
        }
    }

    /// The client of a bucket.
    pub(super) fn parts(&self) -> Result<(&Client, &Place)> {
        match self {
            Self::Bucket { client, place, .. } => Ok((client, place)),
            Self::Folder(_) => anyhow::bail!("a folder has no versions"),
        }
    }

    /// How much there is.
    pub(super) async fn count(&self) -> Result<Amount> {
        let mut all = Amount::default();
        let mut work = std::pin::pin!(self.work());
        while let Some(work) = work.next().await {
            match work? {
                Work::Key(versions) => {
                    all.things += versions.len() as u64;
                    all.bytes += versions.iter().map(|version| version.bytes).sum::<u64>();
                }
                Work::File(file) => (all.things, all.bytes) = (all.things + 1, all.bytes + file.bytes),
                Work::Refused(..) => all.things += 1,
            }
        }
        Ok(all)
    }

    /// Everything, in the order of the list. Memory: a page, and the versions of one key.
    pub(super) fn work(&self) -> impl Stream<Item = Result<Work>> + '_ {
        match self {
            Self::Folder(found) => stream::iter(found.iter().map(|found| Ok(found.work()))).left_stream(),
            Self::Bucket { client, place, has_versions } => {
                let next = move |cursor| next_key(client, place, *has_versions, cursor);
                stream::try_unfold(Cursor::default(), next).map_ok(Work::Key).right_stream()
            }
        }
    }
}

async fn next_key(
    client: &Client,
    place: &Place,
    has_versions: bool,
    mut cursor: Cursor,
) -> Result<Option<(Vec<Version>, Cursor)>> {
    loop {
        for version in cursor.versions.by_ref() {
            let is_another =
                cursor.key.first().is_some_and(|first| first.key != version.key || !has_versions);
            if is_another {
                let done = std::mem::replace(&mut cursor.key, vec![version]);
                return Ok(Some((in_order(done), cursor)));
            }
            cursor.key.push(version);
        }
        if cursor.is_last {
            let done = std::mem::take(&mut cursor.key);
            return Ok((!done.is_empty()).then(|| (in_order(done), cursor)));
        }
        let page = if has_versions {
            client.list_versions(&place.bucket, &place.prefix, cursor.next.as_ref()).await?
        } else {
            client.list(&place.bucket, &place.prefix, cursor.next.as_ref()).await?
        };
        cursor.is_last = page.next.is_none();
        (cursor.versions, cursor.next) = (page.versions.into_iter(), page.next);
    }
}

/// From the oldest to the newest: lists say it the other way round.
fn in_order(mut versions: Vec<Version>) -> Vec<Version> {
    versions.reverse();
    versions
}
