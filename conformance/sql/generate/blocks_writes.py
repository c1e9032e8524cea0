"""Blocks that write rows: a table of its own, statements, what is there afterwards. `!` marks an ordered result."""

ROWS = "INSERT INTO w (id, a, b, c, d) VALUES (1, «small», «text», «num», «date»), (2, «small», «text», «num», «date»), (3, «small», 'k', «num», NULL), (4, NULL, NULL, NULL, «date»)"
TABLE = "CREATE TABLE w (id int PRIMARY KEY, a int, b text, c numeric(20,4), d date)"
SHOW = "!SELECT * FROM w ORDER BY id"


def _around(*statements, count=260, table=TABLE, rows=ROWS):
    """Several of the statements between creating and dropping a table, each followed by a look at it."""

    def block(rng):
        made = [table] + ([rows] if rows else [])
        for statement in rng.sample(statements, min(3, len(statements))):
            made.append(statement)
            if not statement.lstrip("!").startswith("SELECT"):
                made.append(SHOW)
        return [*made, "DROP TABLE w"]

    return {"block": block, "count": count, "fixtures": ("company",)}


FEATURES = {
    "writes_insert": _around(
        "INSERT INTO w VALUES (5, «int», «text», «num», «date»)", "INSERT INTO w (id, b) VALUES (6, «text»), (7, DEFAULT)", "INSERT INTO w (id) SELECT id + 10 FROM emp WHERE id «cmp» «k»", "INSERT INTO w SELECT id + 20, emp_id, region, amount, day FROM sale WHERE id < «small»", "INSERT INTO w (b, id) VALUES («text», «8¦1»)", "INSERT INTO w VALUES (9)", "INSERT INTO w (id, nothing) VALUES (1, 2)", "INSERT INTO w (id, a) VALUES (30, '«int»'), (31, «num»)", "INSERT INTO w (id, c) VALUES (40, «num» * 1000), (41, '«num»')", "INSERT INTO w (id, d) VALUES (50, «rawdate»), (51, «ts»)", "WITH s AS (SELECT 60 + id AS id, name FROM dept) INSERT INTO w (id, b) SELECT id, name FROM s WHERE id «cmp» 62", "INSERT INTO w (id, a) VALUES (70, (SELECT max(id) FROM emp)), (71, (SELECT count(*) FROM sale WHERE qty «cmp» «small»))", "INSERT INTO w (id, a) TABLE dept", "INSERT INTO w (id, a) VALUES (NULL, 1)", "INSERT INTO w VALUES (80, 1, 'x', 1e17, NULL)", count=380),
    "writes_update": _around(
        "UPDATE w SET a = a + «small»", "UPDATE w SET b = b || «text» WHERE a «cmp» «small»", "UPDATE w SET a = «int», b = «text» WHERE id = «1¦2¦3»", "UPDATE w SET (a, b) = («small», «text») WHERE id «cmp» «2¦3»", "UPDATE w SET (a, b) = (SELECT id, name FROM dept WHERE id = w.id)", "UPDATE w SET a = id, id = id + «10¦20»", "UPDATE w SET a = e.id, b = e.name FROM emp e WHERE e.id = w.id AND e.id «cmp» «2¦3»", "UPDATE w SET c = c * «num» WHERE c IS NOT NULL", "UPDATE w AS x SET d = x.d + «small» WHERE x.d < date '9000-01-01'", "UPDATE w SET a = DEFAULT, c = NULL WHERE id = «1¦2¦3¦4»", "UPDATE w SET a = (SELECT count(*) FROM emp WHERE dept_id = w.id)", "UPDATE w SET id = 1", "UPDATE w SET nothing = 1", "UPDATE w SET a = b", "UPDATE w SET a = CASE WHEN id % 2 = 0 THEN «small» ELSE a END", count=420),
    "writes_delete": _around(
        "DELETE FROM w WHERE a «cmp» «small»", "DELETE FROM w WHERE id = «1¦2¦3»", "DELETE FROM w USING dept d WHERE d.id = w.id AND d.city = «'Rome'¦'Oslo'»", "DELETE FROM w WHERE id IN (SELECT id FROM dept WHERE budget «cmp» 50000)", "DELETE FROM w WHERE b LIKE «pattern» OR b IS NULL", "DELETE FROM w", "DELETE FROM w AS x WHERE x.d «cmp» «date»", "WITH s AS (SELECT min(id) AS id FROM w) DELETE FROM w USING s WHERE w.id = s.id", "DELETE FROM w WHERE NOT EXISTS (SELECT 1 FROM emp WHERE dept_id = w.id AND id «cmp» «k»)", "TRUNCATE w", "DELETE FROM w WHERE nothing = 1", count=320),
    "writes_returning": _around(
        "INSERT INTO w (id, a) VALUES (5, «int») RETURNING id, a, a + 1 AS n", "INSERT INTO w (id, b) VALUES (6, «text»), (7, «text») RETURNING *", "UPDATE w SET a = «int» WHERE id «cmp» «2¦3» RETURNING id, a", "UPDATE w SET c = c + 1 RETURNING w.id, round(c, 2)", "DELETE FROM w WHERE id «cmp» «2¦3» RETURNING *", "DELETE FROM w USING dept d WHERE d.id = w.id RETURNING w.id, d.name", "WITH x AS (INSERT INTO w (id, a) VALUES (8, «small») RETURNING id, a) SELECT a * 2 FROM x", "WITH x AS (DELETE FROM w WHERE id «cmp» «2¦3» RETURNING id) SELECT count(*), max(id) FROM x", "UPDATE w SET b = upper(b) WHERE b IS NOT NULL RETURNING id, b, length(b)", "INSERT INTO w (id) VALUES (1) RETURNING id", "UPDATE w SET a = e.id FROM emp e WHERE e.id = w.id RETURNING e.name, w.a", "INSERT INTO w (id) VALUES (90) RETURNING (SELECT count(*) FROM dept), id::text", count=360),
    "writes_on_conflict": _around(
        "INSERT INTO w (id, a) VALUES («1¦2¦9», «int») ON CONFLICT DO NOTHING", "INSERT INTO w (id, a) VALUES («1¦2¦9», «int») ON CONFLICT (id) DO NOTHING", "INSERT INTO w (id, a, b) VALUES («1¦2¦9», «int», «text») ON CONFLICT (id) DO UPDATE SET a = excluded.a, b = w.b || excluded.b", "INSERT INTO w (id, a) VALUES («1¦3», 5) ON CONFLICT (id) DO UPDATE SET a = w.a + excluded.a WHERE w.a «cmp» «small»", "INSERT INTO w (id, b) SELECT id, name FROM dept WHERE true ON CONFLICT (id) DO UPDATE SET b = excluded.b RETURNING id, b", "INSERT INTO w (id, a) VALUES (1, 1), (20, 2) ON CONFLICT (id) DO NOTHING RETURNING id", "INSERT INTO w (id) VALUES (1) ON CONFLICT ON CONSTRAINT w_pkey DO UPDATE SET b = «text»", "INSERT INTO w (id) VALUES (1) ON CONFLICT (b) DO NOTHING", "INSERT INTO w (id, a) VALUES (30, 1), (30, 2) ON CONFLICT (id) DO UPDATE SET a = excluded.a", "INSERT INTO w AS t (id, a) VALUES (2, «small») ON CONFLICT (id) DO UPDATE SET (a, b) = (excluded.a * 2, t.b)", count=380),
    "writes_merge": _around(
        "MERGE INTO w USING dept d ON w.id = d.id WHEN MATCHED THEN UPDATE SET b = d.name WHEN NOT MATCHED THEN INSERT (id, b) VALUES (d.id + 100, d.name)", "MERGE INTO w USING (VALUES (1, «small»), (9, «small»)) AS s(id, a) ON w.id = s.id WHEN MATCHED AND w.a «cmp» s.a THEN DELETE WHEN MATCHED THEN UPDATE SET a = s.a WHEN NOT MATCHED THEN INSERT (id, a) VALUES (s.id, s.a)", "MERGE INTO w AS t USING emp e ON t.id = e.id AND e.id «cmp» «2¦3» WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED AND e.id < 7 THEN INSERT (id, b) VALUES (e.id + 200, e.name)", count=160),
    "writes_types": _around(
        "INSERT INTO w VALUES (1, «int», «num», «float», «text», «bool», «rawdate», «rawts», «rawiv», «rawuuid», «rawjson», «rawiarr», «rawbytea»)", "INSERT INTO w VALUES (2, «small», «num», «float», «text», «bool», «date», «ts», «iv», «uuid», «jsonb», «iarr», «bytea»)", "UPDATE w SET n = n * 2, dt = dt + 1 WHERE dt < date '9000-01-01'", "UPDATE w SET iv = iv + interval '1 hour', ia = ia || 7, j = j || '{\"z\": 1}'", "SELECT id, n + i, f * 2, t || '!', NOT b FROM w", "SELECT id FROM w WHERE j @> '{\"a\": 1}' OR ia && '{1,2}' OR by = '\\x00'", "SELECT max(n), min(t), max(iv), count(DISTINCT u), bool_or(b) FROM w",
        table="CREATE TABLE w (id int PRIMARY KEY, i int, n numeric, f float8, t text, b boolean, dt date, ts timestamp, iv interval, u uuid, j jsonb, ia int[], by bytea)", rows=None, count=420),
    "writes_transactions": {"count": 380, "fixtures": (), "block": lambda rng: [
        "CREATE TABLE w (id int PRIMARY KEY, a int UNIQUE)", "BEGIN«¦ ISOLATION LEVEL SERIALIZABLE¦ ISOLATION LEVEL REPEATABLE READ»", "INSERT INTO w VALUES (1, «small»)",
        *rng.sample(["SAVEPOINT s", "INSERT INTO w VALUES («1¦2», «small»)", "ROLLBACK TO s", "RELEASE s", "SELECT 1/«0¦1»", "UPDATE w SET a = «small»", "SAVEPOINT t", "ROLLBACK TO SAVEPOINT t", "SELECT count(*) FROM w", "DELETE FROM w WHERE a «cmp» 3"], 5),
        "«COMMIT¦ROLLBACK¦END¦ABORT¦COMMIT»", "!SELECT * FROM w ORDER BY id", "DROP TABLE w"]},
    "writes_savepoints": {"count": 380, "fixtures": (), "block": lambda rng: [
        "CREATE TABLE w (id int PRIMARY KEY, a int)", "BEGIN", "INSERT INTO w VALUES (1, «small»)", "SAVEPOINT a", "INSERT INTO w VALUES (2, «small»)", "«SAVEPOINT b¦SAVEPOINT a¦RELEASE a¦RELEASE SAVEPOINT a»", "INSERT INTO w VALUES («1¦3¦2», «small»)", "«ROLLBACK TO b¦ROLLBACK TO a¦ROLLBACK TO c¦RELEASE b¦SELECT 1»", "INSERT INTO w VALUES (4, «small»)", "!SELECT * FROM w ORDER BY id", "«ROLLBACK TO a¦SELECT 2»", "«COMMIT¦COMMIT¦ROLLBACK»", "!SELECT * FROM w ORDER BY id", "DROP TABLE w"]},
}
