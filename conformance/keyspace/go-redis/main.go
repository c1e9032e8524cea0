// Command go-redis-conformance runs go-redis with its default settings against BOLE_KEYSPACE_URL, which it flushes.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"
)

var ctx = context.Background()

// connect opens a client of its own with the default settings, changed by change when it is given.
func connect(change func(*redis.Options)) *redis.Client {
	options, err := redis.ParseURL(os.Getenv("BOLE_KEYSPACE_URL"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "BOLE_KEYSPACE_URL:", err)
		os.Exit(2)
	}
	if change != nil {
		change(options)
	}
	return redis.NewClient(options)
}

func main() {
	c := &checks{}
	for _, protocol := range []int{3, 2} {
		fmt.Println("# RESP", protocol)
		everything(c, connect(func(options *redis.Options) { options.Protocol = protocol }))
	}
	fmt.Printf("%d passed, %d failed\n", c.passed, c.failed)
	if c.failed > 0 {
		os.Exit(1)
	}
}

func everything(c *checks, r *redis.Client) {
	defer r.Close()
	reply(c, "flushall", r.FlushAll(ctx), "OK")
	for _, family := range []func(*checks, *redis.Client){
		stringsAndNumbers, keys, scans, hashes, lists, sets, sortedSets,
		blockingPops, transactions, pipelines, publishAndSubscribe, server, reconnects,
	} {
		c.family(family, r)
	}
	reply(c, "flushall at the end", r.FlushAll(ctx), "OK")
}
