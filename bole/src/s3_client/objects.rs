//! What is asked of objects: lists, heads, bodies in and out, parts.

use anyhow::{Context as _, Result, ensure};
use hyper::Method;
use hyper::header::{HeaderMap, HeaderName};

use super::buckets::or_none;
use super::connection::text_of;
use super::xml::{Element, escape};
use super::{Answer, Client, Payload, Request, decode};

/// Headers that come back with an object, besides those of the user.
const HEADERS: [&str; 6] = [
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
];
const USER_HEADERS: &str = "x-amz-meta-";

/// A version of a key as lists say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) key: String,
    /// Empty in a list of objects.
    pub(crate) id: String,
    pub(crate) is_latest: bool,
    pub(crate) is_marker: bool,
    pub(crate) bytes: u64,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) modified: String,
}

/// Where a list goes on: a token, or a key and a version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    first: String,
    second: String,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) versions: Vec<Version>,
    pub(crate) next: Option<Next>,
}

/// What a HEAD or GET says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) bytes: u64,
    pub(crate) etag: String,
    /// Headers that belong to the object, and the user's.
    pub(crate) headers: Vec<(String, String)>,
    /// How many tags it has.
    pub(crate) tags: Option<u32>,
    /// How many parts it came in, where a part was asked for.
    pub(crate) parts: Option<u32>,
    /// How it is encrypted by the server, if it is: then its ETag need not be an MD5.
    pub(crate) is_encrypted: bool,
}

impl Head {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self> {
        let is_kept = |name: &str| HEADERS.contains(&name) || name.starts_with(USER_HEADERS);
        let kept = headers.keys().map(HeaderName::as_str).filter(|name| is_kept(name));
        let pair = |name: &str| {
            let value = text_of(headers, name).with_context(|| format!("the header {name} is not text"))?;
            Ok((name.to_owned(), value))
        };
        let encryption = text_of(headers, "x-amz-server-side-encryption").unwrap_or_default();
        let has_key = headers.contains_key("x-amz-server-side-encryption-customer-algorithm");
        let number = |name: &str| text_of(headers, name).and_then(|value| value.parse().ok());
        let length = text_of(headers, "content-length").context("the answer has no length")?;
        Ok(Self {
            bytes: length.parse().with_context(|| format!("\"{length}\" is not a length"))?,
            etag: unquoted(&text_of(headers, "etag").unwrap_or_default()),
            headers: kept.map(pair).collect::<Result<_>>()?,
            tags: number("x-amz-tagging-count"),
            parts: number("x-amz-mp-parts-count"),
            is_encrypted: encryption.starts_with("aws:kms") || has_key,
        })
    }
}

/// An ETag without its quotes.
pub(crate) fn unquoted(etag: &str) -> String {
    etag.trim_start_matches("W/").trim_matches('"').to_owned()
}

fn version(element: &Element, is_encoded: bool) -> Result<Version> {
    let key = element.text_of("Key");
    let key = if is_encoded { decode(key) } else { Some(key.to_owned()) };
    let is_marker = element.name == "DeleteMarker";
    let bytes = element.text_of("Size");
    Ok(Version {
        key: key.with_context(|| format!("the key \"{}\" is not UTF-8", element.text_of("Key")))?,
        id: element.text_of("VersionId").to_owned(),
        is_latest: element.name == "Contents" || element.text_of("IsLatest") == "true",
        is_marker,
        bytes: if is_marker {
            0
        } else {
            bytes.parse().with_context(|| format!("\"{bytes}\" is not a size"))?
        },
        etag: unquoted(element.text_of("ETag")),
        modified: element.text_of("LastModified").to_owned(),
    })
}

/// The versions of each key together, from the newest to the oldest. Some servers tell all delete markers of a page before its other versions; then times say what is newer.
fn in_order(mut versions: Vec<Version>) -> Vec<Version> {
    let mut seen = std::collections::HashSet::new();
    let mut groups = versions.chunk_by(|a, b| a.key == b.key);
    if !groups.all(|group| seen.insert(group[0].key.clone())) {
        versions.sort_by(|a, b| {
            let newest = b.is_latest.cmp(&a.is_latest).then_with(|| b.modified.cmp(&a.modified));
            a.key.cmp(&b.key).then(newest)
        });
    }
    versions
}

