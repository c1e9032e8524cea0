// KafkaJS with its default settings against BOLE_STREAMS_BOOTSTRAP.
'use strict';

const {
  Kafka, CompressionTypes, ConfigResourceTypes, AclResourceTypes, AclOperationTypes, AclPermissionTypes,
  ResourcePatternTypes, PartitionAssigners, logLevel,
} = require('kafkajs');
const { equal, truth, rejects, becomes, eventually, run, finish } = require('checks');

const kafka = new Kafka({ brokers: [process.env.BOLE_STREAMS_BOOTSTRAP], logLevel: logLevel.NOTHING });
const admin = kafka.admin();
const runName = `${process.pid.toString(16)}-${Date.now().toString(16)}`;
// Much older records may be deleted by their age while they are read.
const hourAgo = Date.now() - 3_600_000;
let numbers = 0;
const name = (prefix) => `${prefix}-${runName}-${(numbers += 1)}`;

const topic = async (numPartitions = 1, configEntries = []) => {
  const created = name('topic');
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic: created, numPartitions, configEntries }] });
  return created;
};

const numbered = (prefix, count) => Array.from({ length: count }, (_, number) => `${prefix}${number}`);
const values = (count, prefix = 'v') => numbered(prefix, count).map((value) => ({ value }));
const text = (bytes) => (bytes === null ? null : bytes.toString());

const send = async (to, messages, options = {}, config = {}) => {
  const producer = kafka.producer(config);
  await producer.connect();
  try {
    return await producer.send({ topic: to, messages, ...options });
  } finally {
    await producer.disconnect();
  }
};

/** A member of a group that keeps what it reads; `ready` resolves when it has joined. */
const join = async (groupId, of, config = {}, runConfig = {}) => {
  const consumer = kafka.consumer({ groupId, ...config });
  const member = { consumer, messages: [], assigned: [] };
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    member.assigned = payload.memberAssignment[of] ?? [];
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [of], fromBeginning: true });
  await consumer.run({
    ...runConfig,
    eachMessage: async ({ partition, message }) => { member.messages.push({ partition, ...message }); },
  });
  member.leave = () => consumer.disconnect();
  return member;
};

/** Reads `count` messages from the beginning in a group of its own. */
const read = async (of, count, config = {}) => {
  const member = await join(name('group'), of, config);
  const deadline = Date.now() + 20_000;
  while (member.messages.length < count && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await member.leave();
  return member.messages;
};

const payloads = (messages) => messages.map((message) => text(message.value));

async function topics() {
  const created = await topic(3, [{ name: 'retention.ms', value: '3600000' }]);
  truth('list', (await admin.listTopics()).includes(created));
  const { topics: [described] } = await admin.fetchTopicMetadata({ topics: [created] });
  equal('describe', described.partitions.map((each) => each.partitionId).sort(), [0, 1, 2]);
  const create = (wanted) => admin.createTopics({ topics: [wanted] });
  equal('create what exists', await create({ topic: created }), false);
  const refusal = async (wanted) => {
    try {
      return await create(wanted);
    } catch (error) {
      return (error.errors ?? [error])[0].type;
    }
  };
  equal('a bad name', await refusal({ topic: 'no spaces' }), 'INVALID_TOPIC_EXCEPTION');
  equal('no partitions', await refusal({ topic: name('bad'), numPartitions: 0 }), 'INVALID_PARTITIONS');
  const soon = { topic: name('bad'), configEntries: [{ name: 'retention.ms', value: 'soon' }] };
  equal('a bad value', await refusal(soon), 'INVALID_CONFIG');
  await admin.createPartitions({ topicPartitions: [{ topic: created, count: 5 }] });
  const count = async () => (await admin.fetchTopicMetadata({ topics: [created] })).topics[0].partitions.length;
  await becomes('more partitions', count, 5);
  await admin.deleteTopics({ topics: [created] });
  await eventually('delete', async () => !(await admin.listTopics()).includes(created));
  await rejects('delete again', 'This server does not host this topic-partition', admin.deleteTopics({ topics: [created] }));
  truth('describe the cluster', (await admin.describeCluster()).brokers.length >= 1);
}

async function configurations() {
  const of = await topic(1, [{ name: 'retention.ms', value: '3600000' }]);
  const value = async (key) => {
    const wanted = { type: ConfigResourceTypes.TOPIC, name: of, configNames: [key] };
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [wanted] });
    return resources[0].configEntries[0].configValue;
  };
  equal('a value that was set', await value('retention.ms'), '3600000');
  equal('a default', await value('cleanup.policy'), 'delete');
  const alter = (configEntries) =>
    admin.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: of, configEntries }] });
  await alter([{ name: 'max.message.bytes', value: '5000' }]);
  await becomes('alter', () => value('max.message.bytes'), '5000');
  equal('what alter leaves out is the default', await value('retention.ms'), '604800000');
  await rejects('a bad value', 'Configuration is invalid', alter([{ name: 'retention.ms', value: 'soon' }]));
}

