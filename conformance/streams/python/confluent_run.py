"""confluent-kafka (librdkafka) with its default settings against BOLE_STREAMS_BOOTSTRAP.

    python confluent_run.py [FAMILY...]
"""

import sys

import confluent_kafka

import confluent_admin
import confluent_consume
import confluent_groups
import confluent_produce
import confluent_transactions
from checks import Checks

print(f"# confluent-kafka {confluent_kafka.version()}, librdkafka {confluent_kafka.libversion()[0]}")
checks = Checks()
for module in (confluent_admin, confluent_produce, confluent_consume, confluent_groups, confluent_transactions):
    for family in module.FAMILIES:
        if len(sys.argv) == 1 or family.__name__ in sys.argv[1:]:
            checks.family(family)
checks.finish()
