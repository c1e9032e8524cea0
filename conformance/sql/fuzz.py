"""Differential fuzzing: random schemas, rows and queries on two servers side by side.

    python3 fuzz.py --bole URL --postgres URL [--seed 1] [--queries 100000] [--show 20]

Rows are compared as multisets, or in order where the query says one; so are the OIDs and names of the columns. Where both fail, the classes
of the SQLSTATEs must be equal. Counted are: equal, refused (0A000), different, and unsettled: a data exception (class 22) on one side only, in
a query where it depends on the plan which rows are looked at. A difference is shrunk to a small statement. The same seed gives the same queries.
"""

import argparse
import random
import re
import sys
import time
import urllib.parse
from decimal import Decimal, InvalidOperation

import fuzz_grammar
import fuzz_writes
import wire

QUERIES_PER_SCHEMA = 250
AT_ONCE = 25
WRITES = 0.12  # the part of scripts that change rows, each of which counts as one query
SHRINK_TRIES_MAX = 600
NUMERIC, BPCHAR, INTERVAL, FLOATS = 1700, 1042, 1186, (700, 701)
# Types of which different values may be equal, and arrays of them: numeric, interval, float4, float8, jsonb.
TIES = (NUMERIC, INTERVAL, *FLOATS, 3802, 1231, 1187, 1021, 1022, 3807)
DATA = ("cannot convert", "timestamps cannot be binned", "searching for elements in multi", "removing elements from multi")
SETTINGS = ("SET TimeZone TO 'UTC'", "SET statement_timeout TO '10s'", "SET extra_float_digits TO 1")


class Server:
    def __init__(self, name, url, database):
        self.name, self.url, self.database, self.tables = name, url, database, []
        connection = wire.Connection(url)
        for sql in (f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database}"):
            if (result := connection.run(sql)).error:
                raise SystemExit(f"{name}: {sql}: {result.code} {result.error['M']}")
        connection.close()
        self.connection, self.schema = None, []
        self.connect()

    def connect(self):
        url = urllib.parse.urlsplit(self.url)._replace(path="/" + self.database).geturl()
        self.connection = wire.Connection(url)
        for sql in SETTINGS:
            self.connection.run(sql)

    def prepare(self, schema, statements):
        for name in reversed(self.tables):
            self.connection.run(f"DROP TABLE IF EXISTS {name}")
        self.tables = list(schema.tables)
        for sql in statements:
            if (result := self.connection.run(sql)).error:
                raise SystemExit(f"{self.name} cannot make the schema: {result.code} {result.error['M']}: {sql}")

    def send(self, statements):
        self.connection.socket.sendall(b"".join(self.connection._query(sql) for sql in statements))

    def receive(self, statements):
        """Results in order. A session that ends is an outcome of the statement at which it ended."""
        results = []
        while len(results) < len(statements):
            try:
                results.append(self.connection._result())
            except (wire.Closed, OSError) as error:
                results.append(crashed(error))
                self.connect()
                self.send(statements[len(results):])
        return results

    def run_all(self, query):
        texts = texts_of(query)
        self.send(texts)
        return self.receive(texts)


def crashed(error):
    result = wire.Result()
    result.error = {"C": "crash", "M": f"the session ended: {error}"}
    return result


def length_of(interval):
    """A length as PostgreSQL compares them, in microseconds: a month is 30 days."""
    days = clock = 0
    for number, unit in re.findall(r"(-?[0-9]+) (year|mon|day)", interval):
        days += int(number) * {"year": 360, "mon": 30, "day": 1}[unit]
    if time := re.search(r"(-?)([0-9]+):([0-9]+):([0-9.]+)", interval):
        clock = (int(time[2]) * 3600 + int(time[3]) * 60) * 10**6 + round(Decimal(time[4]) * 10**6)
        clock = -clock if time[1] else clock
    return str(days * 86_400 * 10**6 + clock).encode()


def normal(value, oid):
    """Equal values alike: which of several equal ones stands for a group is left open."""
    if value is None:
        return value
    if oid == BPCHAR:
        return value.rstrip(b" ")
    if oid in FLOATS:
        return b"0" if value == b"-0" else value
    if oid == INTERVAL:
        return length_of(value.decode())
    if oid != NUMERIC:
        return value
    try:
        return str(Decimal(value.decode()).normalize()).encode()
    except InvalidOperation:
        return value


