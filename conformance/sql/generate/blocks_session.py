"""Blocks about a session: prepared statements, cursors, settings."""

FEATURES = {
    "session_prepared": {"count": 320, "fixtures": ("company",), "block": lambda rng: rng.choice((
        ["PREPARE p (int) AS SELECT name FROM emp WHERE id = $1", "EXECUTE p(«k»)", "EXECUTE p(«k»)", "EXECUTE p(«'3'¦NULL¦1 + 1»)", "EXECUTE p", "DEALLOCATE p", "EXECUTE p(1)"],
        ["PREPARE q AS SELECT count(*) FROM sale WHERE qty «cmp» $1 AND region = $2", "EXECUTE q(«small», «region»)", "EXECUTE q(«small», «region»)", "PREPARE q AS SELECT 1", "SELECT name, parameter_types FROM pg_prepared_statements", "DEALLOCATE ALL", "SELECT count(*) FROM pg_prepared_statements"],
        ["CREATE TABLE w (id int, a text)", "PREPARE i (int, text) AS INSERT INTO w VALUES ($1, $2) RETURNING id", "EXECUTE i(«small», «text»)", "EXECUTE i(«small», NULL)", "PREPARE u AS UPDATE w SET a = a || $1 WHERE id «cmp» $2", "EXECUTE u(«text», «small»)", "!SELECT * FROM w ORDER BY id, a", "DEALLOCATE i", "DEALLOCATE PREPARE u", "DROP TABLE w"],
        ["PREPARE s (numeric, «int¦numeric¦float8») AS SELECT $1 «opf» $2 AS r, pg_typeof($1 «opf» $2)", "EXECUTE s(«num», «small»)", "EXECUTE s(«num», «small»)", "EXECUTE s(«small», «num»)", "DEALLOCATE s"]))},
    "session_cursors": {"count": 380, "fixtures": ("company",), "block": lambda rng: rng.choice((
        ["BEGIN", "DECLARE c CURSOR FOR SELECT id, name FROM emp WHERE id «cmp» «k» ORDER BY id «dir»", "!FETCH «1¦2¦3¦NEXT¦FORWARD 2» FROM c", "!FETCH «2¦ALL¦0¦FORWARD ALL» FROM c", "!FETCH NEXT FROM c", "MOVE «1¦NEXT» IN c", "CLOSE c", "FETCH c", "ROLLBACK"],
        ["BEGIN", "DECLARE c SCROLL CURSOR FOR SELECT id FROM sale WHERE emp_id «cmp» «k» ORDER BY id", "!FETCH LAST FROM c", "!FETCH PRIOR FROM c", "!FETCH FIRST FROM c", "!FETCH ABSOLUTE «2¦3¦-1» FROM c", "!FETCH RELATIVE «1¦-1¦2» FROM c", "!FETCH BACKWARD «1¦2¦ALL» FROM c", "COMMIT", "FETCH c"],
        ["DECLARE c CURSOR FOR SELECT 1", "BEGIN", "DECLARE h CURSOR WITH HOLD FOR SELECT id FROM dept ORDER BY id «dir»", "!FETCH «1¦2» FROM h", "COMMIT", "!FETCH «2¦ALL» FROM h", "SELECT name, is_holdable FROM pg_cursors", "CLOSE «h¦ALL»", "CLOSE ALL"],
        ["BEGIN", "DECLARE c CURSOR FOR SELECT g FROM generate_series(1, «k») g", "DECLARE d NO SCROLL CURSOR FOR VALUES (1), («small»)", "!FETCH 2 FROM c", "!FETCH ALL FROM d", "FETCH BACKWARD 1 FROM d", "ROLLBACK"]))},
    "session_settings": {"count": 240, "fixtures": (), "block": lambda rng: rng.choice((
        ["SET TimeZone TO «zone»", "SELECT timestamptz '2024-07-01 12:00:00+00', timestamptz '2024-01-01 12:00'", "SELECT extract(hour FROM timestamptz '2024-07-01 12:00:00+00'), timestamp '2024-07-01 12:00'::timestamptz", "SHOW TimeZone", "RESET TimeZone", "SHOW TimeZone"],
        ["SET IntervalStyle TO '«postgres¦iso_8601¦sql_standard¦postgres_verbose»'", "SELECT «iv», «iv»", "RESET IntervalStyle"],
        ["SET DateStyle TO '«ISO, DMY¦ISO, YMD¦SQL, MDY¦German¦Postgres, MDY»'", "SELECT date '2024-02-29', timestamp '2024-02-29 12:34:56'", "SELECT '01/02/2024'::date", "RESET DateStyle"],
        ["SET bytea_output TO «escape¦hex»", "SELECT «bytea»", "RESET bytea_output", "SELECT «bytea»"],
        ["SET extra_float_digits TO «0¦1¦-3»", "SELECT «float»::float8 / 3, «float»::real", "RESET extra_float_digits"],
        ["BEGIN", "SET LOCAL search_path TO «pg_catalog¦nothing»", "SHOW search_path", "«COMMIT¦ROLLBACK»", "SHOW search_path", "SET no_such_setting TO 1", "SET my.own TO «text»", "SHOW my.own", "RESET ALL", "SHOW server_version_num_x"],
        ["BEGIN«¦ READ ONLY»", "SHOW transaction_read_only", "SET TRANSACTION ISOLATION LEVEL «SERIALIZABLE¦READ COMMITTED¦REPEATABLE READ»", "SHOW transaction_isolation", "CREATE TABLE w (id int)", "ROLLBACK"]))},
}
