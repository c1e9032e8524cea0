"""kafka-python with its default settings against BOLE_STREAMS_BOOTSTRAP.

    python kafka_python_run.py [FAMILY...]
"""

import sys

import kafka

import kafka_python_groups
import kafka_python_records
from checks import Checks

print(f"# kafka-python {kafka.__version__}")
checks = Checks()
for module in (kafka_python_records, kafka_python_groups):
    for family in module.FAMILIES:
        if len(sys.argv) == 1 or family.__name__ in sys.argv[1:]:
            checks.family(family)
checks.finish()
