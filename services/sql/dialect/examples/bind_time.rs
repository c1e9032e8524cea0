//! How long the translation of a short statement takes: parsing and binding, each on its own.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement on a terminal")]

use std::time::Instant;

#[path = "../tests/translate/fixture.rs"]
mod fixture;

const ROUNDS: u32 = 100_000;

fn main() {
    let scope = fixture::scope();
    for sql in [
        "SELECT a FROM t WHERE id = $1",
        "UPDATE t SET a = a + $1 WHERE id = $2",
        "INSERT INTO u (id, t_id, v, f) VALUES ($1, $2, $3, $4)",
        "SELECT t.b, count(*), sum(u.f) FROM t JOIN u ON u.t_id = t.id WHERE t.n > 1.5 GROUP BY t.b ORDER BY 2 LIMIT 10",
    ] {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            std::hint::black_box(bole_sql_dialect::parse(sql).unwrap());
        }
        let parsing = start.elapsed() / ROUNDS;
        let parsed = bole_sql_dialect::parse(sql).unwrap().remove(0);
        let start = Instant::now();
        for _ in 0..ROUNDS {
            std::hint::black_box(bole_sql_dialect::bind(&parsed, &scope, &[]).unwrap());
        }
        println!("{parsing:>10.1?} to parse, {:>10.1?} to bind: {sql}", start.elapsed() / ROUNDS);
    }
    std::hint::black_box(fixture::translate(&scope, "SELECT 1"));
}
