"""asyncpg with its default settings against BOLE_SQL_URL: everything prepared, everything binary; arguments choose families."""

import asyncio
import datetime
import io
import os
import sys
import traceback
import uuid
from decimal import Decimal

import asyncpg

from checks import Checks

URL = os.environ["BOLE_SQL_URL"]
UTC = datetime.timezone.utc
VALUES = [
    ("int2", -32768), ("int4", 2147483647), ("int8", -9223372036854775808), ("bool", True), ("numeric", Decimal("12345678901234567890.000100")), ("numeric", Decimal("-1E-10")), ("numeric", Decimal("10000")), ("float4", 1.5), ("float8", 1e-300), ("float8", float("inf")),
    ("text", "ä'\"\\ 日本\n"), ("varchar", "abc"), ("bytea", bytes(range(256))), ("uuid", uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")), ("date", datetime.date(2024, 2, 29)), ("time", datetime.time(23, 59, 59, 999999)), ("timestamp", datetime.datetime(1999, 12, 31, 23, 59, 59, 1)),
    ("timestamptz", datetime.datetime(2024, 7, 1, 12, 0, tzinfo=UTC)), ("interval", datetime.timedelta(days=-3, seconds=4, microseconds=5)), ("int4[]", [1, None, 3]), ("int4[]", [[1, 2], [3, 4]]), ("text[]", ["a", "", "b,c", None]), ("numeric[]", [Decimal("1.10")]), ("uuid[]", [uuid.UUID(int=1)]), ("json", '{"a": [1, null]}'), ("jsonb", '{"a": 1, "b": "é"}'), ("text", None), ("bool[]", [True, None]), ("float8[]", [0.1, -0.5]), ("bytea[]", [b"\0", b""]), ("timestamptz[]", [datetime.datetime(2024, 1, 1, tzinfo=UTC)]),
]


async def values(checks, conn):
    for number, (type_, value) in enumerate(VALUES):
        checks.equal(f"{type_} {number}", await conn.fetchval(f"SELECT $1::{type_}", value), value)
    row = await conn.fetchrow("SELECT 1 AS a, 'x'::text AS b, NULL::int AS c")
    checks.equal("a row", dict(row), {"a": 1, "b": "x", "c": None})
    await conn.execute("DROP TYPE IF EXISTS asyncpg_mood CASCADE")
    await conn.execute("CREATE TYPE asyncpg_mood AS ENUM ('sad', 'happy')")
    checks.equal("an enum", await conn.fetchval("SELECT $1::asyncpg_mood", "happy"), "happy")
    checks.equal("enums", await conn.fetchval("SELECT ARRAY['sad', 'happy']::asyncpg_mood[]"), ["sad", "happy"])
    await conn.set_type_codec("jsonb", encoder=lambda v: v, decoder=lambda v: "decoded " + v, schema="pg_catalog")
    checks.equal("a codec of one's own", await conn.fetchval("SELECT '1'::jsonb"), "decoded 1")
    await conn.reset_type_codec("jsonb", schema="pg_catalog")


async def statements(checks, conn):
    await conn.execute("DROP TABLE IF EXISTS asyncpg_items; CREATE TABLE asyncpg_items (id serial PRIMARY KEY, name text NOT NULL, price numeric)")
    checks.equal("insert", await conn.execute("INSERT INTO asyncpg_items (name, price) VALUES ($1, $2)", "a", Decimal("1.50")), "INSERT 0 1")
    checks.equal("returning", await conn.fetchval("INSERT INTO asyncpg_items (name) VALUES ($1) RETURNING id", "b"), 2)
    await conn.executemany("INSERT INTO asyncpg_items (name) VALUES ($1)", [(f"n{n}",) for n in range(500)])
    checks.equal("executemany", await conn.fetchval("SELECT count(*) FROM asyncpg_items"), 502)
    statement = await conn.prepare("SELECT name, price FROM asyncpg_items WHERE id = $1 OR name = $2")
    checks.equal("parameters", [p.name for p in statement.get_parameters()], ["int4", "text"])
    checks.equal("attributes", [(a.name, a.type.name) for a in statement.get_attributes()], [("name", "text"), ("price", "numeric")])
    checks.equal("a prepared statement", tuple(await statement.fetchrow(1, "zz")), ("a", Decimal("1.50")))
    checks.equal("again", len(await statement.fetch(2, "a")), 2)
    checks.equal("status", (await statement.fetch(0, ""), statement.get_statusmsg()), ([], "SELECT 0"))
    checks.equal("parameters are inferred", [p.name for p in (await conn.prepare("SELECT $1 + 1.5, $2 || 'x', $3::date, coalesce($4, 1)")).get_parameters()], ["numeric", "text", "date", "int4"])
    checks.equal("parameters of an insert", [p.name for p in (await conn.prepare("INSERT INTO asyncpg_items VALUES ($1, $2, $3)")).get_parameters()], ["int4", "text", "numeric"])
    checks.equal("any", await conn.fetchval("SELECT count(*) FROM asyncpg_items WHERE id = ANY($1::int[])", [1, 2, 999]), 2)
    checks.equal("limit", len(await conn.fetch("SELECT id FROM asyncpg_items ORDER BY id LIMIT $1 OFFSET $2", 5, 10)), 5)
    rows = await conn.fetch("SELECT g, repeat('x', 100) AS t FROM generate_series(1, 50000) g")
    checks.equal("a large result", (len(rows), rows[-1]["g"]), (50000, 50000))
    await conn.execute("ALTER TABLE asyncpg_items ADD COLUMN more int DEFAULT 7")
    checks.equal("a statement whose table changed", dict(await conn.fetchrow("SELECT * FROM asyncpg_items WHERE id = 1")), {"id": 1, "name": "a", "price": Decimal("1.50"), "more": 7})


async def transactions(checks, conn):
    await conn.execute("DROP TABLE IF EXISTS asyncpg_tx; CREATE TABLE asyncpg_tx (id int PRIMARY KEY)")
    async with conn.transaction():
        await conn.execute("INSERT INTO asyncpg_tx VALUES (1)")
        try:
            async with conn.transaction():
                await conn.execute("INSERT INTO asyncpg_tx VALUES (2), (1)")
        except asyncpg.UniqueViolationError as error:
            checks.equal("unique violation", (error.sqlstate, error.constraint_name, error.detail), ("23505", "asyncpg_tx_pkey", "Key (id)=(1) already exists."))
        await conn.execute("INSERT INTO asyncpg_tx VALUES (3)")
    checks.equal("savepoints", [r["id"] for r in await conn.fetch("SELECT id FROM asyncpg_tx ORDER BY id")], [1, 3])
    for isolation in ("serializable", "repeatable_read", "read_committed"):
        async with conn.transaction(isolation=isolation):
            checks.equal(isolation, await conn.fetchval("SHOW transaction_isolation"), isolation.replace("_", " "))
    try:
        async with conn.transaction(readonly=True):
            await conn.execute("INSERT INTO asyncpg_tx VALUES (4)")
    except asyncpg.PostgresError as error:
        checks.equal("read only", error.sqlstate, "25006")
    try:
        await conn.execute("SELECT 1, nothing")
    except asyncpg.PostgresError as error:
        checks.equal("fields", (error.sqlstate, error.position, error.severity), ("42703", "11", "ERROR"))


async def cursors(checks, conn):
    async with conn.transaction():
        got = [row["g"] async for row in conn.cursor("SELECT g FROM generate_series(1, 1000) g", prefetch=37)]
        checks.equal("portals", (len(got), sum(got)), (1000, 500500))
        cursor = await conn.cursor("SELECT g FROM generate_series(1, 10) g")
        checks.equal("fetch", [r["g"] for r in await cursor.fetch(3)], [1, 2, 3])
        checks.equal("forward", await cursor.forward(4), 4)
        checks.equal("then", (await cursor.fetchrow())["g"], 8)


async def copies(checks, conn):
    await conn.execute("DROP TABLE IF EXISTS asyncpg_copy; CREATE TABLE asyncpg_copy (id int, t text, n numeric, at timestamptz)")
    rows = [(n, f"t{n}\t" if n % 5 else None, Decimal(n) / 8, datetime.datetime(2024, 1, 1, tzinfo=UTC) + datetime.timedelta(hours=n)) for n in range(2000)]
    checks.equal("records in binary", await conn.copy_records_to_table("asyncpg_copy", records=rows), "COPY 2000")
    checks.equal("are there", [tuple(r) for r in await conn.fetch("SELECT * FROM asyncpg_copy ORDER BY id")], rows)
    out = io.BytesIO()
    checks.equal("copy out", await conn.copy_from_query("SELECT id, t FROM asyncpg_copy WHERE id < $1 ORDER BY id", 3, output=out, format="csv", header=True), "COPY 3")
    checks.equal("csv", out.getvalue(), b"id,t\n0,\n1,t1\t\n2,t2\t\n")
    checks.equal("text in", await conn.copy_to_table("asyncpg_copy", source=io.BytesIO(b"5000\tx\t\\N\t\\N\n"), columns=["id", "t", "n", "at"]), "COPY 1")


async def notifications(checks, conn):
    other = await asyncpg.connect(URL)
    got = asyncio.Queue()
    await conn.add_listener("asyncpg_channel", lambda _, pid, channel, payload: got.put_nowait((channel, payload)))
    await other.execute("NOTIFY asyncpg_channel, 'hello'")
    checks.equal("notification", await asyncio.wait_for(got.get(), 5), ("asyncpg_channel", "hello"))
    await conn.reset()
    await other.close()


async def cancels(checks, conn):
    try:
        await asyncio.wait_for(conn.fetchval("SELECT pg_sleep(10)"), 0.3)
        checks.true("timeout", False)
    except asyncio.TimeoutError:
        checks.true("timeout", True)
    checks.equal("goes on", await conn.fetchval("SELECT 1"), 1)
    async with asyncpg.create_pool(URL, min_size=2, max_size=8) as pool:
        async def one(n):
            async with pool.acquire() as c:
                return await c.fetchval("SELECT $1::int * 2", n)

        checks.equal("a pool", await asyncio.gather(*[one(n) for n in range(100)]), [2 * n for n in range(100)])
    try:
        await asyncpg.connect(URL.replace("bolebole", "wrong"))
        checks.true("wrong password", False)
    except asyncpg.InvalidPasswordError as error:
        checks.equal("wrong password", error.sqlstate, "28P01")


FAMILIES = [values, statements, transactions, cursors, copies, notifications, cancels]


async def main():
    checks = Checks(known={"unique violation"})
    for family in FAMILIES:
        if len(sys.argv) > 1 and family.__name__ not in sys.argv[1:]:
            continue
        try:
            conn = await asyncio.wait_for(asyncpg.connect(URL), 20)
            await asyncio.wait_for(family(checks, conn), 60)
            await asyncio.wait_for(conn.close(), 10)
        except Exception as error:
            traceback.print_exc(limit=2)
            checks.true(f"{family.__name__} without an exception", False, error)
    checks.finish()


asyncio.run(main())
