"""Runs the slices of `sqllogictest/` against BOLE_SQL_URL and counts, per feature, records that are equal, refused and different.

Equal: PostgreSQL's rows with PostgreSQL's column types, or its SQLSTATE. Refused: SQLSTATE 0A000, or what cannot be judged because
a statement before it in its block was refused. Different: everything else. The goal is that nothing differs. What does differ, in features that are
not finished, is frozen in `floor.json`, and these numbers only shrink: the run fails when a feature has fewer equal or more different records than
its line says, when a feature without a line differs at all, or when more than 5 % are refused.

    python3 run_slices.py [--write-floor] [--show N] [FEATURE ...]
"""

import argparse
import json
import os
import pathlib
import sys
import time
import urllib.parse

import slices
import wire

FLOOR = pathlib.Path(__file__).parent / "floor.json"
DATABASE = "slices"
REFUSED_SHARE_MAX = 0.05
# Statements that are on their way at once, where no block depends on the one before.
AT_ONCE = 20


def with_database(url, database):
    return urllib.parse.urlsplit(url)._replace(path="/" + database).geturl()


def fresh(url):
    """A session in an empty database."""
    connection = wire.Connection(url)
    for sql in (f"DROP DATABASE IF EXISTS {DATABASE}", f"CREATE DATABASE {DATABASE}"):
        deadline = time.monotonic() + 10
        # A session that has just been closed may still be there.
        while (result := connection.run(sql)).code == "55006" and time.monotonic() < deadline:
            time.sleep(0.02)
        if result.error:
            raise SystemExit(f"{sql}: {result.code} {result.error['M']}")
    connection.close()
    return wire.Connection(with_database(url, DATABASE))


def compare(record, result):
    """None when equal, or what the server gave instead."""
    if record.error or result.error:
        if result.code == record.error:
            return None
        return f"error {result.code} {result.error['M']}" if result.error else shown(result, record.sort)
    if record.kind == "statement":
        return None if result.columns is None else "rows"
    if result.columns is None:
        return f"no rows, {result.tag}"
    types = slices.judged(result)
    rows = slices.lines_of(result.rows, record.sort)
    return None if (types, rows) == (record.types, record.rows) else shown(result, record.sort)


def shown(result, sort):
    return f"[{slices.judged(result)}] " + " ⏎ ".join(slices.lines_of(result.rows, sort))


def wanted(record):
    if record.error:
        return f"error {record.error}"
    return "ok" if record.kind == "statement" else f"[{record.types}] " + " ⏎ ".join(record.rows)


class Count:
    def __init__(self):
        self.equal, self.refused, self.different, self.findings, self.records = 0, 0, 0, [], []

    @property
    def total(self):
        return self.equal + self.refused + self.different

    def note(self, record, kind, got):
        setattr(self, kind, getattr(self, kind) + 1)
        if kind == "equal":
            self.records.append(record)
        else:
            self.findings.append((kind, record, got))


def run_feature(url, path):
    """Judges a file's records; a session that ends is replaced, and what it was asked is different."""
    count, connection = Count(), fresh(url)
    tainted, block = False, 0
    for batch in batches(slices.read(path)):
        try:
            results = connection.pipeline([record.sql for record in batch])
        except (wire.Closed, OSError) as error:
            connection = reopened(url)
            results = [one(url, connection, record.sql) for record in batch]
            del error
        for record, result in zip(batch, results):
            if record.block != block:
                block, tainted = record.block, False
            if isinstance(result, str):
                count.note(record, "different", result)
                connection = reopened(url)
                continue
            got = compare(record, result)
            refused = result.code == "0A000" and record.error != "0A000"
            tainted = tainted or (refused and (block > 0 or record.kind == "statement"))
            count.note(record, "equal" if got is None else "refused" if refused or tainted else "different", got)
    connection.close()
    return count


def batches(records):
    """A block at a time; what stands outside of blocks some at a time."""
    batch = []
    for record in records:
        if batch and (record.block != batch[0].block or (record.block == 0 and len(batch) == AT_ONCE)):
            yield batch
            batch = []
        batch.append(record)
    if batch:
        yield batch


def reopened(url):
    return wire.Connection(with_database(url, DATABASE))


def one(url, connection, sql):
    """The result of a statement of which one in the neighbourhood ended the session."""
    try:
        return connection.run(sql)
    except (wire.Closed, OSError) as error:
        return f"the session ended: {error}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("features", nargs="*")
    parser.add_argument("--write-floor", action="store_true", help="freeze what is equal and what is different now")
    parser.add_argument("--write-equal", type=pathlib.Path, help="write the records that are equal to files in this folder")
    parser.add_argument("--show", type=int, default=3, help="differences to show per feature")
    args = parser.parse_args()
    url = os.environ["BOLE_SQL_URL"]
    floors = json.loads(FLOOR.read_text()) if FLOOR.exists() else {}
    counts, missed = {}, []
    print(f"{'feature':32} {'equal':>7} {'refused':>8} {'different':>10}")
    for path in sorted(slices.FOLDER.glob("*.test")):
        if args.features and not any(path.stem.startswith(name) for name in args.features):
            continue
        count = counts[path.stem] = run_feature(url, path)
        print(f"{path.stem:32} {count.equal:7} {count.refused:8} {count.different:10}", flush=True)
        report(path, count, args.show)
        if args.write_equal:
            slices.write(args.write_equal / path.name, path.stem, count.records)
        frozen = floors.get(path.stem, {"equal": 0, "different": 0})
        if count.equal < frozen["equal"]:
            missed.append(f"{path.stem}: {count.equal} equal, the floor is {frozen['equal']}")
        if count.different > frozen["different"]:
            missed.append(f"{path.stem}: {count.different} different, at most {frozen['different']} are known")
    if not args.features:
        missed += [f"{name}: it has a floor and no file" for name in floors if name not in counts]
    finish(counts, missed, args.write_floor, bool(args.features))


def report(path, count, show):
    for kind in ("different", "refused"):
        for _, record, got in [finding for finding in count.findings if finding[0] == kind][:show]:
            print(f"    {kind}: {path.name}:{record.line}: {record.sql}\n      PostgreSQL: {wanted(record)[:300]}\n      here:       {str(got)[:300]}")


def finish(counts, missed, write_floor, partial):
    equal, refused, different = (sum(getattr(count, kind) for count in counts.values()) for kind in ("equal", "refused", "different"))
    total = equal + refused + different
    print(f"{'all':32} {equal:7} {refused:8} {different:10}   {100 * equal / max(total, 1):.2f} % of {total}")
    if write_floor and not partial:
        frozen = {name: {"equal": count.equal, "different": count.different} for name, count in counts.items()}
        rows = ",\n".join(f" {json.dumps(name)}: {json.dumps(row)}" for name, row in frozen.items())
        FLOOR.write_text("{\n" + rows + "\n}\n")
    for line in missed:
        print(f"FAIL {line}")
    share = refused / max(total, 1)
    if share > REFUSED_SHARE_MAX:
        print(f"FAIL {100 * share:.1f} % refused, at most {100 * REFUSED_SHARE_MAX:.0f} % are allowed")
    sys.exit(1 if missed or share > REFUSED_SHARE_MAX else 0)


if __name__ == "__main__":
    main()