def rows_of(result, ordered, loose):
    rows = result.rows
    if loose:
        oids = [oid for _, oid in result.columns or []]
        rows = [[normal(value, oid) for value, oid in zip(row, oids)] for row in rows]
    return rows if ordered else sorted(rows, key=lambda row: [(value is None, value or b"") for value in row])


def kind_of(result):
    """The class of an error. PostgreSQL has some of data under 0A000, and which of several errors in data comes first is the plan's."""
    return "22" if result.code == "0A000" and result.error["M"].startswith(DATA) else result.code[:2]


def judge_script(script, ours, peer):
    """As of one statement; what comes after one that is not equal is not looked at."""
    for text, one, other in zip(script.texts(), ours, peer):
        kind, what = judge(text, one, other)
        if kind == "equal" and one.error is None and one.tag != other.tag:
            return "different", "tags"
        if kind != "equal":
            return kind, what
    return "equal", ""


def judge(text, ours, peer):
    """(kind, what differs): kind is equal, refused, different or unsettled."""
    if ours.code == "57014" or peer.code == "57014":
        return "unsettled", "a timeout"
    if ours.code == "0A000" and peer.code != "0A000":
        return "refused", ours.error["M"]
    if ours.error or peer.error:
        if ours.error and peer.error:
            # PostgreSQL looks at WHERE before it compares the types of what is assigned.
            if ours.code == "42804" and peer.code[:2] == "22":
                return "unsettled", "which of two errors comes first"
            if {kind_of(ours), kind_of(peer)} == {"22", "23"}:
                return "unsettled", "which of several rows fails first"
            alike = ours.code == peer.code or kind_of(ours) == kind_of(peer)
            return ("equal", "") if alike else ("different", f"error {ours.code} for {peer.code}")
        failed = ours if ours.error else peer
        # A function that is strict is not called with a constant NULL, and PostgreSQL then does not compute its other arguments.
        if failed is ours and failed.code[:2] == "22" and "NULL" in text:
            return "unsettled", f"error {failed.code} on one side"
        wide = any(word in text for word in (" JOIN ", "(SELECT", "WHERE", "HAVING", "GROUP BY", "LIMIT", "OFFSET", "WITH ", " OVER ("))
        # PostgreSQL folds constants beforehand, also where a table has no rows.
        wide = wide or failed is peer and any(word in text for word in (" FROM ", "ON CONFLICT", "UPDATE "))
        if (failed.code[:2] == "22" or failed is peer and failed.code == "0A000") and wide:
            return "unsettled", f"error {failed.code} on one side"
        return "different", f"error {ours.code}" if ours.error else f"no error {peer.code}"
    if [oid for _, oid in ours.columns or []] != [oid for _, oid in peer.columns or []]:
        return "different", "types"
    if ours.columns != peer.columns:
        return "different", "names"
    ordered = " ORDER BY " in text.rsplit(")", 1)[-1]
    loose = any(word in text for word in ("DISTINCT", "GROUP BY", "UNION", "INTERSECT", "EXCEPT", "min(", "max(", "greatest(", "least(", "percentile"))
    tied = ordered and any(oid in TIES for _, oid in peer.columns)
    if rows_of(ours, ordered and not tied, loose) != rows_of(peer, ordered and not tied, loose):
        return "different", "rows"
    return "equal", ""


def texts_of(query):
    return query.texts() if isinstance(query, fuzz_writes.Script) else [str(query)]


def variants(query):
    return fuzz_writes.shrunk(query) if isinstance(query, fuzz_writes.Script) else fuzz_grammar.shrunk(query)


def outcome(query, ours, peer):
    if isinstance(query, fuzz_writes.Script):
        return judge_script(query, ours, peer)
    return judge(str(query), ours[0], peer[0])


def shrink(query, what, servers):
    """The smallest variant found that still differs in the same way."""
    tries, found = 0, True
    while found and tries < SHRINK_TRIES_MAX:
        found = False
        for smaller in variants(query):
            tries += 1
            if tries > SHRINK_TRIES_MAX:
                break
            if len(str(smaller)) < len(str(query)):
                if outcome(smaller, *[server.run_all(smaller) for server in servers]) == ("different", what):
                    query, found = smaller, True
                    break
    return query


