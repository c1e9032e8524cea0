package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/redis/go-redis/v9"
)

const wrongType = "WRONGTYPE Operation against a key holding the wrong kind of value"

func sorted(values []string) []string {
	sort.Strings(values)
	return values
}

func stringsAndNumbers(c *checks, r *redis.Client) {
	reply(c, "set", r.Set(ctx, "s:a", "1", 0), "OK")
	reply(c, "get", r.Get(ctx, "s:a"), "1")
	c.equal("get of a missing key", r.Get(ctx, "s:none").Err(), redis.Nil)
	reply(c, "setnx", r.SetNX(ctx, "s:a", "2", 0), false)
	reply(c, "set get", r.SetArgs(ctx, "s:a", "3", redis.SetArgs{Get: true}), "1")
	reply(c, "set with a deadline", r.Set(ctx, "s:e", "v", 100*time.Second), "OK")
	ttl := r.PTTL(ctx, "s:e").Val()
	c.truth("pttl", ttl > 99*time.Second && ttl <= 100*time.Second, ttl)
	reply(c, "incr", r.Incr(ctx, "s:n"), 1)
	reply(c, "incrby", r.IncrBy(ctx, "s:n", 41), 42)
	reply(c, "incrbyfloat", r.IncrByFloat(ctx, "s:f", 10.5), 10.5)
	reply(c, "append", r.Append(ctx, "s:a", "xyz"), 4)
	reply(c, "getrange", r.GetRange(ctx, "s:a", 1, 2), "xy")
	reply(c, "mset", r.MSet(ctx, "s:x", 1, "s:y", 2), "OK")
	reply(c, "mget", r.MGet(ctx, "s:x", "s:none", "s:y"), []any{"1", nil, "2"})
	reply(c, "getdel", r.GetDel(ctx, "s:x"), "1")
	reply(c, "getex", r.GetEx(ctx, "s:y", time.Minute), "2")
	r.MSet(ctx, "s:l1", "ohmytext", "s:l2", "mynewtext")
	lcs, err := r.LCS(ctx, &redis.LCSQuery{Key1: "s:l1", Key2: "s:l2", Idx: true}).Result()
	c.truth("lcs idx", err == nil && lcs.Len == 6 && len(lcs.Matches) == 2, err)
	everyByte := make([]byte, 256)
	for i := range everyByte {
		everyByte[i] = byte(i)
	}
	reply(c, "set a key and value of every byte", r.Set(ctx, string(everyByte), everyByte, 0), "OK")
	reply(c, "read back", r.Get(ctx, string(everyByte)), string(everyByte))
	large := make([]byte, 5<<20)
	rand.Read(large)
	reply(c, "set 5 MiB", r.Set(ctx, "s:large", large, 0), "OK")
	got, err := r.Get(ctx, "s:large").Bytes()
	c.truth("get 5 MiB", err == nil && bytes.Equal(got, large), err)
	reply(c, "unlink", r.Unlink(ctx, "s:large", string(everyByte)), 2)
	c.fails("incr of text", r.Incr(ctx, "s:a").Err(), "ERR value is not an integer or out of range")
}

func keys(c *checks, r *redis.Client) {
	r.MSet(ctx, "k:a", 1, "k:b", 2)
	reply(c, "expire", r.Expire(ctx, "k:a", 100*time.Second), true)
	reply(c, "expire nx", r.ExpireNX(ctx, "k:a", 100*time.Second), false)
	reply(c, "expire gt", r.ExpireGT(ctx, "k:a", 200*time.Second), true)
	reply(c, "persist", r.Persist(ctx, "k:a"), true)
	reply(c, "ttl of a missing key", r.TTL(ctx, "k:none"), -2)
	at := time.Unix(4102444800, 0)
	reply(c, "expireat", r.ExpireAt(ctx, "k:a", at), true)
	reply(c, "expiretime", r.ExpireTime(ctx, "k:a"), 4102444800*time.Second)
	reply(c, "exists", r.Exists(ctx, "k:a", "k:b", "k:none"), 2)
	reply(c, "rename", r.Rename(ctx, "k:a", "k:c"), "OK")
	reply(c, "renamenx", r.RenameNX(ctx, "k:c", "k:b"), false)
	c.fails("rename of a missing key", r.Rename(ctx, "k:none", "k:x").Err(), "ERR no such key")
	reply(c, "copy", r.Copy(ctx, "k:c", "k:d", 0, false), 1)
	reply(c, "type", r.Type(ctx, "k:c"), "string")
	reply(c, "object encoding", r.ObjectEncoding(ctx, "k:b"), "int")
	reply(c, "touch", r.Touch(ctx, "k:b", "k:none"), 1)
	r.RPush(ctx, "k:sort", 3, 1, 2)
	reply(c, "sort", r.Sort(ctx, "k:sort", &redis.Sort{Order: "DESC", Count: 2}), []string{"3", "2"})
	reply(c, "restore", r.Restore(ctx, "k:restored", 0, r.Dump(ctx, "k:sort").Val()), "OK")
	reply(c, "restored", r.LRange(ctx, "k:restored", 0, -1), []string{"3", "1", "2"})
	other := connect(func(options *redis.Options) { options.DB = 6 })
	defer other.Close()
	reply(c, "move", r.Move(ctx, "k:b", 6), true)
	reply(c, "moved", other.Get(ctx, "k:b"), "2")
	reply(c, "flushdb", other.FlushDB(ctx), "OK")
	reply(c, "dbsize", other.DBSize(ctx), 0)
	r.Set(ctx, "k:soon", 1, 30*time.Millisecond)
	c.eventually("a key expires", func() bool { return r.Exists(ctx, "k:soon").Val() == 0 })
}

