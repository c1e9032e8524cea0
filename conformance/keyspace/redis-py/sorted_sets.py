"""Sorted sets: members and scores, every form of range, unions and intersections."""

import math

import redis


def members(t, r, _):
    t.equal("zadd", r.zadd("z:a", {"one": 1, "two": 2, "three": 3}), 3)
    t.equal("zadd nx", r.zadd("z:a", {"one": 9, "four": 4}, nx=True), 1)
    t.equal("zadd xx ch", r.zadd("z:a", {"one": 1.5, "five": 5}, xx=True, ch=True), 1)
    t.equal("zadd gt", r.zadd("z:a", {"one": 1}, gt=True, ch=True), 0)
    t.equal("zadd lt", r.zadd("z:a", {"one": 1}, lt=True, ch=True), 1)
    t.equal("zadd incr", r.zadd("z:a", {"one": 0.5}, incr=True), 1.5)
    t.equal("zincrby", r.zincrby("z:a", -0.5, "one"), 1.0)
    t.equal("zscore", (r.zscore("z:a", "one"), r.zscore("z:a", "none")), (1.0, None))
    t.equal("zmscore", r.zmscore("z:a", ["two", "none"]), [2.0, None])
    t.equal("zrank", (r.zrank("z:a", "two"), r.zrevrank("z:a", "two"), r.zrank("z:a", "none")), (1, 2, None))
    t.equal("zcard, zcount", (r.zcard("z:a"), r.zcount("z:a", "(1", 3)), (4, 2))
    r.zadd("z:inf", {"low": -math.inf, "high": math.inf, "pi": math.pi})
    t.equal("infinite scores", (r.zscore("z:inf", "low"), r.zscore("z:inf", "high")), (-math.inf, math.inf))
    t.equal("a score keeps every digit", r.zscore("z:inf", "pi"), math.pi)
    error = redis.ResponseError
    t.raises("zadd of a NaN", error, "value is not a valid float", lambda: r.execute_command("ZADD z:a nan x"))
    nan = "resulting score is not a number (NaN)"
    t.raises("zincrby to a NaN", error, nan, lambda: r.zincrby("z:inf", -math.inf, "high"))
    both = "GT, LT, and/or NX options at the same time are not compatible"
    t.raises("zadd gt lt", error, both, lambda: r.execute_command("ZADD z:a GT LT 1 x"))
    t.equal("zrem", r.zrem("z:a", "four", "none"), 1)


def ranges(t, r, _):
    r.zadd("z:r", {"a": 1, "b": 2, "c": 2, "d": 3, "e": 4})
    t.equal("zrange with scores", r.zrange("z:r", 0, 1, withscores=True), [(b"a", 1.0), (b"b", 2.0)])
    t.equal("zrange", r.zrange("z:r", 1, -2), [b"b", b"c", b"d"])
    t.equal("zrange desc", r.zrange("z:r", 0, 1, desc=True), [b"e", b"d"])
    t.equal("zrevrange", r.zrevrange("z:r", 0, 1), [b"e", b"d"])
    t.equal("zrange byscore", r.zrange("z:r", "(1", 3, byscore=True), [b"b", b"c", b"d"])
    t.equal("zrange byscore limit", r.zrange("z:r", "-inf", "+inf", byscore=True, offset=1, num=2), [b"b", b"c"])
    t.equal("zrange byscore desc", r.zrange("z:r", 3, 2, byscore=True, desc=True), [b"d", b"c", b"b"])
    t.equal("zrangebyscore", r.zrangebyscore("z:r", 2, "(4"), [b"b", b"c", b"d"])
    t.equal("zrevrangebyscore", r.zrevrangebyscore("z:r", 4, "(2", start=0, num=1), [b"e"])
    r.zadd("z:l", dict.fromkeys("abcdef", 0))
    t.equal("zrange bylex", r.zrange("z:l", "[b", "(e", bylex=True), [b"b", b"c", b"d"])
    t.equal("zrangebylex", r.zrangebylex("z:l", "-", "[c"), [b"a", b"b", b"c"])
    t.equal("zrevrangebylex", r.zrevrangebylex("z:l", "+", "(d"), [b"f", b"e"])
    t.equal("zlexcount", r.zlexcount("z:l", "(a", "+"), 5)
    t.equal("zrangestore", (r.zrangestore("z:s", "z:r", 0, 2), r.zcard("z:s")), (3, 3))
    t.equal("zremrangebyrank", r.zremrangebyrank("z:s", 0, 0), 1)
    t.equal("zremrangebyscore", r.zremrangebyscore("z:s", 2, 2), 2)
    t.equal("zremrangebylex", (r.zremrangebylex("z:l", "[a", "[c"), r.zcard("z:l")), (3, 3))
    t.equal("zpopmin", r.zpopmin("z:r", 2), [(b"a", 1.0), (b"b", 2.0)])
    t.equal("zpopmax", r.zpopmax("z:r", 2), [(b"e", 4.0), (b"d", 3.0)])
    t.true("zrandmember", r.zrandmember("z:r") == b"c")
    float_text = "min or max is not a float"
    t.raises("a range of text", redis.ResponseError, float_text, lambda: r.zrangebyscore("z:r", "x", "y"))
    lex_text = "min or max not valid string range item"
    t.raises("a bare lex bound", redis.ResponseError, lex_text, lambda: r.zrangebylex("z:l", "a", "b"))


def combinations(t, r, _):
    r.zadd("z:x", {"a": 1, "b": 2})
    r.zadd("z:y", {"b": 10, "c": 20})
    t.equal("zunion", r.zunion(["z:x", "z:y"]), [b"a", b"b", b"c"])
    t.equal("zinter with scores", r.zinter(["z:x", "z:y"], withscores=True), [(b"b", 12.0)])
    t.equal("zdiff", r.zdiff(["z:x", "z:y"]), [b"a"])
    t.equal("zunionstore with weights", r.zunionstore("z:u", {"z:x": 2, "z:y": 1}, aggregate="MAX"), 3)
    expected = [(b"a", 2.0), (b"b", 10.0), (b"c", 20.0)]
    t.equal("weighted", r.zrange("z:u", 0, -1, withscores=True), expected)
    t.equal("zinterstore", r.zinterstore("z:i", ["z:x", "z:y"]), 1)
    t.equal("zdiffstore", r.zdiffstore("z:d", ["z:x", "z:y"]), 1)
    t.equal("zintercard", r.zintercard(2, ["z:x", "z:y"]), 1)
    key, popped = r.zmpop(2, ["z:none", "z:u"], max=True, count=1)
    t.equal("zmpop", (key, popped[0][0], float(popped[0][1])), (b"z:u", b"c", 20.0))
