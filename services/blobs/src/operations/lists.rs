//! Lists of objects, versions and uploads: pages, markers, and keys as their encoding asks.

use s3s::{S3Request, dto};

use super::headers::{etag, modified};
use super::{Answer, document};
use crate::error::Result;
use crate::protocol::settings::access::show_owner;
use crate::rows::{Checksum, Object, Version};
use crate::rules::list::{Listed, Query, double_marker, is_url_encoded, max_keys, start, token};
use crate::rules::names::url_encode;
use crate::service::Service;

/// How the texts of a list are written.
#[derive(Clone, Copy)]
struct Encoding {
    is_url: bool,
}

impl Encoding {
    fn parse(asked: Option<&dto::EncodingType>) -> Result<Self> {
        Ok(Self { is_url: is_url_encoded(asked.map(dto::EncodingType::as_str))? })
    }

    /// Characters that XML has not are written as references by the door, as S3 does; not every parser takes those.
    fn write(self, text: &str) -> String {
        if self.is_url { url_encode(text) } else { text.to_owned() }
    }

    fn maybe(self, text: Option<&str>) -> Option<String> {
        text.map(|text| self.write(text))
    }

    fn name(self) -> Option<dto::EncodingType> {
        self.is_url.then(|| dto::EncodingType::from_static(dto::EncodingType::URL))
    }

    fn prefixes(self, prefixes: Vec<String>) -> Option<Vec<dto::CommonPrefix>> {
        let show = |prefix: String| dto::CommonPrefix { prefix: Some(self.write(&prefix)) };
        let shown: Vec<_> = prefixes.into_iter().map(show).collect();
        (!shown.is_empty()).then_some(shown)
    }
}

fn most(name: &str, asked: Option<i32>) -> Result<usize> {
    max_keys(name, asked.map(|most| most.to_string()).as_deref())
}

/// What lists say of a checksum, without its value.
fn algorithm(
    checksum: Option<&Checksum>,
) -> (Option<Vec<dto::ChecksumAlgorithm>>, Option<dto::ChecksumType>) {
    let kind = super::headers::shown(checksum).kind;
    let value = checksum.and_then(Checksum::value);
    (value.map(|value| vec![dto::ChecksumAlgorithm::from_static(value.algorithm().name())]), kind)
}

fn show_object(encoding: Encoding, listed: &Listed<Version>, with_owner: bool) -> Option<dto::Object> {
    let version = &listed.item;
    let object: &Object = version.object()?;
    let (checksum_algorithm, checksum_type) = algorithm(object.checksum.as_ref());
    Some(dto::Object {
        checksum_algorithm,
        checksum_type,
        e_tag: etag(object.etag.text()),
        key: Some(encoding.write(&listed.key)),
        last_modified: modified(version.created_ms),
        owner: with_owner.then(|| show_owner(&version.owner, None)),
        size: i64::try_from(object.bytes).ok(),
        storage_class: Some(dto::ObjectStorageClass::from_static("STANDARD")),
        ..Default::default()
    })
}

fn show_objects(
    encoding: Encoding,
    entries: &[Listed<Version>],
    with_owner: bool,
) -> Option<Vec<dto::Object>> {
    let shown = entries.iter().filter_map(|listed| show_object(encoding, listed, with_owner));
    let shown: Vec<_> = shown.collect();
    (!shown.is_empty()).then_some(shown)
}

pub(super) async fn objects(
    service: &Service,
    request: S3Request<dto::ListObjectsInput>,
) -> Answer<dto::ListObjectsOutput> {
    let input = request.input;
    let encoding = Encoding::parse(input.encoding_type.as_ref())?;
    let marker = start(None, input.marker.as_deref())?;
    let query = Query {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input.delimiter.as_deref().unwrap_or_default(),
        marker: marker.as_ref(),
        max: most("max-keys", input.max_keys)?,
    };
    let (_, page) = service.blobs.list_objects(&input.bucket, &query).await?;
    let next = page.next.as_ref().map(|next| next.key.as_str());
    Ok(document(dto::ListObjectsOutput {
        contents: show_objects(encoding, &page.entries, true),
        is_truncated: Some(page.next.is_some()),
        next_marker: encoding.maybe(next.filter(|_| !query.delimiter.is_empty())),
        common_prefixes: encoding.prefixes(page.prefixes),
        max_keys: i32::try_from(query.max).ok(),
        prefix: Some(encoding.write(query.prefix)),
        delimiter: encoding.maybe(input.delimiter.as_deref()),
        marker: Some(encoding.write(input.marker.as_deref().unwrap_or_default())),
        encoding_type: encoding.name(),
        name: Some(input.bucket),
        ..Default::default()
    }))
}

pub(super) async fn objects_v2(
    service: &Service,
    request: S3Request<dto::ListObjectsV2Input>,
) -> Answer<dto::ListObjectsV2Output> {
    let input = request.input;
    let encoding = Encoding::parse(input.encoding_type.as_ref())?;
    let marker = start(input.continuation_token.as_deref(), input.start_after.as_deref())?;
    let query = Query {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input.delimiter.as_deref().unwrap_or_default(),
        marker: marker.as_ref(),
        max: most("max-keys", input.max_keys)?,
    };
    let (_, page) = service.blobs.list_objects(&input.bucket, &query).await?;
    let count = page.entries.len() + page.prefixes.len();
    Ok(document(dto::ListObjectsV2Output {
        contents: show_objects(encoding, &page.entries, input.fetch_owner.unwrap_or(false)),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.as_ref().map(|next| token(&next.key)),
        common_prefixes: encoding.prefixes(page.prefixes),
        key_count: i32::try_from(count).ok(),
        max_keys: i32::try_from(query.max).ok(),
        prefix: Some(encoding.write(query.prefix)),
        delimiter: encoding.maybe(input.delimiter.as_deref()),
        start_after: encoding.maybe(input.start_after.as_deref()),
        continuation_token: input.continuation_token,
        encoding_type: encoding.name(),
        name: Some(input.bucket),
        ..Default::default()
    }))
}

