//! Every bound, by name. Where S3 publishes a bound it is S3's.

use std::time::Duration;

/// Bytes of an object's key, in UTF-8.
pub const KEY_BYTES_MAX: usize = 1_024;
/// Bytes of a bucket's name, at least.
pub const BUCKET_NAME_BYTES_MIN: usize = 3;
/// Bytes of a bucket's name, at most.
pub const BUCKET_NAME_BYTES_MAX: usize = 63;

/// Bytes of a bucket policy or a session policy.
pub const POLICY_BYTES_MAX: usize = 20 * 1_024;
/// Bytes of a setting as it is stored, above what the widest of S3's documents needs (a lifecycle of 1,000 rules).
pub const SETTING_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// Grants of an access control list.
pub const GRANTS_MAX: usize = 100;

/// Bytes of a header of conditions (`If-Match` and its like), as a request's headers are bounded.
pub const CONDITION_BYTES_MAX: usize = 8 * 1_024;

/// Entries of a page of a list.
pub const PAGE_KEYS_MAX: usize = 1_000;

/// Parts of a multipart upload.
pub const PARTS_MAX: u32 = 10_000;

/// The smallest part of a multipart upload, but for the last.
pub const PART_BYTES_MIN: u64 = 5 << 20;
/// The largest body of one put, one part or one copy.
pub const PUT_BYTES_MAX: u64 = 5 << 30;
/// The largest object: 5 TiB.
pub const OBJECT_BYTES_MAX: u64 = 5 << 40;
/// Bytes of a body that is kept in a row; what is longer is a chunk.
pub const INLINE_BYTES_MAX: usize = 64 << 10;
/// Inline bodies that an object may be made of: an open object has them in memory, 1 MiB at most.
pub const INLINE_PIECES_MAX: usize = 16;
/// Bytes of user-defined metadata, names and values.
pub const USER_META_BYTES_MAX: usize = 2 << 10;
/// Bytes of an object's other headers, names and values.
pub const META_BYTES_MAX: usize = 8 << 10;
/// Completed uploads whose answer is given again: 80 bytes each.
pub const COMPLETED_KEPT_MAX: usize = 4_096;
/// Keys of one bulk delete.
pub const BULK_KEYS_MAX: usize = 1_000;

/// Bytes of an entry's payload: what a record of the journal holds, without headers.
pub const ENTRY_BYTES_MAX: usize = (1 << 20) - 4_096;
/// Things that happen in one entry.
pub const HAPPENED_MAX: usize = 1_000;
/// Bytes after which a bulk delete goes on in another entry.
pub const BULK_ENTRY_BYTES_MAX: usize = 256 << 10;
/// Bytes of a setting's document as it is stored: it is logged in one entry.
pub const STORED_SETTING_BYTES_MAX: usize = 512 << 10;
/// Bytes of changes that are logged and not in the ordered store yet.
pub const OVERLAY_BYTES_MAX: usize = 8 << 20;
/// Rows that a list reads under one lock.
pub const LIST_ROWS_MAX: usize = 128;
/// Damaged chunks that are listed, and objects on them.
pub const DAMAGED_LISTED_MAX: usize = 1_000;
/// Bytes of the text that says what is wrong with a chunk.
pub const DAMAGE_TEXT_BYTES_MAX: usize = 256;
/// Bytes a second that the walk over all chunks verifies: a terabyte in a day and a half.
pub const SCRUB_BYTES_SECOND: u64 = 8 << 20;
/// How long after the beginning of a walk the next one begins.
pub const SCRUB_INTERVAL: Duration = Duration::from_hours(7 * 24);
/// How often the walk over all chunks logs where it is.
pub const SCRUB_SAVE_INTERVAL: Duration = Duration::from_mins(1);
/// Chunks of garbage that one step of the reclaimer removes.
pub const RECLAIM_CHUNKS_MAX: usize = 256;
/// Rows that one step of lifecycle looks at.
pub const LIFECYCLE_ROWS_MAX: usize = 256;
/// Buckets of which it is kept in memory who may do what in them.
pub const FACTS_BUCKETS_MAX: usize = 256;
/// Rows after which lifecycle keeps its place in a bucket.
pub const LIFECYCLE_KEPT_ROWS: usize = 16_384;
/// Buckets whose settings lifecycle looks at under one lock.
pub const LIFECYCLE_BUCKETS_MAX: usize = 16;
/// How long lifecycle leaves a bucket in which something had no room on the disk.
pub const LIFECYCLE_RETRY: Duration = Duration::from_mins(1);

/// Rules of a lifecycle configuration.
pub const LIFECYCLE_RULES_MAX: usize = 1_000;
/// Characters of the id of a lifecycle, CORS or notification rule.
pub const RULE_ID_CHARS_MAX: usize = 255;
/// Days that a lifecycle rule or a retention may name: a hundred years, so that no sum with a time overflows.
pub const DAYS_MAX: u32 = 36_500;
/// Noncurrent versions that a lifecycle rule may keep.
pub const NEWER_VERSIONS_MAX: u32 = 100;

