"""Makes the slices: statements from templates with a seed, and PostgreSQL 15's answers to them.

    python3 conformance/sql/generate/run.py --url postgres://USER:PASSWORD@HOST:PORT/DATABASE [--only FEATURE]

The server is a throw-away PostgreSQL 15, initialised with `--locale=C.UTF-8 -E UTF8`, with `timezone=UTC`. The same seed and the same
templates give the same files.
"""

import argparse
import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import run_slices  # noqa: E402
import slices  # noqa: E402
import wire  # noqa: E402
from slices import Record  # noqa: E402

import blocks_schema  # noqa: E402
import blocks_session  # noqa: E402
import blocks_writes  # noqa: E402
import fixtures  # noqa: E402
import pools  # noqa: E402
import templates_functions  # noqa: E402
import templates_queries  # noqa: E402
import templates_types  # noqa: E402

SEED = 15
# Errors are worth testing, but not more than answers.
ERRORS_SHARE_MAX = 0.10
ROWS_MAX = 40
SLOT = re.compile("«([^«»]*)»")
SETTINGS = ("SET TimeZone TO 'UTC'", "SET DateStyle TO 'ISO, MDY'", "SET IntervalStyle TO 'postgres'")


def expand(template, rng):
    """Fills `«pool»` and `«this¦or that»`, the innermost first."""
    while match := SLOT.search(template):
        text = match[1]
        chosen = rng.choice(text.split("¦")) if "¦" in text else rng.choice(pools.POOLS[text])
        template = template[:match.start()] + str(chosen) + template[match.end():]
    return template


def record_of(connection, sql, ordered, block):
    """Asks PostgreSQL; None when the answer does not fit into the format."""
    result = connection.run(sql)
    if result.error:
        return Record("query" if result.columns or starts_query(sql) else "statement", sql, block, error=result.code)
    if result.columns is None:
        return Record("statement", sql, block)
    sort = "nosort" if ordered or len(result.rows) < 2 else "rowsort"
    rows = slices.lines_of(result.rows, sort)
    # sqllogictest's binary shortens white space within a cell, and cannot tell one that has nothing else.
    blank = any(value is not None and value != b"" and not value.strip() for row in result.rows for value in row)
    if blank or not result.columns or len(rows) > ROWS_MAX or any(row != row.strip() or row == "" or "\n" in row or "\r" in row or row.startswith("----") for row in rows):
        return None
    return Record("query", sql, block, types=slices.judged(result), sort=sort, rows=rows)


def starts_query(sql):
    return sql.lstrip("( ").split(None, 1)[0].upper() in {"SELECT", "WITH", "VALUES", "TABLE", "SHOW", "FETCH"}


def fresh(url, setup):
    connection = run_slices.fresh(url)
    for sql in SETTINGS:
        connection.run(sql)
    records = []
    for sql in setup:
        result = connection.run(sql)
        if result.error:
            raise SystemExit(f"set-up: {result.error['M']}: {sql}")
        records.append(Record("statement", sql))
    return connection, records


def from_templates(url, name, feature):
    """Distinct statements from the templates, in turn, until there are enough."""
    rng = random.Random(f"{SEED} {name}")
    connection, records = fresh(url, fixtures.of(feature["fixtures"]))
    seen, warned, errors, turn, idle = set(), set(), 0, 0, 0
    wanted = feature["count"]
    while len(seen) < wanted and idle < 4000:
        template = feature["templates"][turn % len(feature["templates"])]
        turn += 1
        idle += 1
        ordered = template.startswith("!")
        sql = expand(template.lstrip("!"), rng)
        if sql in seen:
            continue
        record = record_of(connection, sql, ordered, 0)
        if record is None or (record.error and errors >= ERRORS_SHARE_MAX * wanted):
            continue
        if record.error == "42601" and template not in warned:
            warned.add(template)
            print(f"{name}: a syntax error, is it meant? {sql}")
        errors += bool(record.error)
        seen.add(sql)
        records.append(record)
        idle = 0
    connection.close()
    return records, errors


def from_blocks(url, name, feature):
    """Blocks of statements, each of which leaves nothing behind."""
    rng = random.Random(f"{SEED} {name}")
    connection, records = fresh(url, fixtures.of(feature["fixtures"]))
    errors, counted, block = 0, 0, 0
    seen = set()
    while counted < feature["count"] and block < 4000:
        statements = [expand(sql, rng) for sql in feature["block"](rng)]
        block += 1
        if tuple(statements) in seen:
            continue
        seen.add(tuple(statements))
        made = [record_of(connection, sql.lstrip("!"), sql.startswith("!"), block) for sql in statements]
        if None in made:
            continue
        errors += sum(1 for record in made if record.error)
        counted += len(made)
        records += made
    connection.close()
    return records, errors


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--only")
    args = parser.parse_args()
    slices.FOLDER.mkdir(exist_ok=True)
    total = 0
    for module in (templates_types, templates_functions, templates_queries, blocks_writes, blocks_schema, blocks_session):
        for name, feature in module.FEATURES.items():
            if args.only and not name.startswith(args.only):
                continue
            make = from_blocks if "block" in feature else from_templates
            records, errors = make(args.url, name, feature)
            slices.write(slices.FOLDER / f"{name}.test", name, records)
            total += len(records)
            print(f"{name}: {len(records)} records, {errors} errors")
    print(f"{total} records")


if __name__ == "__main__":
    main()