pub(super) async fn versions(
    service: &Service,
    request: S3Request<dto::ListObjectVersionsInput>,
) -> Answer<dto::ListObjectVersionsOutput> {
    let input = request.input;
    let encoding = Encoding::parse(input.encoding_type.as_ref())?;
    let marker =
        double_marker(input.key_marker.as_deref(), input.version_id_marker.as_deref(), "version-id")?;
    let query = Query {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input.delimiter.as_deref().unwrap_or_default(),
        marker: marker.as_ref(),
        max: most("max-keys", input.max_keys)?,
    };
    let (_, page) = service.blobs.list_versions(&input.bucket, &query).await?;
    let (mut shown, mut markers) = (Vec::new(), Vec::new());
    for Listed { key, sub, item } in &page.entries {
        let (version, key) = (&item.version, Some(encoding.write(key)));
        let (owner, id) = (Some(show_owner(&version.owner, None)), Some(sub.clone()));
        let (is_latest, last_modified) = (Some(item.is_latest), modified(version.created_ms));
        let Some(object) = version.object() else {
            markers.push(dto::DeleteMarkerEntry { is_latest, key, last_modified, owner, version_id: id });
            continue;
        };
        let (checksum_algorithm, checksum_type) = algorithm(object.checksum.as_ref());
        shown.push(dto::ObjectVersion {
            checksum_algorithm,
            checksum_type,
            e_tag: etag(object.etag.text()),
            is_latest,
            key,
            last_modified,
            owner,
            restore_status: None,
            size: i64::try_from(object.bytes).ok(),
            storage_class: Some(dto::ObjectVersionStorageClass::from_static("STANDARD")),
            version_id: id,
        });
    }
    let next = page.next.as_ref();
    Ok(document(dto::ListObjectVersionsOutput {
        versions: (!shown.is_empty()).then_some(shown),
        delete_markers: (!markers.is_empty()).then_some(markers),
        common_prefixes: encoding.prefixes(page.prefixes),
        is_truncated: Some(next.is_some()),
        next_key_marker: encoding.maybe(next.map(|next| next.key.as_str())),
        next_version_id_marker: next.and_then(|next| next.sub.clone()),
        max_keys: i32::try_from(query.max).ok(),
        prefix: Some(encoding.write(query.prefix)),
        delimiter: encoding.maybe(input.delimiter.as_deref()),
        key_marker: Some(encoding.write(input.key_marker.as_deref().unwrap_or_default())),
        version_id_marker: input.version_id_marker,
        encoding_type: encoding.name(),
        name: Some(input.bucket),
        ..Default::default()
    }))
}

pub(super) async fn uploads(
    service: &Service,
    request: S3Request<dto::ListMultipartUploadsInput>,
) -> Answer<dto::ListMultipartUploadsOutput> {
    let input = request.input;
    let encoding = Encoding::parse(input.encoding_type.as_ref())?;
    // A marker of an upload without one of a key says nothing, as S3 has it.
    let sub = input.upload_id_marker.as_deref().filter(|_| input.key_marker.is_some());
    let marker = double_marker(input.key_marker.as_deref(), sub, "upload-id")?;
    let query = Query {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input.delimiter.as_deref().unwrap_or_default(),
        marker: marker.as_ref(),
        max: most("max-uploads", input.max_uploads)?,
    };
    let (_, page) = service.blobs.list_uploads(&input.bucket, &query).await?;
    let show = |listed: &Listed<crate::rows::Upload>| {
        let upload = &listed.item;
        let algorithm = upload.algorithm();
        dto::MultipartUpload {
            checksum_algorithm: algorithm
                .map(|(algorithm, _)| dto::ChecksumAlgorithm::from_static(algorithm.name())),
            checksum_type: algorithm.map(|(_, kind)| dto::ChecksumType::from_static(kind.name())),
            initiated: modified(upload.created_ms),
            initiator: Some(dto::Initiator { display_name: None, id: Some(upload.initiator.clone()) }),
            key: Some(encoding.write(&listed.key)),
            owner: Some(show_owner(&upload.owner, None)),
            storage_class: Some(dto::StorageClass::from_static("STANDARD")),
            upload_id: Some(upload.id().to_string()),
        }
    };
    let shown: Vec<_> = page.entries.iter().map(show).collect();
    let next = page.next.as_ref();
    Ok(document(dto::ListMultipartUploadsOutput {
        uploads: (!shown.is_empty()).then_some(shown),
        common_prefixes: encoding.prefixes(page.prefixes),
        is_truncated: Some(next.is_some()),
        next_key_marker: encoding.maybe(next.map(|next| next.key.as_str())),
        next_upload_id_marker: next.and_then(|next| next.sub.clone()),
        max_uploads: i32::try_from(query.max).ok(),
        prefix: Some(encoding.write(query.prefix)),
        delimiter: encoding.maybe(input.delimiter.as_deref()),
        key_marker: Some(encoding.write(input.key_marker.as_deref().unwrap_or_default())),
        upload_id_marker: input.upload_id_marker,
        encoding_type: encoding.name(),
        bucket: Some(input.bucket),
        ..Default::default()
    }))
}
