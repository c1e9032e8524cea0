"""Publish and subscribe; CLIENT, CONFIG, INFO, COMMAND; error texts; what happens when a connection goes."""

import redis


def text(value):
    """The reply as text: by the version of RESP the client decodes some replies and not others."""
    return value.decode() if isinstance(value, bytes) else value


def publish_and_subscribe(t, r, connect):
    other = connect()

    def message(subscriber):
        """The next message as (type, pattern, channel, data)."""
        for _ in range(100):
            if (got := subscriber.get_message(timeout=0.1)) is not None:
                return got["type"], got["pattern"], got["channel"], got["data"]
        return None

    s = other.pubsub()
    s.subscribe("ch:a", "ch:b")
    t.equal("subscribe", message(s), ("subscribe", None, b"ch:a", 1))
    t.equal("subscribe counts", message(s), ("subscribe", None, b"ch:b", 2))
    s.psubscribe("ch:*")
    t.equal("psubscribe", message(s), ("psubscribe", None, b"ch:*", 3))
    t.equal("publish reaches channel and pattern", r.publish("ch:a", b"\0\r\n"), 2)
    t.equal("message", message(s), ("message", None, b"ch:a", b"\0\r\n"))
    t.equal("pmessage", message(s), ("pmessage", b"ch:*", b"ch:a", b"\0\r\n"))
    t.equal("publish to nobody", r.publish("nobody", "x"), 0)
    t.equal("pubsub channels", sorted(r.pubsub_channels("ch:*")), [b"ch:a", b"ch:b"])
    t.equal("pubsub numsub", r.pubsub_numsub("ch:a", "none"), [(b"ch:a", 1), (b"none", 0)])
    t.equal("pubsub numpat", r.pubsub_numpat(), 1)
    s.ping()
    pong = message(s)
    t.true("ping while subscribed", pong is not None and pong[0] == "pong", pong)
    s.unsubscribe("ch:a")
    t.equal("unsubscribe", message(s), ("unsubscribe", None, b"ch:a", 2))
    s.close()
    t.eventually("closing unsubscribes", lambda: r.pubsub_numpat() == 0 and r.pubsub_channels("ch:*") == [])
    s = other.pubsub()
    s.ssubscribe("shard:a")
    t.equal("ssubscribe", message(s), ("ssubscribe", None, b"shard:a", 1))
    t.equal("pubsub shardchannels", r.execute_command("PUBSUB", "SHARDCHANNELS"), [b"shard:a"])
    t.equal("publish does not reach shard channels", r.publish("shard:a", "x"), 0)
    t.equal("spublish", r.execute_command("SPUBLISH", "shard:a", "x"), 1)
    t.equal("smessage", message(s), ("smessage", None, b"shard:a", b"x"))
    s.close()
    other.close()


def clients(t, r, connect):
    single = connect().client()
    t.equal("client setname", single.client_setname("conformance"), True)
    t.equal("client getname", text(single.client_getname()), "conformance")
    number = single.client_id()
    t.true("client id", isinstance(number, int) and number > 0, number)
    info = single.client_info()
    t.equal("client info", (int(info["id"]), info["name"], int(info["db"])), (number, "conformance", 0))
    listed = [each for each in r.client_list() if each["name"] == "conformance"]
    t.equal("client list", [each["id"] for each in listed], [str(number)])
    t.true("client list has the address", ":" in listed[0]["addr"] and listed[0]["cmd"] != "", listed[0])
    spaces = "Client names cannot contain spaces"
    t.raises("client setname with a space", redis.ResponseError, spaces, lambda: single.client_setname("a b"))
    t.equal("client no-evict", single.client_no_evict("ON"), b"OK")
    t.equal("echo", single.echo("hello"), b"hello")
    t.equal("reset", text(single.execute_command("RESET")), "RESET")
    single.close()


