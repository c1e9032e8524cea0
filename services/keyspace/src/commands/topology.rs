//! Replication and cluster, as clients ask a server that has neither.

use crate::command::{Command, Flags, Handler, KeyPlaces};
use crate::commands::arguments::{integer, is};
use crate::commands::{CONTAINER, help};
use crate::context::{Context, Session};
use crate::failure::{Failure, Outcome};
use crate::slots::{SLOTS, slot};

const NO_CLUSTER: Handler =
    Handler::Session(|_, _| Err("ERR This instance has cluster support disabled".into()));

const fn row(
    name: &'static str,
    arity: i16,
    flags: Flags,
    keys: KeyPlaces,
    [since, complexity, summary]: [&'static str; 3],
    handler: Handler,
) -> Command {
    Command { name, arity, flags, keys, category: "server", since, complexity, summary, handler }
}

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    row(
        "replicaof",
        3,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::STALE),
        KeyPlaces::None,
        ["5.0.0", "O(1)", "Configures a server as replica of another, or promotes it to a primary."],
        Handler::Session(replicaof),
    ),
    row(
        "slaveof",
        3,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::STALE),
        KeyPlaces::None,
        ["1.0.0", "O(1)", "Sets a server as a replica of another, or promotes it to being a primary."],
        Handler::Session(replicaof),
    ),
    row(
        "role",
        1,
        Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST),
        KeyPlaces::None,
        ["2.8.12", "O(1)", "Returns the replication role."],
        Handler::Session(role),
    ),
    row(
        "cluster",
        CONTAINER,
        Flags(0),
        KeyPlaces::None,
        ["3.0.0", "Depends on subcommand.", "A container for Cluster commands."],
        help::HEAD,
    ),
    row(
        "cluster|info",
        2,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        ["3.0.0", "O(1)", "Returns information about the state of a node."],
        Handler::Session(info),
    ),
    row(
        "cluster|keyslot",
        3,
        Flags::STALE,
        KeyPlaces::None,
        ["3.0.0", "O(N) where N is the number of bytes in the key", "Returns the hash slot for a key."],
        Handler::Session(keyslot),
    ),
    row(
        "cluster|countkeysinslot",
        3,
        Flags::STALE,
        KeyPlaces::None,
        ["3.0.0", "O(1)", "Returns the number of keys in a hash slot."],
        Handler::Database(countkeysinslot),
    ),
    row(
        "cluster|help",
        2,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        ["5.0.0", "O(1)", "Returns helpful text about the different subcommands."],
        help::ROW,
    ),
    row(
        "cluster|myid",
        2,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        ["3.0.0", "O(1)", "Returns the ID of a node."],
        NO_CLUSTER,
    ),
    row(
        "cluster|nodes",
        2,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        [
            "3.0.0",
            "O(N) where N is the total number of Cluster nodes",
            "Returns the cluster configuration for a node.",
        ],
        NO_CLUSTER,
    ),
    row(
        "cluster|slots",
        2,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        [
            "3.0.0",
            "O(N) where N is the total number of Cluster nodes",
            "Returns the mapping of cluster slots to nodes.",
        ],
        NO_CLUSTER,
    ),
    row(
        "cluster|shards",
        2,
        Flags::LOADING.and(Flags::STALE),
        KeyPlaces::None,
        [
            "7.0.0",
            "O(N) where N is the total number of cluster nodes",
            "Returns the mapping of cluster slots to shards.",
        ],
        NO_CLUSTER,
    ),
    row(
        "readonly",
        1,
        Flags::FAST.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["3.0.0", "O(1)", "Enables read-only queries for a connection to a Redis replica node."],
        NO_CLUSTER,
    ),
    row(
        "readwrite",
        1,
        Flags::FAST.and(Flags::LOADING).and(Flags::STALE),
        KeyPlaces::None,
        ["3.0.0", "O(1)", "Enables read-write queries for a connection to a Redis replica node."],
        NO_CLUSTER,
    ),
    row(
        "asking",
        1,
        Flags::FAST,
        KeyPlaces::None,
        ["3.0.0", "O(1)", "Signals that a cluster client is following an -ASK redirect."],
        NO_CLUSTER,
    ),
    row(
        "failover",
        -1,
        Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::STALE),
        KeyPlaces::None,
        ["6.2.0", "O(1)", "Starts a coordinated failover from a server to one of its replicas."],
        Handler::Session(|_, _| Err("ERR FAILOVER requires connected replicas.".into())),
    ),
];

fn replicaof(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    if !(is(args[1], "no") && is(args[2], "one")) {
        return Err(
            "ERR this server cannot become a replica of another; only REPLICAOF NO ONE is supported".into()
        );
    }
    session.reply.ok();
    Ok(())
}

fn role(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    session.reply.array(3);
    session.reply.bulk(b"master");
    session.reply.integer(0);
    session.reply.array(0);
    Ok(())
}

fn info(session: &mut Session<'_>, _args: &[&[u8]]) -> Outcome {
    session.reply.verbatim(
        "cluster_enabled:0\r\ncluster_state:ok\r\ncluster_slots_assigned:0\r\ncluster_slots_ok:0\r\ncluster_slots_pfail:0\r\n\
         cluster_slots_fail:0\r\ncluster_known_nodes:1\r\ncluster_size:0\r\ncluster_current_epoch:0\r\ncluster_my_epoch:0\r\n",
    );
    Ok(())
}

fn keyslot(session: &mut Session<'_>, args: &[&[u8]]) -> Outcome {
    session.reply.count(slot(args[2]));
    Ok(())
}

fn countkeysinslot(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let wanted = usize::try_from(integer(args[2])?).ok().filter(|slot| *slot < SLOTS);
    let wanted = wanted.ok_or(Failure::from("ERR Invalid slot"))?;
    let (database, now) = (context.keys.database, context.keys.now);
    context.keys.need_all(database);
    let shards = context.keys.partitions(database).count();
    let mut count = 0;
    if let Some(partition) = context.keys.partitions(database).nth(wanted * shards / SLOTS) {
        partition.data.scan(0, usize::MAX, now, |entry| count += usize::from(slot(entry.key()) == wanted));
    }
    context.reply.count(count);
    Ok(())
}
