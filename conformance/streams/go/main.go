// Command franz-go-conformance runs franz-go with its default settings against BOLE_STREAMS_BOOTSTRAP; arguments
// choose families.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const limit = 20 * time.Second

var (
	ctx       = context.Background()
	bootstrap = os.Getenv("BOLE_STREAMS_BOOTSTRAP")
	admin     = kadm.NewClient(connect())
	run       = fmt.Sprintf("%x-%x", os.Getpid(), time.Now().UnixMilli())
	numbers   atomic.Int64
)

// name makes a name that no other run uses.
func name(prefix string) string {
	return fmt.Sprintf("%s-%s-%d", prefix, run, numbers.Add(1))
}

// connect opens a client of its own with the default settings and these.
func connect(options ...kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(bootstrap)}, options...)...)
	if err != nil {
		panic(err)
	}
	return client
}

// topic creates a topic and waits until it is known.
func topic(partitions int32, configs ...string) string {
	created := name("topic")
	settings := map[string]*string{}
	for index := 0; index < len(configs); index += 2 {
		settings[configs[index]] = kadm.StringPtr(configs[index+1])
	}
	if _, err := admin.CreateTopic(ctx, partitions, 1, settings, created); err != nil {
		panic(err)
	}
	within(limit, func() bool { return partitionCount(created) == int(partitions) })
	return created
}

// partitionCount says how many partitions with a leader the metadata shows.
func partitionCount(topic string) int {
	metadata, err := admin.Metadata(ctx)
	if err != nil {
		return 0
	}
	count := 0
	for _, partition := range metadata.Topics[topic].Partitions {
		if partition.Leader >= 0 && partition.Err == nil {
			count++
		}
	}
	return count
}

// produce sends records with a client of its own; PARTITION:OFFSET of each, or the error.
func produce(records []*kgo.Record, options ...kgo.Opt) []string {
	client := connect(options...)
	defer client.Close()
	return send(client, records)
}

func send(client *kgo.Client, records []*kgo.Record) []string {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var reports []string
	results := client.ProduceSync(limited, records...)
	// Results come in the order of acknowledgement; the records know their place.
	for _, result := range results {
		if result.Err != nil {
			reports = append(reports, result.Err.Error())
		}
	}
	if reports != nil {
		return reports
	}
	for _, record := range records {
		reports = append(reports, fmt.Sprintf("%d:%d", record.Partition, record.Offset))
	}
	return reports
}

// values makes records without a key: prefix and number.
func values(topic string, count int, prefix string) []*kgo.Record {
	var records []*kgo.Record
	for _, value := range numbered(prefix, count) {
		records = append(records, &kgo.Record{Topic: topic, Value: []byte(value)})
	}
	return records
}

func numbered(prefix string, count int) []string {
	values := make([]string, count)
	for number := range values {
		values[number] = fmt.Sprint(prefix, number)
	}
	return values
}

// poll reads until enough records are there or time is up.
func poll(client *kgo.Client, enough func([]*kgo.Record) bool) []*kgo.Record {
	var records []*kgo.Record
	within(limit, func() bool {
		limited, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		records = append(records, client.PollFetches(limited).Records()...)
		return enough(records)
	})
	return records
}

func atLeast(count int) func([]*kgo.Record) bool {
	return func(records []*kgo.Record) bool { return len(records) >= count }
}

// read reads count records of partition 0 from an offset, without a group.
func read(topic string, count int, at kgo.Offset, options ...kgo.Opt) []*kgo.Record {
	options = append(options, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: at}}))
	client := connect(options...)
	defer client.Close()
	return poll(client, atLeast(count))
}

func payloads(records []*kgo.Record) []string {
	payloads := []string{}
	for _, record := range records {
		payloads = append(payloads, string(record.Value))
	}
	return payloads
}

func main() {
	families := []struct {
		name string
		run  func(*checks)
	}{
		{"topics", topics}, {"configurations", configurations}, {"deleted-records", deletedRecords},
		{"access", access}, {"partitions", partitions}, {"codecs", codecs}, {"parts", parts}, {"sizes", sizes},
		{"positions", positions}, {"members", members}, {"commits", commits}, {"group-administration", groupAdministration},
		{"transactions", transactions}, {"consume-transform-produce", consumeTransformProduce}, {"fencing", fencing},
		{"shares", shares},
	}
	fmt.Println("# franz-go")
	c := &checks{}
	for _, family := range families {
		if len(os.Args) == 1 || slices.Contains(os.Args[1:], family.name) {
			c.family(family.name, family.run)
		}
	}
	fmt.Printf("%d passed, %d failed\n", c.passed, c.failed)
	if c.failed > 0 {
		os.Exit(1)
	}
}
