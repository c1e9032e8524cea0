"""confluent-kafka against a node that asks who clients are: SASL over plain and TLS doors, certificates, tokens, rules, users and quotas.

BOLE_BINARY names the program. Starts nodes of its own in a temporary folder, on free ports of 127.0.0.1, and stops them. Needs openssl.
"""

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import wait

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AdminClient, AlterConfigOpType, ConfigEntry,
    ConfigResource, NewTopic, ResourcePatternType, ResourceType, ScramCredentialInfo, ScramMechanism,
    UserScramCredentialDeletion, UserScramCredentialUpsertion,
)

from checks import Checks


ISSUER, AUDIENCE = "https://issuer.example", "bole"
SECRET = "0123456789abcdef0123456789abcdef"


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_certificates(folder):
    def authority(name):
        openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}")

    def certificate(name, by, extension):
        openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/O=Example/CN={name}")
        path = os.path.join(folder, f"{name}.ext")
        with open(path, "w") as file:
            file.write(extension)
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{by}.pem", "-CAkey", f"{by}.key",
                "-CAcreateserial", "-days", "2", "-out", f"{name}.pem", "-extfile", f"{name}.ext")

    authority("ca")
    authority("other-ca")
    certificate("server", "ca", "subjectAltName=IP:127.0.0.1,DNS:localhost")
    certificate("cert-user", "ca", "extendedKeyUsage=clientAuth")
    certificate("stranger", "other-ca", "extendedKeyUsage=clientAuth")