/// A page of an answer; `next` names the elements that say where the list goes on.
fn page(answer: &Element, next: [&str; 2]) -> Result<Page> {
    let is_encoded = answer.text_of("EncodingType") == "url";
    let is_version =
        |child: &&Element| ["Contents", "Version", "DeleteMarker"].contains(&child.name.as_str());
    let versions = answer.children.iter().filter(is_version).map(|child| version(child, is_encoded));
    let mut page = Page { versions: in_order(versions.collect::<Result<_>>()?), next: None };
    if answer.text_of("IsTruncated") == "true" {
        let is_key = next[0] == "NextKeyMarker";
        let first = answer.text_of(next[0]);
        let first = if is_key && is_encoded { decode(first) } else { Some(first.to_owned()) };
        let first = first.filter(|first| !first.is_empty());
        let first = first.context("a list that goes on does not say where")?;
        page.next = Some(Next { first, second: answer.text_of(next[1]).to_owned() });
    }
    Ok(page)
}

impl Client {
    /// The next page of the objects below a prefix.
    pub(crate) async fn list(&self, bucket: &str, prefix: &str, after: Option<&Next>) -> Result<Page> {
        let request =
            Request::new(Method::GET, bucket, "").query("list-type", "2").query("encoding-type", "url");
        let request = request.query("prefix", prefix);
        let token = after.map(|next| next.first.as_str());
        let answer = self.send(request.query_opt("continuation-token", token)).await?.xml().await?;
        page(&answer, ["NextContinuationToken", ""])
    }

    /// The next page of all versions below a prefix, those of a key from the newest to the oldest.
    pub(crate) async fn list_versions(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&Next>,
    ) -> Result<Page> {
        let request =
            Request::new(Method::GET, bucket, "").query("versions", "").query("encoding-type", "url");
        let request = request.query("prefix", prefix);
        let request = request.query_opt("key-marker", after.map(|next| next.first.as_str()));
        let marker = after.map(|next| next.second.as_str()).filter(|marker| !marker.is_empty());
        let answer = self.send(request.query_opt("version-id-marker", marker)).await?.xml().await?;
        page(&answer, ["NextKeyMarker", "NextVersionIdMarker"])
    }

    /// What is said of an object or of one of its parts, if it is there.
    pub(crate) async fn head(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        part: Option<u32>,
    ) -> Result<Option<Head>> {
        let request = Request::new(Method::HEAD, bucket, key).query_opt("versionId", version);
        let part = part.map(|part| part.to_string());
        let Some(answer) = or_none(self.send(request.query_opt("partNumber", part.as_deref())).await)? else {
            return Ok(None);
        };
        Head::of(&answer.headers).map(Some)
    }

    /// An object, or a range of it. `etag`: it is refused if it is another by now.
    pub(crate) async fn get(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        range: Option<std::ops::Range<u64>>,
        etag: Option<&str>,
    ) -> Result<Answer> {
        let mut headers = Vec::new();
        if let Some(range) = range {
            headers.push(("range".to_owned(), format!("bytes={}-{}", range.start, range.end - 1)));
        }
        if let Some(etag) = etag {
            headers.push(("if-match".to_owned(), format!("\"{etag}\"")));
        }
        self.send(Request::new(Method::GET, bucket, key).query_opt("versionId", version).headers(headers))
            .await
    }

    /// The tags of an object, as the header `x-amz-tagging` says them.
    pub(crate) async fn tags(&self, bucket: &str, key: &str, version: Option<&str>) -> Result<String> {
        let request =
            Request::new(Method::GET, bucket, key).query("tagging", "").query_opt("versionId", version);
        let answer = self.send(request).await?.xml().await?;
        let tags = answer.child("TagSet").map(|set| set.children.as_slice()).unwrap_or_default();
        let pair = |tag: &Element| {
            let [key, value] = ["Key", "Value"].map(|name| super::encode(tag.text_of(name), false));
            format!("{key}={value}")
        };
        Ok(tags.iter().map(pair).collect::<Vec<_>>().join("&"))
    }

    /// Puts an object; its ETag.
    pub(crate) async fn put(
        &self,
        bucket: &str,
        key: &str,
        headers: Vec<(String, String)>,
        payload: Payload,
    ) -> Result<String> {
        let answer =
            self.send(Request::new(Method::PUT, bucket, key).headers(headers).payload(payload)).await?;
        let etag = answer.header("etag").context("the answer has no ETag")?;
        answer.done().await?;
        Ok(unquoted(&etag))
    }

    /// Deletes an object: in a bucket with versions, puts a delete marker.
    pub(crate) async fn delete(&self, bucket: &str, key: &str) -> Result<()> {
        self.send(Request::new(Method::DELETE, bucket, key)).await?.done().await
    }

