//! Every message in every version against a second implementation, and against damage.
//!
//! Random values are written here, read and written again by `kafka-protocol`, and must come back as the same bytes and the same
//! value. What the second implementation does not have (versions of Kafka 4.2) is read back here, and for it `fixtures` has bytes
//! that Kafka's own Java classes have written.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable, Message as TheirMessage};

use super::consumer_protocol::{Assignment, Subscription};
use crate::protocol::api;
use crate::protocol::decoder::Decoder;
use crate::protocol::encoder::Encoder;
use crate::protocol::header::request_frame;
use crate::protocol::message::{Message, Request};
use crate::protocol::sample::{Random, Sample};
use crate::protocol::wire::Form;

/// Random values of each message and version.
const ROUNDS: usize = 40;

fn encoded<M: Message>(value: &M, version: i16) -> Bytes {
    let mut encoder = Encoder::new();
    value.encode(&mut encoder, version).unwrap_or_else(|error| panic!("{} v{version}: {error}", M::NAME));
    encoder.finish().expect("a small message").into_bytes()
}

fn decoded<M: Message>(bytes: &Bytes, version: i16) -> M {
    let mut decoder = Decoder::with_budget(bytes.clone(), usize::MAX);
    let value = M::decode(&mut decoder, version)
        .unwrap_or_else(|error| panic!("{} v{version}: {error}: {bytes:?}", M::NAME));
    decoder.finish().unwrap_or_else(|error| panic!("{} v{version}: {error}", M::NAME));
    value
}

fn sampled<M: Message + Sample>(random: &mut Random, version: i16) -> M {
    M::sample(random, Form::new(version, version >= M::FLEXIBLE_FROM))
}

/// Written, read and written again by the second implementation.
fn through_theirs<T: TheirMessage + Encodable + Decodable>(name: &str, bytes: &Bytes, version: i16) -> Bytes {
    let mut left = bytes.clone();
    let value = T::decode(&mut left, version)
        .unwrap_or_else(|error| panic!("{name} v{version}: {error:#}: {bytes:?}"));
    assert!(left.is_empty(), "{name} v{version}: {} bytes are left", left.len());
    let mut written = BytesMut::new();
    value.encode(&mut written, version).unwrap_or_else(|error| panic!("{name} v{version}: {error:#}"));
    written.freeze()
}

fn check<M, T>(random: &mut Random)
where
    M: Message + Sample + PartialEq + std::fmt::Debug,
    T: TheirMessage + Encodable + Decodable,
{
    for version in M::VERSIONS.min..=M::VERSIONS.max {
        for _ in 0..ROUNDS {
            let value: M = sampled(random, version);
            let bytes = encoded(&value, version);
            assert_eq!(decoded::<M>(&bytes, version), value, "{} v{version}", M::NAME);
            if version <= T::VERSIONS.max {
                let theirs = through_theirs::<T>(M::NAME, &bytes, version);
                assert_eq!(theirs, bytes, "{} v{version}: {value:?}", M::NAME);
            }
        }
    }
}

/// Each cut of a message is an error or, where an optional end is cut off, another message; never a panic. The same for a flipped
/// bit.
fn damage<M: Message + Sample>(random: &mut Random) {
    for version in M::VERSIONS.min..=M::VERSIONS.max {
        let bytes = encoded::<M>(&sampled(random, version), version);
        for length in 0..bytes.len() {
            let error = M::decode(&mut Decoder::new(bytes.slice(..length)), version)
                .err()
                .unwrap_or_else(|| panic!("{} v{version} cut to {length} of {}", M::NAME, bytes.len()));
            assert!(error.offset <= length);
        }
        for _ in 0..200 {
            let mut damaged = bytes.to_vec();
            if damaged.is_empty() {
                break;
            }
            let at = random.below(damaged.len());
            damaged[at] ^= 1 << random.below(8);
            let _any = M::decode(&mut Decoder::new(damaged.into()), version);
        }
    }
}

