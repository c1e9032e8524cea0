//! tokio-postgres with its default settings against `BOLE_SQL_URL`: everything prepared, everything binary. Prints a line a check.

mod checks;
mod data;
mod sessions;

use checks::Checks;
use tokio_postgres::{Client, NoTls};

/// A session whose connection runs on a task of its own.
async fn connect() -> Result<Client, tokio_postgres::Error> {
    let url = std::env::var("BOLE_SQL_URL").expect("BOLE_SQL_URL says what is tested");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

#[tokio::main]
async fn main() {
    let mut checks = Checks::default();
    macro_rules! families {
        ($($family:path),*) => {$(
            let outcome = tokio::time::timeout(std::time::Duration::from_secs(60), $family(&mut checks)).await;
            let problem = match outcome {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(format!("{error:?}")),
                Err(_) => Some("it takes longer than a minute".to_owned()),
            };
            checks.equal(stringify!($family), problem, None);
        )*};
    }
    families!(
        data::values,
        data::types,
        sessions::statements,
        sessions::pipelines,
        sessions::transactions,
        sessions::errors,
        sessions::portals,
        sessions::copies,
        sessions::notifications,
        sessions::cancels
    );
    checks.finish();
}
