"""confluent-kafka with its default settings against what Bole has beyond Kafka: appends that expect an offset, and retry, delay and
dead letters of share groups.

    python confluent_extensions.py [FAMILY...]
"""

import sys
import threading
import time

from confluent_kafka import AcknowledgeType, TopicPartition

from checks import Checks
from confluent_transactions import share_group, share_until
from confluent_world import TIMEOUT, code, consumer, name, payloads, produce, producer, read, read_to_end, topic, values

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


def dead_letters(checks):
    dead, group = topic(prefix="dead"), name("share")
    of = topic(share_dead_letter_topic=dead, share_delivery_count_limit=2)
    headers = [("own", b"1"), ("own", None)]
    produce(of, [{"key": b"k", "value": value, "headers": headers} for value in (b"bad", b"good", b"hopeless")])
    reader, _ = share_group(of, group, share_acknowledgement_mode="explicit")
    kinds = {b"bad": AcknowledgeType.REJECT, b"good": AcknowledgeType.ACCEPT, b"hopeless": AcknowledgeType.RELEASE}
    decide = lambda reader, message: reader.acknowledge(message, kinds[message.value()])
    got = share_until([reader], lambda got: len(got) >= 3, decide)
    reader.commit_sync(TIMEOUT)
    checks.equal("each record once", sorted(payloads(got)), [b"bad", b"good", b"hopeless"])
    again = share_until([reader], len, decide)
    reader.commit_sync(TIMEOUT)
    checks.equal("what was released comes again", payloads(again), [b"hopeless"])
    checks.becomes("both that were given up are letters", lambda: sorted(payloads(letters(dead))), [b"bad", b"hopeless"])
    told = {letter.value(): letter.headers() for letter in letters(dead)}
    checks.equal("their own headers come first", [each[:2] for each in told.values()], [headers, headers])
    checks.equal("where it was and why it is here", told[b"bad"][2:], about(of, group, 0, 1, "Offset rejected by client."))
    checks.equal("the same of what came too often", told[b"hopeless"][2:],
                 about(of, group, 2, 2, "Offset delivery count exceeded the threshold."))
    checks.equal("the key", {letter.key() for letter in letters(dead)}, {b"k"})
    reader.close()
    checks.equal("a name that no topic has", code(lambda: topic(share_dead_letter_topic="a/b")), "INVALID_CONFIG")
    checks.equal("no deliveries at all", code(lambda: topic(share_delivery_count_limit=0)), "INVALID_CONFIG")


def letters(dead):
    return read_to_end(dead)[0]


def about(of, group, offset, count, message):
    told = {"topic": of, "partition": 0, "offset": offset, "group": group, "delivery.count": count, "message": message}
    return [(f"__dlq.errors.{key}", str(value).encode()) for key, value in told.items()]


def retry_and_delay(checks):
    of = topic(share_retry_backoff_ms=700)
    produce(of, values(1))
    reader, _ = share_group(of, share_acknowledgement_mode="explicit")
    waits, since = [], time.monotonic()
    for _ in range(3):
        share_until([reader], len, lambda reader, message: reader.acknowledge(message, AcknowledgeType.RELEASE))
        waits.append(time.monotonic() - since)
        since = time.monotonic()
        reader.commit_sync(TIMEOUT)
    checks.true("each wait is twice as long as the one before", waits[1] >= 0.7 and waits[2] >= 1.4, waits)
    reader.close()
    of = topic(share_delivery_delay_max_ms=60_000)
    reader, _ = share_group(of)
    since = time.monotonic()
    produce(of, [{"value": b"late", "headers": {"bole.delivery.delay.ms": b"1500"}}, {"value": b"soon"}])
    got = share_until([reader], lambda got: len(got) >= 2)
    checks.equal("a record that asks for a delay comes later", payloads(got), [b"soon", b"late"])
    checks.true("not before its time", time.monotonic() - since >= 1.5, time.monotonic() - since)
    reader.close()


checks = Checks()
for family in (expected_offsets, transactions, writers_that_compete, dead_letters, retry_and_delay):
    if len(sys.argv) == 1 or family.__name__ in sys.argv[1:]:
        checks.family(family)
checks.finish()
