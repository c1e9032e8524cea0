package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

func blockingPops(c *checks, r *redis.Client) {
	other := connect(nil)
	defer other.Close()
	blocked := func() bool { return strings.Contains(r.Info(ctx, "clients").Val(), "blocked_clients:1\r") }
	popped := make(chan result, 1)
	go func() {
		value, err := other.BLPop(ctx, 10*time.Second, "b:x", "b:a").Result()
		popped <- result{value, err}
	}()
	c.eventually("blpop blocks", blocked)
	reply(c, "rpush to a blocked client", r.RPush(ctx, "b:a", "1"), 1)
	c.equal("blpop", <-popped, result{[]string{"b:a", "1"}, nil})
	go func() {
		value, err := other.BZPopMin(ctx, 10*time.Second, "b:z").Result()
		if err != nil {
			popped <- result{nil, err}
			return
		}
		popped <- result{fmt.Sprint(value.Key, value.Member, value.Score), nil}
	}()
	c.eventually("bzpopmin blocks", blocked)
	r.ZAdd(ctx, "b:z", redis.Z{Score: 2, Member: "m"})
	c.equal("bzpopmin", <-popped, result{fmt.Sprint("b:z", "m", 2.0), nil})
	c.equal("blmove times out", other.BLMove(ctx, "b:none", "b:x", "left", "right", time.Second).Err(), redis.Nil)
}

func transactions(c *checks, r *redis.Client) {
	r.Set(ctx, "x:a", 1, 0)
	other := connect(nil)
	defer other.Close()
	add := func(disturb func()) error {
		return r.Watch(ctx, func(tx *redis.Tx) error {
			n, err := tx.Get(ctx, "x:a").Int()
			if err != nil {
				return err
			}
			disturb()
			_, err = tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
				pipe.Set(ctx, "x:a", n+1, 0)
				return nil
			})
			return err
		}, "x:a")
	}
	c.equal("watch without a conflict", add(func() {}), nil)
	c.equal("watch with a conflict", add(func() { other.Set(ctx, "x:a", 100, 0) }), redis.TxFailedErr)
	reply(c, "the conflicting write did not happen", r.Get(ctx, "x:a"), "100")
	replies, err := r.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Set(ctx, "x:b", "text", 0)
		pipe.LPush(ctx, "x:b", 1)
		pipe.Incr(ctx, "x:n")
		return nil
	})
	c.fails("an error inside", err, wrongType)
	c.truth("does not stop the rest", len(replies) == 3 && replies[2].(*redis.IntCmd).Val() == 1, replies)
}

func pipelines(c *checks, r *redis.Client) {
	pipe := r.Pipeline()
	for range 10000 {
		pipe.Incr(ctx, "p:n")
	}
	replies, err := pipe.Exec(ctx)
	good := err == nil && len(replies) == 10000
	for i, each := range replies {
		good = good && each.(*redis.IntCmd).Val() == int64(i+1)
	}
	c.truth("a pipeline of 10,000", good, err)
}

func publishAndSubscribe(c *checks, r *redis.Client) {
	s := r.Subscribe(ctx, "ch:a")
	defer s.Close()
	receive := func() string {
		message, err := s.ReceiveTimeout(ctx, 10*time.Second)
		switch message := message.(type) {
		case *redis.Subscription:
			return fmt.Sprint(message.Kind, " ", message.Channel, " ", message.Count)
		case *redis.Message:
			return strings.TrimSpace(fmt.Sprint(message.Pattern, " ", message.Channel, " ", message.Payload))
		}
		return fmt.Sprint(message, err)
	}
	c.equal("subscribe", receive(), "subscribe ch:a 1")
	s.PSubscribe(ctx, "ch:*")
	c.equal("psubscribe", receive(), "psubscribe ch:* 2")
	reply(c, "publish reaches channel and pattern", r.Publish(ctx, "ch:a", "hello"), 2)
	c.equal("message", receive(), "ch:a hello")
	c.equal("pmessage", receive(), "ch:* ch:a hello")
	reply(c, "pubsub numsub", r.PubSubNumSub(ctx, "ch:a", "none"), map[string]int64{"ch:a": 1, "none": 0})
	reply(c, "pubsub numpat", r.PubSubNumPat(ctx), 1)
	shard := r.SSubscribe(ctx, "shard:a")
	defer shard.Close()
	_, err := shard.Receive(ctx)
	c.equal("ssubscribe", err, nil)
	reply(c, "spublish", r.SPublish(ctx, "shard:a", "x"), 1)
	message, err := shard.ReceiveMessage(ctx)
	c.truth("smessage", err == nil && message.Payload == "x", err)
	c.equal("ping while subscribed", s.Ping(ctx), nil)
}

