"""psycopg 3 with its default settings against BOLE_SQL_URL; arguments choose families."""

import datetime
import os
import sys
import threading
import uuid
from decimal import Decimal

import psycopg
from psycopg import errors, sql
from psycopg.rows import dict_row, namedtuple_row
from psycopg.types.json import Json, Jsonb

from checks import Checks

URL = os.environ["BOLE_SQL_URL"]
UTC = datetime.timezone.utc
VALUES = [
    ("smallint", "int2", -32768), ("integer", "int4", 2147483647), ("bigint", "int8", -9223372036854775808), ("boolean", "bool", True),
    ("numeric", "numeric", Decimal("12345678901234567890.000100")), ("numeric scale", "numeric", Decimal("-0.00000000001")), ("real", "float4", 1.5), ("double", "float8", 1e-300),
    ("text", "text", "ä'\"\\ 日本\n\t"), ("varchar", "varchar", "abc"), ("bytea", "bytea", bytes(range(256))), ("uuid", "uuid", uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
    ("date", "date", datetime.date(2024, 2, 29)), ("time", "time", datetime.time(23, 59, 59, 999999)), ("timestamp", "timestamp", datetime.datetime(1999, 12, 31, 23, 59, 59, 1)),
    ("timestamptz", "timestamptz", datetime.datetime(2024, 7, 1, 12, 0, tzinfo=UTC)), ("interval", "interval", datetime.timedelta(days=-3, seconds=4, microseconds=5)),
    ("integers", "int4[]", [1, None, 3]), ("nested", "int4[]", [[1, 2], [3, 4]]), ("texts", "text[]", ["a", "", "b,c", '"', None]), ("uuids", "uuid[]", [uuid.UUID(int=1)]), ("numerics", "numeric[]", [Decimal("1.10"), None]),
    ("dates", "date[]", [datetime.date(2000, 1, 1)]), ("null", "text", None), ("empty array", "text[]", []), ("timestamps", "timestamptz[]", [datetime.datetime(2024, 1, 1, tzinfo=UTC)]),
]


def connect(**options):
    return psycopg.connect(URL, **options)


def connections(checks):
    with connect() as conn:
        checks.equal("a query", conn.execute("SELECT 1").fetchone(), (1,))
        checks.true("server version", conn.info.server_version >= 150000, conn.info.server_version)
        checks.equal("encoding", conn.info.encoding, "utf-8")
        checks.equal("standard strings", conn.info.parameter_status("standard_conforming_strings"), "on")
        checks.equal("integer datetimes", conn.info.parameter_status("integer_datetimes"), "on")
        checks.true("process id", conn.info.backend_pid > 0, conn.info.backend_pid)
    checks.true("closed at the end", conn.closed)
    for name, url, code in (("wrong password", URL.replace("bolebole", "wrong"), "28P01"), ("no such database", URL.rsplit("/", 1)[0] + "/nothing_here", "3D000")):
        try:
            psycopg.connect(url).close()
            checks.true(name, False, "connected")
        except psycopg.OperationalError as error:
            checks.true(name, ("password" if code == "28P01" else "does not exist") in str(error), str(error))
    with connect(options="-c statement_timeout=1234") as conn:
        checks.equal("options at the start", conn.execute("SHOW statement_timeout").fetchone(), ("1234ms",))
    with connect(application_name="conformance") as conn:
        checks.equal("application name", conn.execute("SHOW application_name").fetchone(), ("conformance",))


def values(checks):
    with connect() as conn:
        for binary in (False, True):
            for name, type_, value in VALUES:
                how = "binary" if binary else "text"
                got = conn.execute(f"SELECT %s::{type_}", [value], binary=binary).fetchone()[0]
                checks.equal(f"{name}, result in {how}", got, value)
                got = conn.execute(f"SELECT {'%b' if binary else '%t'}::{type_}", [value]).fetchone()[0]
                checks.equal(f"{name}, parameter in {how}", got, value)
            checks.equal(f"json {how}", conn.execute("SELECT %s::json", [Json({"a": [1, None]})], binary=binary).fetchone()[0], {"a": [1, None]})
            checks.equal(f"jsonb {how}", conn.execute("SELECT %s", [Jsonb({"b": 1, "a": "é"})], binary=binary).fetchone()[0], {"b": 1, "a": "é"})
            checks.equal(f"float infinity {how}", conn.execute("SELECT 'infinity'::float8", binary=binary).fetchone()[0], float("inf"))
            checks.true(f"numeric NaN {how}", conn.execute("SELECT 'NaN'::numeric", binary=binary).fetchone()[0].is_nan())
        cursor = conn.execute("SELECT 1::int2 a, 'x'::varchar(5) b, 1.5::numeric(6,2) c, now()::timestamptz(3) d, 'y'::char(4) e")
        checks.equal("types of columns", [(c.name, c.type_code) for c in cursor.description], [("a", 21), ("b", 1043), ("c", 1700), ("d", 1184), ("e", 1042)])
        checks.equal("lengths and scales", [(c.display_size, c.precision, c.scale) for c in cursor.description], [(None, None, None), (5, None, None), (None, 6, 2), (None, 3, None), (4, None, None)])


def statements(checks):
    with connect(autocommit=True) as conn:
        conn.execute("DROP TABLE IF EXISTS psycopg_items")
        checks.equal("create", conn.execute("CREATE TABLE psycopg_items (id serial PRIMARY KEY, name text NOT NULL, price numeric(8,2))").statusmessage, "CREATE TABLE")
        cursor = conn.execute("INSERT INTO psycopg_items (name, price) VALUES (%s, %s), (%s, %s) RETURNING id", ["a", Decimal("1.5"), "b", None])
        checks.equal("returning", cursor.fetchall(), [(1,), (2,)])
        checks.equal("insert tag", (cursor.statusmessage, cursor.rowcount), ("INSERT 0 2", 2))
        checks.equal("update tag", conn.execute("UPDATE psycopg_items SET price = 2 WHERE price IS NULL").rowcount, 1)
        with conn.cursor() as cursor:
            cursor.executemany("INSERT INTO psycopg_items (name) VALUES (%s)", [(f"n{n}",) for n in range(100)])
            checks.equal("executemany", cursor.rowcount, 100)
            cursor.executemany("INSERT INTO psycopg_items (name) VALUES (%s) RETURNING name", [("x",), ("y",)], returning=True)
            checks.equal("executemany returning", [cursor.fetchone()] + ([cursor.fetchone()] if cursor.nextset() else []), [("x",), ("y",)])
        for n in range(12):
            got = conn.execute("SELECT name FROM psycopg_items WHERE id = %s", [1]).fetchone()
        checks.equal("prepared by itself", got, ("a",))
        checks.equal("prepare at once", conn.execute("SELECT %s::int + 1", [2], prepare=True).fetchone(), (3,))
        checks.true("statements are known", conn.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()[0] >= 1)
        checks.equal("composed", conn.execute(sql.SQL("SELECT {} FROM {} WHERE id = {}").format(sql.Identifier("name"), sql.Identifier("psycopg_items"), sql.Literal(2))).fetchone(), ("b",))
        checks.equal("dictionaries", conn.cursor(row_factory=dict_row).execute("SELECT 1 AS a, 'x' AS b").fetchone(), {"a": 1, "b": "x"})
        checks.equal("named tuples", conn.cursor(row_factory=namedtuple_row).execute("SELECT 1 AS a").fetchone().a, 1)
        checks.equal("several statements", [r.fetchall() for r in conn.execute("SELECT 1; SELECT 2").results()], [[(1,)], [(2,)]])
        checks.equal("any of an array", conn.execute("SELECT count(*) FROM psycopg_items WHERE id = ANY(%s)", [[1, 2, 999]]).fetchone(), (2,))
        checks.equal("nothing", conn.execute("").statusmessage, None)
        with psycopg.ClientCursor(conn) as cursor:
            checks.equal("client-side binding", cursor.execute("SELECT %s, %s, %s", [1, "a'b", None]).fetchone(), (1, "a'b", None))
        many = conn.execute("SELECT g, repeat('x', 100) FROM generate_series(1, 50000) g").fetchall()
        checks.equal("a large result", (len(many), many[-1]), (50000, (50000, "x" * 100)))
        checks.equal("a large value", len(conn.execute("SELECT %s::text", ["z" * 5_000_000]).fetchone()[0]), 5_000_000)
        checks.equal("many parameters", conn.execute(f"SELECT cardinality(ARRAY[{', '.join(['%s'] * 65535)}]::int[])", [1] * 65535).fetchone(), (65535,))


def transactions(checks):
    with connect() as conn:
        conn.execute("DROP TABLE IF EXISTS psycopg_tx")
        conn.execute("CREATE TABLE psycopg_tx (id int PRIMARY KEY)")
        conn.commit()
        status = lambda: conn.info.transaction_status.name  # noqa: E731
        checks.equal("idle", status(), "IDLE")
        conn.execute("INSERT INTO psycopg_tx VALUES (1)")
        checks.equal("in a transaction", status(), "INTRANS")
        conn.rollback()
        checks.equal("rolled back", conn.execute("SELECT count(*) FROM psycopg_tx").fetchone(), (0,))
        conn.commit()
        with conn.transaction():
            conn.execute("INSERT INTO psycopg_tx VALUES (1)")
            try:
                with conn.transaction():
                    conn.execute("INSERT INTO psycopg_tx VALUES (2)")
                    conn.execute("INSERT INTO psycopg_tx VALUES (1)")
            except errors.UniqueViolation as error:
                checks.equal("unique violation", (error.sqlstate, error.diag.table_name, error.diag.constraint_name, error.diag.schema_name), ("23505", "psycopg_tx", "psycopg_tx_pkey", "public"))
                checks.equal("its detail", error.diag.message_detail, "Key (id)=(1) already exists.")
            conn.execute("INSERT INTO psycopg_tx VALUES (3)")
        checks.equal("savepoints", conn.execute("SELECT array_agg(id ORDER BY id) FROM psycopg_tx").fetchone(), ([1, 3],))
        conn.commit()
        try:
            conn.execute("SELECT 1/0")
        except errors.DivisionByZero as error:
            checks.equal("division by zero", error.sqlstate, "22012")
        checks.equal("in error", status(), "INERROR")
        checks.raises("aborted", errors.InFailedSqlTransaction, "current transaction is aborted", lambda: conn.execute("SELECT 1"))
        conn.rollback()
        for level in psycopg.IsolationLevel:
            if level.name != "READ_UNCOMMITTED":
                conn.isolation_level = level
                checks.equal(f"isolation {level.name}", conn.execute("SHOW transaction_isolation").fetchone()[0], level.name.lower().replace("_", " "))
                conn.rollback()
        conn.isolation_level = None
        conn.read_only = True
        checks.raises("read only", errors.ReadOnlySqlTransaction, "cannot execute", lambda: conn.execute("INSERT INTO psycopg_tx VALUES (9)"))
        conn.rollback()


def isolation(checks):
    with connect(autocommit=True) as one, connect(autocommit=True) as two:
        one.execute("DROP TABLE IF EXISTS psycopg_iso")
        one.execute("CREATE TABLE psycopg_iso (id int PRIMARY KEY, v int)")
        one.execute("INSERT INTO psycopg_iso VALUES (1, 1)")
        one.execute("BEGIN")
        one.execute("UPDATE psycopg_iso SET v = 2")
        checks.equal("readers are not blocked", two.execute("SELECT v FROM psycopg_iso").fetchone(), (1,))
        one.execute("COMMIT")
        checks.equal("committed", two.execute("SELECT v FROM psycopg_iso").fetchone(), (2,))
        two.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        checks.equal("a snapshot", two.execute("SELECT v FROM psycopg_iso").fetchone(), (2,))
        one.execute("UPDATE psycopg_iso SET v = 3")
        checks.equal("is kept", two.execute("SELECT v FROM psycopg_iso").fetchone(), (2,))
        checks.raises("a late write", errors.SerializationFailure, "", lambda: two.execute("UPDATE psycopg_iso SET v = v + 1"))
        two.execute("ROLLBACK")
        two.execute("BEGIN")
        two.execute("SELECT v FROM psycopg_iso")
        one.execute("UPDATE psycopg_iso SET v = 4")
        checks.equal("read committed sees it", two.execute("SELECT v FROM psycopg_iso").fetchone(), (4,))
        two.execute("UPDATE psycopg_iso SET v = v + 1")
        two.execute("COMMIT")
        checks.equal("and adds to it", one.execute("SELECT v FROM psycopg_iso").fetchone(), (5,))

        def add():
            with connect(autocommit=True) as conn:
                for _ in range(25):
                    conn.execute("UPDATE psycopg_iso SET v = v + 1")

        threads = [threading.Thread(target=add) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        checks.equal("no update is lost", one.execute("SELECT v FROM psycopg_iso").fetchone(), (105,))
        one.execute("BEGIN")
        one.execute("UPDATE psycopg_iso SET v = 0")
        two.execute("SET lock_timeout = '200ms'")
        checks.raises("lock timeout", errors.LockNotAvailable, "canceling statement due to lock timeout", lambda: two.execute("UPDATE psycopg_iso SET v = 1"))
        one.execute("ROLLBACK")


def failures(checks):
    rows = [
        ("syntax", "SELEC 1", "42601"), ("table", "SELECT * FROM no_such_table", "42P01"), ("column", "SELECT nothing FROM psycopg_items", "42703"), ("function", "SELECT no_such_function(1)", "42883"), ("type", "SELECT 1::no_such_type", "42704"),
        ("integer", "SELECT 'x'::int", "22P02"), ("overflow", "SELECT 2147483647 + 1", "22003"), ("date", "SELECT '2024-02-30'::date", "22008"), ("not null", "INSERT INTO psycopg_items (name) VALUES (NULL)", "23502"), ("too long", "SELECT 'abc'::varchar(2)::int", "22P02"), ("group by", "SELECT name, count(*) FROM psycopg_items", "42803"), ("exists", "CREATE TABLE psycopg_items (id int)", "42P07"), ("ambiguous", "SELECT id FROM psycopg_items a, psycopg_items b", "42702"), ("row count", "SELECT (SELECT id FROM psycopg_items)", "21000"), ("json", "SELECT '{'::json", "22P02"), ("schema", "CREATE TABLE nowhere.t (id int)", "3F000"),
    ]
    with connect(autocommit=True) as conn:
        for name, statement, code in rows:
            try:
                conn.execute(statement)
                checks.equal(name, "no error", code)
            except psycopg.Error as error:
                checks.equal(name, error.sqlstate, code)
        try:
            conn.execute("SELECT 1, nothing, 2")
        except psycopg.Error as error:
            checks.equal("position", error.diag.statement_position, "11")
            checks.equal("severity", (error.diag.severity, error.diag.severity_nonlocalized), ("ERROR", "ERROR"))
            checks.equal("message", error.diag.message_primary, 'column "nothing" does not exist')
        notices = []
        conn.add_notice_handler(lambda notice: notices.append((notice.severity, notice.sqlstate, notice.message_primary)))
        conn.execute("DROP TABLE IF EXISTS never_was_there")
        checks.equal("notice", notices, [("NOTICE", "00000", 'table "never_was_there" does not exist, skipping')])


def cursors(checks):
    with connect() as conn:
        with conn.cursor(name="big") as cursor:
            cursor.itersize = 100
            cursor.execute("SELECT g FROM generate_series(1, 1000) g")
            checks.equal("server-side cursor", sum(row[0] for row in cursor), 500500)
        with conn.cursor(name="back", scrollable=True) as cursor:
            cursor.execute("SELECT g FROM generate_series(1, 10) g")
            checks.equal("first three", cursor.fetchmany(3), [(1,), (2,), (3,)])
            cursor.scroll(-2)
            checks.equal("scrolled", cursor.fetchone(), (2,))
            cursor.scroll(8, mode="absolute")
            checks.equal("absolute", cursor.fetchall(), [(9,), (10,)])
        with conn.cursor(name="held", withhold=True) as cursor:
            cursor.execute("SELECT g FROM generate_series(1, 3) g")
            conn.commit()
            checks.equal("held over commit", cursor.fetchall(), [(1,), (2,), (3,)])
        conn.rollback()
    with connect(autocommit=True) as conn:
        checks.equal("stream", [row for row in conn.cursor().stream("SELECT g FROM generate_series(1, 5) g")], [(n,) for n in range(1, 6)])


def copies(checks):
    with connect(autocommit=True) as conn:
        conn.execute("DROP TABLE IF EXISTS psycopg_copy")
        conn.execute("CREATE TABLE psycopg_copy (id int PRIMARY KEY, t text, n numeric, d date, b bytea)")
        rows = [(n, f"t\t{n}\n\\" if n % 3 else None, Decimal(n) / 4, datetime.date(2024, 1, n % 28 + 1), bytes([n % 256])) for n in range(1000)]
        with conn.cursor() as cursor:
            with cursor.copy("COPY psycopg_copy (id, t, n, d, b) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            checks.equal("copy in", (cursor.rowcount, cursor.statusmessage), (1000, "COPY 1000"))
            with cursor.copy("COPY (SELECT * FROM psycopg_copy ORDER BY id) TO STDOUT") as copy:
                copy.set_types(["int4", "text", "numeric", "date", "bytea"])
                checks.equal("copy out", list(copy.rows()), rows)
            conn.execute("TRUNCATE psycopg_copy")
            with cursor.copy("COPY psycopg_copy FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["int4", "text", "numeric", "date", "bytea"])
                for row in rows:
                    copy.write_row(row)
            with cursor.copy("COPY psycopg_copy TO STDOUT (FORMAT BINARY)") as copy:
                copy.set_types(["int4", "text", "numeric", "date", "bytea"])
                checks.equal("binary there and back", sorted(copy.rows()) == sorted(rows), True)
            with cursor.copy("COPY (SELECT id, t, n FROM psycopg_copy WHERE id < 3 ORDER BY id) TO STDOUT WITH (FORMAT CSV, HEADER)") as copy:
                checks.equal("csv out", b"".join(copy).decode(), 'id,t,n\n0,,0\n1,"t\t1\n\\",0.25\n2,"t\t2\n\\",0.5\n')
            conn.execute("TRUNCATE psycopg_copy")
            with cursor.copy("COPY psycopg_copy (id, t) FROM STDIN WITH (FORMAT CSV, DELIMITER ';', NULL 'none')") as copy:
                copy.write('1;"a;b"\n2;none\n3;"x ""y"""\n')
            checks.equal("csv in", conn.execute("SELECT id, t FROM psycopg_copy ORDER BY id").fetchall(), [(1, "a;b"), (2, None), (3, 'x "y"')])

            def broken():
                with cursor.copy("COPY psycopg_copy (id, t) FROM STDIN") as copy:
                    copy.write("10\tx\nnot a number\ty\n")

            checks.raises("a bad line", errors.InvalidTextRepresentation, 'invalid input syntax for type integer: "not a number"', broken)

            def given_up():
                with cursor.copy("COPY psycopg_copy (id, t) FROM STDIN") as copy:
                    copy.write("11\tx\n")
                    raise ValueError("given up")

            checks.raises("given up", ValueError, "given up", given_up)
            checks.equal("leaves nothing", conn.execute("SELECT count(*) FROM psycopg_copy").fetchone(), (3,))


def pipelines(checks):
    with connect(autocommit=True) as conn:
        conn.execute("DROP TABLE IF EXISTS psycopg_pipe")
        conn.execute("CREATE TABLE psycopg_pipe (id int PRIMARY KEY)")
        with conn.pipeline():
            cursors_ = [conn.execute("INSERT INTO psycopg_pipe VALUES (%s) RETURNING id", [n]) for n in range(200)]
            checks.equal("a pipeline", [c.fetchone()[0] for c in cursors_], list(range(200)))
        try:
            with conn.pipeline() as pipe:
                conn.execute("INSERT INTO psycopg_pipe VALUES (1000)")
                conn.execute("INSERT INTO psycopg_pipe VALUES (1)")
                conn.execute("INSERT INTO psycopg_pipe VALUES (1001)")
                pipe.sync()
            checks.true("an error in a pipeline", False, "none")
        except errors.UniqueViolation:
            checks.true("an error in a pipeline", True)
        checks.equal("undoes its part", conn.execute("SELECT count(*) FROM psycopg_pipe WHERE id >= 1000").fetchone(), (0,))


def notifications(checks):
    with connect(autocommit=True) as listener, connect(autocommit=True) as sender:
        listener.execute("LISTEN psycopg_channel")
        sender.execute("NOTIFY psycopg_channel, 'hello'")
        sender.execute("SELECT pg_notify('psycopg_channel', %s)", ["é"])
        got = [(n.channel, n.payload, n.pid) for n in listener.notifies(timeout=5, stop_after=2)]
        checks.equal("notifications", got, [("psycopg_channel", "hello", sender.info.backend_pid), ("psycopg_channel", "é", sender.info.backend_pid)])
        with sender.transaction():
            sender.execute("NOTIFY psycopg_channel, 'later'")
            checks.equal("not before commit", list(listener.notifies(timeout=0.2)), [])
        checks.equal("after commit", [n.payload for n in listener.notifies(timeout=5, stop_after=1)], ["later"])
        listener.execute("UNLISTEN *")
        sender.execute("NOTIFY psycopg_channel, 'unheard'")
        checks.equal("unlistened", list(listener.notifies(timeout=0.2)), [])


def cancels(checks):
    with connect(autocommit=True) as conn:
        timer = threading.Timer(0.3, conn.cancel)
        timer.start()
        checks.raises("cancel", errors.QueryCanceled, "canceling statement due to user request", lambda: conn.execute("SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b"))
        timer.join()
        checks.equal("goes on", conn.execute("SELECT 1").fetchone(), (1,))
        conn.execute("SET statement_timeout = '200ms'")
        checks.raises("statement timeout", errors.QueryCanceled, "canceling statement due to statement timeout", lambda: conn.execute("SELECT pg_sleep(5)"))
        conn.execute("SET statement_timeout = 0")
        checks.equal("goes on again", conn.execute("SELECT 1").fetchone(), (1,))


FAMILIES = [connections, values, statements, transactions, isolation, failures, cursors, copies, pipelines, notifications, cancels]

if __name__ == "__main__":
    checks = Checks(known={"statements"})
    for family in FAMILIES:
        if len(sys.argv) == 1 or family.__name__ in sys.argv[1:]:
            checks.family(family)
    checks.finish()
