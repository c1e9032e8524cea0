//! The table of APIs: keys, names and version ranges. `ApiVersions` answers from it, and the guide's table is printed from it.
//!
//! An API is here when its messages can be read and written. Whether it is answered is decided where handlers are registered;
//! what is told to clients is the part of this table that has handlers.

use std::fmt::Write;

use bytes::Bytes;

use super::decoder::{DecodeError, Decoder};
use super::encoder::Encoder;
use super::error_code::ErrorCode;
use super::header::RequestHeader;
use super::message::{Message, NEVER, Request};
use super::messages;
use super::messages::api_versions::{self, ApiVersion};
use super::rule::Versions;

/// One row of the table.
#[derive(Debug)]
pub struct Api {
    /// The number.
    pub key: i16,
    /// The name, as Kafka spells it.
    pub name: &'static str,
    /// The versions that can be read and written.
    pub implemented: Versions,
    /// The versions that clients are told.
    pub advertised: Versions,
    /// The first version in the flexible form, or [`NEVER`].
    pub flexible_from: i16,
    check: fn(Decoder, i16) -> Result<(), DecodeError>,
}

impl Api {
    const fn of<R: Request>() -> Api {
        Api {
            key: R::KEY,
            name: R::NAME,
            implemented: R::VERSIONS,
            advertised: R::ADVERTISED,
            flexible_from: R::FLEXIBLE_FROM,
            check: check_body::<R>,
        }
    }

    /// Whether a body in `version` is in the flexible form.
    pub fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible_from
    }

    /// This row as `ApiVersions` tells it.
    fn told(&self) -> ApiVersion {
        let Versions { min, max } = self.advertised;
        ApiVersion { api_key: self.key, min_version: min, max_version: max }
    }
}

/// All APIs, in the order of their keys.
pub static APIS: &[Api] = &[
    Api::of::<messages::produce::Request>(),
    Api::of::<messages::fetch::Request>(),
    Api::of::<messages::list_offsets::Request>(),
    Api::of::<messages::metadata::Request>(),
    Api::of::<messages::offset_commit::Request>(),
    Api::of::<messages::offset_fetch::Request>(),
    Api::of::<messages::find_coordinator::Request>(),
    Api::of::<messages::join_group::Request>(),
    Api::of::<messages::heartbeat::Request>(),
    Api::of::<messages::leave_group::Request>(),
    Api::of::<messages::sync_group::Request>(),
    Api::of::<messages::describe_groups::Request>(),
    Api::of::<messages::list_groups::Request>(),
    Api::of::<messages::sasl_handshake::Request>(),
    Api::of::<messages::api_versions::Request>(),
    Api::of::<messages::create_topics::Request>(),
    Api::of::<messages::delete_topics::Request>(),
    Api::of::<messages::delete_records::Request>(),
    Api::of::<messages::init_producer_id::Request>(),
    Api::of::<messages::offset_for_leader_epoch::Request>(),
    Api::of::<messages::add_partitions_to_txn::Request>(),
    Api::of::<messages::add_offsets_to_txn::Request>(),
    Api::of::<messages::end_txn::Request>(),
    Api::of::<messages::write_txn_markers::Request>(),
    Api::of::<messages::txn_offset_commit::Request>(),
    Api::of::<messages::describe_acls::Request>(),
    Api::of::<messages::create_acls::Request>(),
    Api::of::<messages::delete_acls::Request>(),
    Api::of::<messages::describe_configs::Request>(),
    Api::of::<messages::alter_configs::Request>(),
    Api::of::<messages::describe_log_dirs::Request>(),
    Api::of::<messages::sasl_authenticate::Request>(),
    Api::of::<messages::create_partitions::Request>(),
    Api::of::<messages::delete_groups::Request>(),
    Api::of::<messages::incremental_alter_configs::Request>(),
    Api::of::<messages::offset_delete::Request>(),
    Api::of::<messages::describe_client_quotas::Request>(),
    Api::of::<messages::alter_client_quotas::Request>(),
    Api::of::<messages::describe_user_scram_credentials::Request>(),
    Api::of::<messages::alter_user_scram_credentials::Request>(),
    Api::of::<messages::describe_cluster::Request>(),
    Api::of::<messages::describe_producers::Request>(),
    Api::of::<messages::describe_transactions::Request>(),
    Api::of::<messages::list_transactions::Request>(),
    Api::of::<messages::consumer_group_heartbeat::Request>(),
    Api::of::<messages::consumer_group_describe::Request>(),
    Api::of::<messages::list_config_resources::Request>(),
    Api::of::<messages::describe_topic_partitions::Request>(),
    Api::of::<messages::share_group_heartbeat::Request>(),
    Api::of::<messages::share_group_describe::Request>(),
    Api::of::<messages::share_fetch::Request>(),
    Api::of::<messages::share_acknowledge::Request>(),
    Api::of::<messages::describe_share_group_offsets::Request>(),
    Api::of::<messages::alter_share_group_offsets::Request>(),
    Api::of::<messages::delete_share_group_offsets::Request>(),
];