/// Rules of a CORS configuration.
pub const CORS_RULES_MAX: usize = 100;
/// Origins, methods or headers of a CORS rule.
pub const CORS_LIST_MAX: usize = 100;
/// Bytes of one origin or header of a CORS rule.
pub const CORS_TEXT_BYTES_MAX: usize = 1_024;

/// Routing rules of a website.
pub const ROUTING_RULES_MAX: usize = 50;
/// Bytes of a host name of a website's redirect.
pub const HOST_BYTES_MAX: usize = 255;

/// Tags of an object.
pub const OBJECT_TAGS_MAX: usize = 10;
/// Tags of a bucket.
pub const BUCKET_TAGS_MAX: usize = 50;
/// Characters of a tag's key.
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// Characters of a tag's value.
pub const TAG_VALUE_CHARS_MAX: usize = 256;

/// Destinations of a notification configuration.
pub const NOTIFICATIONS_MAX: usize = 100;
/// Bytes of a destination's name.
pub const DESTINATION_BYTES_MAX: usize = 1_024;

/// Bytes of a body that are read before they go through the digests and into a chunk.
pub const BATCH_BYTES: usize = 256 * 1_024;
/// How long a client may take for a batch, sent or read: slower than 4 KiB a second on the average, it is given up.
pub const BATCH_TIMEOUT: Duration = Duration::from_mins(1);
/// Bytes of an inline body that go through the digests where the connection is served: some 20 µs. Longer ones go to a thread.
pub const DIGESTED_AT_ONCE_BYTES_MAX: usize = 8 * 1_024;
/// Bytes in memory for all bodies on their way in; of those on their way out as many.
pub const BODIES_BYTES_MAX: u64 = 256 * 1_024 * 1_024;
/// Bytes in memory for chunks of aws-chunked bodies, before they are compared with their signatures.
pub const FRAMED_BYTES_MAX: u64 = 128 * 1_024 * 1_024;
/// How long a body waits for its place among them.
pub const BODIES_PATIENCE: Duration = Duration::from_secs(30);
/// Threads for what blocks.
pub const THREADS_MAX: usize = 32;

/// Bytes of one chunk of an aws-chunked body, which is in memory until it was compared with its signature.
pub const CHUNK_BYTES_MAX: u64 = 16 * 1_024 * 1_024;
/// Bytes of the line that begins such a chunk.
pub const CHUNK_HEAD_BYTES_MAX: usize = 1_024;

/// Parameters of a query that are looked at.
pub const QUERY_PARAMETERS_MAX: usize = 100;

/// Bytes of a request's head.
pub const HEAD_BYTES_MAX: usize = 64 * 1_024;
/// Headers of a request.
pub const HEADERS_MAX: usize = 200;
/// How long a client may take for a request's head, and be silent between requests.
pub const HEAD_TIMEOUT: Duration = Duration::from_mins(1);
/// Bytes of an XML body: what the longest list of a bulk delete or of parts needs.
pub const XML_BYTES_MAX: usize = 4 * 1_024 * 1_024;
/// Bytes of an XML body that has a place of its connection's own: 64 MiB on 1,024 connections.
pub const XML_UNGATED_BYTES_MAX: u64 = 64 * 1_024;
/// Bytes in memory for longer XML bodies that arrive.
pub const XML_ARRIVING_BYTES_MAX: u64 = 64 * 1_024 * 1_024;
/// Bytes in memory for each byte of an XML body that was parsed: `<Part/>` makes 160 bytes of 7, in a vector with room for twice as many.
pub const XML_PARSED_FACTOR: u64 = 48;
/// Bytes in memory for what XML bodies were parsed into: the longest needs 192 MiB.
pub const XML_PARSED_BYTES_MAX: u64 = 256 * 1_024 * 1_024;
/// Bytes of a field of a form.
pub const FORM_FIELD_BYTES_MAX: usize = 64 * 1_024;
/// Bytes of all fields of a form.
pub const FORM_FIELDS_BYTES_MAX: usize = 256 * 1_024;
/// Bytes of the head of a part of a form.
pub const FORM_HEAD_BYTES_MAX: usize = 4 * 1_024;
/// Parts of a form.
pub const FORM_PARTS_MAX: usize = 100;

/// Bytes of access logs in memory, before they are delivered; further lines are lost, and counted.
pub const LOGS_BYTES_MAX: usize = 8 * 1_024 * 1_024;
/// Bytes of one bucket's access log at which it is delivered before its time.
pub const LOG_BATCH_BYTES: usize = 1_024 * 1_024;
