//! Share groups: every refusal, what happens to records, and random orders of events.

mod errors;
mod random;
mod records;

use std::sync::Arc;

use super::acknowledge::acknowledge;
use super::acquire::{acquire, position};
use super::condemned::{archive, letters};
use super::heartbeat::heartbeat;
use super::{
    AcknowledgeRequest, Acknowledgement, AcquireRequest, Batch, HeartbeatRequest, Place, Reason, Session,
    SessionRequest,
};
use super::{locks, offsets, session};
use crate::groups::config::{Config, OffsetReset, Overrides, Sharing};
use crate::groups::consumer::{EPOCH_JOIN, EPOCH_LEAVE, Heartbeat};
use crate::groups::error::{Code, Error};
use crate::groups::stage::Stage;
use crate::groups::state::modern::Record;
use crate::groups::state::share::Partition;
use crate::groups::topics::Fake;

const GROUP: &str = "g";
const LOCK_MS: u64 = 30_000;

/// Partition 0 of topic `t`.
fn place() -> Place {
    (Fake::id(1), 0)
}

fn stage() -> Stage {
    let mut stage = Stage::new(&[("t", 2)], Config::default());
    stage
        .topics
        .set_overrides(Overrides { share_offset_reset: Some(OffsetReset::Earliest), ..Overrides::default() });
    stage.share_beat(&beat("a", EPOCH_JOIN)).unwrap();
    stage
}

fn beat(member: &str, epoch: i32) -> HeartbeatRequest {
    HeartbeatRequest {
        group: GROUP.into(),
        member_id: member.into(),
        member_epoch: epoch,
        rack: None,
        topics: (epoch == EPOCH_JOIN).then(|| vec!["t".into()]),
        client_id: "c".into(),
        client_host: "h".into(),
    }
}

type Got = Vec<(i64, i64, u16)>;

impl Stage {
    fn share_beat(&mut self, request: &HeartbeatRequest) -> Result<Heartbeat, Error> {
        self.act(&request.group, |state, cx, out| heartbeat(state, cx, out, request))
    }

    fn position(&mut self, log: (i64, i64)) -> Result<Option<i64>, Code> {
        let group = GROUP.into();
        self.act(GROUP, |state, cx, out| position(state, cx, out, &group, place(), log))
            .map_err(|error| error.code)
    }

    /// Acquires what there is in batches of `batch` records, of a log of `log_end` records.
    fn fetch(&mut self, member: &str, log_end: i64, batch: i64, max_records: u64) -> Got {
        let Some(from) = self.position((0, log_end)).unwrap() else { return Got::new() };
        let batches = (from / batch..).map(|number| (number * batch, number * batch + batch - 1));
        let batches = batches.take_while(|(_, last)| *last < log_end).take(20).collect();
        self.acquire(member, from, log_end, batches, max_records)
    }

    fn acquire(
        &mut self,
        member: &str,
        from: i64,
        to: i64,
        batches: Vec<(i64, i64)>,
        max_records: u64,
    ) -> Got {
        let request = AcquireRequest {
            group: GROUP.into(),
            member_id: member.into(),
            place: place(),
            from,
            to: batches.last().map_or(to, |(_, last)| last + 1),
            batches,
            max_records,
            strict: false,
            delayed: Vec::new(),
        };
        self.acquire_request(&request)
    }

    fn acquire_request(&mut self, request: &AcquireRequest) -> Got {
        let got = self.act(GROUP, |state, cx, out| acquire(state, cx, out, request)).unwrap();
        got.iter().map(|got| (got.first, got.last, got.deliveries)).collect()
    }

    fn acknowledge(
        &mut self,
        member: &str,
        first: i64,
        last: i64,
        kind: Acknowledgement,
    ) -> Result<(), Code> {
        self.acknowledge_batches(member, vec![Batch { first, last, kinds: vec![kind] }])
    }

    fn acknowledge_batches(&mut self, member: &str, batches: Vec<Batch>) -> Result<(), Code> {
        let request =
            AcknowledgeRequest { group: GROUP.into(), member_id: member.into(), place: place(), batches };
        self.act(GROUP, |state, cx, out| acknowledge(state, cx, out, &request)).map_err(|error| error.code)
    }

    fn session(
        &mut self,
        member: &str,
        epoch: i32,
        add: &[Place],
        forget: &[Place],
    ) -> Result<Session, Code> {
        let request = SessionRequest {
            group: GROUP.into(),
            member_id: member.into(),
            epoch,
            add: add.to_vec(),
            forget: forget.to_vec(),
            may_open: true,
        };
        self.session_request(&request)
    }

    fn session_request(&mut self, request: &SessionRequest) -> Result<Session, Code> {
        self.act(&request.group, |state, cx, out| session::session(state, cx, out, request))
            .map_err(|error| error.code)
    }

    fn release(&mut self, member: &str) {
        let (group, member) = (Arc::from(GROUP), Arc::from(member));
        self.act(GROUP, |state, cx, out| {
            session::forget(out, &group, &member);
            locks::release_member(state, cx, out, &group, &member);
        });
    }

    fn share(&self) -> &Partition {
        &self.share_record().shares[&place()]
    }

    fn share_record(&self) -> &Record {
        self.state.group(GROUP).unwrap().modern().unwrap()
    }
}
