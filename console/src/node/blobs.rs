//! Buckets and objects, asked as any S3 client asks for them.

use axum::body::Body;
use bytes::Bytes;

use super::{Asked, By};

/// A bucket of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: String,
}

/// An object, or a version of one, in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// The version's id; empty in a list of objects.
    pub version: String,
    /// Whether it is what a GET without a version finds.
    pub is_latest: bool,
    /// Whether it only says that the object was deleted.
    pub is_marker: bool,
    /// Bytes.
    pub bytes: u64,
    /// When it was put.
    pub modified: String,
    /// Its ETag.
    pub etag: String,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// What the keys up to the next `/` have in common.
    pub folders: Vec<String>,
    /// Objects.
    pub objects: Vec<Listed>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// A place in a list of an object's versions, and the object's bucket.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    /// The bucket.
    pub bucket: &'a str,
    /// The key.
    pub key: &'a str,
    /// The version, where it is not the latest one.
    pub version: Option<&'a str>,
}

/// A file on its way in.
#[derive(Clone, Debug)]
pub struct File {
    /// Its media type.
    pub media: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// An object on its way out.
#[derive(Debug)]
pub struct Download {
    /// Bytes.
    pub bytes: u64,
    /// The bytes.
    pub body: Body,
}

/// A client of the buckets.
pub trait Blobs: Send + Sync + 'static {
    /// The buckets that the user may list.
    fn buckets<'a>(&'a self, by: By<'a>) -> Asked<'a, Vec<Bucket>>;
    /// Makes a bucket.
    fn create_bucket<'a>(&'a self, by: By<'a>, bucket: &'a str) -> Asked<'a, ()>;
    /// Removes an empty bucket.
    fn delete_bucket<'a>(&'a self, by: By<'a>, bucket: &'a str) -> Asked<'a, ()>;
    /// A bucket's settings: each with its name, and as the server has it where there is one.
    fn settings<'a>(&'a self, by: By<'a>, bucket: &'a str) -> Asked<'a, Vec<(String, Option<String>)>>;
    /// At most `count` objects and folders below a prefix, from where the page before ended.
    fn objects<'a>(
        &'a self,
        by: By<'a>,
        bucket: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
        count: usize,
    ) -> Asked<'a, Page>;
    /// At most `count` versions of an object, newest first.
    fn versions<'a>(&'a self, by: By<'a>, object: Object<'a>, count: usize) -> Asked<'a, Vec<Listed>>;
    /// What is said of an object: headers, in order.
    fn head<'a>(&'a self, by: By<'a>, object: Object<'a>) -> Asked<'a, Vec<(String, String)>>;
    /// Reads an object.
    fn get<'a>(&'a self, by: By<'a>, object: Object<'a>) -> Asked<'a, Download>;
    /// Puts an object.
    fn put<'a>(&'a self, by: By<'a>, bucket: &'a str, key: &'a str, file: File) -> Asked<'a, ()>;
    /// Deletes an object, or a version of it.
    fn delete<'a>(&'a self, by: By<'a>, object: Object<'a>) -> Asked<'a, ()>;
}
