"""Keys: deadlines, names, scans over thousands of them, SORT, DUMP and RESTORE, databases."""

import time

import redis


def lifetimes(t, r, _):
    r.set("k:a", "1")
    t.equal("ttl without a deadline", r.ttl("k:a"), -1)
    t.equal("ttl of a missing key", r.ttl("k:none"), -2)
    t.equal("expire", r.expire("k:a", 100), True)
    t.equal("expire of a missing key", r.expire("k:none", 100), False)
    t.equal("expire nx", r.expire("k:a", 200, nx=True), False)
    t.equal("expire gt", r.expire("k:a", 200, gt=True), True)
    t.equal("expire lt", r.expire("k:a", 300, lt=True), False)
    t.among("ttl", r.ttl("k:a"), (199, 200))
    t.equal("persist", r.persist("k:a"), True)
    t.equal("persist again", r.persist("k:a"), False)
    t.equal("pexpireat", r.pexpireat("k:a", 33177117420000), True)
    t.equal("pexpiretime", r.pexpiretime("k:a"), 33177117420000)
    t.equal("expire in the past deletes", (r.expire("k:a", -1), r.exists("k:a")), (True, 0))
    r.set("k:soon", "1", px=30)
    t.eventually("a key expires", lambda: r.get("k:soon") is None)
    r.hset("k:soon", "f", "v")
    r.pexpire("k:soon", 30)
    t.eventually("a hash expires", lambda: r.exists("k:soon") == 0)
    before = time.time()
    seconds, micros = r.time()
    t.true("time", abs(seconds + micros / 1e6 - before) < 5, (seconds, micros))


def names(t, r, _):
    r.mset({"m:a": "1", "m:b": "2"})
    t.equal("exists counts", r.exists("m:a", "m:b", "m:a", "m:none"), 3)
    t.equal("touch", r.touch("m:a", "m:none"), 1)
    t.equal("type of a string", r.type("m:a"), b"string")
    t.equal("type of a missing key", r.type("m:none"), b"none")
    t.equal("rename", r.rename("m:a", "m:c"), True)
    t.equal("renamenx on an existing key", r.renamenx("m:c", "m:b"), False)
    t.raises("rename of a missing key", redis.ResponseError, "no such key", lambda: r.rename("m:none", "m:x"))
    t.equal("copy", r.copy("m:c", "m:d"), True)
    t.equal("copy on an existing key", r.copy("m:c", "m:b"), False)
    t.equal("copy replace", r.copy("m:c", "m:b", replace=True), True)
    t.equal("copied", r.mget("m:b", "m:d"), [b"1", b"1"])
    t.equal("keys", sorted(r.keys("m:[a-c]")), [b"m:b", b"m:c"])
    t.true("randomkey", r.randomkey() is not None)
    encodings = {
        "enc:int": (b"int",),
        "enc:short": (b"embstr",),
        "enc:long": (b"raw",),
        "enc:hash": (b"listpack",),
        "enc:list": (b"quicklist", b"listpack"),
        "enc:numbers": (b"intset",),
        "enc:set": (b"hashtable", b"listpack"),
        "enc:zset": (b"listpack",),
        "enc:large": (b"hashtable",),
    }
    r.mset({"enc:int": "12345", "enc:short": "short", "enc:long": "x" * 100})
    r.hset("enc:hash", "f", "v")
    r.rpush("enc:list", "a")
    r.sadd("enc:numbers", 1, 2, 3)
    r.sadd("enc:set", "a", "b")
    r.zadd("enc:zset", {"a": 1})
    r.hset("enc:large", mapping={f"field:{i}": i for i in range(1000)})
    for key, allowed in encodings.items():
        t.among(f"object encoding {key}", r.object("encoding", key), allowed)
    t.equal("object encoding of a missing key", r.object("encoding", "enc:none"), None)
    t.equal("object refcount", r.object("refcount", "enc:short"), 1)
    t.true("object idletime", r.object("idletime", "enc:short") <= 5)
    t.true("memory usage", r.memory_usage("enc:large") > 1000)