def configuration(t, r, _):
    options = lambda pattern: {text(name): text(value) for name, value in r.config_get(pattern).items()}
    t.equal("config get", list(options("timeout")), ["timeout"])
    t.equal("config set", r.config_set("timeout", 300), True)
    t.equal("config get after set", options("timeout"), {"timeout": "300"})
    r.config_set("timeout", 0)
    names = {*options("maxmemory*")}
    t.true("config get by pattern", {"maxmemory", "maxmemory-policy"} <= names, names)
    t.equal("config get of nothing", options("nosuch"), {})
    unknown = "Unknown option or number of arguments for CONFIG SET - 'nosuch'"
    t.raises("config set of nothing", redis.ResponseError, unknown, lambda: r.config_set("nosuch", "1"))
    r.set("i:a", "1")
    info = r.info()
    t.true("info server", info["redis_version"].split(".")[0].isdigit() and info["tcp_port"] > 0, info["redis_version"])
    t.true("info clients", info["connected_clients"] >= 1, info["connected_clients"])
    t.true("info memory", info["used_memory"] > 0, info["used_memory"])
    t.true("info stats", info["total_commands_processed"] > 0, info["total_commands_processed"])
    t.equal("info replication", info["role"], "master")
    t.true("info keyspace", info["db0"]["keys"] == r.dbsize() and "expires" in info["db0"], info["db0"])
    t.true("info of one section", "used_memory" not in r.info("server"), None)
    t.true("lastsave", r.lastsave() is not None)


def commands(t, r, _):
    count = r.command_count()
    t.true("command count", count > 150, count)
    listed = r.command_list()
    t.true("command list", len(listed) >= count, len(listed))
    described = r.execute_command("COMMAND", "INFO", "GET")
    get = described["get"] if isinstance(described, dict) else described[0]
    get = get if isinstance(get, dict) else dict(zip(("name", "arity", "flags"), get))
    flags = {text(flag) for flag in get["flags"]}
    t.equal("command info", (get["arity"], {"readonly", "fast"} <= flags), (2, True))
    docs = r.execute_command("COMMAND DOCS", "SET")
    docs = docs if isinstance(docs, dict) else dict(zip(docs[::2], docs[1::2]))
    entry = docs.get(b"set", docs.get("set"))
    entry = entry if isinstance(entry, dict) else dict(zip(entry[::2], entry[1::2]))
    t.equal("command docs", entry.get(b"group", entry.get("group")), b"string")
    keys = [text(key) for key in r.command_getkeys("MSET", "a", 1, "b", 2)]
    t.equal("command getkeys", keys, ["a", "b"])


def errors(t, r, connect):
    error = redis.ResponseError
    r.set("e:s", "text")
    r.rpush("e:l", "x")
    wrong = "WRONGTYPE Operation against a key holding the wrong kind of value"
    for name, call in {
        "lpush to a string": lambda: r.lpush("e:s", "x"),
        "get of a list": lambda: r.get("e:l"),
        "hget of a string": lambda: r.hget("e:s", "f"),
        "zadd to a list": lambda: r.zadd("e:l", {"m": 1}),
        "incr of a list": lambda: r.incr("e:l"),
    }.items():
        t.raises(name, error, wrong, call)
    unknown = "unknown command 'NOSUCH', with args beginning with: 'a' 'b' "
    t.raises("an unknown command", error, unknown, lambda: r.execute_command("NOSUCH", "a", "b"))
    t.raises("wrong arity", error, "wrong number of arguments for 'get' command", lambda: r.execute_command("GET"))
    t.raises("an unknown subcommand", error, "unknown subcommand 'NOSUCH'", lambda: r.execute_command("CLIENT", "NOSUCH"))
    single = connect().client()
    denied = "invalid username-password pair or user is disabled"
    t.raises("auth", redis.AuthenticationError, denied, lambda: single.execute_command("AUTH", "nosuch", "wrong"))
    noproto = "NOPROTO unsupported protocol version"
    t.raises("hello 9", error, noproto, lambda: single.execute_command("HELLO", "9"))
    single.close()
    t.equal("the server goes on", r.ping(), True)


def reconnects(t, r, connect):
    victim = connect()
    victim.set("r:a", "1")
    number = victim.client_id()
    t.equal("client kill", r.client_kill_filter(_id=number), 1)
    t.equal("a killed client connects again", victim.get("r:a"), b"1")
    t.true("with a new id", victim.client_id() > number)
    victim.close()
    pool = [connect() for _ in range(100)]
    t.equal("100 connections", [each.incr("r:n") for each in pool], list(range(1, 101)))
    for each in pool:
        each.close()
