//! Groups of a thousand members, whose node is killed while they join.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bole::streams_client::assignor::Assignor;
use bole::streams_client::member::{Beat, Member};
use bole::streams_client::topics::{self, Topic};
use bole::streams_client::{Connection, Error};
use tokio::sync::watch;

use crate::node::{Node, PATIENCE};

const MEMBERS: usize = 1_000;
const PARTITIONS: usize = 1_000;
/// How often somebody who finds no node looks again.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug)]
enum Protocol {
    Classic,
    Consumer,
}

/// What all members share.
struct Group {
    addr: String,
    topic: Topic,
    protocol: Protocol,
    /// The partitions of each member that has joined.
    held: Mutex<BTreeMap<usize, BTreeSet<i32>>>,
    over: watch::Receiver<bool>,
}

impl Group {
    fn hold(&self, number: usize, owned: Option<&BTreeSet<i32>>) {
        let mut held = self.held.lock().unwrap();
        match owned {
            Some(owned) => drop(held.insert(number, owned.clone())),
            None => drop(held.remove(&number)),
        }
    }

    /// Members that have joined; the partitions of all of them, and how many different ones these are.
    fn look(&self) -> (usize, usize, usize) {
        let held = self.held.lock().unwrap();
        let all: Vec<i32> = held.values().flatten().copied().collect();
        (held.len(), all.len(), all.iter().collect::<BTreeSet<_>>().len())
    }

    fn member(&self, connection: Connection) -> Member {
        let name = "g".to_owned();
        match self.protocol {
            Protocol::Classic => Member::classic(connection, name, self.topic.name.clone(), Assignor::Range),
            Protocol::Consumer => Member::consumer(connection, name, self.topic.clone(), None),
        }
    }
}

/// Is a member until it is over, whatever happens to the node.
async fn live(group: Arc<Group>, number: usize) {
    let mut member = None;
    let mut over = group.over.clone();
    loop {
        let stayed = tokio::select! {
            stayed = stay(&group, number, &mut member) => stayed,
            _ = over.wait_for(|over| *over) => return,
        };
        group.hold(number, None);
        drop(stayed);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Joins and stays, until something fails.
async fn stay(group: &Group, number: usize, member: &mut Option<Member>) -> Result<(), Error> {
    let connection = Connection::open(&group.addr).await?;
    let member = match member {
        Some(member) => {
            member.move_to(connection);
            member
        }
        None => member.insert(group.member(connection)),
    };
    loop {
        member.join().await?;
        group.hold(number, Some(member.owned()));
        loop {
            tokio::time::sleep(member.heartbeat_interval()).await;
            let beat = member.heartbeat().await?;
            if beat == Beat::Rejoin {
                group.hold(number, None);
                break;
            }
            group.hold(number, Some(member.owned()));
        }
    }
}

async fn wait_for(group: &Group, what: &str, is_as_wished: impl Fn((usize, usize, usize)) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_as_wished(group.look()) {
        let look = group.look();
        assert!(
            Instant::now() < deadline,
            "{:?}: not {what}: members, partitions, different ones: {look:?}",
            group.protocol
        );
        tokio::time::sleep(PAUSE).await;
    }
}

async fn run(protocol: Protocol) {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let addr = node.streams.clone();
    let partitions = PARTITIONS.to_string();
    assert_eq!(node.bole(&["topic", "create", "t", "--partitions", &partitions], "").code, 0);
    let topic = {
        let mut connection = Connection::open(&addr).await.unwrap();
        topics::find(&mut connection, "t", false).await.unwrap()
    };
    let (end, over) = watch::channel(false);
    let group = Arc::new(Group { addr: addr.clone(), topic, protocol, held: Mutex::default(), over });
    let members: Vec<_> = (0..MEMBERS).map(|number| tokio::spawn(live(Arc::clone(&group), number))).collect();
    wait_for(&group, "some", |(members, ..)| members > 0).await;
    drop(node);
    let node = Node::start_at(folder.path(), &addr);
    wait_for(&group, "all, each partition once", |look| look == (MEMBERS, PARTITIONS, PARTITIONS)).await;
    end.send(true).unwrap();
    for member in members {
        member.await.unwrap();
    }
    drop(node);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_members_find_their_parts_though_the_node_is_killed_meanwhile() {
    for protocol in [Protocol::Classic, Protocol::Consumer] {
        run(protocol).await;
    }
}
