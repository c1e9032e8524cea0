"""The tables that templates query: `v` has a column of each type with edge values; the others are a small company."""

V_COLUMNS = (
    "id int PRIMARY KEY, i int, l bigint, s smallint, n numeric, m numeric(10,2), r real, d double precision, t text, vc varchar(10), c char(5), "
    "b boolean, by bytea, dt date, tm time, ts timestamp, tz timestamptz, iv interval, u uuid, j json, jb jsonb, ia int[], ta text[]"
)
V_ROWS = (
    "1, 0, 0, 0, 0, 0.00, 0, 0, '', '', '', true, '', '2000-01-01', '00:00', '2000-01-01 00:00:00', '2000-01-01 00:00:00+00', '0', '00000000-0000-0000-0000-000000000000', 'null', 'null', '{}', '{}'",
    "2, 1, 1, 1, 1, 1.00, 1, 1, 'a', 'a', 'a', false, '\\x00', '2024-02-29', '12:34:56', '2024-02-29 12:34:56', '2024-02-29 12:34:56+02', '1 day', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '1', '1', '{1}', '{a}'",
    "3, -1, -1, -1, -1.5, -1.50, -1.5, -1.5, 'A', 'Abc', 'Ab', true, '\\xff', '1999-12-31', '23:59:59.999999', '1999-12-31 23:59:59.999999', '1999-12-31 23:59:59.999999-05', '-1 mon -3 days', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '\"x\"', '\"x\"', '{1,2,3}', '{a,b}'",
    "4, 2147483647, 9223372036854775807, 32767, 12345678901234567890.123456789, 99999999.99, 3.25, 1e100, 'Hello World', 'Hello', 'hello', false, '\\xdeadbeef', '9999-12-31', '06:30', '9999-12-31 23:59:59', '2038-01-19 03:14:07+00', '1 year 2 mons 3 days 04:05:06.789', '123e4567-e89b-12d3-a456-426614174000', '{\"a\": 1, \"b\": [1, 2, {\"c\": null}]}', '{\"a\": 1, \"b\": [1, 2, {\"c\": null}]}', '{3,NULL,1}', '{x,NULL,\"a b\"}'",
    "5, -2147483648, -9223372036854775808, -32768, -0.000001, -0.01, -1e-5, -1e-100, 'äöü ß', 'äöü', 'é', NULL, '\\x616263', '0001-01-01', '00:00:01', '0001-01-01 00:00:00', '1970-01-01 00:00:00+00', '-04:05:06', NULL, '[1, 2, 3]', '[1, 2, 3]', '{{1,2},{3,4}}', '{\"\",\"NULL\",\"a,b\"}'",
    "6, 42, 4200000000, 42, 42.4200, 42.42, 42.42, 42.42, 'foo_bar%', 'foo%', 'f_o', true, '\\x0102030405', '2024-12-31', '18:45:10.5', '2024-12-31 18:45:10.5', '2024-06-15 12:00:00+00', '3 days 12:00', '550e8400-e29b-41d4-a716-446655440000', '{\"name\": \"Ann\", \"age\": 30, \"tags\": [\"x\", \"y\"]}', '{\"name\": \"Ann\", \"age\": 30, \"tags\": [\"x\", \"y\"]}', '{10,20,30,40}', '{foo,bar,baz}'",
    "7, 7, 77, 7, 100, 100.00, 0.5, 0.1, '  pad  ', '  p', ' p ', false, '\\x7f80', '2023-03-01', '09:00', '2023-03-01 09:00:00.123', '2023-03-26 01:30:00+00', '00:00:00.000001', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{\"a\": {\"b\": {\"c\": \"deep\"}}, \"n\": 1.50}', '{\"a\": {\"b\": {\"c\": \"deep\"}}, \"n\": 1.50}', '{-1,-2}', '{A,a,B,b}'",
    "8, 100, 1000, 10, 'NaN', 3.33, 'NaN', 'NaN', 'zzz', 'zz', 'zz', NULL, NULL, '2024-07-04', '12:00', '2024-07-04 12:00:00', '2024-07-04 12:00:00+00', '1 mon', NULL, 'true', 'true', NULL, NULL",
    "9, 13, -13, 13, 0.1, 0.10, 'Infinity', '-Infinity', '日本語', '日本', '日', true, '\\xe697a5', 'infinity', '03:04:05', '-infinity', 'infinity', '100 years', '00000000-0000-0000-0000-000000000001', '[]', '[]', '{NULL}', '{NULL}'",
    "10, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL",
    "11, 42, 42, -7, 99.995, 12.34, 1e10, 123456.789, 'abcdefghij', 'abcdefghij', 'abcde', false, '\\x00ff00', '1970-01-01', '15:30:00', '1970-01-01 00:00:01', '1969-12-31 23:59:59+00', '-1 year', 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{}', '{}', '{5,5,5}', '{dup,dup}'",
    "12, -7, -700, 3, 2.50, 2.50, 2.5, 2.5, 'Foo', 'FOO', 'foo', true, '\\x414243', '2020-02-29', '20:20:20.20', '2020-02-29 20:20:20.2', '2020-02-29 20:20:20.2+00', '2 weeks', 'c0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '[{\"k\": 1}, {\"k\": 2}]', '[{\"k\": 1}, {\"k\": 2}]', '{0,1}', '{z}'",
)
NAMES = ("Ada", "Bert", "Cora", "Dan", "Eve", "Fritz", "Gina", "Hugo", "Ida", "Jan", "Kim", "Lea")


