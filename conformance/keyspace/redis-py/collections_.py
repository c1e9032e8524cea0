"""Hashes, lists with blocking pops over two connections, and sets."""

import threading

import redis


def hashes(t, r, _):
    t.equal("hset", r.hset("h:a", mapping={"f": "1", "g": "2", "n": "5"}), 3)
    t.equal("hset of an existing field", r.hset("h:a", "f", "one"), 0)
    t.equal("hget", r.hget("h:a", "f"), b"one")
    t.equal("hget of a missing field", r.hget("h:a", "none"), None)
    t.equal("hmget", r.hmget("h:a", "g", "none"), [b"2", None])
    t.equal("hgetall", r.hgetall("h:a"), {b"f": b"one", b"g": b"2", b"n": b"5"})
    t.equal("hgetall of a missing key", r.hgetall("h:none"), {})
    t.equal("hkeys, hvals", (sorted(r.hkeys("h:a")), sorted(r.hvals("h:a"))), ([b"f", b"g", b"n"], [b"2", b"5", b"one"]))
    t.equal("hlen", r.hlen("h:a"), 3)
    t.equal("hexists", (r.hexists("h:a", "f"), r.hexists("h:a", "none")), (True, False))
    t.equal("hstrlen", r.hstrlen("h:a", "f"), 3)
    t.equal("hincrby", r.hincrby("h:a", "n", 10), 15)
    t.equal("hincrbyfloat", r.hincrbyfloat("h:a", "n", 0.5), 15.5)
    t.equal("hsetnx", (r.hsetnx("h:a", "f", "x"), r.hsetnx("h:a", "new", "x")), (0, 1))
    t.raises("hincrby of text", redis.ResponseError, "hash value is not an integer", lambda: r.hincrby("h:a", "f"))
    t.true("hrandfield", set(r.hrandfield("h:a", 10)) == {b"f", b"g", b"n", b"new"}, r.hrandfield("h:a", 10))
    t.equal("hrandfield may repeat", len(r.hrandfield("h:a", -10)), 10)
    t.equal("hdel", r.hdel("h:a", "f", "g", "none"), 2)
    t.equal("the last hdel removes the key", (r.hdel("h:a", "n", "new"), r.exists("h:a")), (2, 0))


def lists(t, r, _):
    t.equal("rpush", r.rpush("l:a", "a", "b", "c"), 3)
    t.equal("lpush", r.lpush("l:a", "x", "y"), 5)
    t.equal("lrange", r.lrange("l:a", 0, -1), [b"y", b"x", b"a", b"b", b"c"])
    t.equal("lrange outside", r.lrange("l:a", 10, 20), [])
    t.equal("lindex", (r.lindex("l:a", -1), r.lindex("l:a", 99)), (b"c", None))
    t.equal("linsert", r.linsert("l:a", "BEFORE", "a", "new"), 6)
    t.equal("lset", r.lset("l:a", 0, "Y"), True)
    t.raises("lset outside", redis.ResponseError, "index out of range", lambda: r.lset("l:a", 99, "v"))
    t.equal("lpos", (r.lpos("l:a", "c"), r.lpos("l:a", "none")), (5, None))
    t.equal("lrem", r.lrem("l:a", 0, "new"), 1)
    t.equal("ltrim", (r.ltrim("l:a", 1, -1), r.llen("l:a")), (True, 4))
    t.equal("lpop, rpop", (r.lpop("l:a"), r.rpop("l:a")), (b"x", b"c"))
    t.equal("lpop with a count", r.lpop("l:a", 10), [b"a", b"b"])
    t.equal("lpop of a missing key", (r.lpop("l:a"), r.lpop("l:a", 2), r.exists("l:a")), (None, None, 0))
    t.equal("lpushx of a missing key", r.lpushx("l:a", "v"), 0)
    r.rpush("l:src", 1, 2, 3)
    t.equal("lmove", r.lmove("l:src", "l:dst", "LEFT", "RIGHT"), b"1")
    t.equal("rpoplpush", r.rpoplpush("l:src", "l:dst"), b"3")
    t.equal("moved", r.lrange("l:dst", 0, -1), [b"3", b"1"])
    t.equal("lmpop", r.lmpop(2, "l:none", "l:dst", direction="LEFT", count=5), [b"l:dst", [b"3", b"1"]])


