"""Differential fuzzing: random schemas, rows and queries on two servers side by side.

    python3 fuzz.py --bole URL --postgres URL [--seed 1] [--queries 100000] [--show 20]

Rows are compared as multisets, or in order where the query says one; so are the OIDs and names of the columns. Where both fail, the classes
of the SQLSTATEs must be equal. Counted are: equal, refused (0A000), different, and unsettled: a data exception (class 22) on one side only, in
a query where it depends on the plan which rows are looked at. A difference is shrunk to a small statement. The same seed gives the same queries.
"""

import argparse
import random
import sys
import time
import urllib.parse
from decimal import Decimal, InvalidOperation

import fuzz_grammar
import wire

DATABASE = "fuzz"
QUERIES_PER_SCHEMA = 250
AT_ONCE = 25
SHRINK_TRIES_MAX = 600
NUMERIC = 1700
SETTINGS = ("SET TimeZone TO 'UTC'", "SET statement_timeout TO '10s'", "SET extra_float_digits TO 1")


class Server:
    def __init__(self, name, url):
        self.name, self.url, self.tables = name, url, []
        connection = wire.Connection(url)
        for sql in (f"DROP DATABASE IF EXISTS {DATABASE}", f"CREATE DATABASE {DATABASE}"):
            if (result := connection.run(sql)).error:
                raise SystemExit(f"{name}: {sql}: {result.code} {result.error['M']}")
        connection.close()
        self.connection, self.schema = None, []
        self.connect()

    def connect(self):
        url = urllib.parse.urlsplit(self.url)._replace(path="/" + DATABASE).geturl()
        self.connection = wire.Connection(url)
        for sql in SETTINGS:
            self.connection.run(sql)

    def prepare(self, schema, statements):
        for name in self.tables:
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

    def run(self, sql):
        self.send([sql])
        return self.receive([sql])[0]


def crashed(error):
    result = wire.Result()
    result.error = {"C": "crash", "M": f"the session ended: {error}"}
    return result


def normal(value, oid):
    """Equal numerics alike: which of several equal values stands for a group is left open."""
    if value is None or oid != NUMERIC:
        return value
    try:
        return str(Decimal(value.decode()).normalize()).encode()
    except InvalidOperation:
        return value


def rows_of(result, ordered, loose):
    rows = result.rows
    if loose:
        oids = [oid for _, oid in result.columns]
        rows = [[normal(value, oid) for value, oid in zip(row, oids)] for row in rows]
    return rows if ordered else sorted(rows, key=lambda row: [(value is None, value or b"") for value in row])


def judge(text, ours, peer):
    """(kind, what differs): kind is equal, refused, different or unsettled."""
    if ours.code == "57014" or peer.code == "57014":
        return "unsettled", "a timeout"
    if ours.code == "0A000" and peer.code != "0A000":
        return "refused", ours.error["M"]
    if ours.error or peer.error:
        if ours.error and peer.error:
            alike = ours.code[:2] == peer.code[:2]
            return ("equal", "") if alike else ("different", f"error {ours.code} for {peer.code}")
        failed = ours if ours.error else peer
        wide = any(word in text for word in (" JOIN ", "(SELECT", "WHERE", "HAVING", "GROUP BY", "LIMIT", "WITH "))
        # PostgreSQL folds constants beforehand, also where no row would be looked at.
        if (failed.code[:2] == "22" or failed is peer and failed.code == "0A000") and wide:
            return "unsettled", f"error {failed.code} on one side"
        return "different", f"error {ours.code}" if ours.error else f"no error {peer.code}"
    if [oid for _, oid in ours.columns or []] != [oid for _, oid in peer.columns or []]:
        return "different", "types"
    if ours.columns != peer.columns:
        return "different", "names"
    ordered = " ORDER BY " in text.rsplit(")", 1)[-1]
    loose = any(word in text for word in ("DISTINCT", "GROUP BY", "UNION", "INTERSECT", "EXCEPT", "min(", "max(", "greatest(", "least(", "percentile"))
    tied = ordered and any(oid in (NUMERIC, 1186, 700, 701, 3802) for _, oid in peer.columns)
    if rows_of(ours, ordered and not tied, loose) != rows_of(peer, ordered and not tied, loose):
        return "different", "rows"
    return "equal", ""


def shrink(query, what, servers):
    """The smallest variant found that still differs in the same way."""
    tries, found = 0, True
    while found and tries < SHRINK_TRIES_MAX:
        found = False
        for smaller in fuzz_grammar.shrunk(query):
            tries += 1
            if tries > SHRINK_TRIES_MAX:
                break
            text = str(smaller)
            if len(text) < len(str(query)):
                results = [server.run(text) for server in servers]
                if judge(text, *results) == ("different", what):
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
        self.reasons, self.show, self.seen = {}, show, {}

    def note(self, kind, what):
        self.counts[kind] += 1
        if kind != "equal":
            key = (kind, what)
            self.reasons[key] = self.reasons.get(key, 0) + 1

    def line(self):
        total = max(sum(self.counts.values()), 1)
        return ", ".join(f"{count} {kind} ({100 * count / total:.2f} %)" for kind, count in self.counts.items())


def round_of(number, args, servers, report, wanted):
    rng = random.Random(f"{args.seed} {number}")
    schema = fuzz_grammar.Schema(rng)
    statements = list(schema.statements())
    for server in servers:
        server.prepare(schema, statements)
    generator = fuzz_grammar.Generator(rng, schema)
    done = 0
    while done < wanted:
        queries = [generator.query() for _ in range(min(AT_ONCE, wanted - done))]
        texts = [str(query) for query in queries]
        for server in servers:
            server.send(texts)
        for query, text, ours, peer in zip(queries, texts, *[server.receive(texts) for server in servers]):
            kind, what = judge(text, ours, peer)
            report.note(kind, what)
            if kind == "different" and what.startswith(args.only) and report.show > 0 and report.seen.get(what, 0) < args.each:
                report.show -= 1
                report.seen[what] = report.seen.get(what, 0) + 1
                tell(number, args, shrink(query, what, servers), what, servers, statements)
        done += len(queries)
    return done


def tell(number, args, query, what, servers, statements):
    text = str(query)
    ours, peer = (server.run(text) for server in servers)
    print(f"\ndifferent ({what}), seed {args.seed}, round {number}:\n  {text};\n    postgres: {brief(peer)}\n    bole:     {brief(ours)}")
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
    parser.add_argument("--show", type=int, default=20, help="differences to shrink and show")
    parser.add_argument("--only", default="", help="show differences of the kinds that start with this: rows, types, error XX000")
    parser.add_argument("--each", type=int, default=6, help="of one kind")
    args = parser.parse_args()
    print(f"seed {args.seed}, {args.queries} queries", flush=True)
    servers = [Server("bole", args.bole), Server("postgres", args.postgres)]
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
