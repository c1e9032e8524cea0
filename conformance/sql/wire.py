"""A small client of PostgreSQL's protocol, version 3, on the standard library: simple queries, pipelined, values as text.

The runners use it rather than a driver, because they compare what is on the wire: bytes of values, type OIDs, fields of
errors. Passwords by SCRAM-SHA-256; no TLS.
"""

import base64
import hashlib
import hmac
import os
import socket
import struct
import urllib.parse

PROTOCOL = 196608


class Closed(Exception):
    """The server ended the connection."""


class Result:
    """What one statement gave: columns as (name, oid), rows as lists of bytes or None, the tag, or the error's fields."""

    __slots__ = ("columns", "rows", "tag", "error", "notices")

    def __init__(self):
        self.columns, self.rows, self.tag, self.error, self.notices = None, [], None, None, []

    @property
    def code(self):
        """The SQLSTATE, or None where nothing failed."""
        return self.error["C"] if self.error else None

    def texts(self):
        return [[None if value is None else value.decode("utf-8", "replace") for value in row] for row in self.rows]


class Connection:
    """One session. `url` is postgres://USER:PASSWORD@HOST:PORT/DATABASE."""

    def __init__(self, url, timeout=60.0, options=None):
        parts = urllib.parse.urlsplit(url)
        self.user, self.password = parts.username or "bole", parts.password or ""
        self.socket = socket.create_connection((parts.hostname, parts.port or 5432), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb", buffering=1 << 16)
        self.parameters, self.key = {}, None
        settings = {"user": self.user, "database": parts.path.lstrip("/") or self.user, "client_encoding": "UTF8"}
        settings.update(options or {})
        text = b"".join(k.encode() + b"\0" + v.encode() + b"\0" for k, v in settings.items()) + b"\0"
        self.socket.sendall(struct.pack("!II", len(text) + 8, PROTOCOL) + text)
        self._log_in()

    def close(self):
        try:
            self.socket.sendall(b"X\0\0\0\x04")
        except OSError:
            pass
        self.stream.close()
        self.socket.close()

    def run(self, sql):
        """One simple query; the result of its last statement, or its error."""
        return self.pipeline([sql])[0]

    def pipeline(self, statements):
        """Sends all, then reads all: one result each. Few at a time, so that neither side's buffer fills."""
        self.socket.sendall(b"".join(self._query(sql) for sql in statements))
        return [self._result() for _ in statements]

    @staticmethod
    def _query(sql):
        text = sql.encode() + b"\0"
        return b"Q" + struct.pack("!I", len(text) + 4) + text

    def _message(self):
        head = self.stream.read(5)
        if len(head) < 5:
            raise Closed("the server ended the connection")
        length = struct.unpack_from("!I", head, 1)[0] - 4
        body = self.stream.read(length)
        if len(body) < length:
            raise Closed("the server ended the connection within a message")
        return head[:1], body

    def _result(self):
        result = Result()
        while True:
            kind, body = self._message()
            if kind == b"D":
                result.rows.append(row_of(body))
            elif kind == b"T":
                result.columns, result.rows = columns_of(body), []
            elif kind == b"C":
                result.tag = body[:-1].decode()
            elif kind == b"E":
                result.error = fields_of(body)
            elif kind == b"N":
                result.notices.append(fields_of(body))
            elif kind == b"S":
                self._parameter(body)
            elif kind == b"G":
                self.socket.sendall(b"f\0\0\0\x0fno data\0")
            elif kind == b"Z":
                return result

    def _parameter(self, body):
        name, value = body[:-1].split(b"\0")
        self.parameters[name.decode()] = value.decode()

    def _log_in(self):
        while True:
            kind, body = self._message()
            if kind == b"R":
                self._authenticate(struct.unpack_from("!I", body)[0], body[4:])
            elif kind == b"S":
                self._parameter(body)
            elif kind == b"K":
                self.key = body
            elif kind == b"E":
                fields = fields_of(body)
                raise ConnectionError(f"{fields['C']} {fields['M']}")
            elif kind == b"Z":
                return

    def _authenticate(self, what, data):
        if what == 0 or what == 12:
            return
        if what == 10:
            self.nonce = base64.b64encode(os.urandom(18)).decode()
            first = f"n,,n=,r={self.nonce}".encode()
            self._password(b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first)
        elif what == 11:
            self._password(self._proof(data.decode()))
        elif what == 3:
            self._password(self.password.encode() + b"\0")
        else:
            raise ConnectionError(f"the server asks for authentication {what}")

    def _password(self, body):
        self.socket.sendall(b"p" + struct.pack("!I", len(body) + 4) + body)

    def _proof(self, challenge):
        fields = dict(part.split("=", 1) for part in challenge.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        final = f"c=biws,r={fields['r']}"
        message = f"n=,r={self.nonce},{challenge},{final}".encode()
        signature = hmac.digest(hashlib.sha256(key).digest(), message, "sha256")
        proof = bytes(a ^ b for a, b in zip(key, signature))
        return f"{final},p={base64.b64encode(proof).decode()}".encode()


def row_of(body):
    count, at, row = struct.unpack_from("!H", body)[0], 2, []
    for _ in range(count):
        length = struct.unpack_from("!i", body, at)[0]
        at += 4
        row.append(None if length < 0 else body[at:at + length])
        at += max(length, 0)
    return row


def columns_of(body):
    count, at, columns = struct.unpack_from("!H", body)[0], 2, []
    for _ in range(count):
        end = body.index(b"\0", at)
        columns.append((body[at:end].decode(), struct.unpack_from("!I", body, end + 7)[0]))
        at = end + 19
    return columns


def fields_of(body):
    return {part[:1].decode(): part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