/// The row of a key.
pub fn find(key: i16) -> Option<&'static Api> {
    let at = APIS.binary_search_by_key(&key, |api| api.key).ok()?;
    Some(&APIS[at])
}

/// The answer to `ApiVersions` by a broker that has handlers for the keys that `is_handled` accepts. Features are the caller's.
pub fn versions(is_handled: impl Fn(i16) -> bool) -> api_versions::Response {
    api_versions::Response {
        api_keys: APIS.iter().filter(|api| is_handled(api.key)).map(Api::told).collect(),
        ..Default::default()
    }
}

/// The answer to `ApiVersions` in a version that does not exist, to be sent in version 0: the error, and the versions in which
/// `ApiVersions` itself may be asked.
pub fn unsupported_versions() -> api_versions::Response {
    let own = find(api_versions::Request::KEY).expect("the table has ApiVersions");
    api_versions::Response {
        error_code: ErrorCode::UnsupportedVersion.number(),
        api_keys: vec![own.told()],
        ..Default::default()
    }
}

/// The table of the keys that `is_handled` accepts, in Markdown.
pub fn markdown(is_handled: impl Fn(i16) -> bool) -> String {
    let mut table = String::from("| key | API | versions | flexible from |\n|--:|---|---|---|\n");
    for api in APIS.iter().filter(|api| is_handled(api.key)) {
        let flexible =
            if api.flexible_from == NEVER { "never".into() } else { api.flexible_from.to_string() };
        writeln!(table, "| {} | {} | {} | {flexible} |", api.key, api.name, api.implemented)
            .expect("writing to a string cannot fail");
    }
    table
}

/// Reads a body; what was read must be writable, and be the same when it is read again.
fn check_body<R: Request>(mut decoder: Decoder, version: i16) -> Result<(), DecodeError> {
    let body = R::decode(&mut decoder, version)?;
    let write = |body: &R| {
        let mut encoder = Encoder::new();
        body.encode(&mut encoder, version).expect("what was decoded can be encoded in the same version");
        encoder.finish().expect("no longer than the frame it came from").into_bytes()
    };
    let bytes = write(&body);
    let mut again = Decoder::with_budget(bytes.clone(), usize::MAX);
    let read = R::decode(&mut again, version).expect("what was encoded can be decoded");
    assert_eq!(again.remaining(), 0, "{} v{version}: encoded and decoded sizes differ", R::NAME);
    assert_eq!(write(&read), bytes, "{} v{version}: two readings differ", R::NAME);
    Ok(())
}

/// Takes any bytes as a request frame without its length: header and body are read, or refused with a typed error. What is read
/// is written and read again, and a difference panics. What the fuzz target runs.
pub fn check_bytes(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut decoder = Decoder::new(Bytes::copy_from_slice(bytes));
    let header = RequestHeader::decode(&mut decoder)?;
    let api = header.api().expect("decoding a header finds the key");
    (api.check)(decoder, header.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_and_ranges_hold() {
        assert!(APIS.windows(2).all(|pair| pair[0].key < pair[1].key));
        for api in APIS {
            let Versions { min, max } = api.implemented;
            assert!(min <= max && api.advertised.max <= max, "{}", api.name);
            let told_but_refused = api.advertised.min < min;
            assert_eq!(told_but_refused, api.name == "Produce", "{}", api.name);
        }
    }

    #[test]
    fn only_handled_keys_are_told() {
        let told = versions(|key| [0, 18].contains(&key)).api_keys;
        let row = |api_key, min_version, max_version| ApiVersion { api_key, min_version, max_version };
        assert_eq!(told, [row(0, 0, 13), row(18, 0, 4)]);
        assert_eq!(versions(|_| true).api_keys.len(), APIS.len());
        let table = markdown(|key| key == 17 || key == 1);
        assert!(
            table.ends_with("| 1 | Fetch | 4-18 | 12 |\n| 17 | SaslHandshake | 0-1 | never |\n"),
            "{table}"
        );
    }
}
