//! The guide's pages are true: their examples run, and their tables are those of the program.
//!
//! A block that begins with "```sh run" is given to a shell as it stands. When a "```text" block follows it, that is what it
//! prints, with `…` for anything within a line. The examples of a page run in order against one node of its own, and
//! each must succeed. Those that use `redis-cli` or `curl` are skipped where it is not installed.

use std::path::Path;

use bole_streams::operations::is_served;
use bole_streams::protocol::api;
use bole_streams::settings::ROWS;

use crate::expect::matches;
use crate::node::{Node, finish};

/// Pages with examples that run, and what their nodes are set to besides the tests' own ports.
const PAGES: &[(&str, &[&str])] = &[
    ("docs/guide/streams.md", &[]),
    ("docs/guide/streams-groups.md", &[]),
    ("docs/guide/queues.md", &[]),
    ("docs/guide/write-behind.md", &[]),
    ("docs/guide/change-feeds.md", &["streams.feeds=0,sql/bole"]),
    ("docs/guide/sql.md", &[]),
    ("docs/guide/moving-from-postgresql.md", &[]),
    ("docs/guide/blobs.md", &[]),
    ("docs/guide/moving-from-minio.md", &[]),
    ("docs/guide/outbox.md", &[]),
    ("docs/guide/blob-events.md", &[]),
    ("docs/guide/gateway.md", &[]),
    ("docs/guide/gateway-login.md", &[]),
    ("docs/guide/gateway-openapi.md", &[]),
    (
        "docs/guide/gateway-sight.md",
        &["gateway.access_log=json", "gateway.access_log_file=access.log", "gateway.explain=true"],
    ),
    ("docs/guide/gateway-acme.md", &[]),
    ("docs/guide/cdn.md", &[]),
    ("docs/guide/signed-links.md", &[]),
    ("docs/guide/geodns.md", &[]),
    ("docs/guide/console.md", &[]),
];
/// Programs of others that examples use.
const REDIS_CLI: &str = "redis-cli";
const AWS: &str = "aws";
const CURL: &str = "curl";
const DIG: &str = "dig @";
const PYTHON: &str = "python3";

fn is_installed(program: &str) -> bool {
    let programs = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&programs).any(|folder| folder.join(program).is_file())
}

fn read(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(page);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// An example of a page.
#[derive(Debug, PartialEq, Eq)]
struct Example<'a> {
    line: usize,
    script: String,
    /// What it prints, if the page says.
    expected: Option<&'a str>,
}

/// The examples of a page, in order.
fn examples(page: &str) -> Vec<Example<'_>> {
    let mut found: Vec<Example<'_>> = Vec::new();
    let (mut lines, mut start) = (page.split_inclusive('\n').enumerate(), 0);
    // A block of output belongs to the example before it when nothing but blank lines is between them.
    let mut just_ended = false;
    while let Some((number, line)) = lines.next() {
        start += line.len();
        let Some(kind) = line.trim_end().strip_prefix("```") else {
            just_ended &= line.trim().is_empty();
            continue;
        };
        let from = start;
        let mut end = from;
        for (_, line) in lines.by_ref() {
            end = start;
            start += line.len();
            if line.trim_end() == "```" {
                break;
            }
        }
        let body = &page[from..end];
        match kind {
            "sh run" => found.push(Example { line: number + 1, script: body.to_owned(), expected: None }),
            "text" if just_ended => found.last_mut().unwrap().expected = Some(body),
            _ => {}
        }
        just_ended = kind == "sh run";
    }
    found
}

#[test]
fn examples_are_found_with_their_output() {
    let page = "a\n```sh run\necho a\necho b\n```\n\n```text\na\nb\n```\n\n```text\nnot this\n```\n\n```sh\nnot this\n```\n\n\
                ```sh run\nc\n```\n\nWords.\n\n```text\nnot this\n```\n";
    let example = |line, script: &str, expected| Example { line, script: script.to_owned(), expected };
    assert_eq!(examples(page), [example(2, "echo a\necho b\n", Some("a\nb\n")), example(20, "c\n", None)]);
}

#[test]
fn every_example_of_the_guide_runs() {
    for (page, settings) in PAGES {
        let text = read(page);
        let examples = examples(&text);
        assert!(!examples.is_empty(), "{page} has no examples that run");
        let folder = tempfile::tempdir().unwrap();
        let node = Node::start_with(folder.path(), "127.0.0.1:0", settings);
        let (has_redis_cli, has_curl, has_dig) = (node.has_redis_cli(), node.has_curl(), node.has_dig());
        for Example { line, script, expected } in examples {
            if script.contains(REDIS_CLI) && !has_redis_cli {
                eprintln!("{page}:{line} is skipped: {REDIS_CLI} is not installed");
                continue;
            }
            if script.contains("aws s3") && !is_installed(AWS) {
                eprintln!("{page}:{line} is skipped: {AWS} is not installed");
                continue;
            }
            if script.contains(CURL) && !has_curl {
                eprintln!("{page}:{line} is skipped: {CURL} is not installed");
                continue;
            }
            if script.contains(DIG) && !has_dig {
                eprintln!("{page}:{line} is skipped: dig is not installed");
                continue;
            }
            if script.contains(PYTHON) && !is_installed(PYTHON) {
                eprintln!("{page}:{line} is skipped: {PYTHON} is not installed");
                continue;
            }
            let mut shell = node.command("sh");
            let outcome = finish(shell.args(["-e", "-c", &script]).spawn().unwrap());
            assert_eq!(outcome.code, 0, "{page}:{line}: {outcome:?}");
            let is_as_told = expected.is_none_or(|expected| matches(expected, &outcome.out));
            let (out, errors) = (&outcome.out, &outcome.errors);
            assert!(is_as_told, "{page}:{line} printed:\n{out}{errors}and not:\n{}", expected.unwrap());
        }
    }
}

/// What stands between the markers of `name`.
fn between<'a>(page: &'a str, name: &str) -> &'a str {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->\n"));
    let rest = page.split_once(&begin).unwrap_or_else(|| panic!("the page has no {begin}")).1;
    rest.split_once(&end).unwrap_or_else(|| panic!("the page has no {end}")).0
}

#[test]
fn the_table_of_apis_is_what_the_server_answers() {
    let (page, table) = (read("docs/guide/streams.md"), api::markdown(is_served));
    assert_eq!(between(&page, "apis").trim(), table.trim(), "put this between the markers:\n{table}");
}

#[test]
fn the_table_of_settings_is_that_of_the_server() {
    let rows: Vec<String> =
        ROWS.iter().map(|row| format!("| `{}` | `{}` | {} |\n", row.name, row.default, row.doc)).collect();
    let table = format!("| setting | default | what it does |\n|---|---|---|\n{}", rows.concat());
    let page = read("docs/guide/streams.md");
    assert_eq!(between(&page, "settings").trim(), table.trim(), "put this between the markers:\n{table}");
}
