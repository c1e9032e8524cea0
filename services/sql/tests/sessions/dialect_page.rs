//! The guide's page on the dialect is true: its tables are the program's, and each statement that it shows is accepted or refused as it says.
//!
//! With `BOLE_WRITE_GUIDE=1` in the environment the tables are written into the page instead of being compared.

use std::path::{Path, PathBuf};

use crate::server::Server;

/// Characters of an SQLSTATE.
const SQLSTATE_CHARS: usize = 5;

fn page() -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/sql-dialect.md");
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text)
}

/// The places between which a section's table stands.
fn place(page: &str, name: &str) -> (usize, usize) {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->\n"));
    let start = page.find(&begin).unwrap_or_else(|| panic!("the page has no {begin}")) + begin.len();
    (start, page.find(&end).unwrap_or_else(|| panic!("the page has no {end}")))
}

#[test]
fn tables_are_those_of_the_program() {
    let (path, before) = page();
    let mut after = before.clone();
    for (name, table) in bole_sql::reference::sections() {
        let (start, end) = place(&after, name);
        after.replace_range(start..end, &table);
    }
    if std::env::var_os("BOLE_WRITE_GUIDE").is_some() {
        std::fs::write(path, after).unwrap();
        return;
    }
    let different = after.lines().zip(before.lines()).find(|(after, before)| after != before);
    assert!(
        after == before,
        "the page's tables are old; BOLE_WRITE_GUIDE=1 writes them anew: {different:#?}"
    );
}

/// What stands in a cell as code.
fn code(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.strip_suffix('`')
}

/// The examples of the page, each with the SQLSTATE that refuses it; `None` if it is accepted.
fn examples(page: &str) -> Vec<(String, Option<&str>)> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = rows.filter_map(|row| {
        let (rest, answer) = row.rsplit_once(" | ")?;
        let (_, example) = rest.split_once(" | ")?;
        let refused =
            code(answer).filter(|state| state.len() == SQLSTATE_CHARS && state.starts_with(char::is_numeric));
        let is_example = answer == "yes" || refused.is_some();
        is_example.then_some((code(example)?.replace("\\|", "|"), refused))
    });
    cells.collect()
}

/// The statements that the page's examples stand on.
fn set_up(page: &str) -> &str {
    let (_, rest) = page.split_once("```sql\n").unwrap();
    rest.split_once("```").unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn each_example_is_accepted_or_refused_as_the_page_says() {
    let (_, page) = page();
    let server = Server::start().await;
    let mut client = server.client().await;
    let first = client.query(set_up(&page)).await;
    assert!(!first.lines().any(|line| line.starts_with("E ")), "{first}");
    let examples = examples(&page);
    let refused = examples.iter().filter(|(_, refused)| refused.is_some()).count();
    assert!(examples.len() > 100 && refused > 30, "{} examples, {refused} refused", examples.len());
    let mut wrong = Vec::new();
    for (sql, refused) in examples {
        let answer = client.query(&sql).await;
        let error = answer.lines().find_map(|line| line.strip_prefix("E "));
        if error.map(|error| &error[..SQLSTATE_CHARS]) != refused {
            wrong.push(format!("{sql}: {}", error.unwrap_or("accepted")));
        }
        // Blocks that an example leaves open end here.
        client.query("rollback").await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
