"""confluent-kafka with its default settings against what Bole has beyond Kafka: appends that expect an offset.

    python confluent_extensions.py [FAMILY...]
"""

import sys
import threading

from confluent_kafka import TopicPartition

from checks import Checks
from confluent_world import TIMEOUT, consumer, name, payloads, produce, producer, read, topic

ROUNDS = 25


def expecting(offset, value=b"v"):
    return {"value": value, "headers": {"bole.expected.offset": b"%d" % offset}}


def expected_offsets(checks):
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        of = topic(conditional_append="true")
        sender = producer(compression_type=codec)
        checks.equal(f"{codec}: the next offset", produce(of, [expecting(0)], with_producer=sender), [(0, 0)])
        checks.equal(f"{codec}: one that is taken", produce(of, [expecting(0)], with_producer=sender), ["INVALID_RECORD"])
        checks.equal(f"{codec}: one that is not there yet", produce(of, [expecting(5)], with_producer=sender),
                     ["INVALID_RECORD"])
        checks.equal(f"{codec}: the one after", produce(of, [expecting(1)], with_producer=sender), [(0, 1)])
        checks.equal(f"{codec}: none expected", produce(of, [{"value": b"v"}], with_producer=sender), [(0, 2)])
    checks.equal("nothing of what was refused is there", len(read(of, 3)), 3)
    odd = {"value": b"v", "headers": {"bole.expected.offset": b"soon"}}
    checks.equal("no offset", produce(of, [odd]), ["INVALID_RECORD"])
    ordinary = topic()
    checks.equal("a topic that did not ask for it", produce(ordinary, [expecting(7)]), [(0, 0)])
    again = producer(enable_idempotence=True)
    checks.equal("an idempotent producer", produce(of, [expecting(3)], with_producer=again), [(0, 3)])
    checks.equal("… is refused as well", produce(of, [expecting(3)], with_producer=again), ["INVALID_RECORD"])
    checks.equal("… and goes on", produce(of, [expecting(4)], with_producer=again), [(0, 4)])


def transactions(checks):
    of = topic(conditional_append="true")
    sender = producer(transactional_id=name("id"))
    sender.init_transactions(TIMEOUT)
    sender.begin_transaction()
    checks.equal("in a transaction", produce(of, [expecting(0)], with_producer=sender), [(0, 0)])
    sender.commit_transaction(TIMEOUT)
    checks.equal("its marker takes an offset", produce(of, [expecting(1)]), ["INVALID_RECORD"])
    checks.equal("behind its marker", produce(of, [expecting(2)]), [(0, 2)])


def writers_that_compete(checks):
    of = topic(conditional_append="true")
    wrong = []

    def write(who):
        sender, looks = producer(), consumer()
        for number in range(ROUNDS):
            while True:
                _, end = looks.get_watermark_offsets(TopicPartition(of, 0), TIMEOUT)
                (report,) = produce(of, [expecting(end, b"%d-%d" % (who, number))], with_producer=sender)
                if report == (0, end):
                    break
                if report != "INVALID_RECORD":
                    wrong.append(report)
                    return
        looks.close()

    writers = [threading.Thread(target=write, args=(who,)) for who in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    checks.equal("who is refused looks again and gets in", wrong, [])
    got = payloads(read(of, 3 * ROUNDS))
    checks.equal("each record once", sorted(got), sorted(b"%d-%d" % (who, n) for who in range(3) for n in range(ROUNDS)))


checks = Checks()
for family in (expected_offsets, transactions, writers_that_compete):
    if len(sys.argv) == 1 or family.__name__ in sys.argv[1:]:
        checks.family(family)
checks.finish()
