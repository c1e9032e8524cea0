"""redis-py with its default settings against BOLE_KEYSPACE_URL, which it flushes.

    python run.py 2|3        the version of RESP
"""

import os
import sys

import redis

import collections_
import connections
import keys
import sorted_sets
import strings
import transactions
from checks import Checks

url = os.environ["BOLE_KEYSPACE_URL"]
protocol = int(sys.argv[1]) if len(sys.argv) > 1 else 2


def connect(**options):
    return redis.Redis.from_url(url, protocol=protocol, **options)


checks = Checks()
client = connect()
client.flushall()
for family in (
    strings.plain,
    strings.numbers,
    strings.set_options,
    strings.binary_and_large,
    keys.lifetimes,
    keys.names,
    keys.scans,
    keys.sort,
    keys.dump_and_databases,
    collections_.hashes,
    collections_.lists,
    collections_.blocking_pops,
    collections_.sets,
    sorted_sets.members,
    sorted_sets.ranges,
    sorted_sets.combinations,
    transactions.blocks,
    transactions.watch,
    transactions.pipelines,
    connections.publish_and_subscribe,
    connections.clients,
    connections.configuration,
    connections.commands,
    connections.errors,
    connections.reconnects,
):
    checks.family(family, client, connect)
client.flushall()
checks.finish()
