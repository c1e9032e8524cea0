//! What can be done with buckets and objects: functions over a [`crate::state::Plan`], one file a family. They know neither HTTP nor XML, nor who may do
//! what: the protocol has judged the request before, and tells who asks.
//!
//! Those that change something take `&mut Plan`, to be run by [`crate::state::Blobs::change`]; those that only look take `&Plan`, for
//! [`crate::state::Blobs::read`]. Lists, bulk deletes and bodies need more than one look or entry and are methods of `Blobs`.
//!
//! Reading order: [`bodies`] → [`versions`] → [`put`], [`read`], [`deletes`], [`copies`], [`multipart`], [`attributes`] → [`buckets`], [`settings`] → [`lists`] → [`expiry`].

pub mod attributes;
pub mod bodies;
pub mod buckets;
pub mod completed;
pub mod copies;
pub mod deletes;
pub mod expiry;
pub mod lists;
pub mod multipart;
pub mod put;
pub mod read;
pub mod settings;
pub mod versions;