class Node:
    """A node with a plain and a TLS door that lets nobody in without credentials."""

    def __init__(self, binary, folder, name, *settings):
        self.plain, self.tls = free_port(), free_port()
        self.keyspace = free_port()
        others = {"admin.listen": free_port(), "keyspace.listen": self.keyspace, "blobs.listen": free_port(), "schemas.listen": free_port(), "sql.listen": free_port(), "gateway.listen": free_port(), "dns.listen": free_port()}
        values = [f"{option}=127.0.0.1:{port}" for option, port in others.items()]
        values += [f"streams.listen=127.0.0.1:{self.plain}", f"streams.tls_listen=127.0.0.1:{self.tls}",
                   "streams.anonymous=off", f"tls.certificate={folder}/server.pem", f"tls.key={folder}/server.key",
                   "journal.segment_bytes=8MiB", "journal.bytes_max=64MiB", "checkpoint.bytes_max=16MiB",
                   "journal.reserve_bytes=0B", *settings]
        flags = [flag for value in values for flag in ("--set", value)]
        # Variables of the conformance run would be settings of the node.
        env = {name: value for name, value in os.environ.items() if not name.startswith("BOLE_")}
        self.log = open(os.path.join(folder, f"{name}.log"), "w")
        self.child = subprocess.Popen([binary, "serve", "--data", os.path.join(folder, name), *flags],
                                      stderr=self.log, stdout=self.log, env=env)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.child.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.plain), 1).close()
                socket.create_connection(("127.0.0.1", others["admin.listen"]), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        with open(self.log.name) as log:
            raise SystemExit(f"the node does not start:\n{log.read()[-2000:]}")

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(30)
        self.log.close()


def quiet(error):
    del error


def config(node, folder, user=None, password=None, mechanism="SCRAM-SHA-256", tls=False, **more):
    values = {"bootstrap.servers": f"127.0.0.1:{node.tls if tls else node.plain}", "error_cb": quiet,
              "log_level": 0, "socket.timeout.ms": 10000, "reconnect.backoff.max.ms": 500}
    protocol = "SSL" if tls else "PLAINTEXT"
    if user is not None:
        values |= {"sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password}
        protocol = f"SASL_{protocol}"
    if tls:
        values["ssl.ca.location"] = os.path.join(folder, "ca.pem")
    return values | {"security.protocol": protocol} | more


def connects(values, seconds=5):
    """`yes`, or what the client says against it."""
    said = []
    admin = AdminClient(values | {"error_cb": lambda error: said.append(error.name())})
    try:
        admin.list_topics(timeout=seconds)
        return "yes"
    except KafkaException as error:
        admin.poll(0.2)
        return said[0] if said else error.args[0].name()


def result(future):
    """`ok`, or the name of the error."""
    try:
        future.result(20)
        return "ok"
    except KafkaException as error:
        return error.args[0].name()


def results(futures):
    wait(futures.values(), 20)
    return [result(future) for future in futures.values()]


def produce(values, topic, count=1, size=10):
    """The names of the errors that the records met."""
    said = []
    producer = Producer(values | {"message.timeout.ms": 20000})
    for _ in range(count):
        producer.produce(topic, b"x" * size, on_delivery=lambda error, _: said.append(error.name() if error else "ok"))
        producer.poll(0)
    producer.flush(30)
    return sorted(set(said))


def consume(values, topic, group, count=1):
    """How many records came, or the name of the error."""
    consumer = Consumer(values | {"group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    came, deadline = 0, time.monotonic() + 20
    try:
        while came < count and time.monotonic() < deadline:
            message = consumer.poll(0.5)
            if message is not None:
                if message.error():
                    return message.error().name()
                came += 1
        return came
    finally:
        consumer.close()


def test_mechanisms(checks, node, folder):
    for tls in (False, True):
        for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
            name = f"{mechanism} over {'TLS' if tls else 'plain'}"
            right = config(node, folder, "bole", "bolebole", mechanism, tls)
            checks.equal(f"{name}: right", connects(right), "yes")
            checks.equal(f"{name}: wrong password", connects(right | {"sasl.password": "wrong"}), "_AUTHENTICATION")
            checks.equal(f"{name}: nobody", connects(right | {"sasl.username": "nobody"}), "_AUTHENTICATION")
    checks.equal("GSSAPI is not offered", handshake(node.plain, "GSSAPI"), (33, ["PLAIN", "SCRAM-SHA-256",
                                                                                 "SCRAM-SHA-512", "OAUTHBEARER"]))
    checks.equal("version 0 is refused", handshake(node.plain, "PLAIN", version=0)[0], 35)
    checks.equal("no credentials", connects(config(node, folder), 3) == "yes", False)


def exchange(connection, key, version, body):
    frame = struct.pack(">hhih", key, version, 7, -1) + body
    connection.sendall(struct.pack(">i", len(frame)) + frame)
    return read(connection)


def read(connection):
    """The body of a response; `None` when the connection ends."""
    data = b""
    while len(data) < 4 or len(data) < 4 + struct.unpack(">i", data[:4])[0]:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    return data[8:]


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


def handshake(port, mechanism, version=1, connection=None):
    with connection or socket.create_connection(("127.0.0.1", port), 10) as connection:
        body = exchange(connection, 17, version, text(mechanism))
        return parse_handshake(body)


def parse_handshake(body):
    code, count = struct.unpack(">hi", body[:6])
    names, at = [], 6
    for _ in range(count):
        length = struct.unpack(">h", body[at:at + 2])[0]
        names.append(body[at + 2:at + 2 + length].decode())
        at += 2 + length
    return code, names


def authenticate(connection, message):
    body = exchange(connection, 36, 0, struct.pack(">i", len(message)) + message)
    return struct.unpack(">h", body[:2])[0]


def test_states(checks, node):
    """What no good client does, byte by byte."""
    def fresh():
        connection = socket.create_connection(("127.0.0.1", node.plain), 10)
        connection.settimeout(10)
        return connection

    with fresh() as connection:
        checks.equal("Metadata before authentication ends the connection",
                     exchange(connection, 3, 1, struct.pack(">i", -1)), None)
    with fresh() as connection:
        checks.equal("SaslAuthenticate before SaslHandshake", authenticate(connection, b"\0a\0b"), 34)
        checks.equal("… and the connection ends", read(connection), None)
    with fresh() as connection:
        exchange(connection, 17, 1, text("PLAIN"))
        checks.equal("a request within an exchange ends the connection",
                     exchange(connection, 3, 1, struct.pack(">i", -1)), None)
    with fresh() as connection:
        exchange(connection, 17, 1, text("PLAIN"))
        checks.equal("a wrong password", authenticate(connection, b"\0bole\0wrong"), 58)
        checks.equal("… ends the connection", read(connection), None)
    with fresh() as connection:
        exchange(connection, 17, 1, text("PLAIN"))
        checks.equal("acting as another", authenticate(connection, b"root\0bole\0bolebole"), 58)
    with fresh() as connection:
        exchange(connection, 17, 1, text("PLAIN"))
        checks.equal("authentication", authenticate(connection, b"\0bole\0bolebole"), 0)
        checks.true("a request after it", exchange(connection, 3, 1, struct.pack(">i", -1)) is not None)
        exchange(connection, 17, 1, text("PLAIN"))
        checks.equal("authentication again", authenticate(connection, b"\0bole\0bolebole"), 0)
        checks.equal("by another mechanism",
                     parse_handshake(exchange(connection, 17, 1, text("SCRAM-SHA-256")))[0], 34)
    answers = []
    for user in ("bole", "nobody", "nobody"):
        with fresh() as connection:
            exchange(connection, 17, 1, text("SCRAM-SHA-256"))
            first = f"n,,n={user},r=abc".encode()
            body = exchange(connection, 36, 0, struct.pack(">i", len(first)) + first)
            code, length = struct.unpack(">hh", body[:4])
            said = dict(part.split("=", 1) for part in body[8:].decode().split(","))
            last = f"c=biws,r={said['r']},p={base64.b64encode(b'0' * 32).decode()}".encode()
            answers.append((code, length, said["i"], len(said["s"]), authenticate(connection, last), said["s"]))
    checks.equal("SCRAM does not tell who exists", answers[0][:5], answers[1][:5])
    checks.equal("… and always has the same salt", answers[1], answers[2])


def test_users(checks, node, folder, admin):
    def upsert(user, mechanism, password, iterations=4096):
        info = ScramCredentialInfo(mechanism, iterations)
        change = UserScramCredentialUpsertion(user, info, password.encode())
        return results(admin.alter_user_scram_credentials([change]))

    for mechanism, name in ((ScramMechanism.SCRAM_SHA_256, "SCRAM-SHA-256"),
                            (ScramMechanism.SCRAM_SHA_512, "SCRAM-SHA-512")):
        checks.equal(f"{name}: a user is made", upsert("ann", mechanism, "pencil", 8192), ["ok"])
        checks.equal(f"{name}: … and comes in", connects(config(node, folder, "ann", "pencil", name)), "yes")
    checks.equal("… by PLAIN too", connects(config(node, folder, "ann", "pencil", "PLAIN")), "yes")
    described = admin.describe_user_scram_credentials(["ann"])["ann"].result(20)
    checks.equal("users are described", sorted((str(info.mechanism), info.iterations)
                                               for info in described.scram_credential_infos),
                 [("ScramMechanism.SCRAM_SHA_256", 8192), ("ScramMechanism.SCRAM_SHA_512", 8192)])
    checks.equal("nobody is described", results(admin.describe_user_scram_credentials(["nobody"])),
                 ["RESOURCE_NOT_FOUND"])
    checks.equal("too few iterations", upsert("ann", ScramMechanism.SCRAM_SHA_256, "x", 1000),
                 ["UNACCEPTABLE_CREDENTIAL"])
    delete = UserScramCredentialDeletion("ann", ScramMechanism.SCRAM_SHA_512)
    checks.equal("a credential is deleted", results(admin.alter_user_scram_credentials([delete])), ["ok"])
    checks.equal("… and is gone", connects(config(node, folder, "ann", "pencil", "SCRAM-SHA-512")),
                 "_AUTHENTICATION")
    checks.equal("… twice", results(admin.alter_user_scram_credentials([delete])), ["RESOURCE_NOT_FOUND"])


def acl(kind, name, pattern, principal, operation, permission=AclPermissionType.ALLOW, host="*"):
    return AclBinding(kind, name, pattern, principal, host, operation, permission)


def test_rules(checks, node, folder, admin):
    literal, prefixed = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED
    ann = config(node, folder, "ann", "pencil")
    fast = ann | {"enable.idempotence": False}
    checks.equal("topics are made", results(admin.create_topics(
        [NewTopic(name, 1) for name in ("orders", "log-a", "log-secret", "other")])), ["ok"] * 4)
    checks.equal("who has no rule sees no topic", sorted(AdminClient(ann).list_topics(timeout=10).topics), [])
    checks.equal("… and writes nowhere", produce(fast, "orders"), ["TOPIC_AUTHORIZATION_FAILED"])
    checks.equal("… whether it exists or not", produce(fast, "no-such"), ["TOPIC_AUTHORIZATION_FAILED"])
    # An admin client that nobody holds is gone before its answers are here.
    stranger = AdminClient(ann)
    checks.equal("… and makes none", results(stranger.create_topics([NewTopic("x", 1)])),
                 ["TOPIC_AUTHORIZATION_FAILED"])
    checks.equal("… and sees no rule", stranger.describe_acls(any_acl()).result(20), [])
    checks.equal("… because it is refused", described_rules_code(node, "ann", "pencil"), 31)
    rules = [
        acl(ResourceType.TOPIC, "orders", literal, "User:ann", AclOperation.READ),
        acl(ResourceType.TOPIC, "orders", literal, "User:ann", AclOperation.WRITE),
        acl(ResourceType.TOPIC, "log-", prefixed, "User:ann", AclOperation.ALL),
        acl(ResourceType.TOPIC, "log-secret", literal, "User:*", AclOperation.WRITE, AclPermissionType.DENY),
        acl(ResourceType.GROUP, "*", literal, "User:ann", AclOperation.READ),
        acl(ResourceType.TOPIC, "orders", literal, "User:cert-user", AclOperation.WRITE),
        acl(ResourceType.TOPIC, "orders", literal, "User:token-user", AclOperation.WRITE),
    ]
    checks.equal("rules are made", results(admin.create_acls(rules)), ["ok"] * len(rules))
    checks.equal("… and described as they were made", sorted(map(str, admin.describe_acls(any_acl()).result(20))),
                 sorted(map(str, rules)))
    elsewhere = acl(ResourceType.TOPIC, "orders", literal, "User:ann", AclOperation.READ, host="10.0.0.1")
    checks.equal("rules for hosts are refused", results(admin.create_acls([elsewhere])), ["INVALID_REQUEST"])
    checks.equal("who has a rule sees its topics", sorted(AdminClient(ann).list_topics(timeout=10).topics),
                 ["log-a", "log-secret", "orders"])
    checks.equal("… and writes", produce(ann, "orders", 3), ["ok"])
    checks.equal("… by a prefix", produce(ann, "log-a"), ["ok"])
    checks.equal("… but not where a rule denies it", produce(ann, "log-secret"), ["TOPIC_AUTHORIZATION_FAILED"])
    checks.equal("… which holds for administrators", produce(config(node, folder, "bole", "bolebole"), "log-secret"),
                 ["TOPIC_AUTHORIZATION_FAILED"])
    checks.equal("… and reads", consume(ann, "orders", "g", 3), 3)
    only = AclBindingFilter(ResourceType.TOPIC, "orders", literal, "User:ann", None, AclOperation.ANY,
                            AclPermissionType.ANY)
    removed = admin.delete_acls([only])[only].result(20)
    checks.equal("rules are removed", sorted(map(str, removed)), sorted(map(str, rules[:2])))
    checks.equal("… and hold no longer", produce(fast, "orders"), ["TOPIC_AUTHORIZATION_FAILED"])
    checks.equal("… others do", len(admin.describe_acls(any_acl()).result(20)), len(rules) - 2)
    checks.equal("rules come back", results(admin.create_acls(rules[:2])), ["ok"] * 2)


def test_feeds(checks, node, folder, admin):
    """Who may read all topics does not read the databases thereby."""
    with socket.create_connection(("127.0.0.1", node.keyspace), 10) as connection:
        connection.sendall(b"SET key value\r\n")
        checks.equal("a database is changed", connection.recv(100), b"+OK\r\n")
    rule = acl(ResourceType.TOPIC, "*", ResourcePatternType.LITERAL, "User:ann", AclOperation.READ)
    checks.equal("a rule for all topics", results(admin.create_acls([rule])), ["ok"])
    ann, administrator = config(node, folder, "ann", "pencil"), config(node, folder, "bole", "bolebole")
    checks.equal("… holds for topics", consume(ann, "orders", "all", 3), 3)
    checks.equal("… and shows that there are feeds", "changes.keyspace.0" in AdminClient(ann).list_topics(timeout=10).topics, True)
    checks.equal("… and not what they tell", consume(ann, "changes.keyspace.0", "all"), "TOPIC_AUTHORIZATION_FAILED")
    checks.equal("who may read the database reads its feed", consume(administrator, "changes.keyspace.0", "feed"), 1)
    this = AclBindingFilter(ResourceType.TOPIC, "*", ResourcePatternType.LITERAL, "User:ann", None, AclOperation.ANY,
                            AclPermissionType.ANY)
    checks.equal("the rule is removed", len(admin.delete_acls([this])[this].result(20)), 1)


def described_rules_code(node, user, password):
    """The code in the answer to DescribeAcls, which the client does not tell."""
    with socket.create_connection(("127.0.0.1", node.plain), 10) as connection:
        exchange(connection, 17, 1, text("PLAIN"))
        authenticate(connection, f"\0{user}\0{password}".encode())
        everything = struct.pack(">bhbhhbb", 1, -1, 1, -1, -1, 1, 1)
        return struct.unpack(">h", exchange(connection, 29, 1, everything)[4:6])[0]


def any_acl():
    return AclBindingFilter(ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY,
                            AclPermissionType.ANY)


def test_configs(checks, admin):
    def topic(**values):
        resource = ConfigResource(ResourceType.TOPIC, "orders")
        for key, (value, operation) in values.items():
            resource.add_incremental_config(ConfigEntry(key.replace("_", "."), value, incremental_operation=operation))
        return results(admin.incremental_alter_configs([resource]))

    def values():
        described = admin.describe_configs([ConfigResource(ResourceType.TOPIC, "orders")])
        return {name: entry.value for name, entry in next(iter(described.values())).result(20).items()}

    checks.equal("set", topic(retention_ms=("5000", AlterConfigOpType.SET)), ["ok"])
    checks.equal("append", topic(cleanup_policy=("compact", AlterConfigOpType.APPEND)), ["ok"])
    after = values()
    checks.equal("… both hold", (after["retention.ms"], after["cleanup.policy"]), ("5000", "delete,compact"))
    checks.equal("subtract", topic(cleanup_policy=("compact", AlterConfigOpType.SUBTRACT)), ["ok"])
    checks.equal("delete", topic(retention_ms=(None, AlterConfigOpType.DELETE)), ["ok"])
    after = values()
    checks.equal("… both hold", (after["retention.ms"], after["cleanup.policy"]), ("604800000", "delete"))
    checks.equal("what has no effect is refused", topic(flush_ms=("1", AlterConfigOpType.SET)), ["INVALID_CONFIG"])
    resource = ConfigResource(ResourceType.BROKER, "1")
    resource.add_incremental_config(ConfigEntry("num.partitions", "3", incremental_operation=AlterConfigOpType.SET))
    checks.equal("the broker has none to change", results(admin.incremental_alter_configs([resource])),
                 ["POLICY_VIOLATION"])


def test_certificates(checks, node, folder):
    def with_certificate(name):
        more = {"ssl.certificate.location": f"{folder}/{name}.pem", "ssl.key.location": f"{folder}/{name}.key"}
        return config(node, folder, tls=True) | more

    checks.equal("no certificate", connects(config(node, folder, tls=True), 3) == "yes", False)
    checks.equal("a stranger's", connects(with_certificate("stranger"), 3) == "yes", False)
    mine = with_certificate("cert-user")
    checks.equal("a good one", connects(mine), "yes")
    checks.equal("… is its owner: what it may", produce(mine | {"enable.idempotence": False}, "orders"), ["ok"])
    checks.equal("… and what not", produce(mine | {"enable.idempotence": False}, "other"),
                 ["TOPIC_AUTHORIZATION_FAILED"])
    said = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{node.tls}", "-CAfile", f"{folder}/ca.pem",
                           "-cert", f"{folder}/cert-user.pem", "-key", f"{folder}/cert-user.key", "-verify_return_error"],
                          input=b"", capture_output=True, timeout=20)
    checks.true("openssl agrees that it is TLS", b"Verify return code: 0 (ok)" in said.stdout, said.stdout[-300:])


def part(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**change):
    return {"iss": ISSUER, "aud": AUDIENCE, "sub": "token-user", "exp": time.time() + 600} | change


def hs256(payload, secret=SECRET):
    signed = f"{part({'alg': 'HS256'})}.{part(payload)}"
    return f"{signed}.{part(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())}"


def rs256(folder, payload):
    signed = f"{part({'alg': 'RS256', 'kid': 'rsa'})}.{part(payload)}"
    proof = subprocess.run(["openssl", "dgst", "-sha256", "-sign", f"{folder}/rsa.key"], input=signed.encode(),
                           check=True, capture_output=True).stdout
    return f"{signed}.{part(proof)}"


def make_keys(folder):
    openssl(folder, "genrsa", "-out", "rsa.key", "2048")
    modulus = subprocess.run(["openssl", "rsa", "-in", f"{folder}/rsa.key", "-modulus", "-noout"], check=True,
                             capture_output=True).stdout.decode().strip().split("=")[1]
    key = {"kty": "RSA", "kid": "rsa", "use": "sig", "n": part(bytes.fromhex(modulus)), "e": "AQAB"}
    with open(os.path.join(folder, "jwks.json"), "w") as file:
        json.dump({"keys": [key]}, file)
    with open(os.path.join(folder, "secret"), "w") as file:
        file.write(SECRET)


def test_tokens(checks, node, folder):
    def bearer(token, lifetime=600):
        values = config(node, folder)
        return values | {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER",
                         "oauth_cb": lambda _: (token() if callable(token) else token, time.time() + lifetime),
                         "enable.idempotence": False}

    def accepted(token):
        with socket.create_connection(("127.0.0.1", node.plain), 10) as connection:
            exchange(connection, 17, 1, text("OAUTHBEARER"))
            return authenticate(connection, f"n,,\x01auth=Bearer {token}\x01\x01".encode())

    none = f"{part({'alg': 'none'})}.{part(claims())}."
    with open(os.path.join(folder, "jwks.json")) as file:
        public = file.read()
    for name, token, expected in (
        ("RS256 by a key of the issuer", rs256(folder, claims()), 0),
        ("HS256 by the secret", hs256(claims()), 0),
        ("alg none", none, 58),
        ("HS256 by the public key", hs256(claims(), public), 58),
        ("another secret", hs256(claims(), "x" * 32), 58),
        ("expired", rs256(folder, claims(exp=time.time() - 60)), 58),
        ("another audience", rs256(folder, claims(aud="x")), 58),
        ("another issuer", rs256(folder, claims(iss="x")), 58),
    ):
        checks.equal(f"token: {name}", accepted(token), expected)
    checks.equal("a client with a token writes", produce(bearer(lambda: rs256(folder, claims())), "orders"), ["ok"])
    checks.equal("… where it may", produce(bearer(lambda: rs256(folder, claims())), "other"),
                 ["TOPIC_AUTHORIZATION_FAILED"])
    with socket.create_connection(("127.0.0.1", node.plain), 10) as connection:
        exchange(connection, 17, 1, text("OAUTHBEARER"))
        short = rs256(folder, claims(exp=time.time() + 2))
        message = f"n,,\x01auth=Bearer {short}\x01\x01".encode()
        body = exchange(connection, 36, 1, struct.pack(">i", len(message)) + message)
        lifetime = struct.unpack(">q", body[-8:])[0]
        checks.true("a session lives as long as its token", 0 < lifetime <= 2000, lifetime)
        metadata = struct.pack(">i", 0)
        checks.true("… and serves until then", exchange(connection, 3, 1, metadata) is not None)
        checks.eventually("… and not after", lambda: exchange(connection, 3, 1, metadata) is None)


def quota(node, folder, entity, key, value):
    """AlterClientQuotas by hand: the client has no call for it."""
    with socket.create_connection(("127.0.0.1", node.plain), 10) as connection:
        exchange(connection, 17, 1, text("PLAIN"))
        authenticate(connection, b"\0bole\0bolebole")
        named = b"".join(text(kind) + (struct.pack(">h", -1) if name is None else text(name)) for kind, name in entity)
        body = struct.pack(">i", 1) + struct.pack(">i", len(entity)) + named
        body += struct.pack(">i", 1) + text(key) + struct.pack(">d", value or 0.0) + struct.pack(">b", value is None)
        body += b"\0"
        answer = exchange(connection, 49, 0, body)
        return struct.unpack(">h", answer[8:10])[0]


def test_quotas(checks, node, folder):
    ann = config(node, folder, "ann", "pencil", **{"client.id": "app", "linger.ms": 0, "batch.size": 20000})
    checks.equal("quotas that are not enforced are refused",
                 quota(node, folder, [("user", "ann")], "connection_creation_rate", 1.0), 40)
    checks.equal("… and so are those of addresses", quota(node, folder, [("ip", "127.0.0.1")], "producer_byte_rate", 1.0), 42)
    checks.equal("a quota is set", quota(node, folder, [("user", "ann")], "producer_byte_rate", 100000.0), 0)
    began = time.monotonic()
    checks.equal("records arrive all the same", produce(ann, "orders", 40, 10000), ["ok"])
    took = time.monotonic() - began
    # 400 kB at 100 kB/s, of which one second's worth is free, and the last reply is not waited for.
    checks.true("… at the quota's rate", 2.0 < took < 6.0, took)
    checks.equal("the quota is removed", quota(node, folder, [("user", "ann")], "producer_byte_rate", None), 0)
    began = time.monotonic()
    produce(ann, "orders", 40, 10000)
    checks.true("… and nobody waits", time.monotonic() - began < 2.0, time.monotonic() - began)
    checks.equal("a quota for readers", quota(node, folder, [("user", None)], "consumer_byte_rate", 200000.0), 0)
    began = time.monotonic()
    checks.equal("… lets them read", consume(ann | {"fetch.message.max.bytes": 50000}, "orders", "slow", 80) > 70, True)
    checks.true("… slowly", time.monotonic() - began > 1.5, time.monotonic() - began)
    checks.equal("… until it goes", quota(node, folder, [("user", None)], "consumer_byte_rate", None), 0)


def main():
    checks, binary = Checks(), os.path.abspath(os.environ["BOLE_BINARY"])
    with tempfile.TemporaryDirectory() as folder:
        make_certificates(folder)
        make_keys(folder)
        oauth = ["streams.sasl_mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
                 f"streams.oauth_issuer={ISSUER}", f"streams.oauth_audience={AUDIENCE}",
                 f"streams.oauth_jwks={folder}/jwks.json", f"streams.oauth_secret_file={folder}/secret"]
        node = Node(binary, folder, "node", "streams.feeds=0", *oauth)
        try:
            admin = AdminClient(config(node, folder, "bole", "bolebole"))
            for family, arguments in ((test_mechanisms, (node, folder)), (test_states, (node,)),
                                      (test_users, (node, folder, admin)), (test_rules, (node, folder, admin)),
                                      (test_feeds, (node, folder, admin)), (test_configs, (admin,)), (test_tokens, (node, folder)),
                                      (test_quotas, (node, folder))):
                checks.family(family, *arguments)
        finally:
            node.stop()
        # The same data, with a door that asks for certificates.
        node = Node(binary, folder, "node", f"tls.client_ca={folder}/ca.pem")
        try:
            checks.family(test_certificates, node, folder)
            admin = AdminClient(config(node, folder, "bole", "bolebole"))
            checks.equal("rules survive a restart", len(admin.describe_acls(any_acl()).result(20)), 7)
        finally:
            node.stop()
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
