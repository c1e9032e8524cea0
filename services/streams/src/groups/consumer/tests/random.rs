//! Members that join, beat slowly or quickly, lose answers, leave and fall silent in any order, with restarts and changes of topics in between.

use std::collections::BTreeMap;

use bole_testing::Rng;

use super::*;
use crate::groups::topics::TopicId;

#[derive(Debug, Default)]
struct Client {
    id: String,
    epoch: i32,
    instance: Option<String>,
    topics: Vec<Arc<str>>,
    /// What the client reads: from the moment it was told until it knows that it lost it.
    owned: Assignment,
    /// What it was told last.
    assigned: Assignment,
    in_group: bool,
    /// When its session ends for itself: it stops reading by then.
    until: u64,
    /// By when it has given up what it was told to.
    gives_up: Option<u64>,
    /// It had no answer: its next heartbeat says everything, so that it is told everything.
    lost: bool,
    /// What it said last that it owns: it says so again when that changes.
    said: Assignment,
}

impl Client {
    fn give_up(&mut self) {
        self.gives_up = None;
        let assigned = &self.assigned;
        for (topic, partitions) in &mut self.owned {
            partitions.retain(|partition| assigned.get(topic).is_some_and(|kept| kept.contains(partition)));
        }
        self.owned.retain(|_, partitions| !partitions.is_empty());
    }
}

struct World {
    stage: Stage,
    rng: Rng,
    clients: Vec<Client>,
    fresh: u64,
    epoch: i32,
    moves: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let client = |number: u64| Client {
            instance: number.is_multiple_of(3).then(|| format!("i{number}")),
            ..Client::default()
        };
        let stage = Stage::new(&[("t", 5), ("u", 3), ("v", 2)], Config::default());
        let clients = (0..5).map(client).collect();
        Self { stage, rng: Rng::new(seed), clients, fresh: 0, epoch: 0, moves: 0 }
    }

    fn step(&mut self) {
        let index = self.rng.index(self.clients.len());
        match self.rng.below(100) {
            0..10 => self.stage.pass(self.rng.in_range(1..6_000)),
            10..12 => self.stage.pass(self.rng.in_range(6_000..50_000)),
            12..16 => self.leave(index),
            16..18 => {
                let partitions = self.rng.in_range(1..7) as u32;
                self.stage.topics.set("u", partitions);
            }
            18..20 => {
                self.stage.topics.remove("v");
                self.stage.topics.set("w", 2);
            }
            20..25 => self.stage.checkpoint(),
            25 => self.stage.restart(),
            _ => self.act(index),
        }
        self.give_up_in_time();
        self.check();
    }

    /// A client that could not reach the group for its session stops reading by itself.
    fn give_up_in_time(&mut self) {
        let now = self.stage.now.monotonic_ms;
        for client in &mut self.clients {
            if client.until <= now {
                client.owned.clear();
                client.assigned.clear();
                client.epoch = 0;
                client.in_group = false;
            }
            if client.gives_up.is_some_and(|at| at <= now) {
                client.give_up();
            }
        }
    }

    fn act(&mut self, index: usize) {
        let subscribes = self.rng.one_in(10);
        let client = &mut self.clients[index];
        if client.in_group {
            // It takes over what it was told, at once or later.
            if self.rng.one_in(2) {
                client.owned.clone_from(&client.assigned);
            } else {
                // Giving up comes first.
                client.give_up();
            }
        }
        let full = self.rng.one_in(3) || client.owned != client.said;
        let topics = (!client.in_group || subscribes).then(|| {
            let names = ["t", "u", "v"].into_iter().filter(|_| self.rng.one_in(2));
            names.map(Arc::from).collect::<Vec<Arc<str>>>()
        });
        if let Some(topics) = &topics {
            client.topics.clone_from(topics);
        }
        let mut request = if client.in_group {
            beat(&client.id, client.epoch, full.then(|| client.owned.clone()))
        } else {
            self.fresh += 1;
            client.id = format!("m{}", self.fresh);
            join(&client.id, &[])
        };
        request.instance_id = client.instance.as_deref().map(Arc::from);
        request.topics = topics.or(request.topics);
        if std::mem::take(&mut client.lost) {
            request.topics = Some(client.topics.clone());
            request.rebalance_timeout_ms = Some(60_000);
            request.owned = Some(client.owned.clone()).filter(|_| client.in_group).or(request.owned);
        }
        if let Some(owned) = &request.owned {
            client.said.clone_from(owned);
        }
        let before = self.stage.log.len();
        let outcome = self.stage.consumer(&request);
        if outcome.is_err() {
            assert_eq!(self.stage.log.len(), before, "a refusal changes nothing");
        }
        let lost = self.rng.one_in(8);
        self.answered(index, outcome, lost);
    }

    fn answered(&mut self, index: usize, outcome: Result<Heartbeat, Error>, lost: bool) {
        let now = self.stage.now.monotonic_ms;
        let client = &mut self.clients[index];
        match outcome {
            // A lost answer of a join: the client joins under another id, the group will find out by time.
            Ok(_) if lost => client.lost = true,
            Ok(answer) => {
                client.in_group = true;
                client.until = now + 45_000;
                client.epoch = answer.member_epoch;
                if let Some(assignment) = answer.assignment {
                    self.moves += usize::from(assignment != client.assigned);
                    client.assigned = assignment;
                    client.gives_up = Some(now + 10_000);
                }
            }
            Err(error) if matches!(error.code, Code::UnreleasedInstanceId) => {}
            Err(error) => {
                assert!(
                    matches!(
                        error.code,
                        Code::FencedMemberEpoch
                            | Code::UnknownMemberId
                            | Code::GroupIdNotFound
                            | Code::FencedInstanceId
                    ),
                    "{error}"
                );
                client.until = 0;
            }
        }
    }

    fn leave(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if !client.in_group {
            return;
        }
        let epoch =
            if client.instance.is_some() && self.rng.one_in(2) { EPOCH_LEAVE_STATIC } else { EPOCH_LEAVE };
        let mut request = beat(&client.id, epoch, None);
        request.instance_id = client.instance.as_deref().map(Arc::from);
        client.until = 0;
        client.owned.clear();
        let _outcome = self.stage.consumer(&request);
    }

    fn check(&mut self) {
        let Some(group) = self.stage.state.group(GROUP) else { return };
        let record = group.modern().unwrap();
        assert!(record.epoch >= self.epoch, "epochs do not go back");
        self.epoch = record.epoch;
        assert!(record.target_epoch <= record.epoch);
        let mut owners: BTreeMap<(TopicId, i32), &str> = BTreeMap::new();
        for (id, member) in &record.members {
            assert!(member.epoch <= record.target_epoch);
            for (topic, partitions) in member.assigned.iter().chain(&member.revoking) {
                for partition in partitions {
                    let other = owners.insert((*topic, *partition), id);
                    assert_eq!(other, None, "a partition has one owner");
                    assert_eq!(record.owner(*topic, *partition), Some(id), "and the index knows it");
                }
            }
        }
        let mut readers: BTreeMap<(TopicId, i32), &str> = BTreeMap::new();
        for client in &self.clients {
            for (topic, partitions) in &client.owned {
                for partition in partitions {
                    let other = readers.insert((*topic, *partition), &client.id);
                    assert_eq!(other, None, "no two clients read a partition");
                }
            }
        }
    }
}

