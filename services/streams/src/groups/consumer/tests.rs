//! Consumer groups: every refusal, the steps of a reconciliation, and random orders of events.

mod errors;
mod flows;
mod random;

use std::sync::Arc;

use super::heartbeat::heartbeat;
use super::{EPOCH_JOIN, EPOCH_LEAVE, EPOCH_LEAVE_STATIC, Heartbeat, HeartbeatRequest};
use crate::groups::config::Config;
use crate::groups::error::{Code, Error};
use crate::groups::stage::Stage;
use crate::groups::state::modern::{Assignment, Record};
use crate::groups::topics::Fake;

const GROUP: &str = "g";

fn stage() -> Stage {
    Stage::new(&[("t", 4), ("u", 2)], Config::default())
}

fn join(member: &str, topics: &[&str]) -> HeartbeatRequest {
    HeartbeatRequest {
        group: GROUP.into(),
        member_id: member.into(),
        member_epoch: EPOCH_JOIN,
        rebalance_timeout_ms: Some(60_000),
        topics: Some(topics.iter().map(|topic| Arc::from(*topic)).collect()),
        owned: Some(Assignment::new()),
        client_id: "c".into(),
        client_host: "h".into(),
        ..HeartbeatRequest::default()
    }
}

fn join_static(member: &str, instance: &str) -> HeartbeatRequest {
    HeartbeatRequest { instance_id: Some(instance.into()), ..join(member, &["t"]) }
}

fn beat(member: &str, epoch: i32, owned: Option<Assignment>) -> HeartbeatRequest {
    HeartbeatRequest {
        group: GROUP.into(),
        member_id: member.into(),
        member_epoch: epoch,
        owned,
        client_id: "c".into(),
        client_host: "h".into(),
        ..HeartbeatRequest::default()
    }
}

/// Partitions of the topic that was made as the `topic`th.
fn parts(topic: u64, partitions: &[i32]) -> Assignment {
    Assignment::from([(Fake::id(topic), partitions.to_vec())])
}

impl Stage {
    fn consumer(&mut self, request: &HeartbeatRequest) -> Result<Heartbeat, Error> {
        self.act(&request.group, |state, cx, out| heartbeat(state, cx, out, request))
    }

    fn record(&self) -> &Record {
        self.state.group(GROUP).unwrap().modern().unwrap()
    }
}
