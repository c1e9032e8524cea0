//! Classic groups: every refusal, the flows of a rebalance, and random orders of events.

mod errors;
mod flows;
mod random;

use std::sync::Arc;

use bytes::Bytes;

use super::{join, leave, sync};
use crate::groups::config::Config;
use crate::groups::decide::{Reply, Token};
use crate::groups::error::Error;
use crate::groups::stage::Stage;
use crate::groups::{
    HeartbeatRequest, JoinRefused, JoinRequest, Joined, LeavingMember, Protocol, SyncRequest, Synced,
};

const GROUP: &str = "g";
const SESSION_MS: u64 = 10_000;
const REBALANCE_MS: u64 = 60_000;

fn stage() -> Stage {
    Stage::new(&[("t", 4), ("u", 2)], Config::default())
}

/// A consumer's metadata that subscribes to topics.
fn subscription(topics: &[&str]) -> Bytes {
    let mut bytes = vec![0, 0];
    bytes.extend_from_slice(&(topics.len() as i32).to_be_bytes());
    for topic in topics {
        bytes.extend_from_slice(&(topic.len() as i16).to_be_bytes());
        bytes.extend_from_slice(topic.as_bytes());
    }
    bytes.into()
}

fn protocols(names: &[&str]) -> Vec<Protocol> {
    names.iter().map(|name| Protocol { name: (*name).into(), metadata: subscription(&["t"]) }).collect()
}

fn join_request(member_id: &str) -> JoinRequest {
    JoinRequest {
        group: GROUP.into(),
        member_id: member_id.into(),
        instance_id: None,
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: REBALANCE_MS,
        protocol_type: "consumer".into(),
        protocols: protocols(&["range"]),
        require_known_member_id: false,
        supports_skipping_assignment: true,
    }
}

fn static_request(member_id: &str, instance: &str) -> JoinRequest {
    JoinRequest { instance_id: Some(instance.into()), ..join_request(member_id) }
}

impl Stage {
    /// Begins to join; `id` is given to the member if it has none.
    fn join(&mut self, request: &JoinRequest, id: &str) -> Token {
        let token = self.token();
        let who = (token, Arc::from(id));
        self.act(&request.group, |state, cx, out| join::join(state, cx, out, request, who));
        token
    }

    fn sync(&mut self, member_id: &str, generation: i32, assignments: &[(&str, &str)]) -> Token {
        let request = sync_request(member_id, generation, assignments);
        self.sync_with(&request)
    }

    fn sync_with(&mut self, request: &SyncRequest) -> Token {
        let token = self.token();
        self.act(&request.group, |state, cx, out| sync::sync(state, cx, out, request, token));
        token
    }

    fn beat(&mut self, member_id: &str, generation: i32) -> Result<(), Error> {
        let request = HeartbeatRequest {
            group: GROUP.into(),
            member_id: member_id.into(),
            instance_id: None,
            generation,
        };
        self.act(GROUP, |state, cx, out| leave::heartbeat(state, cx, out, &request))
    }

    fn leave(&mut self, member_id: &str, instance: Option<&str>) -> Result<(), Error> {
        let member = LeavingMember { member_id: member_id.into(), instance_id: instance.map(Arc::from) };
        let outcomes = self.act(GROUP, |state, cx, out| leave::leave(state, cx, out, GROUP, &[member]))?;
        outcomes.into_iter().next().unwrap()
    }

    fn joined(&mut self, token: Token) -> Result<Joined, JoinRefused> {
        match self.replies.remove(&token) {
            Some(Reply::Join(reply)) => reply,
            other => panic!("{token:?} was answered {other:?}"),
        }
    }

    fn synced(&mut self, token: Token) -> Result<Synced, Error> {
        match self.replies.remove(&token) {
            Some(Reply::Sync(reply)) => reply,
            other => panic!("{token:?} was answered {other:?}"),
        }
    }

    /// A stable group of these members, the first of which leads.
    fn stable(&mut self, members: &[&str]) -> i32 {
        let mut tokens: Vec<_> = members.iter().map(|id| self.join(&join_request(""), id)).collect();
        // Members that had a generation already must come again for the last one's sake.
        for (index, id) in members.iter().enumerate() {
            if !self.waiting.contains(&tokens[index]) && index + 1 < members.len() {
                tokens[index] = self.join(&join_request(id), id);
            }
        }
        let generation = tokens.iter().map(|token| self.joined(*token).unwrap().generation).max().unwrap();
        let tokens: Vec<_> = members.iter().map(|id| self.sync(id, generation, &[(id, id)])).collect();
        for token in tokens {
            self.synced(token).unwrap();
        }
        generation
    }
}

fn sync_request(member_id: &str, generation: i32, assignments: &[(&str, &str)]) -> SyncRequest {
    SyncRequest {
        group: GROUP.into(),
        member_id: member_id.into(),
        instance_id: None,
        generation,
        protocol_type: None,
        protocol_name: None,
        assignments: assignments
            .iter()
            .map(|(id, text)| (Arc::from(*id), Bytes::copy_from_slice(text.as_bytes())))
            .collect(),
    }
}
