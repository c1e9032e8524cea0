"""confluent-kafka and kcat with their default settings against change feeds of tables.

BOLE_BINARY names the program. Starts a node of its own in a temporary folder, on free ports of 127.0.0.1, kills it and starts it again.

    python confluent_tables.py [FAMILY...]
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "sql"))

from bole_node import Node  # noqa: E402 the path comes first
from checks import Checks  # noqa: E402
from wire import Connection  # noqa: E402

FOLDER = tempfile.TemporaryDirectory(prefix="bole-tables-")
NODE = Node(FOLDER.name, "streams.feeds=sql/*")
os.environ["BOLE_STREAMS_BOOTSTRAP"] = f"127.0.0.1:{NODE.ports['streams']}"

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition  # noqa: E402 the world reads the variable

from confluent_world import BOOTSTRAP, TIMEOUT, admin, consumer, name, poll_until, produce, read_to_end  # noqa: E402


def connect(database="bole"):
    return Connection(f"postgres://bole:bolebole@127.0.0.1:{NODE.ports['sql']}/{database}", 20)


def run(session, *statements):
    for statement in statements:
        result = session.run(statement)
        if result.error:
            raise RuntimeError(f"{statement}: {result.error}")
    return result


def topic_of(table, database="bole"):
    return f"changes.sql.{database}.{table}"


def table_name():
    return name("t").replace("-", "_")


class Fold:
    """The table that a feed describes, as a reader has it who upserts by key, removes what is deleted and all at a truncate."""

    def __init__(self):
        self.rows, self.offsets, self.wrong = {}, [], []

    def take(self, key, value, offset):
        told = json.loads(value)
        if self.offsets and offset <= self.offsets[-1]:
            self.wrong.append(("an offset that does not rise", offset))
        if (told["transaction"] << 20) + told["position"] != offset:
            self.wrong.append(("an offset that is not its place", offset, told))
        self.offsets.append(offset)
        if told["op"] == "truncate":
            self.rows.clear()
            return
        if told["op"] == "key":
            self.rows = {json.dumps({name: row[name] for name in told["columns"]}): row for row in self.rows.values()}
            return
        key = json.dumps(json.loads(key))
        was = self.rows.pop(key, None)
        if was != told["before"]:
            self.wrong.append(("a row that was another", was, told))
        if told["after"] is not None:
            self.rows[key] = told["after"]


def table_rows(table, *columns):
    session = connect()
    members = ", ".join(f"'{column}', {column}" for column in columns)
    found = run(session, f"select json_build_object({members}) from {table} order by {columns[0]}").rows
    session.close()
    return [json.loads(row[0]) for row in found]


def operations(checks):
    table = table_name()
    session = connect()
    run(session, f"create table {table} (id int primary key, name text, amount numeric(10, 2))",
        f"insert into {table} values (1, 'ä\"\\', 9.90), (2, null, null)",
        f"update {table} set amount = 5 where id = 1", f"update {table} set id = 3 where id = 2", f"delete from {table} where id = 1",
        f"truncate {table}", f"insert into {table} values (4, 'x', 0)", f"alter table {table} rename id to number",
        f"insert into {table} values (5, 'y', 1)")
    session.close()
    messages, _ = read_to_end(topic_of(table))
    got = [(message.key() and json.loads(message.key()), {name: json.loads(message.value())[name] for name in ("op", "before", "after")})
           for message in messages]
    first, paid = {"id": 1, "name": "ä\"\\", "amount": 9.9}, {"id": 1, "name": "ä\"\\", "amount": 5.0}
    second, third = {"id": 2, "name": None, "amount": None}, {"id": 3, "name": None, "amount": None}
    change = lambda op, before, after: {"op": op, "before": before, "after": after}
    checks.equal("each operation", got, [
        ({"id": 1}, change("insert", None, first)), ({"id": 2}, change("insert", None, second)), ({"id": 1}, change("update", first, paid)),
        ({"id": 2}, change("delete", second, None)), ({"id": 3}, change("insert", None, third)), ({"id": 1}, change("delete", paid, None)),
        (None, change("truncate", None, None)), ({"id": 4}, change("insert", None, {"id": 4, "name": "x", "amount": 0.0})),
        (None, change("key", None, None)), ({"number": 5}, change("insert", None, {"number": 5, "name": "y", "amount": 1.0}))])
    checks.equal("headers", dict(messages[0].headers()), {
        "operation": b"insert", "database": b"bole", "schema": b"public", "table": table.encode()})
    times = [message.timestamp()[1] for message in messages]
    checks.equal("timestamps are those of the changes", times, [json.loads(message.value())["time"] for message in messages])
    raw = messages[0].value().decode()
    checks.true("numbers keep their digits", '"amount":9.90' in raw, raw)
    checks.equal("nobody writes to it", produce(topic_of(table), [{"value": b"v"}]), ["TOPIC_EXCEPTION"])


class Writer(threading.Thread):
    """Changes a table until it is told to end, over kills: each transaction notes its number, so that one that was not answered is known."""

    def __init__(self, table):
        super().__init__()
        self.table, self.done, self.commits, self.failure = table, threading.Event(), 0, None

    def transaction(self, number):
        table = self.table
        rows = [f"insert into {table} values ({number}, {number}, repeat('x', {number % 50}))",
                f"update {table} set v = v + 1 where id % 7 = {number % 7}", f"delete from {table} where id < {number - 40}"]
        if number % 97 == 0:
            rows.insert(0, f"truncate {table}")
        if number % 5 == 0:
            rows.append(f"savepoint s; update {table} set v = -1; rollback to s")
        return "; ".join(["begin", *rows, f"update {table}_last set n = {number}", "commit"])

    def run(self):
        session = None
        try:
            while not self.done.is_set():
                try:
                    session = session or connect()
                    last = int(run(session, f"select n from {self.table}_last").rows[0][0])
                    if last not in (self.commits, self.commits + 1):
                        self.failure = f"{self.commits} transactions were committed, {last} are there"
                        return
                    self.commits = last
                    run(session, self.transaction(last + 1))
                    self.commits = last + 1
                except (OSError, ConnectionError, EOFError, RuntimeError) as error:
                    if isinstance(error, RuntimeError) and "57P" not in str(error):
                        raise
                    session = None
                    time.sleep(0.05)
                except Exception as error:
                    if type(error).__name__ != "Closed":
                        raise
                    session = None
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"


def made(table):
    session = connect()
    run(session, f"create table {table} (id int primary key, v bigint, filler text)", f"create table {table}_last (n int)",
        f"insert into {table}_last values (0)")
    session.close()
    return Writer(table)


def each_once(checks):
    """A table changes while the node is stopped and killed; a reader that never closes has the table in the end, each change once."""
    table = table_name()
    writer = made(table)
    quiet = {"log_level": 0, "error_cb": lambda error: None}
    reader = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": name("group")} | quiet)
    reader.assign([TopicPartition(topic_of(table), 0, OFFSET_BEGINNING)])
    fold = Fold()

    def poll(seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            message = reader.poll(0.1)
            if message is not None and message.error() is None:
                fold.take(message.key(), message.value(), message.offset())

    writer.start()
    for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, None):
        poll(2)
        if how is not None:
            NODE.end(how)
            NODE.start()
    writer.done.set()
    writer.join()
    shown = table_rows(table, "id", "v", "filler")
    deadline = time.monotonic() + TIMEOUT
    by_id = lambda: sorted(fold.rows.values(), key=lambda row: row["id"])
    while by_id() != shown and time.monotonic() < deadline:
        poll(0.3)
    reader.close()
    checks.equal("no transaction that was acknowledged is lost", writer.failure, None)
    checks.true("much was written", writer.commits > 100, writer.commits)
    checks.equal("each change once, and each fits what was there", fold.wrong[:1], [])
    checks.equal("the feed tells the table", by_id(), shown)
    again, _ = read_to_end(topic_of(table))
    checks.equal("who reads again gets the same", [message.offset() for message in again], fold.offsets)


def groups(checks):
    table = table_name()
    session = connect()
    run(session, f"create table {table} (id int primary key)", f"insert into {table} select generate_series(1, 50)")
    group = name("group")
    for protocol in ("classic", "consumer"):
        reader = consumer(group + protocol, group_protocol=protocol)
        reader.subscribe([topic_of(table)])
        got = poll_until(reader, lambda all: len(all) >= 50)
        reader.close()
        checks.equal(f"{protocol}: all of it", len(got), 50)
    run(session, f"insert into {table} values (51)")
    session.close()
    for protocol in ("classic", "consumer"):
        reader = consumer(group + protocol, group_protocol=protocol)
        reader.subscribe([topic_of(table)])
        got = poll_until(reader, len)
        reader.close()
        checks.equal(f"{protocol}: goes on where the group was", [json.loads(each.key()) for each in got], [{"id": 51}])


def tables_that_go(checks):
    """A dropped table's topic is gone, and one that gets its name is another."""
    table = table_name()
    there = lambda: topic_of(table) in admin().list_topics(timeout=TIMEOUT).topics
    session = connect()
    run(session, f"create table {table} (a int)", f"insert into {table} values (1)")
    first, _ = read_to_end(topic_of(table))
    run(session, f"drop table {table}")
    checks.becomes("it goes with the table", there, False)
    run(session, f"create table {table} (b int)", f"insert into {table} values (2)")
    session.close()
    checks.becomes("it comes with the table", there, True)
    second, _ = read_to_end(topic_of(table))
    checks.equal("rows of the new one alone", [json.loads(each.value())["after"] for each in second], [{"b": 2}])
    checks.true("its offsets are beyond the old ones", second[0].offset() > first[-1].offset(), (second[0].offset(), first[-1].offset()))


