//! The bytes of copies that are encrypted otherwise than their source, or of parts of encrypted ones: they are read, opened, and sealed anew.

use std::ops::Range;

use http_body_util::BodyExt as _;
use hyper::HeaderMap;
use s3s::S3Error;

use super::encryption::{own, source};
use crate::bodies::incoming::{Announced, Received, SOURCE_UNREADABLE, receive};
use crate::bodies::outgoing;
use crate::limits::PUT_BYTES_MAX;
use crate::objects::copies::Copy;
use crate::objects::put::check_size;
use crate::objects::read::{self, Open};
use crate::rows::{Checksum, Object};
use crate::rules::checksums::Algorithm;
use crate::rules::encryption::{self, Encryption};
use crate::service::Service;
use crate::state::Plan;

/// How a body comes out of a copy.
pub(super) struct Target<'a> {
    pub(super) encryption: Option<&'a Encryption>,
    /// The client's key for it.
    pub(super) key: Option<&'a encryption::Key>,
    /// The checksum that is computed of it.
    pub(super) algorithm: Option<Algorithm>,
}

/// Reads a range of an open object and keeps it as a body of its own. `headers` have the source's key. Errors: those of keys, reads and puts.
pub(super) async fn moved(
    service: &Service,
    headers: &HeaderMap,
    open: Open,
    range: &Range<u64>,
    target: Target<'_>,
    place: String,
) -> Result<Received, S3Error> {
    let found = open.version.object().and_then(|object| object.encryption.clone());
    let key = encryption::read(found.as_ref(), &source(headers))?;
    let pieces = service.pieces(&open, range, key.as_ref(), &place)?;
    let announced = Announced {
        bytes: range.end - range.start,
        md5: None,
        checksum: target.algorithm.map(|algorithm| (algorithm, None)),
        seal: service.seal(target.encryption, target.key)?,
    };
    let body = outgoing::open(&service.bodies, pieces, Box::new(open), Some(service.damaged(place))).await?;
    let bytes = futures_util::TryStreamExt::map_err(body.into_data_stream(), |_| SOURCE_UNREADABLE);
    Ok(receive(&service.bodies, bytes, announced, &|_| None).await?)
}

fn algorithm(object: &Object) -> Option<Algorithm> {
    object.checksum.as_ref().and_then(Checksum::value).map(|value| value.algorithm())
}

/// Judges the keys of a copy, and seals its bytes anew where it is encrypted otherwise than its source. What was kept, for who gives it up.
pub(super) async fn reseal(
    service: &Service,
    headers: &HeaderMap,
    copy: &mut Copy<'_>,
) -> Result<Option<Received>, S3Error> {
    let (bucket, key, version) = (copy.from.bucket, copy.from.key, copy.from.version);
    let look = |plan: &Plan<'_>| read::head(plan, bucket, key, version);
    let head = service.blobs.read(look).await?.version;
    let wanted = copy.attributes.encryption.clone();
    let Some(object) = head.object() else { return Ok(None) };
    encryption::read(object.encryption.as_ref(), &source(headers))?;
    if object.encryption == wanted {
        return Ok(None);
    }
    let open = service.blobs.open(bucket, key, version).await?;
    let Some(object) = open.version.object() else { return Ok(None) };
    check_size(object.bytes)?;
    let (bytes, algorithm) = (object.bytes.min(PUT_BYTES_MAX), algorithm(object));
    copy.from.read = Some(open.version.seq);
    let own = encryption::customer_key(&own(headers))?.map(|(key, _)| key);
    let target = Target { encryption: wanted.as_ref(), key: own.as_ref(), algorithm };
    let received = moved(service, headers, open, &(0..bytes), target, format!("{bucket}/{key}")).await?;
    copy.digests = Some((received.md5, received.checksum.as_ref().map(Checksum::whole)));
    copy.body = Some((&received).into());
    Ok(Some(received))
}
