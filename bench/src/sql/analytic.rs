//! A bulk COPY of a small warehouse and questions to it, in the manner of TPC-H: three tables, joins, aggregates. What
//! both sides answer must be the same text, or the run fails.

use super::Args;
use super::contender::{Contender, Node};
use super::report::Report;
use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

const SCHEMA: &[&str] = &[
    "DROP TABLE IF EXISTS line",
    "DROP TABLE IF EXISTS purchase",
    "DROP TABLE IF EXISTS customer",
    "CREATE TABLE customer (id int PRIMARY KEY, nation int NOT NULL, segment text NOT NULL)",
    "CREATE TABLE purchase (id int PRIMARY KEY, customer int NOT NULL, placed date NOT NULL, priority text NOT NULL)",
    "CREATE TABLE line (purchase int NOT NULL, number int NOT NULL, part int NOT NULL, quantity int NOT NULL, \
     price numeric(12,2) NOT NULL, discount numeric(4,2) NOT NULL, shipped date NOT NULL, flag text NOT NULL, PRIMARY KEY (purchase, number))",
];

/// The questions: name and SQL. Every answer has a total order.
const QUESTIONS: &[(&str, &str)] = &[
    (
        "pricing summary",
        "SELECT flag, count(*), sum(quantity), sum(price), sum(price * (1 - discount)), round(avg(price), 4) FROM line \
         WHERE shipped <= date '2024-09-01' GROUP BY flag ORDER BY flag",
    ),
    (
        "revenue of a year",
        "SELECT sum(price * discount) FROM line WHERE shipped >= date '2023-01-01' AND shipped < date '2024-01-01' \
         AND discount BETWEEN 0.05 AND 0.07 AND quantity < 24",
    ),
    (
        "unshipped orders",
        "SELECT p.id, sum(l.price * (1 - l.discount)) AS revenue, p.placed FROM customer c JOIN purchase p ON p.customer = c.id \
         JOIN line l ON l.purchase = p.id WHERE c.segment = 'BUILDING' AND p.placed < date '2023-06-15' AND l.shipped > date '2023-06-15' \
         GROUP BY p.id, p.placed ORDER BY revenue DESC, p.id LIMIT 10",
    ),
    (
        "revenue by nation",
        "SELECT c.nation, sum(l.price) AS revenue, count(DISTINCT p.id) FROM customer c JOIN purchase p ON p.customer = c.id \
         JOIN line l ON l.purchase = p.id WHERE p.placed >= date '2023-01-01' GROUP BY c.nation ORDER BY revenue DESC, c.nation",
    ),
    (
        "customers by orders",
        "SELECT n, count(*) FROM (SELECT c.id, count(p.id) AS n FROM customer c LEFT JOIN purchase p ON p.customer = c.id \
         AND p.priority <> 'low' GROUP BY c.id) x GROUP BY n ORDER BY n",
    ),
    (
        "large orders",
        "SELECT purchase, sum(quantity) AS q FROM line GROUP BY purchase HAVING sum(quantity) > 170 ORDER BY q DESC, purchase LIMIT 20",
    ),
    (
        "running sum of a month",
        "SELECT placed, n, sum(n) OVER (ORDER BY placed) FROM (SELECT placed, count(*) AS n FROM purchase \
         WHERE placed >= date '2023-05-01' AND placed < date '2023-06-01' GROUP BY placed) x ORDER BY placed",
    ),
];

/// Seconds of every round of one measurement.
#[derive(Debug)]
pub(super) struct Timed {
    pub(super) name: &'static str,
    pub(super) rounds: Vec<(Contender, f64)>,
}

pub(super) fn measure(nodes: &[Node], args: &Args, folder: &Path, report: &mut Report) -> Result<()> {
    let files = tempfile::tempdir_in(folder)?;
    let loads = write_tables(files.path(), args.rows)?;
    let mut copies = Timed { name: "COPY", rounds: Vec::new() };
    for _ in 0..args.rounds.min(3) {
        for node in nodes {
            node.psql(SCHEMA)?;
            let start = Instant::now();
            node.psql(&loads.iter().map(String::as_str).collect::<Vec<_>>())?;
            copies.rounds.push((node.contender, start.elapsed().as_secs_f64()));
        }
    }
    println!("{}", copies.line());
    report.copied_rows = args.rows;
    report.timed.push(copies);
    for node in nodes {
        node.psql(&["ANALYZE"])?;
    }
    for &(name, question) in QUESTIONS {
        report.timed.push(ask(nodes, name, question, args.rounds)?);
    }
    Ok(())
}