def blocking_pops(t, r, connect):
    other = connect()

    def while_blocked(name, call, then, expected):
        """`call` blocks on the other connection until `then` runs on this one."""
        results = []

        def note_result():
            try:
                results.append(call())
            except redis.RedisError as error:
                results.append(str(error))

        thread = threading.Thread(target=note_result, daemon=True)
        thread.start()
        blocked = lambda: r.info("clients")["blocked_clients"] == 1
        t.eventually(f"{name} blocks", blocked)
        then()
        thread.join(10)
        t.equal(name, results, [expected])

    while_blocked("blpop", lambda: other.blpop(["b:x", "b:a"], 10), lambda: r.rpush("b:a", "1"), (b"b:a", b"1"))
    while_blocked("brpop", lambda: other.brpop("b:a", 10), lambda: r.rpush("b:a", "1", "2"), (b"b:a", b"2"))
    r.delete("b:a")
    while_blocked("blmove", lambda: other.blmove("b:a", "b:b", 10), lambda: r.rpush("b:a", "3"), b"3")
    while_blocked("bzpopmin", lambda: other.bzpopmin("b:z", 10), lambda: r.zadd("b:z", {"m": 2}), (b"b:z", b"m", 2.0))

    def in_a_transaction():
        with r.pipeline() as pipe:
            pipe.rpush("b:t", "1").lpush("b:t", "0").execute()

    while_blocked("blpop after a transaction", lambda: other.blpop("b:t", 10), in_a_transaction, (b"b:t", b"0"))
    t.equal("blpop times out", other.blpop("b:none", 0.05), None)
    r.delete("b:b", "b:t")
    r.set("b:b", "text")
    t.raises("blpop of a string", redis.ResponseError, "WRONGTYPE", lambda: other.blpop("b:b", 1))
    other.close()


def sets(t, r, _):
    t.equal("sadd", r.sadd("t:a", "1", "2", "3", "3"), 3)
    r.sadd("t:b", "2", "3", "4")
    t.equal("smembers", r.smembers("t:a"), {b"1", b"2", b"3"})
    t.equal("scard", r.scard("t:a"), 3)
    t.equal("sismember", (r.sismember("t:a", "1"), r.sismember("t:a", "9")), (1, 0))
    t.equal("smismember", r.smismember("t:a", ["1", "9"]), [1, 0])
    t.equal("sinter", {*r.sinter("t:a", "t:b")}, {b"2", b"3"})
    t.equal("sunion", {*r.sunion("t:a", "t:b")}, {b"1", b"2", b"3", b"4"})
    t.equal("sdiff", {*r.sdiff("t:a", "t:b")}, {b"1"})
    t.equal("sintercard", r.sintercard(2, ["t:a", "t:b"], limit=1), 1)
    t.equal("sinterstore", (r.sinterstore("t:c", "t:a", "t:b"), r.scard("t:c")), (2, 2))
    t.equal("smove", (r.smove("t:a", "t:c", "1"), r.smove("t:a", "t:c", "9")), (True, False))
    t.true("srandmember", r.srandmember("t:a") in (b"2", b"3"))
    t.equal("srandmember with a count", {*r.srandmember("t:a", 10)}, {b"2", b"3"})
    t.equal("srem", r.srem("t:a", "2", "9"), 1)
    t.equal("spop", (r.spop("t:a"), r.exists("t:a")), (b"3", 0))
    t.raises("sadd to a string", redis.ResponseError, "WRONGTYPE", lambda: (r.set("t:s", "x"), r.sadd("t:s", "1")))
