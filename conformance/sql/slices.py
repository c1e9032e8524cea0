"""The `.test` files: reading them for the runner and writing them for the generator.

The format is that of sqllogictest, with what its binary ignores or allows: the label of a query is the OIDs of its columns
(`23,25`; 0 is a type of the database's own), an error is expected by its SQLSTATE (`statement error (22012)`), and a comment `# block` says that the records up to the
next such line belong together, so that what follows a refused statement there cannot be judged.
"""

import pathlib

FOLDER = pathlib.Path(__file__).parent / "sqllogictest"
FIRST_OWN_OID = 16384
LETTERS = {16: "T", 20: "I", 21: "I", 23: "I", 26: "I", 700: "R", 701: "R", 1700: "R"}


class Record:
    """`kind` is statement or query; `error` a SQLSTATE or None; `rows` are lines as the file has them."""

    __slots__ = ("line", "block", "kind", "sql", "error", "types", "sort", "rows")

    def __init__(self, kind, sql, block=0, line=0, error=None, types=None, sort="nosort", rows=None):
        self.kind, self.sql, self.block, self.line = kind, sql, block, line
        self.error, self.types, self.sort, self.rows = error, types, sort, rows


def lines_of(rows, sort):
    """Rows of a result as lines: what sqllogictest compares."""
    cells = [["NULL" if v is None else v.decode("utf-8", "replace") or "(empty)" for v in row] for row in rows]
    if sort == "rowsort":
        cells.sort(key=lambda row: [cell.encode() for cell in row])
    return [" ".join(row) for row in cells]


def judged(result):
    """The OIDs of the columns; 0 for a type that the database itself defines, whose OID is nobody's promise."""
    return ",".join(str(oid if oid < FIRST_OWN_OID else 0) for _, oid in result.columns or [])


def write(path, feature, records):
    """Records in order; block 0 is the set-up."""
    out, block = [f"# {feature}: PostgreSQL 15's answers, made by generate/run.py", ""], 0
    for record in records:
        if record.block != block:
            block = record.block
            out += ["# block", ""]
        if record.error:
            out += [f"{record.kind} error ({record.error})", record.sql, ""]
        elif record.kind == "statement":
            out += ["statement ok", record.sql, ""]
        else:
            letters = "".join(LETTERS.get(int(oid), "T") for oid in record.types.split(","))
            out += [f"query {letters} {record.sort} {record.types}", record.sql, "----", *record.rows, ""]
    path.write_text("\n".join(out) + "\n", encoding="utf-8")


def read(path):
    """The records of a file."""
    records, block, paragraph, first = [], 0, [], 0
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n") + [""], 1):
        if line:
            first = first or number
            paragraph.append(line)
            continue
        if paragraph == ["# block"]:
            block += 1
        elif paragraph and not paragraph[0].startswith("#"):
            records.append(_record(paragraph, block, first))
        paragraph, first = [], 0
    return records


def _record(paragraph, block, line):
    head, body = paragraph[0].split(), paragraph[1:]
    if head[1] == "error":
        return Record(head[0], "\n".join(body), block, line, error=head[2][1:-1])
    if head[0] == "statement":
        return Record("statement", "\n".join(body), block, line)
    cut = body.index("----")
    return Record("query", "\n".join(body[:cut]), block, line, types=head[3], sort=head[2], rows=body[cut + 1:])