async function accessRules() {
  const rule = {
    resourceType: AclResourceTypes.TOPIC, resourceName: name('topic'), resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: 'User:alice', host: '*', operation: AclOperationTypes.READ, permissionType: AclPermissionTypes.ALLOW,
  };
  equal('create a rule', await admin.createAcls({ acl: [rule] }), true);
  await becomes('describe it', async () => (await admin.describeAcls(rule)).resources.length, 1);
  const deleted = await admin.deleteAcls({ filters: [rule] });
  equal('delete it', deleted.filterResponses[0].matchingAcls.length, 1);
}

async function producing() {
  const of = await topic(4);
  const keyed = Array.from({ length: 80 }, (_, number) => ({ key: `k${number % 8}`, value: 'x' }));
  await send(of, keyed);
  const messages = await read(of, 80);
  const partitions = new Map(messages.map((each) => [text(each.key), each.partition]));
  truth('one partition a key', messages.every((each) => partitions.get(text(each.key)) === each.partition));
  truth('keys spread', new Set(partitions.values()).size > 1);
  const [explicit] = await send(await topic(4), [{ value: 'x', partition: 3 }]);
  equal('an explicit partition', [explicit.partition, explicit.baseOffset], [3, '0']);
  for (const acks of [0, 1, -1]) {
    const single = await topic();
    await send(single, values(20), { acks });
    equal(`acks=${acks}`, payloads(await read(single, 20)), numbered('v', 20));
  }
  const idempotent = await topic();
  await send(idempotent, values(1000), {}, { idempotent: true });
  equal('idempotent', payloads(await read(idempotent, 1000)), numbered('v', 1000));
  const zipped = await topic();
  await send(zipped, values(500), { compression: CompressionTypes.GZIP });
  equal('gzip', payloads(await read(zipped, 500)), numbered('v', 500));
}

async function recordParts() {
  const of = await topic();
  const headers = { a: ['1', '2'], b: '' };
  await send(of, [
    { key: 'k', value: 'v', headers, timestamp: String(hourAgo) }, { value: 'no key' }, { key: 'no value', value: null },
    { key: '', value: '' },
  ]);
  const got = await read(of, 4);
  equal('headers', [got[0].headers.a.map(text), text(got[0].headers.b)], [['1', '2'], '']);
  equal('a given timestamp', got[0].timestamp, String(hourAgo));
  equal('keys and values', got.map((each) => [text(each.key), text(each.value)]),
    [['k', 'v'], [null, 'no key'], ['no value', null], ['', '']]);
  const large = Buffer.alloc(900_000, 'x');
  await send(of, [{ value: large }]);
  equal('900 KB', (await read(of, 5))[4].value.length, 900_000);
  await rejects('too large', 'The request included a message larger than the max message size',
    send(of, [{ value: Buffer.alloc(1_500_000) }]));
}

async function offsets() {
  const of = await topic();
  const base = hourAgo;
  await send(of, numbered('v', 5).map((value, number) => ({ value, timestamp: `${base + number * 1000}` })));
  const [ends] = await admin.fetchTopicOffsets(of);
  equal('offsets', [ends.low, ends.high], ['0', '5']);
  const [found] = await admin.fetchTopicOffsetsByTimestamp(of, base + 2500);
  equal('offset for a time', found.offset, '3');
  await admin.deleteTopicRecords({ topic: of, partitions: [{ partition: 0, offset: '2' }] });
  equal('delete records', (await admin.fetchTopicOffsets(of))[0].low, '2');
  equal('reading starts there', payloads(await read(of, 3)), ['v2', 'v3', 'v4']);
  const member = await join(name('group'), of);
  await eventually('read', () => member.messages.length === 3);
  member.consumer.pause([{ topic: of }]);
  await send(of, values(1, 'late'));
  member.consumer.resume([{ topic: of }]);
  await eventually('resumed', () => payloads(member.messages).includes('late0'));
  member.consumer.seek({ topic: of, partition: 0, offset: '4' });
  await becomes('seek', () => payloads(member.messages).slice(4), ['v4', 'late0']);
  await member.leave();
}