def _v():
    return [f"CREATE TABLE v ({V_COLUMNS})", *(f"INSERT INTO v VALUES ({row})" for row in V_ROWS)]


def _company():
    emp, sale = [], []
    for at, name in enumerate(NAMES):
        dept = "NULL" if at == 11 else at % 4 + 1
        boss = "NULL" if at == 0 else (at - 1) // 2 + 1
        pay = "NULL" if at == 7 else f"{3000 + (at * 37 % 11) * 125.5:.2f}"
        active = ("true", "false", "true", "NULL")[at % 4]
        tags = ("'{a,b}'", "'{b}'", "'{}'", "NULL", "'{c,a}'")[at % 5]
        emp.append(f"({at + 1}, '{name}', {dept}, {pay}, '20{10 + at:02}-0{at % 9 + 1}-1{at % 8}', {boss}, {active}, {tags}, '{{\"level\": {at % 3}, \"skills\": [\"s{at % 4}\", \"s{at % 2}\"]}}')")
    for at in range(30):
        region = ("'north'", "'south'", "'east'", "NULL")[at * 7 % 4]
        amount = "NULL" if at % 9 == 8 else f"{at * 1371 % 1000 / 4:.2f}"
        sale.append(f"({at + 1}, {at * 5 % 12 + 1}, '2024-{at % 6 + 1:02}-{at * 3 % 27 + 1:02}', {amount}, {at * 11 % 7}, {region})")
    return [
        "CREATE TABLE dept (id int PRIMARY KEY, name text NOT NULL, budget numeric(12,2), city varchar(20))",
        "INSERT INTO dept VALUES (1, 'Sales', 100000, 'Rome'), (2, 'Engineering', 250000.50, 'Oslo'), (3, 'Support', NULL, 'Rome'), (4, 'Legal', 40000, NULL), (5, 'Empty', 0, 'Lima')",
        "CREATE TABLE emp (id int PRIMARY KEY, name text NOT NULL, dept_id int REFERENCES dept, salary numeric(10,2), hired date, boss_id int, active boolean, tags text[], info jsonb)",
        f"INSERT INTO emp VALUES {', '.join(emp)}",
        "CREATE TABLE sale (id int PRIMARY KEY, emp_id int NOT NULL, day date NOT NULL, amount numeric(8,2), qty int NOT NULL, region text)",
        f"INSERT INTO sale VALUES {', '.join(sale)}",
    ]


def of(names):
    made = {"v": _v, "company": _company}
    return [sql for name in names for sql in made[name]()]