func scans(c *checks, r *redis.Client) {
	pipe := r.Pipeline()
	for i := range 3000 {
		pipe.Set(ctx, fmt.Sprint("scan:", i), i, 0)
		pipe.HSet(ctx, "big:hash", fmt.Sprint("f", i), i)
		pipe.ZAdd(ctx, "big:zset", redis.Z{Score: float64(i), Member: i})
	}
	_, err := pipe.Exec(ctx)
	c.equal("a pipeline of 9,000", err, nil)
	count := func(iterator *redis.ScanIterator) int {
		found := map[string]bool{}
		for iterator.Next(ctx) {
			found[iterator.Val()] = true
		}
		c.equal("the iterator ends without an error", iterator.Err(), nil)
		return len(found)
	}
	c.equal("scan", count(r.Scan(ctx, 0, "scan:*", 100).Iterator()), 3000)
	c.equal("scan by type", count(r.ScanType(ctx, 0, "big:*", 100, "zset").Iterator()), 1)
	// The iterator gives names and values in turn; those of the hash all differ, a score reads as its member.
	c.equal("hscan", count(r.HScan(ctx, "big:hash", 0, "f*", 100).Iterator()), 6000)
	c.equal("zscan match", count(r.ZScan(ctx, "big:zset", 0, "299?", 100).Iterator()), 10)
}

func hashes(c *checks, r *redis.Client) {
	reply(c, "hset", r.HSet(ctx, "h:a", "f", 1, "g", "two"), 2)
	reply(c, "hgetall", r.HGetAll(ctx, "h:a"), map[string]string{"f": "1", "g": "two"})
	reply(c, "hmget", r.HMGet(ctx, "h:a", "g", "none"), []any{"two", nil})
	reply(c, "hincrby", r.HIncrBy(ctx, "h:a", "f", 5), 6)
	reply(c, "hincrbyfloat", r.HIncrByFloat(ctx, "h:a", "f", 0.5), 6.5)
	reply(c, "hexists", r.HExists(ctx, "h:a", "none"), false)
	reply(c, "hsetnx", r.HSetNX(ctx, "h:a", "f", 1), false)
	c.equal("hkeys", sorted(r.HKeys(ctx, "h:a").Val()), []string{"f", "g"})
	c.equal("hrandfield with values", len(r.HRandFieldWithValues(ctx, "h:a", 5).Val()), 2)
	reply(c, "hdel", r.HDel(ctx, "h:a", "f", "g", "none"), 2)
}

func lists(c *checks, r *redis.Client) {
	reply(c, "rpush", r.RPush(ctx, "l:a", "a", "b", "c"), 3)
	reply(c, "lrange", r.LRange(ctx, "l:a", 0, -1), []string{"a", "b", "c"})
	reply(c, "linsert", r.LInsertBefore(ctx, "l:a", "b", "new"), 4)
	reply(c, "lindex", r.LIndex(ctx, "l:a", 1), "new")
	reply(c, "lrem", r.LRem(ctx, "l:a", 0, "new"), 1)
	reply(c, "lpos", r.LPos(ctx, "l:a", "c", redis.LPosArgs{}), 2)
	reply(c, "lmove", r.LMove(ctx, "l:a", "l:b", "left", "right"), "a")
	reply(c, "lset", r.LSet(ctx, "l:a", 0, "B"), "OK")
	reply(c, "lpop with a count", r.LPopCount(ctx, "l:a", 5), []string{"B", "c"})
	c.equal("lpop of a missing key", r.LPop(ctx, "l:a").Err(), redis.Nil)
	key, values, err := r.LMPop(ctx, "left", 5, "l:none", "l:b").Result()
	c.equal("lmpop", []any{key, values, err}, []any{"l:b", []string{"a"}, error(nil)})
	c.fails("lpush to a string", r.LPush(ctx, "s:a", 1).Err(), wrongType)
}

