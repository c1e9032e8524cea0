"""Django's contrib apps on BOLE_SQL_URL: migrations written and applied, the tests of a small application with Django's own runner.

Prints a line a test and fails on any that fails.
"""

import os
import pathlib
import re
import subprocess
import sys

import psycopg

FOLDER = pathlib.Path(__file__).parent
DATABASES = ("django_test", "django_real")


def manage(*arguments, url=None):
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": f"{FOLDER}:{os.environ.get('PYTHONPATH', '')}"}
    if url:
        env["BOLE_SQL_URL"] = url
    return subprocess.run([sys.executable, "-m", "django", *arguments], cwd=FOLDER, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def main():
    url, failed, passed = os.environ["BOLE_SQL_URL"], 0, 0
    with psycopg.connect(url, autocommit=True) as conn:
        for name in DATABASES:
            conn.execute(f"DROP DATABASE IF EXISTS {name}")
        conn.execute("CREATE DATABASE django_real")
    real = url.rsplit("/", 1)[0] + "/django_real"
    for arguments, said in ((("migrate",), "Applying shop.0001_initial... OK"), (("migrate",), "No migrations to apply"), (("check", "--database", "default"), "no issues"), (("createsuperuser", "--noinput", "--username", "root", "--email", "r@example.org"), "Superuser created"), (("clearsessions",), ""), (("flush", "--noinput"), "")):
        done = manage(*arguments, url=real)
        good = done.returncode == 0 and said in done.stdout
        passed, failed = passed + good, failed + (not good)
        print(f"{'ok' if good else 'FAIL'} {' '.join(arguments)}" + ("" if good else f"\n{done.stdout[-1500:]}"))
    tests = manage("test", "-v", "2", "--noinput", *sys.argv[1:])
    results = re.findall(r"^(test_\w+ \(\S+\)) \.\.\. (.*)$", tests.stdout, re.M)
    for name, result in results:
        print(f"{'ok' if result.endswith('ok') else 'FAIL'} {name} {result}")
    if tests.returncode != 0:
        print(tests.stdout[-6000:])
    if not results:
        print("FAIL no test was run")
    bad = sum(1 for _, result in results if not result.endswith("ok"))
    passed, failed = passed + len(results) - bad, failed + max(bad, int(tests.returncode != 0 or not results))
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