macro_rules! against_theirs {
    ($($module:ident: $request:ident, $response:ident;)*) => {
        #[test]
        fn a_second_implementation_agrees() {
            let mut random = Random(7);
            $(
                check::<super::$module::Request, theirs::$request>(&mut random);
                check::<super::$module::Response, theirs::$response>(&mut random);
            )*
        }

        #[test]
        fn damaged_messages_are_refused() {
            let mut random = Random(8);
            $(
                damage::<super::$module::Request>(&mut random);
                damage::<super::$module::Response>(&mut random);
            )*
        }

        #[test]
        fn every_api_of_the_table_is_tested() {
            let tested = [$(<super::$module::Request as Message>::KEY),*];
            assert_eq!(tested.to_vec(), api::APIS.iter().map(|api| api.key).collect::<Vec<_>>());
        }

        /// Whole frames of every request, as fuzzing meets them.
        fn frames(random: &mut Random) -> Vec<Bytes> {
            let mut frames = Vec::new();
            $( frames.extend(frames_of::<super::$module::Request>(random)); )*
            frames
        }
    };
}

against_theirs! {
    produce: ProduceRequest, ProduceResponse;
    fetch: FetchRequest, FetchResponse;
    list_offsets: ListOffsetsRequest, ListOffsetsResponse;
    metadata: MetadataRequest, MetadataResponse;
    offset_commit: OffsetCommitRequest, OffsetCommitResponse;
    offset_fetch: OffsetFetchRequest, OffsetFetchResponse;
    find_coordinator: FindCoordinatorRequest, FindCoordinatorResponse;
    join_group: JoinGroupRequest, JoinGroupResponse;
    heartbeat: HeartbeatRequest, HeartbeatResponse;
    leave_group: LeaveGroupRequest, LeaveGroupResponse;
    sync_group: SyncGroupRequest, SyncGroupResponse;
    describe_groups: DescribeGroupsRequest, DescribeGroupsResponse;
    list_groups: ListGroupsRequest, ListGroupsResponse;
    sasl_handshake: SaslHandshakeRequest, SaslHandshakeResponse;
    api_versions: ApiVersionsRequest, ApiVersionsResponse;
    create_topics: CreateTopicsRequest, CreateTopicsResponse;
    delete_topics: DeleteTopicsRequest, DeleteTopicsResponse;
    delete_records: DeleteRecordsRequest, DeleteRecordsResponse;
    init_producer_id: InitProducerIdRequest, InitProducerIdResponse;
    offset_for_leader_epoch: OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
    add_partitions_to_txn: AddPartitionsToTxnRequest, AddPartitionsToTxnResponse;
    add_offsets_to_txn: AddOffsetsToTxnRequest, AddOffsetsToTxnResponse;
    end_txn: EndTxnRequest, EndTxnResponse;
    write_txn_markers: WriteTxnMarkersRequest, WriteTxnMarkersResponse;
    txn_offset_commit: TxnOffsetCommitRequest, TxnOffsetCommitResponse;
    describe_acls: DescribeAclsRequest, DescribeAclsResponse;
    create_acls: CreateAclsRequest, CreateAclsResponse;
    delete_acls: DeleteAclsRequest, DeleteAclsResponse;
    describe_configs: DescribeConfigsRequest, DescribeConfigsResponse;
    alter_configs: AlterConfigsRequest, AlterConfigsResponse;
    describe_log_dirs: DescribeLogDirsRequest, DescribeLogDirsResponse;
    sasl_authenticate: SaslAuthenticateRequest, SaslAuthenticateResponse;
    create_partitions: CreatePartitionsRequest, CreatePartitionsResponse;
    delete_groups: DeleteGroupsRequest, DeleteGroupsResponse;
    incremental_alter_configs: IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse;
    offset_delete: OffsetDeleteRequest, OffsetDeleteResponse;
    describe_client_quotas: DescribeClientQuotasRequest, DescribeClientQuotasResponse;
    alter_client_quotas: AlterClientQuotasRequest, AlterClientQuotasResponse;
    describe_user_scram_credentials: DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse;
    alter_user_scram_credentials: AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse;
    describe_cluster: DescribeClusterRequest, DescribeClusterResponse;
    describe_producers: DescribeProducersRequest, DescribeProducersResponse;
    describe_transactions: DescribeTransactionsRequest, DescribeTransactionsResponse;
    list_transactions: ListTransactionsRequest, ListTransactionsResponse;
    consumer_group_heartbeat: ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse;
    consumer_group_describe: ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse;
    list_config_resources: ListConfigResourcesRequest, ListConfigResourcesResponse;
    describe_topic_partitions: DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse;
    share_group_heartbeat: ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse;
    share_group_describe: ShareGroupDescribeRequest, ShareGroupDescribeResponse;
    share_fetch: ShareFetchRequest, ShareFetchResponse;
    share_acknowledge: ShareAcknowledgeRequest, ShareAcknowledgeResponse;
    describe_share_group_offsets: DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse;
    alter_share_group_offsets: AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse;
    delete_share_group_offsets: DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse;
}

