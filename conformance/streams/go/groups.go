package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// member is one consumer of a group, polled by a goroutine of its own; what it owns is kept by its callbacks.
type member struct {
	client *kgo.Client
	lock   sync.Mutex
	owned  map[int32]bool
	values map[string]bool
	done   chan struct{}
}

func join(group, topic string, options ...kgo.Opt) *member {
	m := &member{owned: map[int32]bool{}, values: map[string]bool{}, done: make(chan struct{})}
	change := func(owns bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, changed map[string][]int32) {
			m.lock.Lock()
			defer m.lock.Unlock()
			for _, partition := range changed[topic] {
				if owns {
					m.owned[partition] = true
				} else {
					delete(m.owned, partition)
				}
			}
		}
	}
	m.client = connect(append(options, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.OnPartitionsAssigned(change(true)),
		kgo.OnPartitionsRevoked(change(false)), kgo.OnPartitionsLost(change(false)))...)
	go func() {
		defer close(m.done)
		for {
			fetches := m.client.PollFetches(ctx)
			if fetches.IsClientClosed() {
				return
			}
			m.lock.Lock()
			fetches.EachRecord(func(record *kgo.Record) { m.values[string(record.Value)] = true })
			m.lock.Unlock()
		}
	}()
	return m
}

func (m *member) leave() {
	m.client.Close()
	<-m.done
}

func (m *member) count() int {
	m.lock.Lock()
	defer m.lock.Unlock()
	return len(m.owned)
}

func members(c *checks) {
	quick := kgo.HeartbeatInterval(500 * time.Millisecond)
	rows := []struct {
		label   string
		options []kgo.Opt
	}{
		{"default (cooperative-sticky)", []kgo.Opt{quick}},
		{"range", []kgo.Opt{kgo.Balancers(kgo.RangeBalancer()), quick}},
		{"roundrobin", []kgo.Opt{kgo.Balancers(kgo.RoundRobinBalancer()), quick}},
		{"static", []kgo.Opt{quick}},
		{"the newer protocol", []kgo.Opt{kgo.Balancers(kgo.StickyBalancer()), kgo.ServerSideBalancer()}},
	}
	for _, row := range rows {
		of, group := topic(4), name("group")
		produce(values(of, 40, "v"))
		instance := func(id string) []kgo.Opt {
			if row.label == "static" {
				return append(row.options, kgo.InstanceID(id))
			}
			return row.options
		}
		a := join(group, of, instance("one")...)
		c.eventually(row.label+": one member has all", func() bool { return a.count() == 4 })
		b := join(group, of, instance("two")...)
		c.eventually(row.label+": two members share", func() bool { return a.count() == 2 && b.count() == 2 })
		if row.label == "static" {
			a.leave()
			a = join(group, of, instance("one")...)
			c.eventually(row.label+": it comes back", func() bool { return a.count() == 2 && b.count() == 2 })
		} else {
			a.leave()
			c.eventually(row.label+": the last one has all", func() bool { return b.count() == 4 })
		}
		c.eventually(row.label+": everything was read", func() bool {
			a.lock.Lock()
			b.lock.Lock()
			defer a.lock.Unlock()
			defer b.lock.Unlock()
			for value := range a.values {
				b.values[value] = true
			}
			return len(b.values) == 40
		})
		a.leave()
		b.leave()
	}
}

func commits(c *checks) {
	of, group := topic(1), name("group")
	produce(values(of, 10, "v"))
	options := []kgo.Opt{kgo.ConsumerGroup(group), kgo.ConsumeTopics(of),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
	client := connect(append(options, kgo.DisableAutoCommit())...)
	records := poll(client, atLeast(10))
	c.succeeds("commit a record", client.CommitRecords(ctx, records[3]))
	c.equal("the committed offset", offset(group, of), int64(4))
	c.succeeds("commit what was read", client.CommitUncommittedOffsets(ctx))
	c.equal("is the end", offset(group, of), int64(10))
	client.Close()
	produce(values(of, 1, "next"))
	client = connect(options...)
	c.equal("the group goes on there", payloads(poll(client, atLeast(1))), []string{"next0"})
	// What one poll returned counts as handled when the next one begins.
	limited, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	client.PollFetches(limited)
	client.Close()
	c.eventually("closing commits", func() bool { return offset(group, of) == 11 })
}

// offset is what a group committed for partition 0; -1 is nothing.
func offset(group, topic string) int64 {
	fetched, err := admin.FetchOffsets(ctx, group)
	if err != nil {
		return -2
	}
	if found, ok := fetched.Lookup(topic, 0); ok {
		return found.At
	}
	return -1
}

func groupAdministration(c *checks) {
	of, group := topic(1), name("group")
	produce(values(of, 5, "v"))
	a := join(group, of, kgo.ClientID("the-client"))
	c.eventually("joined", func() bool { return a.count() == 1 })
	described, err := admin.DescribeGroups(ctx, group)
	c.truth("described", err == nil && described[group].State == "Stable" &&
		described[group].Members[0].ClientID == "the-client", described)
	listed, _ := admin.ListGroups(ctx)
	c.equal("listed", listed[group].ProtocolType, "consumer")
	_, err = admin.DeleteGroup(ctx, group)
	c.fails("a group with members stays", err, kerr.NonEmptyGroup)
	a.leave()
	var offsets kadm.Offsets
	offsets.AddOffset(of, 0, 2, -1)
	c.succeeds("alter offsets", admin.CommitAllOffsets(ctx, group, offsets))
	c.equal("altered offsets", offset(group, of), int64(2))
	lags, err := admin.Lag(ctx, group)
	c.truth("lag", err == nil && lags[group].Lag.Total() == 3, fmt.Sprint(lags[group].Lag))
	var set kadm.TopicsSet
	set.Add(of, 0)
	deleted, err := admin.DeleteOffsets(ctx, group, set)
	c.truth("delete offsets", err == nil && deleted.Error() == nil, deleted)
	c.equal("deleted offsets", offset(group, of), int64(-1))
	c.succeeds("commit again", admin.CommitAllOffsets(ctx, group, offsets))
	_, err = admin.DeleteGroup(ctx, group)
	c.succeeds("delete", err)
	_, err = admin.DeleteGroup(ctx, group)
	c.fails("delete again", err, kerr.GroupIDNotFound)
	newer := name("group")
	b := join(newer, of, kgo.Balancers(kgo.RangeBalancer()), kgo.ServerSideBalancer())
	c.eventually("joined by the newer protocol", func() bool { return b.count() == 1 })
	groups, err := admin.DescribeConsumerGroups(ctx, newer)
	c.truth("described", err == nil && len(groups[newer].Members) == 1 && groups[newer].AssignorName == "range", groups)
	b.leave()
}
