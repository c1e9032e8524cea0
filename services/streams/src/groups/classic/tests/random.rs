//! Members that join, sync, beat, leave and fall silent in any order, with restarts in between.

use std::collections::{BTreeMap, BTreeSet};

use bole_testing::Rng;

use super::*;
use crate::groups::classic::{Phase, find};
use crate::groups::error::Code;

#[derive(Debug, Default)]
struct Client {
    id: String,
    instance: Option<String>,
    generation: i32,
    join: Option<Token>,
    sync: Option<Token>,
    /// For the leader: whom to assign to.
    members: Vec<String>,
    assigned: Option<(i32, String)>,
    dead: bool,
}

struct World {
    stage: Stage,
    rng: Rng,
    clients: Vec<Client>,
    /// The highest generation that any client saw.
    seen: i32,
    /// Who led a generation.
    leaders: BTreeMap<i32, String>,
    fresh: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut stage = stage();
        let mut rng = Rng::new(seed);
        stage.config.initial_rebalance_delay_ms = if rng.one_in(2) { 0 } else { 500 };
        let client = |number: u64| Client {
            instance: number.is_multiple_of(3).then(|| format!("i{number}")),
            ..Client::default()
        };
        let clients = (0..6).map(client).collect();
        Self { stage, rng, clients, seen: 0, leaders: BTreeMap::new(), fresh: 0 }
    }

    fn step(&mut self) {
        let index = self.rng.index(self.clients.len());
        match self.rng.below(100) {
            0..45 => self.act(index),
            45..60 => self.stage.pass(self.rng.in_range(1..2_000)),
            60..63 => self.stage.pass(self.rng.in_range(2_000..20_000)),
            63..66 => self.clients[index].dead ^= true,
            66..69 => self.leave(index),
            69..71 => self.stage.checkpoint(),
            71 => self.restart(),
            _ => self.beat(index),
        }
        self.collect();
        self.check();
    }

    fn restart(&mut self) {
        self.stage.restart();
        for client in &mut self.clients {
            client.join = None;
            client.sync = None;
        }
    }

    /// The client does what a consumer does next: joins, or asks for its assignment.
    fn act(&mut self, index: usize) {
        let client = &self.clients[index];
        if client.dead || client.join.is_some() || client.sync.is_some() {
            return;
        }
        let wants_sync =
            client.generation > 0 && client.assigned.as_ref().is_none_or(|(at, _)| *at != client.generation);
        if wants_sync {
            let assignments: Vec<_> = client.members.iter().map(|id| (id.as_str(), id.as_str())).collect();
            let request = SyncRequest {
                instance_id: client.instance.as_deref().map(Arc::from),
                ..sync_request(&client.id, client.generation, &assignments)
            };
            let token = self.stage.sync_with(&request);
            self.clients[index].sync = Some(token);
            return;
        }
        self.fresh += 1;
        let request = JoinRequest {
            instance_id: client.instance.as_deref().map(Arc::from),
            require_known_member_id: self.fresh.is_multiple_of(2),
            supports_skipping_assignment: true,
            ..join_request(&client.id)
        };
        let token = self.stage.join(&request, &format!("m{}", self.fresh));
        let client = &mut self.clients[index];
        client.join = Some(token);
        client.generation = 0;
    }

    fn beat(&mut self, index: usize) {
        let client = &self.clients[index];
        if client.dead || client.id.is_empty() || client.join.is_some() {
            return;
        }
        let request = HeartbeatRequest {
            group: GROUP.into(),
            member_id: client.id.as_str().into(),
            instance_id: client.instance.as_deref().map(Arc::from),
            generation: client.generation,
        };
        let before = self.stage.log.len();
        let outcome = self.stage.act(GROUP, |state, cx, out| leave::heartbeat(state, cx, out, &request));
        assert_eq!(self.stage.log.len(), before, "heartbeats log nothing");
        if let Err(error) = outcome {
            self.lost(index, error.code);
        }
    }

    fn leave(&mut self, index: usize) {
        let client = &self.clients[index];
        if client.id.is_empty() {
            return;
        }
        let (id, instance) = (client.id.clone(), client.instance.clone());
        let _outcome = self.stage.leave(&id, instance.as_deref());
        self.lost(index, Code::UnknownMemberId);
    }

    fn lost(&mut self, index: usize, code: Code) {
        let client = &mut self.clients[index];
        client.generation = 0;
        client.members.clear();
        client.assigned = None;
        if matches!(code, Code::UnknownMemberId | Code::FencedInstanceId) {
            client.id.clear();
        }
    }

    /// Takes the answers that have come.
    fn collect(&mut self) {
        for index in 0..self.clients.len() {
            if let Some(token) = self.clients[index].join
                && self.stage.replies.contains_key(&token)
            {
                self.clients[index].join = None;
                match self.stage.joined(token) {
                    Ok(joined) => self.joined(index, &joined),
                    Err(refused) => {
                        self.lost(index, refused.error.code);
                        if refused.error.code == Code::MemberIdRequired {
                            self.clients[index].id = refused.member_id.to_string();
                        }
                    }
                }
            }
            if let Some(token) = self.clients[index].sync
                && self.stage.replies.contains_key(&token)
            {
                self.clients[index].sync = None;
                match self.stage.synced(token) {
                    Ok(synced) => {
                        let text = String::from_utf8(synced.assignment.to_vec()).unwrap();
                        let client = &mut self.clients[index];
                        client.assigned = Some((client.generation, text));
                    }
                    Err(error) => self.lost(index, error.code),
                }
            }
        }
    }

    fn joined(&mut self, index: usize, joined: &Joined) {
        assert!(joined.generation >= self.seen, "generations do not go back");
        self.seen = joined.generation;
        if !joined.members.is_empty() {
            let leader =
                self.leaders.entry(joined.generation).or_insert_with(|| joined.member_id.to_string());
            let replaced = joined.skip_assignment;
            assert!(replaced || *leader == *joined.member_id, "a generation has one leader");
        }
        let client = &mut self.clients[index];
        client.id = joined.member_id.to_string();
        client.generation = joined.generation;
        client.assigned = None;
        client.members = joined.members.iter().map(|member| member.member_id.to_string()).collect();
    }

    fn check(&mut self) {
        let now = self.stage.now;
        let Some(group) = find(&mut self.stage.state, GROUP, now).unwrap() else { return };
        let joins = group.members.values().filter(|member| member.join.is_some()).count();
        assert_eq!(joins, group.awaiting_join);
        let bytes: usize = group.members.iter().map(|(id, member)| id.len() + member.bytes()).sum();
        assert_eq!(bytes, group.bytes);
        let waiting: BTreeSet<Token> =
            group.members.values().flat_map(|member| [member.join, member.sync]).flatten().collect();
        assert_eq!(waiting, self.stage.waiting, "who waits is known to the group, so none is lost");
        match group.phase {
            Phase::Empty => assert!(group.members.is_empty()),
            _ => assert!(
                group.members.is_empty()
                    || group.leader.as_ref().is_some_and(|id| group.members.contains_key(id)),
                "one of the members leads"
            ),
        }
        let mut current = BTreeMap::new();
        for client in self.clients.iter().filter(|client| !client.dead) {
            if let Some((generation, part)) = &client.assigned
                && *generation == group.generation
                && group.members.contains_key(&*client.id)
                && !part.is_empty()
            {
                let other = current.insert(part.clone(), client.id.clone());
                assert_eq!(other, None, "a part is assigned once in generation {generation}");
            }
        }
    }
}

#[test]
fn any_order_of_events_keeps_the_invariants() {
    let mut generations = 0;
    for seed in 0..150 {
        let mut world = World::new(seed);
        for _ in 0..600 {
            world.step();
        }
        generations += world.seen;
        // Everybody falls silent: then everybody who waits is answered, and the group is empty.
        for client in &mut world.clients {
            client.dead = true;
        }
        world.stage.pass(1_000_000);
        assert!(world.stage.waiting.is_empty(), "seed {seed}");
        world.stage.restart();
        let now = world.stage.now;
        let group = find(&mut world.stage.state, GROUP, now).unwrap();
        assert!(group.is_none_or(|group| group.phase == Phase::Empty), "seed {seed}");
    }
    assert!(generations > 1_000, "the runs got somewhere: {generations} generations");
}