def scans(t, r, _):
    count = 3000
    with r.pipeline(transaction=False) as pipe:
        for i in range(count):
            pipe.set(f"scan:{i}", i)
        pipe.execute()
    found = list(r.scan_iter("scan:*", count=100))
    t.equal("scan finds every key", {*found}, {f"scan:{i}".encode() for i in range(count)})
    cursor, page = r.scan(0, match="scan:*", count=10)
    t.true("scan gives a page", cursor != 0 and len(page) < count, (cursor, len(page)))
    r.rpush("scan:list", "x")
    t.equal("scan by type", list(r.scan_iter("scan:*", _type="LIST")), [b"scan:list"])
    r.hset("big:hash", mapping={f"f{i}": i for i in range(count)})
    t.equal("hscan", dict(r.hscan_iter("big:hash")), {f"f{i}".encode(): str(i).encode() for i in range(count)})
    t.equal("hscan match", dict(r.hscan_iter("big:hash", match="f299[89]")), {b"f2998": b"2998", b"f2999": b"2999"})
    r.sadd("big:set", *range(count))
    t.equal("sscan", {*r.sscan_iter("big:set")}, {str(i).encode() for i in range(count)})
    r.zadd("big:zset", {f"m{i}": i for i in range(count)})
    t.equal("zscan", {*r.zscan_iter("big:zset")}, {(f"m{i}".encode(), float(i)) for i in range(count)})
    kept = {f"scan:{i}".encode() for i in range(0, count, 2)}
    seen = set()
    for key in r.scan_iter("scan:*", count=50):
        seen.add(key)
        if int(key.rpartition(b":")[2].replace(b"list", b"0")) % 2 == 1:
            r.delete(key)
    t.true("scan while deleting sees what stayed", kept <= seen, len(seen & kept))
    with r.pipeline(transaction=False) as pipe:
        for i in range(count):
            pipe.unlink(f"scan:{i}")
        pipe.execute()


def sort(t, r, _):
    r.rpush("sort:l", 3, 1, 2, 10)
    t.equal("sort", r.sort("sort:l"), [b"1", b"2", b"3", b"10"])
    t.equal("sort alpha desc", r.sort("sort:l", alpha=True, desc=True), [b"3", b"2", b"10", b"1"])
    t.equal("sort limit", r.sort("sort:l", start=1, num=2), [b"2", b"3"])
    r.mset({"w_1": 30, "w_2": 20, "w_3": 10, "w_10": 0, "o_1": "one", "o_2": "two", "o_3": "three"})
    t.equal("sort by", r.sort("sort:l", by="w_*"), [b"10", b"3", b"2", b"1"])
    t.equal("sort get", r.sort("sort:l", get=["#", "o_*"], groups=True, num=2, start=0), [(b"1", b"one"), (b"2", b"two")])
    t.equal("sort store", (r.sort("sort:l", store="sort:s"), r.lrange("sort:s", 0, 0)), (4, [b"1"]))
    t.equal("sort_ro", r.sort_ro("sort:l", desc=True), [b"10", b"3", b"2", b"1"])
    r.rpush("sort:text", "b", "a")
    text = "One or more scores can't be converted into double"
    t.raises("sort of text as numbers", redis.ResponseError, text, lambda: r.sort("sort:text"))


def dump_and_databases(t, r, connect):
    r.zadd("dump:z", {"a": 1.5, "b": 2})
    payload = r.dump("dump:z")
    t.equal("restore", r.restore("dump:copy", 0, payload), b"OK")
    t.equal("restored", r.zrange("dump:copy", 0, -1, withscores=True), r.zrange("dump:z", 0, -1, withscores=True))
    t.raises("restore on an existing key", redis.ResponseError, "BUSYKEY", lambda: r.restore("dump:copy", 0, payload))
    bad = payload[:-1] + bytes([payload[-1] ^ 1])
    wrong = "DUMP payload version or checksum are wrong"
    t.raises("restore of damaged bytes", redis.ResponseError, wrong, lambda: r.restore("dump:bad", 0, bad))
    t.equal("dump of a missing key", r.dump("dump:none"), None)
    other = connect(db=9)
    t.equal("another database is empty", other.dbsize(), 0)
    t.equal("move", (r.move("dump:copy", 9), other.type("dump:copy")), (True, b"zset"))
    t.equal("copy to another database", r.copy("dump:z", "dump:z", destination_db=9), True)
    t.equal("dbsize", other.dbsize(), 2)
    r.swapdb(9, 10)
    t.equal("swapdb", other.dbsize(), 0)
    r.swapdb(9, 10)
    t.equal("flushdb", (other.flushdb(), other.dbsize()), (True, 0))
    t.true("flushdb leaves other databases", r.exists("dump:z") == 1)
    other.close()
    t.raises("select 16", redis.ResponseError, "DB index is out of range", lambda: connect(db=16).ping())
