//! The databases, over a connection on this machine of which the service knows whose it is.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use bole_console::limits::{STATEMENT_BYTES_MAX, STATEMENT_ROWS_MAX, STATEMENT_TIMEOUT};
use bole_console::node::sql::{Sql, Table};
use bole_console::node::{Asked, By, Fault};
use bole_net::listener::Connection;
use bole_net::shutdown::Stopper;
use bole_net::stream::Stream;
use bole_net::tasks::{self, OnFailure};
use bole_sql::connection;
use futures_util::TryStreamExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::{Node, broken, pair, there};

/// What coming in and going out may take on top of the statement.
const AROUND: Duration = Duration::from_secs(5);

impl Sql for Node {
    fn read<'a>(&'a self, by: By<'a>, database: &'a str, statement: &'a str) -> Asked<'a, Table> {
        Box::pin(async move {
            let (service, metrics) = there(self.services.sql.as_ref(), "databases")?;
            let (ours, theirs) =
                pair::sockets().await.map_err(|error| broken("a connection to the databases", error))?;
            let local =
                theirs.local_addr().map_err(|error| broken("a connection to the databases", error))?;
            // Its drop asks the session to end.
            let (_stopper, shutdown) = Stopper::new();
            let stream = Stream::plain(theirs, metrics);
            let metrics = metrics.clone();
            let connection = Connection { stream, peer: by.peer, local, id: 0, shutdown, metrics };
            let (service, user) = (Arc::clone(service), by.user.to_owned());
            // A session has to be ended by its own side, also where the browser is gone before its answer.
            tasks::spawn("a statement of the console", OnFailure::Log, async move {
                connection::serve_known(service, connection, &user).await;
            });
            let found = timeout(STATEMENT_TIMEOUT + AROUND, ask(ours, by.user, database, statement)).await;
            found.map_err(|_| Fault::new(StatusCode::GATEWAY_TIMEOUT, "the statement did not end in time"))?
        })
    }
}

async fn ask(stream: TcpStream, user: &str, database: &str, statement: &str) -> Result<Table, Fault> {
    let mut config = Config::new();
    config.user(user).dbname(database).application_name("console");
    // One statement that is in no transaction of its own is in one that the settings say how to begin.
    let timeout_ms = STATEMENT_TIMEOUT.as_millis();
    config.options(format!("-c default_transaction_read_only=on -c statement_timeout={timeout_ms}"));
    let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(refused)?;
    let driving = async {
        // Whoever waits for an answer hears of it.
        let _ended = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        found = rows(&client, statement) => found,
        () = driving => Err(broken("the databases", "the connection ended")),
    }
}

/// The rows of one statement. That it is one, the server says: only one can be prepared.
async fn rows(client: &Client, statement: &str) -> Result<Table, Fault> {
    let prepared = client.prepare(statement).await.map_err(refused)?;
    let columns = prepared.columns().iter().map(|column| column.name().to_owned()).collect();
    let mut table = Table { columns, ..Table::default() };
    let mut messages = pin!(client.simple_query_raw(statement).await.map_err(refused)?);
    let mut bytes = 0;
    while let Some(message) = messages.try_next().await.map_err(refused)? {
        let SimpleQueryMessage::Row(row) = message else { continue };
        let cells: Vec<Option<String>> =
            (0..row.len()).map(|place| row.get(place).map(str::to_owned)).collect();
        bytes += cells.iter().flatten().map(String::len).sum::<usize>();
        if table.rows.len() == STATEMENT_ROWS_MAX || bytes > STATEMENT_BYTES_MAX {
            table.is_cut = true;
            break;
        }
        table.rows.push(cells);
    }
    Ok(table)
}

/// As the server says it, with its detail and hint.
fn refused(error: tokio_postgres::Error) -> Fault {
    let Some(said) = error.as_db_error() else { return broken("the databases", error) };
    let more = [said.detail(), said.hint()].into_iter().flatten().map(str::to_owned).collect();
    let code = said.code().code();
    let status = if code == "42501" { StatusCode::FORBIDDEN } else { StatusCode::BAD_REQUEST };
    Fault { status, message: format!("{} ({code})", said.message()), problems: more }
}
