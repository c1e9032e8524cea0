package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// hourAgo is the time of some records; much older ones may be deleted by their age while they are read.
var hourAgo = time.UnixMilli(time.Now().UnixMilli()).Add(-time.Hour)

func partitions(c *checks) {
	of := topic(4)
	manual := []*kgo.Record{{Topic: of, Partition: 3}, {Topic: of, Partition: 0}, {Topic: of, Partition: 3}}
	c.equal("an explicit partition", produce(manual, kgo.RecordPartitioner(kgo.ManualPartitioner())),
		[]string{"3:0", "0:0", "3:1"})
	var keyed []*kgo.Record
	for number := range 80 {
		keyed = append(keyed, &kgo.Record{Topic: of, Key: []byte{byte(number % 8)}})
	}
	produce(keyed)
	used, stays := map[int32]bool{}, true
	for number, record := range keyed {
		used[record.Partition] = true
		stays = stays && record.Partition == keyed[number%8].Partition
	}
	c.truth("one partition a key", stays, nil)
	c.truth("keys spread", len(used) > 1, used)
	for acks, setting := range map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()} {
		of := topic(1)
		produce(values(of, 20, "v"), kgo.RequiredAcks(setting), kgo.DisableIdempotentWrite())
		c.equal("acks="+acks, payloads(read(of, 20, kgo.NewOffset().AtStart())), numbered("v", 20))
	}
	of = topic(1)
	produce(values(of, 5000, "v"))
	c.equal("idempotent by default, in order", payloads(read(of, 5000, kgo.NewOffset().AtStart())), numbered("v", 5000))
	c.equal("an unknown partition", len(produce([]*kgo.Record{{Topic: of, Partition: 9}},
		kgo.RecordPartitioner(kgo.ManualPartitioner()))), 1)
}

func codecs(c *checks) {
	rows := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	for codec, setting := range rows {
		of := topic(1)
		prefix := strings.Repeat("a rather repetitive value ", 20)
		produce(values(of, 200, prefix), kgo.ProducerBatchCompression(setting))
		c.equal(codec+" is read", payloads(read(of, 200, kgo.NewOffset().AtStart())), numbered(prefix, 200))
		c.equal(codec+" from the middle", read(of, 1, kgo.NewOffset().At(150))[0].Offset, int64(150))
	}
}

func parts(c *checks) {
	of := topic(1)
	stamp := hourAgo
	headers := []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "b", Value: []byte{}},
		{Key: "a", Value: []byte("2")}, {Key: "none"}}
	produce([]*kgo.Record{
		{Topic: of, Key: []byte("k"), Value: []byte("v"), Headers: headers, Timestamp: stamp},
		{Topic: of, Value: []byte("no key")}, {Topic: of, Key: []byte("no value")},
		{Topic: of, Key: []byte{}, Value: []byte{}}, {Topic: of},
	})
	got := read(of, 5, kgo.NewOffset().AtStart())
	c.equal("headers", got[0].Headers, headers)
	c.equal("a given timestamp", got[0].Timestamp.UnixMilli(), stamp.UnixMilli())
	seen := ""
	for _, record := range got {
		seen += fmt.Sprintf("%v=%v ", shown(record.Key), shown(record.Value))
	}
	c.equal("null and empty keys and values", seen, "k=v null=no key no value=null = null=null ")
	c.truth("a leader epoch", got[0].LeaderEpoch >= 0, got[0].LeaderEpoch)
	of = topic(1, "message.timestamp.type", "LogAppendTime")
	produce([]*kgo.Record{{Topic: of, Timestamp: stamp}})
	record := read(of, 1, kgo.NewOffset().AtStart())[0]
	c.equal("append time", record.Attrs.TimestampType(), int8(1))
	c.truth("append time is now", time.Since(record.Timestamp).Abs() < time.Minute, record.Timestamp)
}

func shown(bytes []byte) string {
	if bytes == nil {
		return "null"
	}
	return string(bytes)
}

func sizes(c *checks) {
	of := topic(1)
	large := &kgo.Record{Topic: of, Value: make([]byte, 900_000)}
	c.equal("900 KB", produce([]*kgo.Record{large}), []string{"0:0"})
	c.equal("900 KB is read", len(read(of, 1, kgo.NewOffset().AtStart())[0].Value), 900_000)
	huge := func(topic string) []*kgo.Record {
		return []*kgo.Record{{Topic: topic, Value: make([]byte, 1_500_000)}}
	}
	wide := []kgo.Opt{kgo.ProducerBatchMaxBytes(3_000_000), kgo.ProducerBatchCompression(kgo.NoCompression())}
	refused := produce(huge(of), wide...)
	c.truth("too large", strings.HasPrefix(refused[0], "MESSAGE_TOO_LARGE"), refused)
	c.equal("a larger limit of the topic", produce(huge(topic(1, "max.message.bytes", "3000000")), wide...), []string{"0:0"})
	refused = produce(values(topic(1, "cleanup.policy", "compact"), 1, "v"))
	c.truth("no key on a compacted topic", strings.HasPrefix(refused[0], "INVALID_RECORD"), refused)
}

func positions(c *checks) {
	of := topic(1)
	base := hourAgo
	for number := range 5 {
		produce([]*kgo.Record{{Topic: of, Value: fmt.Append(nil, "v", number),
			Timestamp: base.Add(time.Duration(number) * time.Second)}})
	}
	c.equal("from the start", payloads(read(of, 5, kgo.NewOffset().AtStart())), numbered("v", 5))
	c.equal("from an offset", payloads(read(of, 2, kgo.NewOffset().At(3))), []string{"v3", "v4"})
	c.equal("two before the end", payloads(read(of, 2, kgo.NewOffset().AtEnd().Relative(-2))), []string{"v3", "v4"})
	after := kgo.NewOffset().AfterMilli(base.UnixMilli() + 2500)
	c.equal("from a time", payloads(read(of, 2, after)), []string{"v3", "v4"})
	found, _ := admin.ListOffsetsAfterMilli(ctx, base.UnixMilli()+2000, of)
	c.equal("offset for a time", found[of][0].Offset, int64(2))
	newest, _ := admin.ListMaxTimestampOffsets(ctx, of)
	c.equal("of the newest time", newest[of][0].Offset, int64(4))
	c.equal("out of range starts over", payloads(read(of, 1, kgo.NewOffset().At(99),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())))[0], "v0")
	client := connect(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{of: {0: kgo.NewOffset().AtEnd()}}))
	defer client.Close()
	limited, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c.equal("nothing at the end", client.PollFetches(limited).NumRecords(), 0)
	produce(values(of, 1, "late"))
	c.equal("what comes later", payloads(poll(client, atLeast(1))), []string{"late0"})
}
