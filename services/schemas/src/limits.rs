//! Every bound of the registry, with its value and why it is that much.

use std::time::Duration;

/// Text of one schema, after decoding. Larger ones belong split into references.
pub const SCHEMA_BYTES_MAX: usize = 1 << 20;
/// Body of one request: a schema whose every second byte is escaped, its references, and room to spare.
pub const BODY_BYTES_MAX: usize = 2 * SCHEMA_BYTES_MAX + (256 << 10);
/// How long a body may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may take for a request's head, the silence before it included.
pub const HEAD_TIMEOUT: Duration = Duration::from_mins(2);
/// Bytes of a request's head and of what is read ahead.
pub const HEAD_BYTES_MAX: usize = 64 << 10;
/// Values of one JSON document, which bounds what it takes in memory.
pub const JSON_VALUES_MAX: usize = 200_000;
/// References of one schema.
pub const REFERENCES_MAX: usize = 256;
/// Schemas that one schema may need, references of references included.
pub const CLOSURE_SCHEMAS_MAX: usize = 1_024;
/// Their text together.
pub const CLOSURE_BYTES_MAX: usize = 8 << 20;
/// Nesting of a schema's text. `serde_json`'s own bound for JSON is 128 as well.
pub const NESTING_MAX: usize = 128;
/// Nesting of a comparison, which follows named types and may go deeper than the text. Beyond it schemas count as incompatible.
pub const COMPARISON_NESTING_MAX: usize = 160;
/// Steps of one comparison. Beyond it schemas count as incompatible.
pub const COMPARISON_STEPS_MAX: usize = 1_000_000;
/// Differences that one comparison reports.
pub const DIFFERENCES_MAX: usize = 64;
/// Bytes of a subject's name.
pub const SUBJECT_BYTES_MAX: usize = 1_024;
/// Bytes of a reference's name.
pub const REFERENCE_NAME_BYTES_MAX: usize = 4_096;
/// Subjects, those whose versions are all gone included: they keep their next version's number.
pub const SUBJECTS_MAX: usize = 200_000;
/// Versions of one subject that are not gone for good.
pub const VERSIONS_MAX: usize = 10_000;
/// Text of all schemas.
pub const STATE_BYTES_MAX: u64 = 256 << 20;
/// Subjects that one list has when the client sets no limit, and at most.
pub const SUBJECTS_LISTED_MAX: usize = 20_000;
/// Schemas that one list has when the client sets no limit, and at most.
pub const SCHEMAS_LISTED_MAX: usize = 1_000;
/// Schemas that are parsed or compared at a time; further requests wait.
pub const WORKERS: usize = 2;
/// How often a change is decided anew because another came in between.
pub const ATTEMPTS_MAX: usize = 64;
/// Bytes of a compiled pattern of a JSON Schema's `patternProperties`.
pub const PATTERN_BYTES_MAX: usize = 256 << 10;
