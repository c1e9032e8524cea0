"""Floods of HTTP/2 frames and slow requests from raw sockets at the running gateway. Meanwhile another client asks ten times a second and must be
answered, and the node's memory is read (BOLE_PID) before and after."""

import os
import socket
import struct
import threading
import time
import urllib.parse
import urllib.request

import hpack

from checks import Checks

GATEWAY = urllib.parse.urlsplit(os.environ["GATEWAY"])
PID = os.environ.get("BOLE_PID")
CONNECTIONS = 8
SECONDS = 4
# What a flood of eight connections may add, in MiB, of a node that has been asked before.
GROWTH_MAX = 64


def rss():
    with open(f"/proc/{PID}/status") as file:
        return next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmRSS"))


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def connect():
    sock = socket.create_connection((GATEWAY.hostname, GATEWAY.port), 10)
    sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))
    return sock


HEAD = hpack.Encoder().encode([(":method", "GET"), (":path", "/a"), (":scheme", "http"), (":authority", "a.example")])
POST = hpack.Encoder().encode([(":method", "POST"), (":path", "/a"), (":scheme", "http"), (":authority", "a.example")])


def rapid_reset(turn):
    """Streams that are opened and reset at once."""
    return b"".join(frame(1, 5, n, HEAD) + frame(3, 0, n, b"\0\0\0\x08") for n in range(turn * 200 + 1, turn * 200 + 201, 2))


def continuation(turn):
    """A head that never ends."""
    first = frame(1, 0, 1, HEAD) if turn == 0 else b""
    return first + frame(9, 0, 1, b"\x00\x01a\x7f\x00" + b"b" * 127 + b"") * 100


def empty_data(turn):
    """Pieces of a body with nothing in them."""
    first = frame(1, 4, 1, POST) if turn == 0 else b""
    return first + frame(0, 0, 1) * 1000


def settings(_):
    return frame(4, 0, 0, struct.pack(">HI", 3, 100)) * 1000


def pings(_):
    return frame(6, 0, 0, b"12345678") * 1000


def flood(make, ended):
    """Sends and reads nothing until the gateway ends the connection or the time is over; then connects anew."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        try:
            with connect() as sock:
                sock.settimeout(1)
                turn = 0
                while time.monotonic() < until:
                    sock.sendall(make(turn))
                    turn += 1
        except (ConnectionError, TimeoutError):
            ended.append(1)


def slowloris(ended):
    """Heads that come a byte a time, over two hundred connections, and are never whole."""
    socks = []
    for _ in range(200):
        sock = socket.create_connection((GATEWAY.hostname, GATEWAY.port), 10)
        sock.sendall(b"GET /a HTTP/1.1\r\nHost: a.example\r\nX-Slow: ")
        socks.append(sock)
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        for sock in socks:
            try:
                sock.sendall(b"a")
            except ConnectionError:
                ended.append(1)
        time.sleep(0.2)
    for sock in socks:
        sock.close()


def during(checks, name, threads):
    """Runs the threads while another client asks; what it waited for is printed."""
    before, waits, failed = rss() if PID else 0, [], 0
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        begin = time.monotonic()
        try:
            with urllib.request.urlopen(f"{GATEWAY.geturl()}/a", timeout=10) as answer:
                failed += answer.status != 200
        except OSError:
            failed += 1
        waits.append(time.monotonic() - begin)
        time.sleep(0.1)
    checks.equal(f"{name}: others are served ({len(waits)} requests, slowest {max(waits) * 1000:.0f} ms)", failed, 0)
    if PID:
        after = rss()
        checks.true(f"{name}: memory {before} MiB, then {after} MiB", after - before <= GROWTH_MAX, after - before)


def main():
    checks = Checks()
    # Threads, pools and buffers that any traffic brings are there before memory is compared.
    for _ in range(50):
        urllib.request.urlopen(f"{GATEWAY.geturl()}/blob", timeout=10).read()
    for make in (rapid_reset, continuation, empty_data, settings, pings):
        ended = []
        during(checks, make.__name__, [threading.Thread(target=flood, args=(make, ended)) for _ in range(CONNECTIONS)])
        print(f"{make.__name__}: {len(ended)} times a connection was ended or not read on")
    ended = []
    during(checks, "slowloris", [threading.Thread(target=slowloris, args=(ended,))])
    checks.finish()


main()
