"""Random schemas, rows and queries for the fuzzer: trees that render as SQL, so that a difference can be shrunk.

An expression is `Expr(template, arguments, type)`: `({} + {})` over two others. A query is a `Query`, whose clauses may each be dropped.
What PostgreSQL itself leaves open is not generated: limits without a total order, sums of floats, frames over ties.
"""

import copy
import re

import fuzz_tables

TYPES = ("int4", "int8", "int2", "numeric", "float8", "float4", "text", "varchar", "bpchar", "bool", "date", "time", "timestamp", "timestamptz", "interval", "uuid", "bytea", "jsonb", "int4[]", "text[]", "numeric[]", "date[]", "bool[]", "float8[]", "int8[]")
UNCOMPARED = ("json",)
DECLARED = {"varchar": "varchar(8)", "bpchar": "char(4)", "numeric": "numeric(12,3)"}
NUMBERS = ("int4", "int8", "int2", "numeric", "float8")

LITERALS = {
    "int4": "0 1 -1 2 3 7 10 42 100 -5 2147483647 -2147483648".split(),
    "int8": "0 1 -1 5 4294967296 -4294967296 9223372036854775807 12".split(),
    "int2": "0 1 -1 2 9 32767 -32768".split(),
    "numeric": "0 1 -1 0.5 1.50 -2.25 100.001 99999.999 0.001 -0.125 3.000".split(),
    "float8": "0 1 -1 0.5 2.5 -0.125 1e10 1e-10 'NaN' 'Infinity' 123456.75".split(),
    "float4": "0 1 -1 0.5 2.5 -0.125 1e10 16777216 'NaN' 3.25".split(),
    "text": ["''", "'a'", "'b'", "'A'", "'abc'", "'ab'", "'Hello'", "'x y'", "'%'", "'_a'", "'é'", "'Zz'", "'10'", "'null'", "'  s '"],
    "varchar": ["''", "'a'", "'B'", "'abc'", "'abcdefgh'", "'é'", "'1'"], "bpchar": ["''", "'a'", "'ab'", "'abcd'", "'B'", "'é'"],
    "bool": ["true", "false"],
    "date": ["'2024-02-29'", "'2000-01-01'", "'1999-12-31'", "'1970-01-01'", "'2023-03-01'", "'0044-03-15 BC'", "'infinity'", "'2024-12-30'"],
    "time": ["'00:00'", "'12:34:56'", "'23:59:59.999999'", "'06:30'", "'24:00'"],
    "timestamp": ["'2024-02-29 12:34:56'", "'2000-01-01'", "'1999-12-31 23:59:59.999999'", "'1970-01-01 00:00:00.5'", "'-infinity'", "'2024-12-30 01:02:03'"],
    "timestamptz": ["'2024-02-29 12:34:56+02'", "'2000-01-01Z'", "'1999-12-31 23:59:59.999999-08'", "'1970-01-01 00:00:00Z'", "'infinity'", "'2024-07-01 12:00+00'"],
    "interval": ["'1 day'", "'-1 day'", "'1 mon'", "'1 year 2 mons'", "'01:02:03.5'", "'-00:00:01'", "'0'", "'1 mon -1 day'", "'25:00'"],
    "uuid": ["'00000000-0000-0000-0000-000000000000'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
    "bytea": ["'\\x'", "'\\x00'", "'\\xff'", "'\\x616263'", "'\\xdeadbeef'"],
    "jsonb": ["'null'", "'1'", "'\"a\"'", "'[]'", "'{}'", "'[1, 2, \"a\"]'", "'{\"a\": 1}'", "'{\"a\": {\"b\": [1, null]}, \"c\": \"x\"}'", "'true'", "'1.50'"],
    "int4[]": ["'{}'", "'{1}'", "'{1,2,3}'", "'{NULL,2}'", "'{3,1}'", "'{{1,2},{3,4}}'"], "text[]": ["'{}'", "'{a}'", "'{a,b}'", "'{NULL,\"\"}'", "'{B,a,\"x y\"}'"],
}

# (result, template, arguments). `{}` of the same number are different expressions; what may fail does so on both sides alike.
FUNCTIONS = [
    *[(t, "({} %s {})" % op, (t, t)) for t in NUMBERS for op in "+-*"],
    *[(t, "({} / nullif({}, 0))", (t, t)) for t in NUMBERS], *[(t, "({} %% nullif({}, 0))".replace("%%", "%"), (t, t)) for t in ("int4", "int8", "numeric")],
    *[(t, "abs({})", (t,)) for t in NUMBERS], *[(t, "(- {})", (t,)) for t in NUMBERS],
    *[(t, "coalesce({}, {})", (t, t)) for t in TYPES], *[(t, "nullif({}, {})", (t, t)) for t in TYPES],
    *[(t, "CASE WHEN {} THEN {} ELSE {} END", ("bool", t, t)) for t in TYPES], *[(t, "greatest({}, {})", (t, t)) for t in TYPES if t != "jsonb"], *[(t, "least({}, {})", (t, t)) for t in TYPES if t != "jsonb"],
    *[("bool", "({} %s {})" % op, (t, t)) for t in TYPES for op in ("=", "<>", "<", "<=", ">", ">=")],
    *[("bool", "({} IS NULL)", (t,)) for t in TYPES], *[("bool", "({} IS DISTINCT FROM {})", (t, t)) for t in TYPES], *[("bool", "({} BETWEEN {} AND {})", (t, t, t)) for t in ("int4", "numeric", "text", "date", "timestamptz")],
    *[("bool", "({} IN ({}, {}))", (t, t, t)) for t in ("int4", "int8", "text", "numeric", "uuid", "date", "bpchar")],
    *[("bool", "({} = ANY({}))", (t, t + "[]")) for t in ("int4", "text")], *[("bool", "({} %s ALL({}))" % op, (t, t + "[]")) for t in ("int4", "text") for op in ("<>", "<")],
    *[("bool", "({} %s {})" % op, ("bool", "bool")) for op in ("AND", "OR") for _ in range(6)], ("bool", "(NOT {})", ("bool",)), ("bool", "({} IS TRUE)", ("bool",)), ("bool", "({} IS NOT FALSE)", ("bool",)), ("bool", "({} IS UNKNOWN)", ("bool",)),
    *[("bool", "({} %s {})" % op, ("text", "text")) for op in ("LIKE", "ILIKE", "NOT LIKE")], ("bool", "({} ~ '^[a-c]')", ("text",)), ("bool", "({} ~* 'B|h')", ("text",)), ("bool", "starts_with({}, {})", ("text", "text")),
    *[("bool", "({} %s {})" % op, ("jsonb", "jsonb")) for op in ("@>", "<@")], ("bool", "({} ? 'a')", ("jsonb",)), *[("bool", "({} %s {})" % op, (a, a)) for a in ("int4[]", "text[]") for op in ("@>", "<@", "&&")],
    *[("bool", "({} %s {})" % op, pair) for op in ("=", "<", ">=") for pair in (("int4", "int8"), ("int4", "numeric"), ("int2", "int4"), ("numeric", "float8"), ("int4", "float8"), ("text", "varchar"), ("date", "timestamp"), ("date", "timestamptz"), ("float4", "float8"), ("varchar", "bpchar"))],
    ("bool", "(({}, {}) < ({}, {}))", ("int4", "text", "int4", "text")), ("bool", "(({}, {}) = ({}, {}))", ("int4", "text", "int4", "text")), ("bool", "isfinite({})", ("date",)),
    ("int4", "length({})", ("text",)), ("int4", "octet_length({})", ("text",)), ("int4", "position({} in {})", ("text", "text")), ("int4", "ascii({})", ("text",)), ("int4", "length({})", ("bytea",)), ("int4", "length({})", ("bpchar",)),
    ("int4", "cardinality({})", ("int4[]",)), ("int4", "array_length({}, 1)", ("text[]",)), ("int4", "({})[1]", ("int4[]",)), ("int4", "array_position({}, {})", ("int4[]", "int4")), ("int4", "({})::int4", ("bool",)), ("int4", "({})::int4", ("numeric",)), ("int4", "({})::int4", ("int2",)), ("int4", "sign({})::int4", ("numeric",)), ("int4", "({} & {})", ("int4", "int4")), ("int4", "({} | {})", ("int4", "int4")), ("int4", "({} # {})", ("int4", "int4")), ("int4", "({} - {})", ("date", "date")), ("int4", "(extract(year FROM {}))::int4", ("timestamp",)),
    ("int8", "({})::int8", ("int4",)), ("int8", "({} + {})", ("int4", "int8")), ("int2", "({} % 40000)::int2", ("int4",)), ("int8", "({})::int8", ("float8",)),
    ("numeric", "({})::numeric", ("int4",)), ("numeric", "round({}, 1)", ("numeric",)), ("numeric", "trunc({}, 2)", ("numeric",)), ("numeric", "floor({})", ("numeric",)), ("numeric", "ceil({})", ("numeric",)), ("numeric", "round({})", ("numeric",)), ("numeric", "({} * {})", ("int4", "numeric")), ("numeric", "mod({}, 7)", ("numeric",)), ("numeric", "extract(%s FROM {})" % "epoch", ("timestamp",)), *[("numeric", f"extract({part} FROM {{}})", (t,)) for part in ("month", "day", "dow", "doy", "isoyear", "week", "quarter") for t in ("date", "timestamp")], *[("numeric", f"extract({part} FROM {{}})", (t,)) for part in ("hour", "second", "epoch") for t in ("time", "interval", "timestamptz")], ("numeric", "({})::numeric(10,1)", ("numeric",)), ("numeric", "({} ->> 0)::text::numeric", ("jsonb",))[:0] or ("numeric", "sqrt(abs({}))", ("numeric",)),
    ("float8", "({})::float8", ("int4",)), ("float8", "({})::float8", ("numeric",)), ("float8", "({})::float8", ("float4",)), ("float8", "floor({})", ("float8",)), ("float8", "sqrt(abs({}))", ("float8",)), ("float8", "round({})", ("float8",)), ("float4", "({})::float4", ("int2",)), ("float4", "({} + {})", ("float4", "float4")), ("float8", "date_part('day', {})", ("timestamp",)),
    ("text", "({} || {})", ("text", "text")), ("text", "upper({})", ("text",)), ("text", "lower({})", ("text",)), ("text", "substr({}, 2)", ("text",)), ("text", "substring({} from 1 for 2)", ("text",)), ("text", "left({}, 2)", ("text",)), ("text", "right({}, -1)", ("text",)), ("text", "trim({})", ("text",)), ("text", "replace({}, {}, 'z')", ("text", "text")), ("text", "reverse({})", ("text",)), ("text", "lpad({}, 5, '*')", ("text",)), ("text", "repeat({}, 2)", ("text",)), ("text", "concat({}, {})", ("text", "int4")), ("text", "concat_ws('-', {}, {})", ("text", "text")), ("text", "split_part({}, 'b', 1)", ("text",)), ("text", "initcap({})", ("text",)), ("text", "translate({}, 'ab', 'x')", ("text",)), ("text", "md5({})", ("text",)), ("text", "regexp_replace({}, '[a-b]', '<\\&>', 'g')", ("text",)), ("text", "quote_literal({})", ("text",)), ("text", "encode({}, 'hex')", ("bytea",)),
    *[("text", "({})::text", (t,)) for t in TYPES if t not in ("text",)], ("text", "({} || {})", ("text", "int4")), ("text", "({} || {})", ("bool", "text")), ("text", "({} ->> 'a')", ("jsonb",)), ("text", "({} #>> '{{a,b}}')", ("jsonb",)), ("text", "({})[1]", ("text[]",)), ("text", "array_to_string({}, ',', '*')", ("text[]",)), ("text", "to_char({}, 'YYYY-MM-DD HH24:MI:SS')", ("timestamp",)), ("text", "to_char({}, 'FM999990.00')", ("numeric",)), ("text", "jsonb_typeof({})", ("jsonb",)), ("text", "(pg_typeof({}))::text", ("numeric",)), ("text", "format('%s:%s', {}, {})", ("text", "int4")),
    ("varchar", "({})::varchar(3)", ("text",)), ("bpchar", "({})::char(3)", ("text",)), ("bytea", "({} || {})", ("bytea", "bytea")), ("bytea", "substring({} from 1 for 1)", ("bytea",)),
    ("date", "({} + 1)", ("date",)), ("date", "({})::date", ("timestamp",)), ("date", "({})::date", ("timestamptz",)), ("date", "make_date(2024, 2, 1 + abs({} % 28))", ("int4",)), ("time", "({})::time", ("timestamp",)), ("time", "({} + {})", ("time", "interval")),
    *[("timestamp", f"date_trunc('{part}', {{}})", ("timestamp",)) for part in ("year", "month", "day", "hour", "week", "quarter")], ("timestamp", "({} + {})", ("timestamp", "interval")), ("timestamp", "({} - {})", ("timestamp", "interval")), ("timestamp", "({})::timestamp", ("date",)), ("timestamp", "({} + {})", ("date", "time")), ("timestamp", "({} at time zone 'UTC')", ("timestamptz",)), ("timestamp", "({} at time zone 'Europe/Berlin')", ("timestamptz",)), ("timestamp", "({} + {})", ("date", "interval")),
    ("timestamptz", "({} + {})", ("timestamptz", "interval")), ("timestamptz", "({} at time zone 'America/New_York')", ("timestamp",)), ("timestamptz", "date_trunc('month', {})", ("timestamptz",)), ("timestamptz", "({})::timestamptz", ("date",)),
    ("interval", "({} + {})", ("interval", "interval")), ("interval", "({} * 2)", ("interval",)), ("interval", "(- {})", ("interval",)), ("interval", "justify_days({})", ("interval",)), ("interval", "({} - {})", ("time", "time")), ("interval", "make_interval(days => {} % 100)", ("int4",)), ("interval", "({} - {})", ("timestamp", "timestamp")), ("interval", "age({}, {})", ("timestamp", "timestamp")),
    ("jsonb", "({} -> 'a')", ("jsonb",)), ("jsonb", "({} -> 0)", ("jsonb",)), ("jsonb", "to_jsonb({})", ("text",)), ("jsonb", "to_jsonb({})", ("int4",)), ("jsonb", "to_jsonb({})", ("numeric",)), ("jsonb", "to_jsonb({})", ("int4[]",)), ("jsonb", "jsonb_build_object('k', {}, 'a', {})", ("int4", "text")), ("jsonb", "jsonb_build_array({}, {})", ("bool", "numeric")), ("jsonb", "({} || {})", ("jsonb", "jsonb")), ("jsonb", "jsonb_strip_nulls({})", ("jsonb",)), ("jsonb", "jsonb_path_query_array({}, '$.*')", ("jsonb",)), ("jsonb", "({} #> '{{a}}')", ("jsonb",)),
    ("int4[]", "({} || {})", ("int4[]", "int4")), ("int4[]", "array_append({}, {})", ("int4[]", "int4")), ("int4[]", "ARRAY[{}, {}]", ("int4", "int4")), ("int4[]", "array_remove({}, {})", ("int4[]", "int4")), ("int4[]", "({})[1:2]", ("int4[]",)), ("text[]", "({} || {})", ("text[]", "text[]")), ("text[]", "string_to_array({}, 'b')", ("text",)), ("text[]", "ARRAY[{}, {}]", ("text", "text")), ("text[]", "array_replace({}, {}, {})", ("text[]", "text", "text")),
]
LITERALS.update(fuzz_tables.LITERALS)
for _type, _literals in fuzz_tables.EXTREMES.items():
    LITERALS[_type] = LITERALS[_type] * 4 + _literals
FUNCTIONS += fuzz_tables.rows(fuzz_tables.FUNCTIONS)
FUNCTIONS += [(t, f"({{}})::{t}", ("jsonb",)) for t in ("text", "int8", "numeric", "bool")] + [("text", "({})::text", ("json",))]
BY_RESULT = {t: [f for f in FUNCTIONS if f[0] == t] for t in (*TYPES, *UNCOMPARED)}
SETS = [(types.split(","), template, arguments) for types, template, arguments in fuzz_tables.rows(fuzz_tables.SETS)]

AGGREGATES = [
    ("int8", "count({})", (t,)) for t in ("int4", "text", "bool", "jsonb", "date")] + [("int8", "count(DISTINCT {})", (t,)) for t in ("int4", "text", "numeric", "interval", "bpchar", "timestamptz", "float8", "int4[]")] + [
    ("int8", "sum({})", ("int4",)), ("numeric", "sum({})", ("int8",)), ("numeric", "sum({})", ("numeric",)), ("numeric", "avg({})", ("int4",)), ("numeric", "avg({})", ("numeric",)), ("interval", "sum({})", ("interval",)), ("numeric", "sum(DISTINCT {})", ("numeric",)),
    *[(t, f"{f}({{}})", (t,)) for f in ("min", "max") for t in ("int4", "int8", "int2", "numeric", "float8", "text", "date", "time", "timestamp", "timestamptz", "interval", "bpchar", "int4[]")],
    ("bool", "bool_and({})", ("bool",)), ("bool", "bool_or({})", ("bool",)), ("text", "string_agg({0}, ',' ORDER BY {0})", ("text",)), ("int4[]", "array_agg({0} ORDER BY {0})", ("int4",)), ("text[]", "array_agg(DISTINCT {0} ORDER BY {0})", ("text",)), ("jsonb", "jsonb_agg({0} ORDER BY {0})", ("int4",)), ("numeric", "round(stddev({}), 6)", ("int2",)), ("int4", "bit_or({})", ("int4",)), ("int8", "sum({0}) FILTER (WHERE {1})", ("int4", "bool")), ("int8", "count(*) FILTER (WHERE {})", ("bool",)), ("int4", "percentile_disc(0.5) WITHIN GROUP (ORDER BY {})", ("int4",)),
]
AGGREGATES += fuzz_tables.rows(fuzz_tables.AGGREGATES)


class Expr:
    __slots__ = ("template", "arguments", "type")

    def __init__(self, template, arguments, type_):
        self.template, self.arguments, self.type = template, list(arguments), type_

    def __str__(self):
        return self.template.format(*map(str, self.arguments)) if self.arguments else self.template


def joined(condition):
    return "" if condition is None else str(condition) if isinstance(condition, Using) else f" ON {condition}"


class Query:
    """`source` is a list of (prefix, table, condition): the first has no prefix."""

    def __init__(self):
        self.ctes, self.distinct, self.items, self.source = [], "", [], []
        self.where = self.having = self.group = self.order = self.limit = self.union = self.offset = None
        self.named, self.materialized = True, ""

    def __str__(self):
        recursive = "RECURSIVE " if any("RECURSION" in str(query) for _, query in self.ctes) else ""
        ctes = f"WITH {recursive}" + ", ".join(f"{name} AS {self.materialized}({query})" for name, query in self.ctes) + " " if self.ctes else ""
        items = ", ".join(f"{item} AS c{n}" if self.named else str(item) for n, item in enumerate(self.items, 1))
        text = f"{ctes}SELECT {self.distinct}{items}"
        for at, (prefix, table, condition) in enumerate(self.source):
            text += (" FROM " if at == 0 else f" {prefix} ") + str(table) + joined(condition if at else None)
        for keyword, clause in (("WHERE", self.where), ("GROUP BY", self.group), ("HAVING", self.having)):
            text += f" {keyword} {clause}" if clause is not None else ""
        if self.union:
            other = self.union[1]
            text += f" {self.union[0]} ({other})" if other.union else f" {self.union[0]} {other}"
        for keyword, clause in (("ORDER BY", self.order), ("LIMIT", self.limit), ("OFFSET", self.offset)):
            text += f" {keyword} {clause}" if clause is not None else ""
        return text


class Using:
    """The condition of a join that names its columns."""

    def __init__(self, column):
        self.column = column

    def __str__(self):
        return f" USING ({self.column})"


class Called(str):
    """A function in FROM, which may look at the tables before it."""

    lateral = True


class Derived:
    """A query in FROM."""

    def __init__(self, query, alias, lateral=False):
        self.query, self.alias, self.lateral = query, alias, lateral

    def __str__(self):
        return f"{'LATERAL ' if self.lateral else ''}({self.query}) AS {self.alias}"


def stored(type_):
    """Literals that fit into a column as it is declared."""
    if type_ == "numeric":
        return [text for text in LITERALS[type_] if "Infinity" not in text and "e" not in text and len(text) < 12]
    return [text for text in LITERALS[type_] if not (type_ == "text" and len(text) > 20)]


class Schema:
    """Tables by name: their columns as (name, type)."""

    def __init__(self, rng):
        self.rng, self.tables = rng, {}
        for number in range(rng.randint(1, 4)):
            columns = [("id", "int4")] + [("r", "int4")] * (number > 0 and rng.random() < 0.3) + [(f"c{n}", rng.choice(TYPES if rng.random() < 0.97 else UNCOMPARED)) for n in range(1, rng.randint(3, 8))]
            self.tables[f"t{number}"] = columns

    def declared(self, name, type_, required):
        rng = self.rng
        if name == "id":
            return " PRIMARY KEY" + rng.choice(("", "", " CHECK (id < 120)"))
        if name == "r":
            return " REFERENCES t0" + rng.choice(("", " ON DELETE CASCADE", " ON DELETE SET NULL", " ON UPDATE CASCADE ON DELETE CASCADE"))
        default = f" DEFAULT {rng.choice(stored(type_))}" if rng.random() < 0.15 else ""
        return default + (" NOT NULL" if required else "")

    def statements(self):
        rng, first = self.rng, 0
        for name, columns in self.tables.items():
            required = {c for c, _ in columns[1:] if c != "r" and rng.random() < 0.08}
            declared = ", ".join(f"{c} {DECLARED.get(t, t)}{self.declared(c, t, c in required)}" for c, t in columns)
            yield f"CREATE TABLE {name} ({declared})"
            indexed = [c for c, t in columns[1:] if t not in ("jsonb", "json")]
            if indexed and rng.random() < 0.5:
                yield f"CREATE INDEX ON {name} ({rng.choice(indexed)})"
            count = rng.choice((0, 1, 3, 6, 10, 14))
            first = first if name != "t0" else count
            rows = [", ".join([str(n), *(self.first_value(c, t, c in required, first) for c, t in columns[1:])]) for n in range(1, count + 1)]
            if rows:
                yield f"INSERT INTO {name} VALUES " + ", ".join(f"({row})" for row in rows)

    def first_value(self, name, type_, required, first):
        if name == "r":
            return str(self.rng.randint(1, first)) if first and self.rng.random() < 0.8 else "NULL"
        return "NULL" if not required and self.rng.random() < 0.2 else self.rng.choice(stored(type_))


WINDOWED = (
    ("int8", "sum", "int4"), ("numeric", "avg", "numeric"), ("int8", "count", "text"), ("int4", "max", "int4"), ("numeric", "sum", "numeric"), ("interval", "sum", "interval"), ("text", "min", "text"),
    ("date", "max", "date"), ("bool", "bool_and", "bool"), ("int4", "bit_or", "int4"), ("int8", "count", "jsonb"),
)


class Generator:
    def __init__(self, rng, schema):
        self.rng, self.schema, self.aliases = rng, schema, 0

    def alias(self):
        self.aliases += 1
        return f"a{self.aliases}"

    # expressions

    def literal(self, type_):
        if self.rng.random() < 0.06:
            return Expr(f"NULL::{type_}", (), type_)
        text = self.rng.choice(LITERALS[type_])
        bare = type_ in ("int4", "bool", "text") and self.rng.random() < 0.7 and text not in ("-2147483648",)
        return Expr((text if not text.startswith("-") else f"({text})") if bare else f"({text})::{type_}", (), type_)

    def expression(self, type_, scope, depth):
        """`scope` is a list of (alias, [(column, type)])."""
        rng = self.rng
        columns = [Expr(f"{alias}.{name}", (), t) for alias, columns in scope for name, t in columns if t == type_]
        roll = rng.random()
        if depth <= 0 or roll < 0.25:
            return rng.choice(columns) if columns and rng.random() < 0.8 else self.literal(type_)
        if roll < 0.32 and scope:
            return self.subquery(type_, scope, depth)
        _, template, arguments = rng.choice(BY_RESULT[type_])
        return Expr(template, [self.expression(t, scope, depth - 1) for t in arguments], type_)

    def subquery(self, type_, scope, depth):
        rng = self.rng
        table, alias = rng.choice(list(self.schema.tables)), self.alias()
        inner = [(alias, self.schema.tables[table])]
        where = self.expression("bool", inner + scope, 1)
        if type_.endswith("[]") and type_ != "json" and rng.random() < 0.5:
            return Expr(f"ARRAY(SELECT {{}} FROM {table} AS {alias} WHERE {{}} ORDER BY {alias}.id)", [self.expression(type_[:-2], inner + scope, 1), where], type_)
        if rng.random() < 0.3:
            value = self.expression(type_, inner + scope, 1)
            return Expr(f"(SELECT {{}} FROM {table} AS {alias} WHERE {{}} ORDER BY {alias}.id{rng.choice((' DESC', ''))} LIMIT 1)", [value, where], type_)
        if type_ == "bool":
            form = rng.choice(("EXISTS", "NOT EXISTS", "IN", "ANY", "ROW"))
            if form == "ROW":
                pairs = [self.expression(t, at, 1) for at in (scope, inner) for t in ("int4", "text")]
                return Expr(f"(({{}}, {{}}) {rng.choice(('IN', 'NOT IN', '= ANY'))} (SELECT {{}}, {{}} FROM {table} AS {alias} WHERE {{}}))", [*pairs, where], "bool")
            if "EXISTS" in form:
                return Expr(f"{form} (SELECT 1 FROM {table} AS {alias} WHERE {{}})", [where], "bool")
            t = rng.choice(("int4", "text", "numeric", "date"))
            operator = "IN" if form == "IN" else rng.choice(("= ANY", "< ANY", "<> ALL", ">= ALL"))
            return Expr(f"({{}} {operator} (SELECT {{}} FROM {table} AS {alias} WHERE {{}}))", [self.expression(t, scope, 1), self.expression(t, inner, 1), where], "bool")
        aggregates = [a for a in AGGREGATES if a[0] == type_ and "FILTER" not in a[1]]
        if not aggregates:
            return self.literal(type_)
        _, template, arguments = rng.choice(aggregates)
        value = Expr(template, [self.expression(t, inner, 1) for t in arguments], type_)
        return Expr(f"(SELECT {{}} FROM {table} AS {alias} WHERE {{}})", [value, where], type_)

    def window(self, scope, ids):
        rng, partition = self.rng, ""
        if rng.random() < 0.5:
            partition = f"PARTITION BY {self.expression(rng.choice(('int4', 'text', 'bool')), scope, 1)} "
        direction = rng.choice(("", " DESC", " DESC NULLS LAST", " NULLS FIRST"))
        key = self.expression(rng.choice(("int4", "text", "numeric", "date")), scope, 1)
        total = f"ORDER BY {key}{direction}, {', '.join(ids)}"
        kind = rng.randrange(6)
        if kind == 0:
            return Expr(f"row_number() OVER ({partition}{total})", (), "int8")
        if kind == 1:
            return Expr(f"{rng.choice(('rank', 'dense_rank'))}() OVER ({partition}ORDER BY {key}{direction})", (), "int8")
        partition, total = (text.replace("{", "{{").replace("}", "}}") for text in (partition, total))
        t = rng.choice(("int4", "text", "numeric", "timestamp"))
        value = self.expression(t, scope, 1)
        if kind == 2:
            return Expr(f"{rng.choice(('lag', 'lead'))}({{}}{rng.choice(('', ', 2'))}) OVER ({partition}{total})", [value], t)
        if kind == 3:
            return self.placed(value, t, partition, total)
        if rng.random() < 0.3:
            return self.ranged(scope, partition)
        frame = rng.choice(("", " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW", " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING", " ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING", " GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW", " ROWS 2 PRECEDING", " ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING", " ROWS BETWEEN 1 FOLLOWING AND 3 FOLLOWING", " ROWS BETWEEN 3 PRECEDING AND 2 PRECEDING", " RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING", " GROUPS BETWEEN 1 FOLLOWING AND 2 FOLLOWING"))
        if frame and rng.random() < 0.3:
            frame += rng.choice((" EXCLUDE CURRENT ROW", " EXCLUDE TIES", " EXCLUDE GROUP", " EXCLUDE NO OTHERS"))
        result, name, argument = rng.choice(WINDOWED)
        only = rng.random() < 0.2
        filtered = " FILTER (WHERE {})" if only else ""
        arguments = [self.expression(argument, scope, 1)] + ([self.expression("bool", scope, 1)] if only else [])
        return Expr(f"{name}({{}}){filtered} OVER ({partition}{total}{frame})", arguments, result)

    def placed(self, value, t, partition, total):
        name = self.rng.choice(("first_value({})", "last_value({})", "nth_value({}, 2)"))
        frame = self.rng.choice(("", " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING", " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW"))
        return Expr(f"{name} OVER ({partition}{total}{frame})", [value], t)

    def ranged(self, scope, partition):
        """What does not depend on the order of ties: offsets of values, and places as a part."""
        rng = self.rng
        t, offset = rng.choice((("int4", "2"), ("int8", "5"), ("numeric", "1.5"), ("date", "'1 mon'"), ("timestamp", "'1 day'"), ("interval", "'1 day'"), ("float8", "0.5"), ("timestamptz", "'1 year'"), ("time", "'1 hour'")))
        key = str(self.expression(t, scope, 1)).replace("{", "{{").replace("}", "}}")
        direction = rng.choice(("", " DESC", " NULLS FIRST"))
        kind = rng.randrange(4)
        if kind == 0:
            name, result = rng.choice((("percent_rank()", "float8"), ("cume_dist()", "float8"), ("dense_rank()", "int8")))
            return Expr(f"{name} OVER ({partition}ORDER BY {key}{direction})".replace("{{", "{").replace("}}", "}"), (), result)
        frame = rng.choice((f"{offset} PRECEDING AND {offset} FOLLOWING", f"{offset} PRECEDING AND CURRENT ROW", f"CURRENT ROW AND {offset} FOLLOWING", f"UNBOUNDED PRECEDING AND {offset} PRECEDING"))
        result, name, argument = rng.choice(WINDOWED)
        return Expr(f"{name}({{}}) OVER ({partition}ORDER BY {key}{direction} RANGE BETWEEN {frame})", [self.expression(argument, scope, 1)], result)

    # queries

    def table(self, ctes, depth, scope):
        """Something for FROM: (rendered, alias, columns, whether it has a key `id`)."""
        rng, alias = self.rng, self.alias()
        if depth > 0 and rng.random() < 0.15:
            lateral = bool(scope) and rng.random() < 0.4
            query, types = self.select(depth - 1, scope if lateral else [], plain=True)
            return Derived(query, alias, lateral), alias, [(f"c{n}", t) for n, t in enumerate(types, 1)], False
        roll = rng.random()
        if roll < 0.04:
            return f"generate_series(1, {rng.randint(0, 4)}) AS {alias}(id)", alias, [("id", "int4")], True
        if roll < 0.10:
            return self.rows_of_function(alias, scope)
        if roll < 0.13:
            types = [rng.choice(TYPES) for _ in range(rng.randint(1, 3))]
            rows = ", ".join("(" + ", ".join(str(self.expression(t, [], 1)) for t in types) + ")" for _ in range(rng.randint(1, 4)))
            columns = [(f"c{n}", t) for n, t in enumerate(types, 1)]
            return f"(VALUES {rows}) AS {alias}({', '.join(c for c, _ in columns)})", alias, columns, False
        name = rng.choice([*self.schema.tables, *ctes])
        if name in ctes:
            return f"{name} AS {alias}", alias, ctes[name], False
        return f"{name} AS {alias}", alias, self.schema.tables[name], True

    def rows_of_function(self, alias, scope):
        rng = self.rng
        types, template, arguments = rng.choice(SETS)
        call = template.format(*[self.expression(t, scope if rng.random() < 0.7 else [], 1) for t in arguments]) if arguments else template
        columns = [(f"c{n}", t) for n, t in enumerate(types, 1)]
        if rng.random() < 0.3:
            columns.append(("n", "int8"))
            call += " WITH ORDINALITY"
        lateral = "LATERAL " if scope and rng.random() < 0.2 else ""
        return Called(f"{lateral}{call} AS {alias}({', '.join(c for c, _ in columns)})"), alias, columns, False

    def recursion(self):
        """A query that refers to itself, for at most a few steps: its text, and its columns."""
        rng, table, alias = self.rng, self.rng.choice(list(self.schema.tables)), self.alias()
        t = rng.choice(("text", "numeric", "int8", "date", "int4[]", "jsonb"))
        start = self.expression(t, [(alias, self.schema.tables[table])], 1)
        step = self.expression(t, [("w", [("c1", "int4"), ("c2", t)])], 1)
        if t == "text":
            # What calls a function of type name has another collation by default.
            start, step = (f'({value}) COLLATE "default"' for value in (start, step))
        every = rng.choice(("UNION", "UNION ALL")) if t not in ("numeric", "jsonb") else "UNION ALL"
        start, step = (value if t == "text" else f"({value})::{t}" for value in (start, step))
        text = f"/* RECURSION */ SELECT {alias}.id AS c1, {start} AS c2 FROM {table} AS {alias} WHERE {alias}.id < 4 {every} SELECT w.c1 + 1, {step} FROM w WHERE w.c1 < {rng.randint(3, 7)}"
        return text, [("c1", "int4"), ("c2", t)]

    def select(self, depth, outer, plain=False, ctes=None, types=None):
        """A query and the types of its columns."""
        rng, query, scope, keyed = self.rng, Query(), [], True
        ctes = dict(ctes or {})
        if depth > 0 and not plain and not types and rng.random() < 0.12:
            if rng.random() < 0.25:
                inner, ctes["w"] = self.recursion()
            else:
                inner, inner_types = self.select(depth - 1, [], plain=True)
                ctes["w"] = [(f"c{n}", t) for n, t in enumerate(inner_types, 1)]
                query.materialized = rng.choice(("", "", "MATERIALIZED ", "NOT MATERIALIZED "))
            query.ctes.append(("w", inner))
        for at in range(rng.choice((1, 1, 1, 2, 2, 3)) if rng.random() < 0.96 else 0):
            rendered, alias, columns, has_key = self.table(ctes, depth, [*outer, *scope])
            keyed = keyed and has_key
            prefix = rng.choice(("JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "CROSS JOIN", "RIGHT JOIN", "FULL JOIN")) if at else None
            if getattr(rendered, "lateral", False) and prefix in ("RIGHT JOIN", "FULL JOIN"):
                prefix = "LEFT JOIN"
            scope.append((alias, columns))
            condition = None
            if prefix and prefix != "CROSS JOIN":
                condition = self.join_condition(scope, prefix)
            query.source.append((prefix, rendered, condition))
        seen = [*scope, *outer]
        if query.source and rng.random() < 0.55:
            query.where = self.expression("bool", seen, 2)
        grouped = bool(query.source) and not types and rng.random() < 0.25
        wanted = types or [rng.choice(TYPES) for _ in range(rng.randint(1, 4))]
        if grouped:
            self.group(query, seen, scope)
        elif scope and keyed and not plain and not types and rng.random() < 0.15:
            query.items = [Expr(f"{alias}.id", (), "int4") for alias, _ in scope]
            query.items.append(self.window(scope, [f"{alias}.id" for alias, _ in scope]))
        else:
            query.items = [self.expression(t, seen, rng.randint(0, 3)) for t in wanted]
            if rng.random() < 0.1:
                query.distinct = "DISTINCT "
        if not plain and not types and not grouped and rng.random() < 0.03 and len(query.source) == 1:
            query.items, query.named, query.distinct = [Expr("*", (), "*")], False, ""
            return query, ["*"]
        if not plain and not types:
            self.finish(query, depth, ctes)
        return query, [item.type for item in query.items]

    def join_condition(self, scope, prefix):
        """FULL JOIN takes merge-joinable conditions only."""
        rng, (new, columns) = self.rng, scope[-1]
        if len(scope) == 2 and all(cols[0][0] == "id" for _, cols in scope) and rng.random() < 0.15:
            return Using("id")
        before = [(f"{alias}.{name}", t) for alias, cols in scope[:-1] for name, t in cols]
        pairs = [(left, f"{new}.{name}", t) for left, t in before for name, t2 in columns if t == t2]
        if pairs and (prefix == "FULL JOIN" or rng.random() < 0.7):
            left, right, _ = rng.choice(pairs)
            return Expr(f"({left} = {right})", (), "bool")
        return Expr("true", (), "bool") if prefix == "FULL JOIN" else self.expression("bool", scope, 1)

    def group(self, query, seen, scope):
        rng = self.rng
        keys = [self.expression(rng.choice(TYPES), scope, rng.choice((0, 0, 1, 2))) for _ in range(rng.choice((0, 1, 1, 2)))]
        # PostgreSQL 15 puts a constant in the place of a key that is one, and loses the NULLs of ROLLUP, above a set operation.
        keys = [key for key in keys if re.search(r"\ba[0-9]+\.", str(key)) and "SELECT" not in str(key)]
        aggregates = []
        for _ in range(rng.randint(1, 3)):
            result, template, arguments = rng.choice(AGGREGATES)
            aggregates.append(Expr(template, [self.expression(t, scope, 1) for t in arguments], result))
        if keys:
            rendered = ", ".join(map(str, keys))
            sets = f"GROUPING SETS (({rendered}), ({keys[0]}), ())"
            query.group = rng.choice((rendered, rendered, rendered, f"ROLLUP ({rendered})", f"CUBE ({rendered})", sets))
            if query.group != rendered and rng.random() < 0.5:
                aggregates.append(Expr(f"GROUPING({rendered})", (), "int4"))
        query.items = [*keys, *aggregates]
        if rng.random() < 0.3:
            result, template, arguments = rng.choice([a for a in AGGREGATES if a[0] in ("int8", "numeric")])
            value = Expr(template, [self.expression(t, scope, 0) for t in arguments], result)
            query.having = Expr("({} %s {})" % rng.choice((">", "<=", "<>")), [value, self.literal("int4")], "bool")

    def finish(self, query, depth, ctes):
        rng = self.rng
        types = [item.type for item in query.items]
        if depth > 0 and rng.random() < 0.12:
            other, _ = self.select(depth - 1, [], plain=True, types=types)
            kinds = ("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL")
            query.union = (rng.choice(kinds), other)
            if rng.random() < 0.3:
                other.union = (rng.choice(kinds), self.select(depth - 1, [], plain=True, types=types)[0])
        tied = {"numeric", "interval", "float8", "float4", "jsonb", "json", "bpchar", "numeric[]", "float8[]"}
        if rng.random() < 0.4 and not (query.union and tied & set(types)):
            keys = [f"{n}{rng.choice(('', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST'))}" for n in range(1, len(types) + 1)]
            rng.shuffle(keys)
            if not tied & set(types):
                query.limit = rng.choice((None, None, 1, 3, 10, 0))
                query.offset = rng.choice((None, None, None, 1, 2))
            if not query.union and not query.distinct and all(item.arguments for item in query.items) and rng.random() < 0.5:
                keys = [f"{query.items[int(key.split()[0]) - 1]}{key[len(key.split()[0]):]}" for key in keys]
            query.order = ", ".join(keys)
            if not query.distinct and not query.union and not query.group and not tied & set(types) and rng.random() < 0.15 and keys[0].split()[0].isdigit():
                query.distinct = f"DISTINCT ON ({keys[0].split()[0]}) "
        query.named = query.union is None and not query.ctes and rng.random() < 0.8 or bool(query.ctes)

    def query(self):
        return self.select(2, [])[0]


def shrunk(query):
    """Smaller variants of a query, the boldest first."""
    for name in ("union", "ctes", "limit", "offset", "order", "having", "where", "distinct"):
        if getattr(query, name):
            yield _with(query, name, [] if name == "ctes" else "" if name == "distinct" else None)
    if query.union:
        yield query.union[1]
    for at in range(len(query.items)):
        if len(query.items) > 1 and not query.union:
            yield _with(query, "items", query.items[:at] + query.items[at + 1:])
    if query.group:
        yield _with(query, "group", None)
    for at in range(len(query.source) - 1, -1, -1):
        yield _with(query, "source", query.source[:at] + query.source[at + 1:])
    for at, (prefix, table, condition) in enumerate(query.source):
        if isinstance(table, Derived):
            yield table.query
            for smaller in shrunk(table.query):
                if len(smaller.items) == len(table.query.items):
                    yield _replaced(query, "source", at, (prefix, Derived(smaller, table.alias, table.lateral), condition))
        if isinstance(condition, Expr):
            for smaller in _smaller(condition):
                yield _replaced(query, "source", at, (prefix, table, smaller))
    for at, (name, cte) in enumerate(query.ctes):
        for smaller in shrunk(cte) if isinstance(cte, Query) else ():
            if len(smaller.items) == len(cte.items):
                yield _replaced(query, "ctes", at, (name, smaller))
    for name in ("where", "having"):
        if isinstance(getattr(query, name), Expr):
            for smaller in _smaller(getattr(query, name)):
                yield _with(query, name, smaller)
    if query.union:
        for smaller in shrunk(query.union[1]):
            if len(smaller.items) == len(query.items):
                yield _with(query, "union", (query.union[0], smaller))
    for at, item in enumerate(query.items):
        for smaller in _smaller(item):
            yield _replaced(query, "items", at, smaller)


def _with(query, name, value):
    other = copy.copy(query)
    setattr(other, name, value)
    if name == "items" and other.order and other.order is query.order:
        other.order = other.limit = other.offset = None
    return other


def _replaced(query, name, at, value):
    values = list(getattr(query, name))
    values[at] = value
    return _with(query, name, values)


def _smaller(expr):
    """An argument of the same type in the place of the whole, NULL, or the same with a smaller argument."""
    for argument in expr.arguments:
        if argument.type == expr.type:
            yield argument
    if expr.arguments:
        yield Expr(f"NULL::{expr.type}", (), expr.type)
        for literal in LITERALS[expr.type][1:3]:
            yield Expr(f"({literal})::{expr.type}", (), expr.type)
    for at, argument in enumerate(expr.arguments):
        for smaller in _smaller(argument):
            yield Expr(expr.template, [*expr.arguments[:at], smaller, *expr.arguments[at + 1:]], expr.type)