    /// Begins an upload in parts; its id.
    pub(crate) async fn begin_parts(
        &self,
        bucket: &str,
        key: &str,
        headers: Vec<(String, String)>,
    ) -> Result<String> {
        let request = Request::new(Method::POST, bucket, key).query("uploads", "").headers(headers);
        let answer = self.send(request).await?.xml().await?;
        let id = answer.text_of("UploadId");
        ensure!(!id.is_empty(), "the answer has no UploadId");
        Ok(id.to_owned())
    }

    /// Puts a part; its ETag.
    pub(crate) async fn put_part(
        &self,
        bucket: &str,
        key: &str,
        upload: &str,
        number: usize,
        payload: Payload,
    ) -> Result<String> {
        let request = Request::new(Method::PUT, bucket, key).query("partNumber", number.to_string());
        let answer = self.send(request.query("uploadId", upload).payload(payload)).await?;
        let etag = answer.header("etag").context("the answer has no ETag")?;
        answer.done().await?;
        Ok(unquoted(&etag))
    }

    /// Makes the object of its parts; its ETag.
    pub(crate) async fn complete(
        &self,
        bucket: &str,
        key: &str,
        upload: &str,
        etags: &[String],
    ) -> Result<String> {
        let part = |(place, etag): (usize, &String)| {
            let (number, etag) = (place + 1, escape(etag));
            format!("<Part><PartNumber>{number}</PartNumber><ETag>\"{etag}\"</ETag></Part>")
        };
        let parts: String = etags.iter().enumerate().map(part).collect();
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        let request = Request::new(Method::POST, bucket, key).query("uploadId", upload).body(body);
        let answer = self.send(request).await?.xml().await?;
        // S3 may say 200 and then find that it failed.
        ensure!(answer.name != "Error", "{}: {}", answer.text_of("Code"), answer.text_of("Message"));
        Ok(unquoted(answer.text_of("ETag")))
    }

    /// Gives an upload up.
    pub(crate) async fn abort(&self, bucket: &str, key: &str, upload: &str) -> Result<()> {
        self.send(Request::new(Method::DELETE, bucket, key).query("uploadId", upload)).await?.done().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_a_key_stand_together() {
        let version = |key: &str, id: &str, modified: &str| Version {
            key: key.to_owned(),
            id: id.to_owned(),
            modified: modified.to_owned(),
            ..Version::default()
        };
        let ids = |versions| in_order(versions).into_iter().map(|it: Version| it.id).collect::<Vec<_>>();
        let markers_first = vec![
            version("a", "2", "t2"),
            version("b", "5", "t5"),
            version("a", "3", "t3"),
            version("a", "1", "t1"),
            version("b", "4", "t4"),
        ];
        assert_eq!(ids(markers_first), ["3", "2", "1", "5", "4"]);
        // An order that is another than that of bytes stays.
        assert_eq!(
            ids(vec![version("a/b", "1", "t"), version("a-b", "2", "t"), version("a-b", "3", "t")]),
            ["1", "2", "3"]
        );
    }

    #[test]
    fn lists_are_read() {
        let text = "<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextKeyMarker>b%2F</NextKeyMarker>\
            <NextVersionIdMarker>v</NextVersionIdMarker><Version><Key>a+b</Key><VersionId>2</VersionId><IsLatest>true</IsLatest><Size>7</Size><ETag>&quot;e&quot;</ETag>\
            <LastModified>t</LastModified></Version><DeleteMarker><Key>c</Key><VersionId>1</VersionId></DeleteMarker></ListVersionsResult>";
        let read = page(&Element::parse(text).unwrap(), ["NextKeyMarker", "NextVersionIdMarker"]).unwrap();
        let first = Version {
            key: "a b".to_owned(),
            id: "2".to_owned(),
            is_latest: true,
            bytes: 7,
            etag: "e".to_owned(),
            modified: "t".to_owned(),
            ..Version::default()
        };
        let second =
            Version { key: "c".to_owned(), id: "1".to_owned(), is_marker: true, ..Version::default() };
        assert_eq!(read.versions, [first, second]);
        assert_eq!(read.next, Some(Next { first: "b/".to_owned(), second: "v".to_owned() }));
        for wrong in [
            "<L><Contents><Key>a</Key></Contents></L>",
            "<L><IsTruncated>true</IsTruncated></L>",
            "<L><EncodingType>url</EncodingType><Contents><Key>%</Key><Size>1</Size></Contents></L>",
        ] {
            assert!(page(&Element::parse(wrong).unwrap(), ["NextContinuationToken", ""]).is_err(), "{wrong}");
        }
    }
}