def brief(result):
    if result.error:
        return f"{result.code} {result.error['M']}"
    rows = sorted(tuple(row) for row in result.texts()) if result.rows and all(None not in row for row in result.texts()) else result.texts()
    return f"{[oid for _, oid in result.columns or []]} {rows[:8]}"[:600]


class Report:
    def __init__(self, show):
        self.counts = {"equal": 0, "refused": 0, "different": 0, "unsettled": 0}
        self.reasons, self.show, self.seen, self.failed = {}, show, {}, 0

    def note(self, kind, what):
        self.counts[kind] += 1
        if kind != "equal":
            key = (kind, what)
            self.reasons[key] = self.reasons.get(key, 0) + 1

    def line(self):
        total = max(sum(self.counts.values()), 1)
        parts = [f"{count} {kind} ({100 * count / total:.2f} %)" for kind, count in self.counts.items()]
        return ", ".join([f"{parts[0]}, of which {self.failed} failed on both sides", *parts[1:]])


def round_of(number, args, servers, report, wanted):
    rng = random.Random(f"{args.seed} {number}")
    schema = fuzz_grammar.Schema(rng)
    statements = list(schema.statements())
    for server in servers:
        server.prepare(schema, statements)
    generator = fuzz_grammar.Generator(rng, schema)
    writer = fuzz_writes.Writer(generator)
    done = 0
    while done < wanted:
        queries = [writer.script() if rng.random() < WRITES else generator.query() for _ in range(min(AT_ONCE, wanted - done))]
        texts = [text for query in queries for text in texts_of(query)]
        for server in servers:
            server.send(texts)
        results = [iter(server.receive(texts)) for server in servers]
        for query in queries:
            ours, peer = ([next(of) for _ in texts_of(query)] for of in results)
            kind, what = outcome(query, ours, peer)
            report.note(kind, what)
            report.failed += kind == "equal" and any(result.error for result in ours)
            if kind == "different" and what.startswith(args.only) and report.show > 0 and report.seen.get(what, 0) < args.each:
                report.show -= 1
                report.seen[what] = report.seen.get(what, 0) + 1
                tell(number, args, shrink(query, what, servers), what, servers, statements)
        done += len(queries)
    return done


def tell(number, args, query, what, servers, statements):
    text = str(query)
    ours, peer = (server.run_all(query) for server in servers)
    print(f"\ndifferent ({what}), seed {args.seed}, round {number}:\n  {text};")
    for sql, one, other in zip(texts_of(query), ours, peer):
        if judge(sql, one, other)[0] == "different" or len(ours) == 1:
            print(f"    postgres: {brief(other)}\n    bole:     {brief(one)}" + (f"\n    of        {sql}" if len(ours) > 1 else ""))
            break
    for sql in statements:
        if any(f" {name} " in text for name in [sql.split()[2]] if name.startswith("t")):
            print(f"    with {sql};")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bole", required=True)
    parser.add_argument("--postgres", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--queries", type=int, default=100_000)
    parser.add_argument("--first-round", type=int, default=0, help="start at this round of the seed")
    parser.add_argument("--database", default="fuzz", help="made anew on both servers; another one for a run beside this")
    parser.add_argument("--show", type=int, default=20, help="differences to shrink and show")
    parser.add_argument("--only", default="", help="show differences of the kinds that start with this: rows, types, error XX000")
    parser.add_argument("--each", type=int, default=6, help="of one kind")
    args = parser.parse_args()
    print(f"seed {args.seed}, {args.queries} queries", flush=True)
    servers = [Server("bole", args.bole, args.database), Server("postgres", args.postgres, args.database)]
    report, done, number, start = Report(args.show), 0, args.first_round, time.monotonic()
    while done < args.queries:
        done += round_of(number, args, servers, report, min(QUERIES_PER_SCHEMA, args.queries - done))
        number += 1
        if number % 20 == 0:
            print(f"{done} queries, {time.monotonic() - start:.0f} s: {report.line()}", flush=True)
    print(f"\nseed {args.seed}: {done} queries, {time.monotonic() - start:.0f} s: {report.line()}")
    for (kind, what), count in sorted(report.reasons.items(), key=lambda item: -item[1])[:60]:
        print(f"  {count:6} {kind}: {what}")
    refused = report.counts["refused"] / max(done, 1)
    sys.exit(1 if report.counts["different"] or refused > 0.05 else 0)


if __name__ == "__main__":
    main()
