//! Pages of lists: of objects, of versions, of multipart uploads, over a cursor on entries in the order of keys.
//!
//! What a list shows is keys, and common prefixes in place of all keys that go on after the delimiter. Both count. A page begins with what
//! is above its marker, and a common prefix at or below the marker is not shown again, whichever of its keys are above.
//!
//! A page costs one look-up to begin, one for each entry and two for each common prefix that it shows, and one to see whether there are
//! more, whatever lies between: below a common prefix nothing is read but its first key.

use base64ct::{Base64UrlUnpadded, Encoding};

use super::checksums::{self, Algorithm};
use super::names;
use crate::error::{Code, Error, Result, shown};
use crate::limits::{KEY_BYTES_MAX, PAGE_KEYS_MAX};

/// Entries in the order of their keys, and of one key in an order of the cursor's own.
pub trait Cursor {
    /// What else is known of an entry.
    type Item;
    /// What may go wrong.
    type Error;

    /// Moves before the first entry whose key is not below `from`, which need not be UTF-8.
    fn seek(&mut self, from: &[u8]) -> Result<(), Self::Error>;
    /// Moves behind one entry of a key, and behind those that come before it, whether it is still there or not.
    fn seek_behind(&mut self, key: &str, sub: &str) -> Result<(), Self::Error>;
    /// The next entry.
    fn next(&mut self) -> Result<Option<Listed<Self::Item>>, Self::Error>;
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The object's key.
    pub key: String,
    /// Which of the key's entries: a version's id, an upload's id; nothing in lists of objects.
    pub sub: String,
    /// The rest.
    pub item: T,
}

/// What was shown last, and so where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// A key or a common prefix.
    pub key: String,
    /// The entry of the key; without one, all of its entries are behind.
    pub sub: Option<String>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// What keys must begin with.
    pub prefix: &'a str,
    /// What ends common prefixes; empty for none.
    pub delimiter: &'a str,
    /// What was shown already.
    pub marker: Option<&'a Marker>,
    /// How many keys and prefixes at most.
    pub max: usize,
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Keys, in order.
    pub entries: Vec<Listed<T>>,
    /// Common prefixes, in order.
    pub prefixes: Vec<String>,
    /// Where the next page begins, if there is more to show.
    pub next: Option<Marker>,
}

/// Reads a page. One of no entries is empty and the last one, as S3 has it.
pub fn page<C: Cursor>(cursor: &mut C, query: &Query<'_>) -> Result<Page<C::Item>, C::Error> {
    let mut page = Page { entries: Vec::new(), prefixes: Vec::new(), next: None };
    if query.max == 0 || !begin(cursor, query)? {
        return Ok(page);
    }
    let mut last = None;
    while let Some(listed) = cursor.next()? {
        if !listed.key.starts_with(query.prefix) {
            break;
        }
        if page.entries.len() + page.prefixes.len() == query.max {
            page.next = last;
            break;
        }
        let Some(common) = common_prefix(&listed.key, query) else {
            last = Some(Marker { key: listed.key.clone(), sub: Some(listed.sub.clone()) });
            page.entries.push(listed);
            continue;
        };
        last = Some(Marker { key: common.to_owned(), sub: None });
        page.prefixes.push(common.to_owned());
        let Some(above) = names::successor(common.as_bytes()) else { break };
        cursor.seek(&above)?;
    }
    Ok(page)
}

/// Moves to the first entry above the marker; false if there can be none.
fn begin<C: Cursor>(cursor: &mut C, query: &Query<'_>) -> Result<bool, C::Error> {
    let Some(marker) = query.marker.filter(|marker| *marker.key >= *query.prefix) else {
        cursor.seek(query.prefix.as_bytes())?;
        return Ok(true);
    };
    if let Some(common) = common_prefix(&marker.key, query) {
        let above = names::successor(common.as_bytes());
        return above.map_or(Ok(false), |above| cursor.seek(&above).map(|()| true));
    }
    match &marker.sub {
        Some(sub) => cursor.seek_behind(&marker.key, sub)?,
        // The smallest bytes above a key are itself and a zero.
        None => cursor.seek(&[marker.key.as_bytes(), &[0]].concat())?,
    }
    Ok(true)
}

