"""Strings: reading, writing, counting, SET's options, bytes of any value and of any size."""

import os

import redis


def plain(t, r, connect):
    t.equal("ping", r.ping(), True)
    t.equal("set", r.set("s:a", "1"), True)
    t.equal("get", r.get("s:a"), b"1")
    t.equal("get of a missing key", r.get("s:none"), None)
    t.equal("mset", r.mset({"s:b": "2", "s:c": "3"}), True)
    t.equal("mget", r.mget("s:a", "s:none", "s:c"), [b"1", None, b"3"])
    t.equal("msetnx on an existing key", r.msetnx({"s:a": "x", "s:new": "y"}), False)
    t.equal("msetnx wrote nothing", r.exists("s:new"), 0)
    t.equal("append", r.append("s:a", "23"), 3)
    t.equal("strlen", r.strlen("s:a"), 3)
    t.equal("getrange", r.getrange("s:a", -2, -1), b"23")
    t.equal("setrange pads with zeros", r.setrange("s:padded", 3, "x"), 4)
    t.equal("setrange left", r.get("s:padded"), b"\0\0\0x")
    t.equal("getset", r.getset("s:a", "new"), b"123")
    t.equal("getdel", r.getdel("s:a"), b"new")
    t.equal("getdel removed the key", r.exists("s:a"), 0)
    r.mset({"s:x": "ohmytext", "s:y": "mynewtext"})
    t.equal("lcs", r.lcs("s:x", "s:y"), b"mytext")
    t.equal("lcs len", r.lcs("s:x", "s:y", len=True), 6)
    decoded = connect(decode_responses=True)
    t.equal("decode_responses", decoded.get("s:b"), "2")
    decoded.close()


def numbers(t, r, _):
    t.equal("incr", r.incr("n:a"), 1)
    t.equal("incrby", r.incrby("n:a", 41), 42)
    t.equal("decr", r.decr("n:a"), 41)
    t.equal("decrby", r.decrby("n:a", 50), -9)
    t.equal("incrbyfloat", r.incrbyfloat("n:f", 0.1), 0.1)
    t.equal("incrbyfloat adds", r.incrbyfloat("n:f", 0.2), 0.3)
    r.set("n:max", 2**63 - 1)
    error = redis.ResponseError
    t.raises("incr overflows", error, "increment or decrement would overflow", lambda: r.incr("n:max"))
    r.set("n:text", "abc")
    t.raises("incr of text", error, "value is not an integer or out of range", lambda: r.incr("n:text"))
    t.raises("incrbyfloat of text", error, "value is not a valid float", lambda: r.incrbyfloat("n:text", 1))


def set_options(t, r, _):
    t.equal("set nx", r.set("o:a", "1", nx=True), True)
    t.equal("set nx on an existing key", r.set("o:a", "2", nx=True), None)
    t.equal("set xx on a missing key", r.set("o:none", "2", xx=True), None)
    t.equal("set get", r.set("o:a", "3", get=True), b"1")
    t.equal("set ex", r.set("o:a", "4", ex=100), True)
    t.among("set ex left a deadline", r.ttl("o:a"), (99, 100))
    t.equal("set keepttl", r.set("o:a", "5", keepttl=True), True)
    t.among("set keepttl kept it", r.ttl("o:a"), (99, 100))
    t.equal("set clears the deadline", (r.set("o:a", "6"), r.ttl("o:a")), (True, -1))
    t.equal("set px", r.set("o:a", "7", px=100000), True)
    t.true("pttl after set px", 99000 <= r.pttl("o:a") <= 100000, r.pttl("o:a"))
    t.equal("set exat", r.set("o:a", "8", exat=33177117420), True)
    t.equal("expiretime after set exat", r.expiretime("o:a"), 33177117420)
    t.equal("setex", r.setex("o:b", 100, "v"), True)
    t.equal("psetex", r.psetex("o:b", 100000, "v"), True)
    t.equal("setnx", r.setnx("o:b", "w"), False)
    t.equal("getex persist", r.getex("o:b", persist=True), b"v")
    t.equal("getex persisted", r.ttl("o:b"), -1)
    invalid = "invalid expire time in 'set' command"
    t.raises("set ex 0", redis.ResponseError, invalid, lambda: r.set("o:a", "1", ex=0))
    t.raises("set nx xx", redis.ResponseError, "syntax error", lambda: r.execute_command("SET o:a 1 NX XX"))


def binary_and_large(t, r, _):
    every_byte = bytes(range(256)) + b"\r\n$-1\r\n"
    t.equal("a key and value of every byte", (r.set(every_byte, every_byte), r.get(every_byte)), (True, every_byte))
    t.equal("an empty key and value", (r.set("", ""), r.get("")), (True, b""))
    t.equal("text outside ASCII", (r.set("ключ", "значение"), r.get("ключ").decode()), (True, "значение"))
    large = os.urandom(5 * 1024 * 1024)
    t.equal("set 5 MiB", r.set("large", large), True)
    t.true("get 5 MiB", r.get("large") == large)
    t.equal("strlen of 5 MiB", r.strlen("large"), len(large))
    t.equal("a slice of 5 MiB", r.getrange("large", 4_000_000, 4_000_009), large[4_000_000:4_000_010])
    t.equal("hset 5 MiB", r.hset("large:hash", "f", large), 1)
    t.true("hget 5 MiB", r.hget("large:hash", "f") == large)
    t.equal("unlink", r.unlink("large", "large:hash"), 2)
