"""SQLAlchemy's dialect suite against BOLE_SQL_URL: prints how many tests passed, and fails when fewer did than `floor.txt` says.

`--write-floor` freezes what passes now. Further arguments go to pytest: `-k name`.
"""

import os
import pathlib
import re
import subprocess
import sys

import psycopg

FOLDER = pathlib.Path(__file__).parent
FLOOR = FOLDER / "floor.txt"
DATABASE = "sqlalchemy_suite"


def prepare(url):
    """A database of the suite's own, with the schemas that it expects."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        conn.execute(f"CREATE DATABASE {DATABASE}")
    own = url.rsplit("/", 1)[0] + "/" + DATABASE
    with psycopg.connect(own, autocommit=True) as conn:
        conn.execute("CREATE SCHEMA test_schema")
        conn.execute("CREATE SCHEMA test_schema_2")
    return own


def main():
    write = "--write-floor" in sys.argv
    more = [argument for argument in sys.argv[1:] if argument != "--write-floor"]
    url = prepare(os.environ["BOLE_SQL_URL"]).replace("postgres://", "postgresql+psycopg://")
    command = [sys.executable, "-m", "pytest", "-q", "--dburi", url, "-o", "console_output_style=classic", "--tb=native", *(more or ["-rfE"])]
    run = subprocess.run(command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = run.stdout.splitlines()
    print("\n".join(line for line in lines if more or line.startswith(("FAILED", "ERROR"))))
    counts = {word.rstrip("s"): int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped|errors?)", lines[-1] if lines else "")}
    passed, failed = counts.get("passed", 0), counts.get("failed", 0) + counts.get("error", 0)
    if not counts:
        print(run.stdout[-4000:])
    if write:
        FLOOR.write_text(f"{passed}\n")
    floor = int(FLOOR.read_text())
    print(f"{passed} passed, {failed} failed, {counts.get('skipped', 0)} skipped by what the dialect says it has; the floor is {floor}")
    if not more and (passed < floor or not counts):
        sys.exit(1)


main()