/// A line of the fixtures: `ShareFetchRequest 2 01ab…`, read and written again.
fn reread<R: Request>(line: &str) -> Option<()> {
    let (name, rest) = line.split_once(' ').expect("a name");
    let (version, digits) = rest.split_once(' ').expect("a version");
    let version = version.parse().expect("a number");
    let bytes: Bytes = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal"))
        .collect();
    let written = match name.strip_prefix(R::NAME)? {
        "Request" => encoded(&decoded::<R>(&bytes, version), version),
        "Response" => encoded(&decoded::<R::Response>(&bytes, version), version),
        _ => return None,
    };
    assert_eq!(written, bytes, "{line}");
    Some(())
}

#[test]
fn bytes_of_kafka_itself_come_back() {
    let lines = include_str!("fixtures/kafka-4.2.txt").lines();
    let mut count = 0;
    for line in lines {
        reread::<super::offset_commit::Request>(line)
            .or_else(|| reread::<super::offset_fetch::Request>(line))
            .or_else(|| reread::<super::list_offsets::Request>(line))
            .or_else(|| reread::<super::share_fetch::Request>(line))
            .or_else(|| reread::<super::share_acknowledge::Request>(line))
            .or_else(|| reread::<super::describe_share_group_offsets::Request>(line))
            .unwrap_or_else(|| panic!("nobody reads {line}"));
        count += 1;
    }
    assert_eq!(count, 36);
}

fn frames_of<R: Request + Sample>(random: &mut Random) -> Vec<Bytes> {
    let frame = |version| {
        let body: R = sampled(random, version);
        request_frame(&body, version, 5, Some(&"probe".into())).expect("a frame").into_bytes().slice(4..)
    };
    (R::VERSIONS.min..=R::VERSIONS.max).map(frame).collect()
}

#[test]
fn whole_frames_are_read_and_damaged_ones_never_panic() {
    let mut random = Random(9);
    for frame in frames(&mut random) {
        api::check_bytes(&frame).expect("a whole frame");
        for _ in 0..300 {
            let mut damaged = frame.to_vec();
            for _ in 0..=random.below(3) {
                let at = random.below(damaged.len());
                match random.below(3) {
                    0 => damaged[at] = random.below(256) as u8,
                    1 => damaged.truncate(at + 1),
                    _ => damaged.insert(at, random.below(256) as u8),
                }
            }
            let _any = api::check_bytes(&damaged);
        }
    }
}

#[test]
fn subscriptions_and_assignments_come_back_and_agree() {
    let mut random = Random(10);
    for version in 0..=3 {
        for _ in 0..ROUNDS {
            let form = Form::new(version, false);
            let (subscription, assignment) =
                (Subscription::sample(&mut random, form), Assignment::sample(&mut random, form));
            let bytes = subscription.encode(version).expect("a subscription");
            assert_eq!(Subscription::decode(bytes.clone()), Ok((subscription, version)));
            let body = bytes.slice(2..);
            let theirs =
                through_theirs::<theirs::ConsumerProtocolSubscription>("subscription", &body, version);
            assert_eq!(theirs, body);
            let bytes = assignment.encode(version).expect("an assignment");
            assert_eq!(Assignment::decode(bytes.clone()), Ok((assignment, version)));
            let body = bytes.slice(2..);
            let theirs = through_theirs::<theirs::ConsumerProtocolAssignment>("assignment", &body, version);
            assert_eq!(theirs, body);
        }
    }
}

#[test]
fn a_newer_subscription_is_read_as_the_newest_known() {
    let subscription = Subscription { topics: vec!["orders".into()], ..Default::default() };
    let mut bytes = subscription.encode(3).expect("a subscription").to_vec();
    bytes[1] = 9;
    bytes.extend(b"added later");
    assert_eq!(Subscription::decode(bytes.into()), Ok((subscription, 9)));
}
