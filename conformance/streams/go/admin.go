package main

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func topics(c *checks) {
	created := topic(3, "retention.ms", "3600000")
	listed, err := admin.ListTopics(ctx)
	c.truth("list", err == nil && listed.Has(created), err)
	c.equal("its partitions", listed[created].Partitions.Numbers(), []int32{0, 1, 2})
	create := func(partitions int32, replicas int16, name string, configs map[string]*string) error {
		_, err := admin.CreateTopic(ctx, partitions, replicas, configs, name)
		return err
	}
	c.fails("create what exists", create(1, 1, created, nil), kerr.TopicAlreadyExists)
	c.fails("a bad name", create(1, 1, "no spaces", nil), kerr.InvalidTopicException)
	c.fails("no partitions", create(0, 1, name("bad"), nil), kerr.InvalidPartitions)
	c.fails("more replicas than brokers", create(1, 30, name("bad"), nil), kerr.InvalidReplicationFactor)
	soon := map[string]*string{"retention.ms": kadm.StringPtr("soon")}
	c.fails("a bad value", create(1, 1, name("bad"), soon), kerr.InvalidConfig)
	defaults := name("topic")
	response, err := admin.CreateTopic(ctx, -1, -1, nil, defaults)
	c.truth("create with defaults", err == nil && response.NumPartitions == 1, response)
	c.truth("created configurations are told", len(response.Configs) > 0, nil)
	grown, err := admin.UpdatePartitions(ctx, 5, created)
	c.truth("more partitions", err == nil && grown.Error() == nil, grown)
	c.eventually("they are there", func() bool { return partitionCount(created) == 5 })
	shrunk, _ := admin.UpdatePartitions(ctx, 2, created)
	c.fails("fewer partitions", shrunk.Error(), kerr.InvalidPartitions)
	_, err = admin.DeleteTopic(ctx, created)
	c.succeeds("delete", err)
	c.eventually("it is gone", func() bool {
		listed, err := admin.ListTopics(ctx)
		return err == nil && !listed.Has(created)
	})
	_, err = admin.DeleteTopic(ctx, created)
	c.fails("delete again", err, kerr.UnknownTopicOrPartition)
	brokers, err := admin.ListBrokers(ctx)
	c.truth("brokers", err == nil && len(brokers) >= 1, err)
	versions, err := admin.ApiVersions(ctx)
	c.truth("versions of the protocol", err == nil && len(versions) == len(brokers), err)
}

func value(topic, key string) string {
	described, err := admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return err.Error()
	}
	for _, config := range described[0].Configs {
		if config.Key == key {
			return config.MaybeValue()
		}
	}
	return "none"
}

func configurations(c *checks) {
	of := topic(1, "retention.ms", "3600000")
	c.equal("a value that was set", value(of, "retention.ms"), "3600000")
	c.equal("a default", value(of, "cleanup.policy"), "delete")
	alter := func(operation kadm.IncrementalOp, key, value string) error {
		responses, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{
			{Op: operation, Name: key, Value: kadm.StringPtr(value)}}, of)
		if err != nil {
			return err
		}
		return responses[0].Err
	}
	c.succeeds("set", alter(kadm.SetConfig, "retention.ms", "7200000"))
	c.equal("set is described", value(of, "retention.ms"), "7200000")
	c.succeeds("append", alter(kadm.AppendConfig, "cleanup.policy", "compact"))
	c.succeeds("subtract", alter(kadm.SubtractConfig, "cleanup.policy", "delete"))
	c.equal("append and subtract are described", value(of, "cleanup.policy"), "compact")
	c.succeeds("delete", alter(kadm.DeleteConfig, "retention.ms", ""))
	c.equal("delete is described", value(of, "retention.ms"), "604800000")
	c.fails("a bad value", alter(kadm.SetConfig, "retention.ms", "soon"), kerr.InvalidConfig)
}

func deletedRecords(c *checks) {
	of := topic(1)
	produce(values(of, 10, "v"))
	var offsets kadm.Offsets
	offsets.AddOffset(of, 0, 4, -1)
	cut, err := admin.DeleteRecords(ctx, offsets)
	c.truth("delete records", err == nil && cut[of][0].LowWatermark == 4, cut)
	start, _ := admin.ListStartOffsets(ctx, of)
	c.equal("start", start[of][0].Offset, int64(4))
	end, _ := admin.ListEndOffsets(ctx, of)
	c.equal("end", end[of][0].Offset, int64(10))
	committed, _ := admin.ListCommittedOffsets(ctx, of)
	c.equal("end of what is decided", committed[of][0].Offset, int64(10))
	after, _ := admin.ListOffsetsAfterMilli(ctx, time.Now().Add(time.Hour).UnixMilli(), of)
	c.equal("for a time to come", after[of][0].Offset, int64(10))
	offsets = nil
	offsets.AddOffset(of, 0, 99, -1)
	beyond, _ := admin.DeleteRecords(ctx, offsets)
	c.fails("beyond the end", beyond[of][0].Err, kerr.OffsetOutOfRange)
}

func access(c *checks) {
	of := name("topic")
	rule := kadm.NewACLs().Topics(of).Allow("User:alice").AllowHosts("*").Operations(kmsg.ACLOperationRead)
	created, err := admin.CreateACLs(ctx, rule)
	c.truth("create a rule", err == nil && len(created) == 1 && created[0].Err == nil, created)
	count := func() int {
		described, err := admin.DescribeACLs(ctx, rule)
		if err != nil || len(described) != 1 {
			return -1
		}
		return len(described[0].Described)
	}
	c.eventually("describe it", func() bool { return count() == 1 })
	_, err = admin.DeleteACLs(ctx, rule)
	c.succeeds("delete it", err)
	c.eventually("it is gone", func() bool { return count() == 0 })
	user := name("user")
	_, err = admin.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{
		{User: user, Mechanism: kadm.ScramSha256, Iterations: 4096, Password: "secret"}})
	c.succeeds("give a user a password", err)
	c.eventually("describe the user", func() bool {
		users, err := admin.DescribeUserSCRAMs(ctx, user)
		return err == nil && users[user].Err == nil && slices.Equal(users[user].CredInfos,
			[]kadm.CredInfo{{Mechanism: kadm.ScramSha256, Iterations: 4096}})
	})
	_, err = admin.AlterUserSCRAMs(ctx, []kadm.DeleteSCRAM{{User: user, Mechanism: kadm.ScramSha256}}, nil)
	c.succeeds("take it away", err)
}