/// One question in interleaved rounds, after one that warms up and is compared.
fn ask(nodes: &[Node], name: &'static str, question: &str, rounds: u32) -> Result<Timed> {
    let answers = nodes.iter().map(|node| node.psql(&[question])).collect::<Result<Vec<_>>>()?;
    ensure!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "{name} is answered differently: {answers:#?}"
    );
    let mut timed = Timed { name, rounds: Vec::new() };
    for _ in 0..rounds {
        for node in nodes {
            let output = node.psql(&["\\timing on", question])?;
            let time = output.lines().rev().find_map(milliseconds).context("psql told no time")?;
            timed.rounds.push((node.contender, time / 1e3));
        }
    }
    println!("{}", timed.line());
    Ok(timed)
}

/// `Time: 1234.567 ms (00:01.235)`
fn milliseconds(line: &str) -> Option<f64> {
    line.strip_prefix("Time: ")?.split(' ').next()?.parse().ok()
}

/// Writes the tables as text and returns psql's commands that copy them.
fn write_tables(folder: &Path, lines: u32) -> Result<Vec<String>> {
    let purchases = (lines / 4).max(1);
    let customers = (purchases / 25).max(1);
    let tables: [(&str, u32, fn(u32, u32) -> String); 3] =
        [("customer", customers, customer), ("purchase", purchases, purchase), ("line", lines, line)];
    let mut commands = Vec::new();
    for (name, count, row) in tables {
        let path = folder.join(name);
        let mut file = BufWriter::new(File::create(&path)?);
        for number in 0..count {
            writeln!(file, "{}", row(number, customers))?;
        }
        file.flush()?;
        commands.push(format!("\\copy {name} FROM '{}'", path.display()));
    }
    Ok(commands)
}

/// A number that looks random and depends on `number` and the purpose only (the finalizer of `SplitMix64`).
fn mix(number: u32, purpose: u64, below: u64) -> u64 {
    let mut x = u64::from(number).wrapping_add(purpose << 40).wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (x ^ (x >> 31)) % below
}

/// A day of 2022 to 2024; every month has 28 days here.
fn day(number: u64) -> String {
    format!("{}-{:02}-{:02}", 2022 + number / 336 % 3, number / 28 % 12 + 1, number % 28 + 1)
}

fn customer(id: u32, _: u32) -> String {
    let segment = ["AUTOMOBILE", "BUILDING", "FURNITURE", "HOUSEHOLD", "MACHINERY"][mix(id, 1, 5) as usize];
    format!("{id}\t{}\t{segment}", mix(id, 2, 25))
}

fn purchase(id: u32, customers: u32) -> String {
    let priority = ["low", "medium", "high"][mix(id, 3, 3) as usize];
    let customer = mix(id, 4, u64::from(customers));
    format!("{id}\t{customer}\t{}\t{priority}", day(mix(id, 5, 1008)))
}

fn line(number: u32, _: u32) -> String {
    let (id, at) = (number / 4, number % 4);
    let [part, quantity, cents, percent] =
        [(6, 20_000), (7, 50), (8, 100_000), (9, 11)].map(|(purpose, below)| mix(number, purpose, below));
    let shipped = day(mix(id, 5, 1008) + 1 + mix(number, 10, 60));
    let flag = ["A", "N", "R"][mix(number, 11, 3) as usize];
    let price = (quantity + 1) * (cents + 100);
    let (whole, rest) = (price / 100, price % 100);
    let quantity = quantity + 1;
    format!("{id}\t{at}\t{part}\t{quantity}\t{whole}.{rest:02}\t0.{percent:02}\t{shipped}\t{flag}")
}

impl Timed {
    /// Seconds of one contender, in order.
    pub(super) fn of(&self, contender: Contender) -> Vec<f64> {
        self.rounds.iter().filter(|round| round.0 == contender).map(|round| round.1).collect()
    }

    fn line(&self) -> String {
        let rounds = self.rounds.iter().map(|(who, seconds)| format!("{} {seconds:.3}", who.name()));
        format!("{}: {} s", self.name, rounds.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_the_same_each_time() {
        let rows = || [line(5, 10), customer(0, 10), purchase(3, 10)];
        assert_eq!(rows(), rows());
        assert_eq!(rows().map(|row| row.split('\t').count()), [8, 3, 4]);
        assert_eq!(day(0), "2022-01-01");
        assert_eq!(day(1007), "2024-12-28");
        assert_eq!(milliseconds("Time: 1234.567 ms (00:01.235)"), Some(1234.567));
    }
}
