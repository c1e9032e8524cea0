//! Statements, pipelines, transactions, portals, COPY, notifications, cancelling.

use crate::checks::Checks;
use crate::connect;
use futures_util::{SinkExt, StreamExt, TryStreamExt, future, stream};
use std::pin::pin;
use std::time::Duration;
use tokio_postgres::binary_copy::{BinaryCopyInWriter, BinaryCopyOutStream};
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Error, IsolationLevel, NoTls, SimpleQueryMessage};

pub async fn statements(checks: &mut Checks) -> Result<(), Error> {
    let client = connect().await?;
    client.batch_execute("DROP TABLE IF EXISTS rust_items; CREATE TABLE rust_items (id serial PRIMARY KEY, name text NOT NULL)").await?;
    let insert = client.prepare("INSERT INTO rust_items (name) VALUES ($1) RETURNING id").await?;
    for id in 1..=20 {
        checks.equal(
            "returning",
            client.query_one(&insert, &[&format!("n{id}")]).await?.get::<_, i32>(0),
            id,
        );
    }
    checks.equal(
        "rows changed",
        client.execute("UPDATE rust_items SET name = name || $1 WHERE id <= $2", &[&"!", &3]).await?,
        3,
    );
    checks.equal(
        "any",
        client
            .query_one("SELECT count(*) FROM rust_items WHERE id = ANY($1)", &[&vec![1, 2, 99]])
            .await?
            .get::<_, i64>(0),
        2,
    );
    checks.equal(
        "no row",
        client.query_opt("SELECT 1 FROM rust_items WHERE id = 0", &[]).await?.is_none(),
        true,
    );
    let simple = client
        .simple_query("SELECT id, NULL AS n FROM rust_items WHERE id < 3 ORDER BY id; SELECT 'x' AS t")
        .await?;
    let rows: Vec<Vec<Option<&str>>> = simple
        .iter()
        .filter_map(|message| {
            if let SimpleQueryMessage::Row(row) = message {
                Some((0..row.len()).map(|at| row.get(at)).collect())
            } else {
                None
            }
        })
        .collect();
    checks.equal(
        "simple protocol",
        rows,
        vec![vec![Some("1"), None], vec![Some("2"), None], vec![Some("x")]],
    );
    let rows = client.query("SELECT g, repeat('x', 100) FROM generate_series(1, 50000) g", &[]).await?;
    checks.equal("a large result", (rows.len(), rows[49_999].get::<_, i32>(0)), (50_000, 50_000));
    checks.equal(
        "typed",
        client.query_typed("SELECT $1 || 'b'", &[(&"a", Type::TEXT)]).await?[0].get::<_, String>(0),
        "ab".to_owned(),
    );
    Ok(())
}

pub async fn pipelines(checks: &mut Checks) -> Result<(), Error> {
    let client = connect().await?;
    let statement = client.prepare("SELECT $1::int * 2").await?;
    let numbers: Vec<i32> = (0..200).collect();
    let answers = future::try_join_all(numbers.iter().map(|number| {
        let (client, statement) = (&client, &statement);
        async move { client.query_one(statement, &[number]).await.map(|row| row.get::<_, i32>(0)) }
    }));
    checks.equal("200 at once", answers.await?, numbers.iter().map(|number| number * 2).collect());
    let (bad, good) = future::join(client.query("SELECT 1/0", &[]), client.query_one("SELECT 7", &[])).await;
    checks.fails("an error in a pipeline", bad, "22012");
    checks.equal("leaves the next alone", good?.get::<_, i32>(0), 7);
    Ok(())
}

pub async fn transactions(checks: &mut Checks) -> Result<(), Error> {
    let mut client = connect().await?;
    client.batch_execute("DROP TABLE IF EXISTS rust_tx; CREATE TABLE rust_tx (id int PRIMARY KEY)").await?;
    let mut transaction = client.transaction().await?;
    transaction.execute("INSERT INTO rust_tx VALUES (1)", &[]).await?;
    let inner = transaction.savepoint("s").await?;
    checks.fails("a violation", inner.execute("INSERT INTO rust_tx VALUES (1)", &[]).await, "23505");
    inner.rollback().await?;
    transaction.execute("INSERT INTO rust_tx VALUES (2)", &[]).await?;
    transaction.commit().await?;
    drop(client.transaction().await?);
    checks.equal("rows", client.query_one("SELECT count(*) FROM rust_tx", &[]).await?.get::<_, i64>(0), 2);
    for (level, name) in [
        (IsolationLevel::Serializable, "serializable"),
        (IsolationLevel::RepeatableRead, "repeatable read"),
        (IsolationLevel::ReadCommitted, "read committed"),
    ] {
        let transaction = client.build_transaction().isolation_level(level).read_only(true).start().await?;
        checks.equal(
            "isolation",
            transaction.query_one("SHOW transaction_isolation", &[]).await?.get::<_, String>(0),
            name.to_owned(),
        );
        checks.fails("read only", transaction.execute("DELETE FROM rust_tx", &[]).await, "25006");
        transaction.rollback().await?;
    }
    Ok(())
}