async function groups() {
  const of = await topic(4);
  const groupId = name('group');
  const config = { heartbeatInterval: 500, partitionAssigners: [PartitionAssigners.roundRobin] };
  await send(of, values(20).map((each, number) => ({ ...each, partition: number % 4 })));
  const first = await join(groupId, of, config);
  await becomes('one member has all', () => first.assigned.length, 4);
  const second = await join(groupId, of, config);
  await becomes('two members share', () => [first.assigned.length, second.assigned.length], [2, 2], 40);
  const described = await admin.describeGroups([groupId]);
  equal('described', [described.groups[0].state, described.groups[0].members.length], ['Stable', 2]);
  truth('listed', (await admin.listGroups()).groups.some((each) => each.groupId === groupId));
  await first.leave();
  await becomes('the last one has all', () => second.assigned.length, 4, 40);
  const everything = () => new Set(payloads([...first.messages, ...second.messages])).size;
  await becomes('everything was read', everything, 20);
  await second.leave();
  const committed = async () => {
    const [fetched] = await admin.fetchOffsets({ groupId, topics: [of] });
    return fetched.partitions.map((each) => each.offset).sort();
  };
  equal('leaving commits', await committed(), ['5', '5', '5', '5']);
  await admin.setOffsets({ groupId, topic: of, partitions: [{ partition: 0, offset: '3' }] });
  equal('set offsets', await committed(), ['3', '5', '5', '5']);
  const third = await join(groupId, of, config);
  await becomes('the group starts there', () => payloads(third.messages), ['v12', 'v16']);
  await third.leave();
  await admin.resetOffsets({ groupId, topic: of, earliest: true });
  truth('reset offsets', (await committed()).every((offset) => offset === '0' || offset === '-2'), await committed());
  await admin.deleteGroups([groupId]);
  await rejects('delete again', 'Error in DeleteGroups', admin.deleteGroups([groupId]));
}

async function transactions() {
  const of = await topic();
  const transactionalId = name('transaction');
  const producer = kafka.producer({ transactionalId, maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  const committed = await producer.transaction();
  await committed.send({ topic: of, messages: values(2, 'committed') });
  await committed.commit();
  const aborted = await producer.transaction();
  await aborted.send({ topic: of, messages: values(2, 'aborted') });
  await aborted.abort();
  await send(of, values(1, 'after'));
  equal('read_committed', payloads(await read(of, 3)), ['committed0', 'committed1', 'after0']);
  const all = await read(of, 5, { readUncommitted: true });
  equal('read_uncommitted', payloads(all), ['committed0', 'committed1', 'aborted0', 'aborted1', 'after0']);

  const target = await topic();
  const groupId = name('group');
  const member = await join(groupId, of, {}, { autoCommit: false });
  await becomes('consume', () => member.messages.length, 3);
  const last = Number(member.messages[2].offset) + 1;
  for (const decision of ['abort', 'commit']) {
    const transaction = await producer.transaction();
    await transaction.send({ topic: target, messages: member.messages.map((each) => ({ value: text(each.value).toUpperCase() })) });
    const partitions = [{ partition: 0, offset: String(last) }];
    await transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic: of, partitions }] });
    await transaction[decision]();
    const at = async () => (await admin.fetchOffsets({ groupId, topics: [of] }))[0].partitions[0].offset;
    await becomes(`offsets after ${decision}`, at, decision === 'commit' ? String(last) : '-1');
  }
  await member.leave();
  equal('each result once', payloads(await read(target, 3)), ['COMMITTED0', 'COMMITTED1', 'AFTER0']);

  const zombie = await producer.transaction();
  await zombie.send({ topic: of, messages: values(1, 'zombie') });
  const successor = kafka.producer({ transactionalId, maxInFlightRequests: 1, idempotent: true });
  await successor.connect();
  const next = await successor.transaction();
  let fenced = 'committed';
  await zombie.commit().catch((error) => { fenced = error.type; });
  truth('a zombie is fenced', ['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED'].includes(fenced), fenced);
  await next.send({ topic: of, messages: values(1, 'successor') });
  await next.commit();
  equal('its successor goes on', payloads(await read(of, 4))[3], 'successor0');
  await successor.disconnect();
  await producer.disconnect();
}

const main = async () => {
  console.log('# KafkaJS');
  await admin.connect();
  const families = [topics, configurations, accessRules, producing, recordParts, offsets, groups, transactions];
  const wanted = process.argv.slice(2);
  await run(families.filter((family) => wanted.length === 0 || wanted.includes(family.name)));
  await admin.disconnect();
  finish();
};

main();
