//! SQL on a real node: transfers with an event each, while the node is killed; and `bole sql`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use tokio_postgres::{Client, Config, Error, NoTls};

use crate::node::{Node, Outcome};

const ACCOUNTS: u64 = 10;
const BALANCE: i64 = 1_000;
const CLIENTS: u64 = 4;
const KILLS: u64 = 4;
/// The longest that commits may fail to come.
const PATIENCE: Duration = Duration::from_mins(1);

async fn connect(address: &str) -> Result<Client, Error> {
    let (host, port) = address.rsplit_once(':').unwrap();
    let mut config = Config::new();
    config.host(host).port(port.parse().unwrap()).user("bole").password("bolebole").dbname("bole");
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// One transfer in a transaction of its own, with its row and its event.
async fn transfer(client: &mut Client, number: u64) -> Result<(), Error> {
    let (from, to) = ((number % ACCOUNTS) as i32, ((number / ACCOUNTS + 1 + number) % ACCOUNTS) as i32);
    let amount = (number % 17) as i64;
    let id = number.to_string();
    let transaction = client.transaction().await?;
    let change = "update accounts set balance = balance + $1 where id = $2";
    transaction.execute(change, &[&-amount, &from]).await?;
    transaction.execute(change, &[&amount, &to]).await?;
    transaction.execute("insert into transfers values ($1, $2)", &[&(number as i64), &amount]).await?;
    transaction.query("select bole.publish('transfers', $1::text, $2::text)", &[&id, &"done"]).await?;
    if number.is_multiple_of(7) {
        return transaction.rollback().await;
    }
    transaction.commit().await
}

/// Transfers until the node is gone. Those that were acknowledged are told.
async fn load(address: String, next: Arc<AtomicU64>, committed: Sender<u64>, over: Arc<AtomicBool>) {
    let Ok(mut client) = connect(&address).await else { return };
    while !over.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        match transfer(&mut client, number).await {
            Ok(()) if number.is_multiple_of(7) => {}
            Ok(()) => committed.send(number).unwrap(),
            Err(error) if error.is_closed() || error.as_db_error().is_none() => return,
            Err(error) => panic!("transfer {number}: {error:?}"),
        }
    }
}

#[test]
fn each_committed_transfer_has_one_event_whenever_the_node_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut node = Node::start(folder.path());
    assert_eq!(node.bole(&["topic", "create", "transfers", "--partitions", "2"], "").code, 0);
    runtime.block_on(async {
        let client = connect(&node.sql).await.unwrap();
        let script = format!(
            "create table accounts (id int primary key, balance bigint not null);
             create table transfers (id bigint primary key, amount bigint not null);
             insert into accounts select g, {BALANCE} from generate_series(0, {}) g;",
            ACCOUNTS - 1
        );
        client.batch_execute(&script).await.unwrap();
    });
    let next = Arc::new(AtomicU64::new(1));
    let mut committed = BTreeSet::new();
    for round in 0..KILLS {
        let over = Arc::new(AtomicBool::new(false));
        let (tell, told) = mpsc::channel();
        let start = |_| {
            let (next, tell, over) = (Arc::clone(&next), tell.clone(), Arc::clone(&over));
            runtime.spawn(load(node.sql.clone(), next, tell, over))
        };
        let clients: Vec<_> = (0..CLIENTS).map(start).collect();
        drop(tell);
        committed.extend(
            (0..20 * (round + 1))
                .map(|_| told.recv_timeout(PATIENCE).expect("clients commit until the kill")),
        );
        // Dropping a node kills it.
        drop(node);
        over.store(true, Ordering::Relaxed);
        for client in clients {
            runtime.block_on(client).unwrap();
        }
        committed.extend(told);
        node = Node::start(folder.path());
    }
    let client = runtime.block_on(connect(&node.sql)).unwrap();
    let sum = runtime.block_on(client.query_one("select sum(balance)::bigint from accounts", &[])).unwrap();
    assert_eq!(sum.get::<_, i64>(0), ACCOUNTS as i64 * BALANCE);
    let rows = runtime.block_on(client.query("select id from transfers order by id", &[])).unwrap();
    let rows: Vec<u64> = rows.iter().map(|row| row.get::<_, i64>(0) as u64).collect();
    let there: BTreeSet<u64> = rows.iter().copied().collect();
    let lost: Vec<u64> = committed.difference(&there).copied().collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert!(rows.iter().all(|id| !id.is_multiple_of(7)), "what was rolled back is gone");
    let Outcome { out, .. } = node.bole(&["consume", "transfers", "--exit-at-end", "--format", "%k\\n"], "");
    let mut events: Vec<u64> = out.lines().map(|line| line.parse().unwrap()).collect();
    events.sort_unstable();
    assert_eq!(events, rows, "each transfer that is there has one event, and no other has any");
}

#[test]
fn statements_from_the_command_line_and_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let script = "create table t (id int primary key, name text);\n\
                  copy t from stdin;\n1\tann\n2\t\\N\n\\.\n\
                  select * from t order by id;\n\\d t\n";
    let Outcome { code, out, errors } = node.bole(&["sql"], script);
    assert_eq!((code, errors.as_str()), (0, ""), "{out}");
    assert!(out.contains("COPY 2\n") && out.contains("  1 | ann  \n") && out.contains("(2 rows)"), "{out}");
    assert!(out.contains("integer"), "{out}");
    let json =
        node.bole(&["sql", "--format", "json", "-c", "select count(*) as n, max(name) as m from t"], "");
    assert_eq!(json.out, "{\"n\":\"2\",\"m\":\"ann\"}\n", "{}", json.errors);
    let wrong = node.bole(&["sql", "-c", "select nothing from t"], "");
    assert_eq!(wrong.code, 1);
    assert!(
        wrong.errors.contains("(42703)") && wrong.errors.contains("LINE 1: select nothing from t"),
        "{wrong:?}"
    );
}
