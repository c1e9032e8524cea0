"""Scripts that change rows, for the fuzzer: a transaction of INSERT, UPDATE and DELETE with savepoints, each change followed by a look at
its table, and all of it rolled back, so that both servers begin the next one alike.

Left out is what depends on the plan: UPDATE from a table with several rows that fit, keys that one statement gives to several rows.
"""

from fuzz_grammar import Expr, stored

SAVEPOINTS = ("SAVEPOINT s", "SAVEPOINT s", "ROLLBACK TO s", "RELEASE s")


class Script:
    """Statements that are judged together."""

    def __init__(self, statements):
        self.statements = list(statements)

    def texts(self):
        return [str(statement) for statement in self.statements]

    def __str__(self):
        return ";\n  ".join(self.texts())


def shrunk(script):
    """The same with one statement less: BEGIN and ROLLBACK stay."""
    for at in range(1, len(script.statements) - 1):
        yield Script(script.statements[:at] + script.statements[at + 1:])


class Writer:
    """Makes scripts with a `Generator`'s expressions."""

    def __init__(self, generator):
        self.generator, self.rng, self.tables = generator, generator.rng, generator.schema.tables

    def script(self):
        statements, saved = ["BEGIN"], False
        for _ in range(self.rng.randint(1, 4)):
            if self.rng.random() < 0.25:
                statements.append(self.rng.choice(SAVEPOINTS if saved else SAVEPOINTS[:1]))
                saved = statements[-1] != "RELEASE s"
            table = self.rng.choice(list(self.tables))
            statements.append(self.rng.choice((self.insert, self.insert, self.update, self.update, self.delete))(table))
            statements.append(f"SELECT * FROM {table} ORDER BY id")
        return Script([*statements, "ROLLBACK"])

    def value(self, type_, scope, depth=1):
        """What may be assigned to a column of the type: of the type itself, a literal, or one that is converted."""
        roll = self.rng.random()
        if roll < 0.3:
            return self.rng.choice(stored(type_))
        if roll < 0.35:
            return "DEFAULT"
        if roll < 0.45:
            near = {"int8": "int4", "int4": "int8", "int2": "int4", "numeric": "float8", "float8": "numeric", "float4": "numeric", "text": "int4", "varchar": "text", "bpchar": "text",
                    "date": "timestamp", "timestamp": "date", "timestamptz": "timestamp", "interval": "time", "time": "interval", "int8[]": "int4[]", "json": "jsonb", "jsonb": "json"}
            type_ = near.get(type_, type_)
        return str(self.generator.expression(type_, scope, depth))

    def plain(self, type_, scope):
        text = self.value(type_, scope)
        return "NULL" if text == "DEFAULT" else text

    def returning(self, alias, columns):
        roll = self.rng.random()
        if roll < 0.3:
            return ""
        if roll < 0.6:
            return f" RETURNING {self.rng.choice(('*', f'{alias}.*', f'{alias}.*', f'{alias}.*'))}"
        values = [self.generator.expression(self.rng.choice(columns)[1], [(alias, columns)], 1) for _ in range(self.rng.randint(1, 3))]
        return " RETURNING " + ", ".join(f"{value} AS r{n}" for n, value in enumerate(values))

    def insert(self, table):
        rng, columns = self.rng, self.tables[table]
        chosen = [columns[0], *rng.sample(columns[1:], rng.randint(0, len(columns) - 1))]
        names = ", ".join(name for name, _ in chosen)
        ids = rng.sample(range(1, 30), 4)
        if rng.random() < 0.35:
            source = rng.choice(list(self.tables))
            scope = [("s", self.tables[source])]
            items = ", ".join([f"s.id + {rng.choice((0, 5, 100))}", *(self.plain(t, scope) for _, t in chosen[1:])])
            rows = f"SELECT {items} FROM {source} AS s WHERE {self.generator.expression('bool', scope, 1)}"
        else:
            rows = "VALUES " + ", ".join("(" + ", ".join([str(n), *(self.value(t, []) for _, t in chosen[1:])]) + ")" for n in ids[:rng.randint(1, 3)])
        return f"INSERT INTO {table} AS d ({names}) {rows}{self.conflict(columns, chosen)}{self.returning('d', columns)}"

    def conflict(self, columns, chosen):
        rng = self.rng
        roll = rng.random()
        if roll < 0.5:
            return ""
        if roll < 0.65:
            return rng.choice((" ON CONFLICT DO NOTHING", " ON CONFLICT (id) DO NOTHING"))
        scope = [("d", columns), ("excluded", chosen)]
        name, type_ = rng.choice(columns[1:]) if len(columns) > 1 else columns[0]
        where = f" WHERE {self.generator.expression('bool', scope, 1)}" if rng.random() < 0.3 else ""
        return f" ON CONFLICT (id) DO UPDATE SET {name} = {self.value(type_, scope)}{where}"

    def update(self, table):
        rng, columns = self.rng, self.tables[table]
        scope, source = [("d", columns)], ""
        other = rng.choice(list(self.tables))
        if rng.random() < 0.3:
            source, scope = f" FROM {other} AS s", [("d", columns), ("s", self.tables[other])]
        chosen = rng.sample(columns[1:], rng.randint(1, min(2, len(columns) - 1))) if len(columns) > 1 else columns
        if rng.random() < 0.1:
            sets = f"id = d.id + {rng.choice((0, 100))}"
        elif rng.random() < 0.15:
            inner = ", ".join(self.plain(t, [("q", self.tables[other]), *scope]) for _, t in chosen)
            sets = f"({', '.join(name for name, _ in chosen)}) = (SELECT {inner} FROM {other} AS q WHERE q.id = d.id)"
        else:
            sets = ", ".join(f"{name} = {self.value(t, scope, 2)}" for name, t in chosen)
        tests = (["s.id = d.id"] if source else []) + ([str(self.generator.expression("bool", scope, 2))] if rng.random() < 0.7 else [])
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        return f"UPDATE {table} AS d SET {sets}{source}{where}{self.returning('d', columns)}"

    def delete(self, table):
        rng, columns = self.rng, self.tables[table]
        scope, source = [("d", columns)], ""
        if rng.random() < 0.3:
            other = rng.choice(list(self.tables))
            source, scope = f" USING {other} AS s", [("d", columns), ("s", self.tables[other])]
        tests = (["s.id = d.id"] if source else []) + ([str(self.generator.expression("bool", scope, 2))] if rng.random() < 0.9 else [])
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        return f"DELETE FROM {table} AS d{source}{where}{self.returning('d', columns)}"