#[test]
fn any_order_of_events_keeps_the_invariants() {
    let mut moves = 0;
    for seed in 0..150 {
        let mut world = World::new(seed);
        for _ in 0..500 {
            world.step();
        }
        moves += world.moves;
        // Left in peace, the group comes to rest, and everything is read.
        for round in 0.. {
            assert!(round < 40, "seed {seed}: the group comes to rest");
            for index in 0..world.clients.len() {
                let client = &mut world.clients[index];
                let mut request = if client.in_group {
                    client.owned.clone_from(&client.assigned);
                    HeartbeatRequest {
                        rebalance_timeout_ms: Some(60_000),
                        topics: Some(client.topics.clone()),
                        ..beat(&client.id, client.epoch, Some(client.owned.clone()))
                    }
                } else {
                    world.fresh += 1;
                    client.id = format!("m{}", world.fresh);
                    join(&client.id, &["t", "u"])
                };
                request.instance_id = client.instance.as_deref().map(Arc::from);
                let outcome = world.stage.consumer(&request);
                world.answered(index, outcome, false);
            }
            world.stage.pass(5_000);
            world.give_up_in_time();
            world.check();
            let live = world.clients.iter().filter(|client| client.in_group).count();
            let record = world.stage.record();
            if live == world.clients.len() && record.members.len() == live && record.state_name() == "Stable"
            {
                break;
            }
        }
        world.stage.pass(1_000_000);
        assert!(world.stage.record().members.is_empty(), "seed {seed}");
        world.stage.restart();
    }
    assert!(moves > 2_000, "the runs got somewhere: {moves} new assignments");
}
