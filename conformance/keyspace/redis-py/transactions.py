"""MULTI, EXEC and WATCH with a conflict; pipelines of thousands."""

import redis


def blocks(t, r, _):
    with r.pipeline() as pipe:
        replies = pipe.set("x:a", "1").incr("x:a").lpush("x:l", "v").get("x:a").execute()
    t.equal("multi, exec", replies, [True, 2, 1, b"2"])
    with r.pipeline() as pipe:
        replies = pipe.set("x:a", "text").incr("x:a").set("x:b", "after").execute(raise_on_error=False)
    t.true("an error inside does not stop the rest", isinstance(replies[1], redis.ResponseError), replies)
    t.equal("the rest was done", r.mget("x:a", "x:b"), [b"text", b"after"])

    def wrong_arity():
        with r.pipeline() as pipe:
            pipe.set("x:b", "never").execute_command("GET").execute()

    t.raises("a command that cannot be queued", redis.ResponseError, "", wrong_arity)
    t.equal("aborts the whole", r.get("x:b"), b"after")
    single = r.client()
    t.raises("exec without multi", redis.ResponseError, "EXEC without MULTI", lambda: single.execute_command("EXEC"))
    discard = lambda: single.execute_command("DISCARD")
    t.raises("discard without multi", redis.ResponseError, "DISCARD without MULTI", discard)
    single.execute_command("MULTI")
    nested = "MULTI calls can not be nested"
    t.raises("multi within multi", redis.ResponseError, nested, lambda: single.execute_command("MULTI"))
    discard()
    single.close()


def watch(t, r, connect):
    other = connect()
    r.set("w:a", "1")
    with r.pipeline() as pipe:
        pipe.watch("w:a")
        value = int(pipe.get("w:a"))
        pipe.multi()
        pipe.set("w:a", value + 1)
        t.equal("watch without a conflict", pipe.execute(), [True])

    def conflict():
        with r.pipeline() as pipe:
            pipe.watch("w:a")
            other.set("w:a", "changed")
            pipe.multi()
            pipe.set("w:a", "lost")
            pipe.execute()

    t.raises("watch with a conflict", redis.WatchError, "", conflict)
    t.equal("the conflicting write did not happen", r.get("w:a"), b"changed")

    def another_database():
        with r.pipeline() as pipe:
            pipe.watch("w:new")
            elsewhere = connect(db=5)
            elsewhere.set("w:new", "1")
            elsewhere.delete("w:new")
            elsewhere.close()
            pipe.multi()
            pipe.set("w:new", "1")
            return pipe.execute()

    t.equal("the same name in another database is no conflict", another_database(), [True])
    r.set("w:n", 0)

    def add(pipe):
        value = int(pipe.get("w:n"))
        pipe.multi()
        pipe.set("w:n", value + 1)

    for _ in range(20):
        r.transaction(add, "w:n")
    t.equal("the transaction helper", r.get("w:n"), b"20")
    other.close()


def pipelines(t, r, _):
    count = 5000
    with r.pipeline(transaction=False) as pipe:
        for i in range(count):
            pipe.set(f"p:{i}", i)
            pipe.get(f"p:{i}")
        replies = pipe.execute()
    t.equal("a pipeline of 10,000", replies, [reply for i in range(count) for reply in (True, str(i).encode())])
    with r.pipeline() as pipe:
        for _ in range(count):
            pipe.incr("p:counter")
        t.equal("a transaction of 5,000", pipe.execute(), list(range(1, count + 1)))
    with r.pipeline(transaction=False) as pipe:
        replies = pipe.set("p:s", "x").lpush("p:s", "y").get("p:s").execute(raise_on_error=False)
    kinds = (replies[0], type(replies[1]), replies[2])
    t.equal("an error keeps its place in a pipeline", kinds, (True, redis.ResponseError, b"x"))