pub async fn errors(checks: &mut Checks) -> Result<(), Error> {
    let client = connect().await?;
    client.batch_execute("DROP TABLE IF EXISTS rust_errors; CREATE TABLE rust_errors (id int PRIMARY KEY, n int NOT NULL CHECK (n > 0)); INSERT INTO rust_errors VALUES (1, 1)").await?;
    for (statement, code) in [
        ("SELEC 1", "42601"),
        ("SELECT * FROM nowhere", "42P01"),
        ("SELECT nothing", "42703"),
        ("SELECT 1/0", "22012"),
        ("SELECT 'x'::int", "22P02"),
        ("INSERT INTO rust_errors VALUES (2, NULL)", "23502"),
        ("INSERT INTO rust_errors VALUES (2, 0)", "23514"),
        ("CREATE TABLE rust_errors (id int)", "42P07"),
    ] {
        checks.fails(statement, client.execute(statement, &[]).await, code);
        checks.fails(statement, client.simple_query(statement).await, code);
    }
    let error =
        client.execute("INSERT INTO rust_errors VALUES ($1, 1)", &[&1]).await.expect_err("a duplicate");
    let fields = error.as_db_error().map(|error| {
        [
            error.severity(),
            error.schema().unwrap_or(""),
            error.table().unwrap_or(""),
            error.constraint().unwrap_or(""),
            error.detail().unwrap_or(""),
        ]
        .map(str::to_owned)
    });
    checks.equal(
        "fields",
        fields,
        Some(
            ["ERROR", "public", "rust_errors", "rust_errors_pkey", "Key (id)=(1) already exists."]
                .map(str::to_owned),
        ),
    );
    Ok(())
}

pub async fn portals(checks: &mut Checks) -> Result<(), Error> {
    let mut client = connect().await?;
    let transaction = client.transaction().await?;
    let portal = transaction.bind("SELECT g FROM generate_series(1, 10) g", &[]).await?;
    let mut sizes = Vec::new();
    for _ in 0..4 {
        sizes.push(transaction.query_portal(&portal, 4).await?.len());
    }
    checks.equal("portal with row limits", sizes, vec![4, 4, 2, 0]);
    transaction.commit().await
}

pub async fn copies(checks: &mut Checks) -> Result<(), Error> {
    let client = connect().await?;
    client.batch_execute("DROP TABLE IF EXISTS rust_copy; CREATE TABLE rust_copy (id int, t text)").await?;
    let mut sink = pin!(client.copy_in::<_, &[u8]>("COPY rust_copy FROM STDIN").await?);
    sink.send_all(&mut stream::iter([b"1\ta\n".as_slice(), b"2\t\\N\n"].map(Ok))).await?;
    checks.equal("copy in", sink.finish().await?, 2);
    let mut writer = pin!(BinaryCopyInWriter::new(
        client.copy_in("COPY rust_copy FROM STDIN BINARY").await?,
        &[Type::INT4, Type::TEXT]
    ));
    for id in 3..=1000 {
        writer.as_mut().write(&[&id, &format!("t{id}")]).await?;
    }
    checks.equal("copy in binary", writer.finish().await?, 998);
    let text: Vec<u8> = client
        .copy_out("COPY (SELECT * FROM rust_copy WHERE id < 4 ORDER BY id) TO STDOUT CSV")
        .await?
        .map_ok(|bytes| bytes.to_vec())
        .try_concat()
        .await?;
    checks.equal("copy out", String::from_utf8_lossy(&text).into_owned(), "1,a\n2,\n3,t3\n".to_owned());
    let rows: Vec<_> = BinaryCopyOutStream::new(
        client.copy_out("COPY rust_copy TO STDOUT BINARY").await?,
        &[Type::INT4, Type::TEXT],
    )
    .try_collect()
    .await?;
    checks.equal(
        "copy out binary",
        rows.iter().map(|row| i64::from(row.get::<i32>(0))).sum::<i64>(),
        500_500,
    );
    let mut sink = pin!(client.copy_in::<_, &[u8]>("COPY rust_copy FROM STDIN").await?);
    sink.send(b"x\ty\n").await?;
    checks.fails("a bad line", sink.finish().await, "22P02");
    Ok(())
}

pub async fn notifications(checks: &mut Checks) -> Result<(), Error> {
    let url = std::env::var("BOLE_SQL_URL").expect("BOLE_SQL_URL says what is tested");
    let (listener, mut connection) = tokio_postgres::connect(&url, NoTls).await?;
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    listener.batch_execute("LISTEN rust_channel").await?;
    connect().await?.batch_execute("NOTIFY rust_channel, 'hello'").await?;
    let message = tokio::time::timeout(Duration::from_secs(5), receiver.recv()).await;
    let got = if let Ok(Some(AsyncMessage::Notification(notification))) = message {
        Some((notification.channel().to_owned(), notification.payload().to_owned()))
    } else {
        None
    };
    checks.equal("a notification", got, Some(("rust_channel".to_owned(), "hello".to_owned())));
    Ok(())
}

pub async fn cancels(checks: &mut Checks) -> Result<(), Error> {
    let client = connect().await?;
    let token = client.cancel_token();
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        token.cancel_query(NoTls).await
    };
    let (outcome, cancelled) = future::join(client.execute("SELECT pg_sleep(20)", &[]), cancel).await;
    cancelled?;
    checks.fails("a cancel request", outcome, "57014");
    checks.equal("goes on", client.query_one("SELECT 1", &[]).await?.get::<_, i32>(0), 1);
    Ok(())
}
