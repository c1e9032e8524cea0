//! Which replies leave while what the last commits changed is not durable.

use std::time::Duration;

use crate::client::{Client, Send};
use crate::server::Server;

/// Round trips after which a reply that waits for nothing would have come.
const ROUND_TRIPS: usize = 30;
const LONG: Duration = Duration::from_secs(20);

const TABLES: &str = "
    CREATE TABLE acc (id int PRIMARY KEY, v int, k text);
    INSERT INTO acc VALUES (1, 10, 'a'), (2, 20, 'b'), (4, 40, 'd');
    CREATE TABLE later (id int, v int);
    INSERT INTO later VALUES (1, 10), (2, 20);
    ALTER TABLE later ADD PRIMARY KEY (id);
    CREATE TABLE history (n int)";
/// Changes row 1, makes row 3, takes row 4 away.
const COMMIT: &str = "
    BEGIN;
    UPDATE acc SET v = 11 WHERE id = 1;
    INSERT INTO acc VALUES (3, 30, 'c');
    DELETE FROM acc WHERE id = 4;
    UPDATE later SET v = 11 WHERE id = 1;
    COMMIT";

/// A server whose journal is held by hand, after a commit that waits.
struct Held {
    server: Server,
    committing: tokio::task::JoinHandle<String>,
}