func server(c *checks, r *redis.Client) {
	single := r.Conn()
	defer single.Close()
	reply(c, "client setname", single.ClientSetName(ctx, "conformance"), true)
	reply(c, "client getname", single.ClientGetName(ctx), "conformance")
	id := single.ClientID(ctx).Val()
	c.truth("client list", strings.Contains(r.ClientList(ctx).Val(), fmt.Sprintf("id=%d ", id)), id)
	info, err := single.ClientInfo(ctx).Result()
	c.truth("client info", err == nil && info.ID == id && info.Name == "conformance", err)
	reply(c, "config set", r.ConfigSet(ctx, "timeout", "0"), "OK")
	reply(c, "config get", r.ConfigGet(ctx, "timeout"), map[string]string{"timeout": "0"})
	c.truth("info", strings.Contains(r.Info(ctx).Val(), "\r\nrole:master\r\n"), "no role")
	commands, err := r.Command(ctx).Result()
	get := commands["get"]
	c.truth("command", err == nil && get != nil && get.Arity == 2 && get.ReadOnly && slices.Contains(get.Flags, "fast"), err)
	reply(c, "command getkeys", r.CommandGetKeys(ctx, "MSET", "a", 1, "b", 2), []string{"a", "b"})
	c.truth("memory usage", r.MemoryUsage(ctx, "s:a").Val() > 0, "none")
	c.truth("time", time.Since(r.Time(ctx).Val()).Abs() < time.Minute, r.Time(ctx).Val())
	unknown := "ERR unknown command 'nosuch', with args beginning with: 'a' "
	c.fails("an unknown command", r.Do(ctx, "nosuch", "a").Err(), unknown)
	c.fails("wrong arity", r.Do(ctx, "get").Err(), "ERR wrong number of arguments for 'get' command")
	c.fails("auth", single.AuthACL(ctx, "nosuch", "wrong").Err(), "WRONGPASS")
	wrong := connect(func(options *redis.Options) { options.Username, options.Password = "nosuch", "wrong" })
	defer wrong.Close()
	c.fails("a wrong password on connect", wrong.Ping(ctx).Err(), "WRONGPASS")
}

func reconnects(c *checks, r *redis.Client) {
	victim := connect(func(options *redis.Options) { options.PoolSize = 1 })
	defer victim.Close()
	id := victim.ClientID(ctx).Val()
	reply(c, "client kill", r.ClientKillByFilter(ctx, "ID", fmt.Sprint(id)), 1)
	reply(c, "a killed client connects again", victim.Ping(ctx), "PONG")
	c.truth("with a new id", victim.ClientID(ctx).Val() > id, id)
	done := make(chan error, 100)
	for range 100 {
		go func() {
			each := connect(nil)
			defer each.Close()
			done <- each.Incr(ctx, "r:n").Err()
		}()
	}
	for range 100 {
		if err := <-done; err != nil {
			c.equal("100 connections", err, nil)
			return
		}
	}
	reply(c, "100 connections", r.Get(ctx, "r:n"), "100")
}
