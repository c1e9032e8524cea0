//! `Tagging`.

use s3s::dto;

use super::malformed;
use crate::error::Result;
use crate::rules::tags::{On, Tag, Tags};

/// A tag as a document has it.
pub fn read_tag(tag: dto::Tag) -> Result<Tag> {
    match (tag.key, tag.value) {
        (Some(key), Some(value)) => Ok(Tag { key, value }),
        _ => Err(malformed("A Tag has a Key and a Value")),
    }
}

/// A tag for a document.
pub fn show_tag(tag: Tag) -> dto::Tag {
    dto::Tag { key: Some(tag.key), value: Some(tag.value) }
}

/// What a client sent, checked.
pub fn read(document: dto::Tagging, on: On) -> Result<Tags> {
    let tags = Tags(document.tag_set.into_iter().map(read_tag).collect::<Result<_>>()?);
    tags.check(on)?;
    Ok(tags)
}

/// What a client gets.
pub fn show(tags: Tags) -> Vec<dto::Tag> {
    tags.0.into_iter().map(show_tag).collect()
}