impl Held {
    async fn after(commit: &'static str) -> Self {
        let server = Server::start().await;
        let mut client = server.client().await;
        let made = client.query(TABLES).await;
        assert!(!made.lines().any(|line| line.starts_with('E')), "{made}");
        server.journal.hold();
        let end = server.journal.end();
        let committing = tokio::spawn(async move { client.query(commit).await });
        tokio::time::timeout(LONG, async {
            while server.journal.end() == end {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        Self { server, committing }
    }

    /// Begins a transaction, and sends one statement of it.
    async fn ask(&self, begin: bool, messages: &[Send<'_>]) -> Client {
        let mut client = self.server.client().await;
        if begin {
            assert_eq!(client.query("BEGIN").await, "C BEGIN\nZ T");
        }
        client.send(messages).await;
        client
    }

    /// Does what takes as long as a reply that waits for nothing.
    async fn pass(&self) {
        let mut client = self.server.client().await;
        for _ in 0..ROUND_TRIPS {
            assert_eq!(client.query("SELECT v FROM acc WHERE id = 2").await, "T v:23\nD 20\nC SELECT 1\nZ I");
        }
    }

    /// Whether the reply comes only when the journal is durable.
    async fn waits(&self, mut client: Client) -> (bool, String) {
        let mut reply = tokio::spawn(async move { client.until(b'Z').await });
        self.pass().await;
        let waited = !reply.is_finished();
        self.server.journal.sync();
        (waited, tokio::time::timeout(LONG, &mut reply).await.unwrap().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_that_show_nothing_undurable_leave() {
    let held = Held::after(COMMIT).await;
    let mut client = held.server.client().await;
    let rows = [
        ("SELECT v FROM acc WHERE id = 2", "D 20 / C SELECT 1"),
        ("SELECT v FROM acc WHERE id = 5", "C SELECT 0"),
        ("SELECT 1", "D 1 / C SELECT 1"),
        ("SELECT v FROM acc WHERE id = 2 FOR UPDATE", "D 20 / C SELECT 1"),
        ("UPDATE acc SET v = v + 1 WHERE id = 2", "C UPDATE 1"),
        // It is there before and after.
        ("UPDATE acc SET v = v + 1 WHERE id = 1", "C UPDATE 1"),
        ("UPDATE acc SET v = 1 WHERE id = 5", "C UPDATE 0"),
        ("DELETE FROM acc WHERE id = 2", "C DELETE 1"),
        ("UPDATE later SET v = v + 1 WHERE id = 2 RETURNING v", "D 21 / C UPDATE 1"),
        ("INSERT INTO acc VALUES (9, 90, 'x')", "C INSERT 0 1"),
        ("INSERT INTO history VALUES (1)", "C INSERT 0 1"),
        ("SAVEPOINT s", "C SAVEPOINT"),
    ];
    for (sql, expected) in rows {
        let found = client.query(&format!("BEGIN; {sql}; ROLLBACK")).await;
        let found: Vec<&str> = found.lines().filter(|line| !line.starts_with('T')).collect();
        assert_eq!(found.join(" / "), format!("C BEGIN / {expected} / C ROLLBACK / Z I"), "{sql}");
    }
    let prepared = [
        Send::Parse("", "UPDATE acc SET v = v + $1 WHERE id = $2 RETURNING v", &[]),
        Send::Bind("", "", &[Some("5"), Some("2")]),
        Send::DescribePortal(""),
        Send::Execute("", 0),
        Send::Sync,
    ];
    assert_eq!(client.query("BEGIN").await, "C BEGIN\nZ T");
    client.check(&prepared, "1\n2\nT v:23\nD 25\nC UPDATE 1\nZ T").await;
    // Nor does anything of the transaction leave that is its end.
    client.send(&[Send::Query("COMMIT")]).await;
    let mut end = tokio::spawn(async move { client.until(b'Z').await });
    let mut other = held.server.client().await;
    for _ in 0..ROUND_TRIPS {
        assert_eq!(other.query("SELECT 1").await, "T ?column?:23\nD 1\nC SELECT 1\nZ I");
    }
    assert!(!end.is_finished() && !held.committing.is_finished());
    held.server.journal.sync();
    assert_eq!(tokio::time::timeout(LONG, &mut end).await.unwrap().unwrap(), "C COMMIT\nZ I");
    assert!(held.committing.await.unwrap().ends_with("C COMMIT\nZ I"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_that_show_something_undurable_wait() {
    let rows = [
        (false, "SELECT v FROM acc WHERE id = 1", "D 11 / C SELECT 1"),
        (false, "SELECT v FROM acc WHERE id = 3", "D 30 / C SELECT 1"),
        (false, "SELECT v FROM acc WHERE id = 4", "C SELECT 0"),
        (false, "SELECT count(*) FROM acc", "D 3 / C SELECT 1"),
        (false, "SELECT v FROM later WHERE id = 1", "D 11 / C SELECT 1"),
        (true, "UPDATE acc SET v = 5 WHERE id = 1 AND v = 11", "C UPDATE 1"),
        (true, "UPDATE acc SET v = v + 1 WHERE id = 1 RETURNING v", "D 12 / C UPDATE 1"),
        (true, "UPDATE acc SET v = v / 11 WHERE id = 1", "C UPDATE 1"),
        (true, "UPDATE acc SET v = 5 WHERE id = 3", "C UPDATE 1"),
        (true, "UPDATE acc SET v = 5 WHERE id = 4", "C UPDATE 0"),
        (true, "UPDATE acc SET v = 5 WHERE v = 20", "C UPDATE 1"),
        (true, "DELETE FROM acc WHERE id = 3", "C DELETE 1"),
        (true, "INSERT INTO acc VALUES (4, 4, 'x')", "C INSERT 0 1"),
        (true, "INSERT INTO history SELECT v FROM acc", "C INSERT 0 3"),
        (true, "SELECT v FROM acc WHERE id = 1 FOR UPDATE", "D 11 / C SELECT 1"),
        (
            true,
            "DECLARE c CURSOR FOR SELECT v FROM acc; FETCH 1 FROM c",
            "C DECLARE CURSOR / D 11 / C FETCH 1",
        ),
        (
            true,
            "INSERT INTO acc VALUES (3, 3, 'x')",
            "E 23505 duplicate key value violates unique constraint \"acc_pkey\"",
        ),
        (true, "UPDATE acc SET v = v + 2147483640 WHERE id = 2", "E 22003 integer out of range"),
    ];
    for (begin, sql, expected) in rows {
        let held = Held::after(COMMIT).await;
        let client = held.ask(begin, &[Send::Query(sql)]).await;
        let (waited, reply) = held.waits(client).await;
        let reply: Vec<&str> =
            reply.lines().filter(|line| !line.starts_with('T') && !line.starts_with('Z')).collect();
        assert_eq!(reply.join(" / "), expected, "{sql}");
        assert!(waited, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_schema_holds_all_replies() {
    for commit in ["TRUNCATE history", "ALTER TABLE acc ADD COLUMN w int"] {
        let held = Held::after(commit).await;
        for messages in [
            &[Send::Query("SELECT v FROM acc WHERE id = 2")][..],
            &[Send::Parse("", "SELECT v FROM acc WHERE id = 2", &[]), Send::Sync],
        ] {
            let mut client = held.ask(false, messages).await;
            let reply = tokio::spawn(async move { client.until(b'Z').await });
            let mut other = held.server.client().await;
            for _ in 0..ROUND_TRIPS {
                // No statement at all is answered from no catalog.
                assert_eq!(other.query(";").await, "I\nZ I");
            }
            assert!(!reply.is_finished(), "{commit} {messages:?}");
            reply.abort();
        }
        held.server.journal.sync();
        assert!(held.committing.await.unwrap().starts_with('C'));
    }
}
