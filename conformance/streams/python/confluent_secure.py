"""confluent-kafka over SASL and TLS. The listener and the credentials come from variables:

    BOLE_STREAMS_SASL_BOOTSTRAP   HOST:PORT of the listener
    BOLE_STREAMS_SASL_MECHANISM   PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
    BOLE_STREAMS_SASL_USER        a user that may create topics and groups, and read and write them
    BOLE_STREAMS_SASL_PASSWORD    its password
    BOLE_STREAMS_CA_FILE          certificates that signed the listener's; without it the connection is not encrypted
"""

import os
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from checks import Checks

MECHANISM = os.environ["BOLE_STREAMS_SASL_MECHANISM"]
CA_FILE = os.environ.get("BOLE_STREAMS_CA_FILE")
NAME = f"secure-{os.getpid():x}-{int(time.time()):x}"
TIMEOUT = 20


def settings(**changes):
    base = {
        "bootstrap.servers": os.environ["BOLE_STREAMS_SASL_BOOTSTRAP"],
        "security.protocol": "SASL_SSL" if CA_FILE else "SASL_PLAINTEXT",
        "sasl.mechanism": MECHANISM,
        "sasl.username": os.environ["BOLE_STREAMS_SASL_USER"],
        "sasl.password": os.environ["BOLE_STREAMS_SASL_PASSWORD"],
    }
    if CA_FILE:
        base["ssl.ca.location"] = CA_FILE
    return base | {key.replace("_", "."): value for key, value in changes.items()}


def errors(config):
    """The names of the errors that a client with these settings meets; none when it is let in."""
    met = set()
    client = AdminClient(config | {"error_cb": lambda error: met.add(error.name()), "log_level": 0})
    try:
        client.list_topics(timeout=5)
    except KafkaException as raised:
        met.add(raised.args[0].name())
    client.poll(0.1)
    return met


def the_right_user(checks):
    admin = AdminClient(settings())
    (created,) = admin.create_topics([NewTopic(NAME, 1)]).values()
    checks.equal("create a topic", created.result(TIMEOUT), None)
    reports = []
    producer = Producer(settings())
    for number in range(10):
        producer.produce(NAME, f"v{number}", on_delivery=lambda error, _: reports.append(error))
    producer.flush(TIMEOUT)
    checks.equal("produce", reports, [None] * 10)
    consumer = Consumer(settings(group_id=NAME, auto_offset_reset="earliest"))
    consumer.subscribe([NAME])
    got, deadline = [], time.monotonic() + TIMEOUT
    while len(got) < 10 and time.monotonic() < deadline:
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            got.append(message.value().decode())
    consumer.close()
    checks.equal("consume in a group", got, [f"v{number}" for number in range(10)])
    transactional = Producer(settings(transactional_id=NAME))
    transactional.init_transactions(TIMEOUT)
    transactional.begin_transaction()
    transactional.produce(NAME, "in a transaction")
    checks.equal("a transaction", transactional.commit_transaction(TIMEOUT), None)
    (deleted,) = admin.delete_topics([NAME]).values()
    checks.equal("delete the topic", deleted.result(TIMEOUT), None)


def the_wrong_ones(checks):
    refused = KafkaError(KafkaError._AUTHENTICATION).name()
    for what, config in (("a wrong password", settings(sasl_password="not it")),
                         ("an unknown user", settings(sasl_username="nobody-here"))):
        met = errors(config)
        checks.true(what, refused in met, met)
    open_protocol = "SSL" if CA_FILE else "PLAINTEXT"
    without = {key: value for key, value in settings(security_protocol=open_protocol).items() if "sasl" not in key}
    checks.true("no credentials at all", errors(without))
    if CA_FILE:
        checks.true("no encryption", errors(settings(security_protocol="SASL_PLAINTEXT")))
        stranger = {key: value for key, value in settings().items() if key != "ssl.ca.location"}
        checks.true("a certificate that nobody vouches for", errors(stranger))


print(f"# confluent-kafka with {MECHANISM}" + (" over TLS" if CA_FILE else ""))
checks = Checks()
for family in (the_right_user, the_wrong_ones):
    checks.family(family)
checks.finish()
