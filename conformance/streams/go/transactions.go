package main

import (
	"context"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// seen reads partition 0 to the end that this level shows. A record that is sent afterwards marks that end.
func seen(topic string, level kgo.IsolationLevel) []string {
	list := admin.ListEndOffsets
	if level == kgo.ReadCommitted() {
		list = admin.ListCommittedOffsets
	}
	ends, err := list(ctx, topic)
	if err != nil || ends[topic][0].Offset == 0 {
		return []string{}
	}
	client := connect(kgo.FetchIsolationLevel(level), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	defer client.Close()
	records := poll(client, func(records []*kgo.Record) bool {
		return len(records) > 0 && records[len(records)-1].Offset+1 >= ends[topic][0].Offset
	})
	values := []string{}
	for _, record := range records {
		if !record.Attrs.IsControl() {
			values = append(values, string(record.Value))
		}
	}
	return values
}

func begin(id string) *kgo.Client {
	client := connect(kgo.TransactionalID(id))
	if err := client.BeginTransaction(); err != nil {
		panic(err)
	}
	return client
}

func transactions(c *checks) {
	of, id := topic(1), name("transaction")
	client := begin(id)
	defer client.Close()
	send(client, values(of, 2, "committed"))
	c.equal("open: hidden", seen(of, kgo.ReadCommitted()), []string{})
	c.equal("open: visible to read_uncommitted", seen(of, kgo.ReadUncommitted()), numbered("committed", 2))
	described, err := admin.DescribeTransactions(ctx, id)
	c.truth("described", err == nil && described[id].State == "Ongoing", described)
	listed, err := admin.ListTransactions(ctx, nil, []string{"Ongoing"})
	c.truth("listed", err == nil && listed[id].TxnID == id, listed)
	c.succeeds("commit", client.EndTransaction(ctx, kgo.TryCommit))
	// The end of a transaction is answered when it is decided; its markers follow.
	c.becomes("committed: visible", func() any { return seen(of, kgo.ReadCommitted()) }, numbered("committed", 2))
	c.succeeds("begin again", client.BeginTransaction())
	send(client, values(of, 2, "aborted"))
	c.succeeds("abort", client.EndTransaction(ctx, kgo.TryAbort))
	c.equal("aborted: hidden", seen(of, kgo.ReadCommitted()), numbered("committed", 2))
	c.equal("aborted: visible to read_uncommitted", len(seen(of, kgo.ReadUncommitted())), 4)
}

func consumeTransformProduce(c *checks) {
	source, target, group := topic(1), topic(1), name("group")
	produce(values(source, 5, "v"))
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(bootstrap), kgo.TransactionalID(name("transaction")),
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(source), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	c.succeeds("a session", err)
	defer session.Close()
	for _, decision := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		var records []*kgo.Record
		within(limit, func() bool {
			limited, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			records = append(records, session.PollFetches(limited).Records()...)
			return len(records) >= 5
		})
		c.succeeds("begin", session.Begin())
		for _, record := range records {
			session.Produce(ctx, &kgo.Record{Topic: target, Value: []byte(strings.ToUpper(string(record.Value)))}, nil)
		}
		committed, err := session.End(ctx, decision)
		c.truth("end", err == nil && committed == bool(decision), err)
		expected := map[bool]int64{true: 5, false: -1}[bool(decision)]
		c.becomes("offsets", func() any { return offset(group, source) }, expected)
	}
	c.becomes("each result once", func() any { return seen(target, kgo.ReadCommitted()) }, numbered("V", 5))
}

func fencing(c *checks) {
	of, id := topic(1), name("transaction")
	zombie := begin(id)
	defer zombie.Close()
	send(zombie, values(of, 1, "zombie"))
	successor := begin(id)
	defer successor.Close()
	send(successor, values(of, 1, "successor"))
	err := zombie.EndTransaction(ctx, kgo.TryCommit)
	fenced := err != nil && (strings.Contains(err.Error(), kerr.ProducerFenced.Message) ||
		strings.Contains(err.Error(), kerr.InvalidProducerEpoch.Message))
	c.truth("a zombie is fenced", fenced, err)
	c.succeeds("its successor commits", successor.EndTransaction(ctx, kgo.TryCommit))
	c.becomes("only that is seen", func() any { return seen(of, kgo.ReadCommitted()) }, []string{"successor0"})
}

func shares(c *checks) {
	of, group := topic(1), name("share")
	request := kmsg.NewIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	config.Name, config.Value = "share.auto.offset.reset", kadm.StringPtr("earliest")
	resource.Configs = append(resource.Configs, config)
	request.Resources = append(request.Resources, resource)
	setter := connect()
	defer setter.Close()
	_, err := request.RequestWith(ctx, setter)
	c.succeeds("where the group starts", err)
	produce(values(of, 3, "v"))
	client := connect(kgo.ShareGroup(group), kgo.ConsumeTopics(of))
	defer client.Close()
	records := poll(client, atLeast(3))
	c.equal("three records", payloads(records), numbered("v", 3))
	client.MarkAcks(kgo.AckAccept, records[0])
	client.MarkAcks(kgo.AckRelease, records[1])
	client.MarkAcks(kgo.AckReject, records[2])
	c.succeeds("acknowledge", client.FlushAcks(ctx))
	again := poll(client, atLeast(1))
	c.equal("only the released one comes again", payloads(again), []string{"v1"})
	client.MarkAcks(kgo.AckAccept)
	c.succeeds("acknowledge again", client.FlushAcks(ctx))
	described, err := admin.DescribeShareGroups(ctx, group)
	c.truth("described", err == nil && len(described[group].Members) == 1, described)
}