func sets(c *checks, r *redis.Client) {
	reply(c, "sadd", r.SAdd(ctx, "t:a", 1, 2, 3), 3)
	r.SAdd(ctx, "t:b", 2, 3, 4)
	c.equal("smembers", sorted(r.SMembers(ctx, "t:a").Val()), []string{"1", "2", "3"})
	c.equal("sinter", sorted(r.SInter(ctx, "t:a", "t:b").Val()), []string{"2", "3"})
	c.equal("sdiff", sorted(r.SDiff(ctx, "t:a", "t:b").Val()), []string{"1"})
	reply(c, "sunionstore", r.SUnionStore(ctx, "t:u", "t:a", "t:b"), 4)
	reply(c, "sintercard", r.SInterCard(ctx, 1, "t:a", "t:b"), 1)
	reply(c, "smismember", r.SMIsMember(ctx, "t:a", 1, 9), []bool{true, false})
	reply(c, "smove", r.SMove(ctx, "t:a", "t:b", 1), true)
	c.equal("spop", len(r.SPopN(ctx, "t:u", 10).Val()), 4)
}

func sortedSets(c *checks, r *redis.Client) {
	z := func(score float64, member string) redis.Z { return redis.Z{Score: score, Member: member} }
	reply(c, "zadd", r.ZAdd(ctx, "z:a", z(1, "a"), z(2.5, "b"), z(math.Inf(1), "c")), 3)
	reply(c, "zadd gt ch", r.ZAddArgs(ctx, "z:a", redis.ZAddArgs{GT: true, Ch: true, Members: []redis.Z{z(2, "a"), z(1, "b")}}), 1)
	reply(c, "zrange with scores", r.ZRangeWithScores(ctx, "z:a", 0, -1), []redis.Z{z(2, "a"), z(2.5, "b"), z(math.Inf(1), "c")})
	reply(c, "zrange byscore rev", r.ZRangeArgs(ctx, redis.ZRangeArgs{Key: "z:a", Start: "(inf", Stop: "-inf", ByScore: true, Rev: true}), []string{"b", "a"})
	reply(c, "zrangebyscore limit", r.ZRangeByScore(ctx, "z:a", &redis.ZRangeBy{Min: "-inf", Max: "+inf", Offset: 1, Count: 1}), []string{"b"})
	reply(c, "zrevrange", r.ZRevRange(ctx, "z:a", 0, 0), []string{"c"})
	reply(c, "zscore", r.ZScore(ctx, "z:a", "b"), 2.5)
	c.equal("zscore of a missing member", r.ZScore(ctx, "z:a", "none").Err(), redis.Nil)
	reply(c, "zincrby", r.ZIncrBy(ctx, "z:a", 0.25, "b"), 2.75)
	reply(c, "zrank", r.ZRank(ctx, "z:a", "b"), 1)
	reply(c, "zcount", r.ZCount(ctx, "z:a", "(2", "+inf"), 2)
	r.ZAdd(ctx, "z:l", z(0, "a"), z(0, "b"), z(0, "c"))
	reply(c, "zrangebylex", r.ZRangeByLex(ctx, "z:l", &redis.ZRangeBy{Min: "[b", Max: "+"}), []string{"b", "c"})
	reply(c, "zlexcount", r.ZLexCount(ctx, "z:l", "-", "(c"), 2)
	reply(c, "zunion with weights", r.ZUnionWithScores(ctx, redis.ZStore{Keys: []string{"z:l", "z:l"}, Weights: []float64{1, 2}}), []redis.Z{z(0, "a"), z(0, "b"), z(0, "c")})
	reply(c, "zinterstore", r.ZInterStore(ctx, "z:i", &redis.ZStore{Keys: []string{"z:a", "z:l"}}), 3)
	reply(c, "zdiff", r.ZDiff(ctx, "z:a", "z:none"), []string{"a", "b", "c"})
	reply(c, "zrangestore", r.ZRangeStore(ctx, "z:s", redis.ZRangeArgs{Key: "z:a", Start: 0, Stop: 1}), 2)
	reply(c, "zpopmin", r.ZPopMin(ctx, "z:a"), []redis.Z{z(2, "a")})
	key, popped, err := r.ZMPop(ctx, "max", 1, "z:none", "z:s").Result()
	c.equal("zmpop", []any{key, popped, err}, []any{"z:s", []redis.Z{z(2.75, "b")}, error(nil)})
	reply(c, "zremrangebyscore", r.ZRemRangeByScore(ctx, "z:a", "-inf", "(inf"), 1)
}