def kcat(checks):
    """kcat follows a table over kills, and another reads it again to its end: both get what confluent-kafka gets."""
    table = table_name()
    writer = made(table)
    command = ["kcat", "-b", BOOTSTRAP, "-C", "-t", topic_of(table), "-p", "0", "-o", "beginning", "-f", "%o\t%k\t%s\n"]
    path = os.path.join(FOLDER.name, "kcat.out")
    with open(path, "wb") as out:
        # -E: a node that is away for a while is no reason to end.
        follower = subprocess.Popen([*command, "-E", "-u", "-q"], stdout=out, stderr=subprocess.DEVNULL)
    writer.start()
    for how in (signal.SIGKILL, signal.SIGKILL, None):
        time.sleep(2)
        if how is not None:
            NODE.end(how)
            NODE.start()
    writer.done.set()
    writer.join()
    expected, _ = read_to_end(topic_of(table))
    expected = [(message.offset(), message.key() or b"", message.value()) for message in expected]

    def lines(of):
        parts = [line.split(b"\t", 2) for line in of.splitlines() if line.count(b"\t") >= 2]
        return [(int(offset), key, value) for offset, key, value in parts]

    def followed():
        with open(path, "rb") as out:
            return lines(out.read())

    checks.equal("no transaction that was acknowledged is lost", writer.failure, None)
    checks.true("much was written", len(expected) > 300, len(expected))
    checks.becomes("one that follows gets each once", followed, expected)
    follower.terminate()
    follower.wait(20)
    again = subprocess.run([*command, "-e", "-q"], capture_output=True, timeout=60)
    checks.equal("one that reads to the end gets the same", lines(again.stdout), expected)


FAMILIES = (operations, groups, tables_that_go, each_once)
checks = Checks()
try:
    for family in (*FAMILIES, kcat):
        if family.__name__ in (sys.argv[1:] or [each.__name__ for each in FAMILIES]):
            checks.family(family)
finally:
    NODE.end(signal.SIGTERM)
    FOLDER.cleanup()
checks.finish()