/// The beginning of a key up to the end of the first delimiter after the prefix.
fn common_prefix<'k>(key: &'k str, query: &Query<'_>) -> Option<&'k str> {
    let rest = key.strip_prefix(query.prefix).filter(|_| !query.delimiter.is_empty())?;
    let at = rest.find(query.delimiter)?;
    Some(&key[..query.prefix.len() + at + query.delimiter.len()])
}

/// Reads `max-keys` and its like: 0 to 2,147,483,647, of which at most [`PAGE_KEYS_MAX`] are given.
pub fn max_keys(name: &str, text: Option<&str>) -> Result<usize> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(PAGE_KEYS_MAX) };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<i32>().ok().filter(|_| digits) {
        Some(number) => Ok(PAGE_KEYS_MAX.min(number as usize)),
        None => Err(Error::new(
            Code::InvalidArgument,
            format!("Argument {name} must be an integer between 0 and 2147483647; it is \"{}\"", shown(text)),
        )),
    }
}

/// Reads `encoding-type`: whether keys are to be url-encoded.
pub fn is_url_encoded(text: Option<&str>) -> Result<bool> {
    match text {
        None | Some("") => Ok(false),
        Some("url") => Ok(true),
        Some(other) => Err(Error::new(
            Code::InvalidArgument,
            format!("Invalid Encoding Method specified in Request: \"{}\"", shown(other)),
        )),
    }
}

/// Reads the markers of a list of versions or uploads. The second is nothing without the first.
pub fn double_marker(key: Option<&str>, sub: Option<&str>, name: &str) -> Result<Option<Marker>> {
    match (key.filter(|key| !key.is_empty()), sub.filter(|sub| !sub.is_empty())) {
        (None, None) => Ok(None),
        (Some(key), sub) => Ok(Some(Marker { key: key.to_owned(), sub: sub.map(str::to_owned) })),
        (None, Some(_)) => Err(Error::new(
            Code::InvalidArgument,
            format!("A {name} marker cannot be specified without a key marker."),
        )),
    }
}

/// Layout of a token: 1 byte version, 4 bytes CRC32C of the key, the key; as base64 for URLs, without padding.
const TOKEN_VERSION: u8 = 1;

/// The continuation token for what comes above `key`. Opaque to clients.
pub fn token(key: &str) -> String {
    let checksum = checksums::checksum(Algorithm::Crc32c, key.as_bytes());
    let bytes = [&[TOKEN_VERSION][..], checksum.bytes(), key.as_bytes()].concat();
    Base64UrlUnpadded::encode_string(&bytes)
}

/// Reads a token that [`token`] made.
pub fn parse_token(text: &str) -> Result<String> {
    // Four characters say three bytes; longer than the longest key's is none, and is not decoded.
    let bytes = Some(text).filter(|text| text.len() <= (KEY_BYTES_MAX + 5).div_ceil(3) * 4);
    let bytes = bytes.and_then(|text| Base64UrlUnpadded::decode_vec(text).ok());
    let key = bytes.and_then(|bytes| {
        let (head, key) = bytes.split_at_checked(5)?;
        let sound = checksums::checksum(Algorithm::Crc32c, key).bytes() == &head[1..];
        (head[0] == TOKEN_VERSION && sound).then(|| String::from_utf8(key.to_vec()).ok())?
    });
    key.ok_or_else(|| Error::new(Code::InvalidArgument, "The continuation token provided is incorrect"))
}

/// Where a list of objects begins: the continuation token decides, and else `start-after`.
pub fn start(token: Option<&str>, start_after: Option<&str>) -> Result<Option<Marker>> {
    let key = match token {
        Some(token) => Some(parse_token(token)?),
        None => start_after.filter(|key| !key.is_empty()).map(str::to_owned),
    };
    Ok(key.map(|key| Marker { key, sub: None }))
}

#[cfg(test)]
mod tests;
