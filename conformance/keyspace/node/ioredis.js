// ioredis with its default settings against BOLE_KEYSPACE_URL, which it flushes.
//
//     node ioredis.js 2|3        the version of RESP
'use strict';

const { randomBytes } = require('node:crypto');
const { once } = require('node:events');
const Redis = require('ioredis');
const { equal, among, truth, rejects, eventually, run, finish } = require('checks');

const url = process.env.BOLE_KEYSPACE_URL;
if (!url) throw new Error('BOLE_KEYSPACE_URL must name the server to test; it is flushed');
const protocol = Number(process.argv[2] ?? 3);
const connect = (options = {}) => new Redis(url, { protocol, ...options });
const wrongType = 'WRONGTYPE Operation against a key holding the wrong kind of value';

async function strings(r) {
  equal('ping', await r.ping(), 'PONG');
  equal('set', await r.set('s:a', '1'), 'OK');
  equal('get', await r.get('s:a'), '1');
  equal('get of a missing key', await r.get('s:none'), null);
  equal('set nx', await r.set('s:a', '2', 'NX'), null);
  equal('set get', await r.set('s:a', '3', 'GET'), '1');
  equal('set ex', await r.set('s:e', 'v', 'EX', 100), 'OK');
  among('ttl', await r.ttl('s:e'), [99, 100]);
  equal('incr', await r.incr('s:n'), 1);
  equal('incrby', await r.incrby('s:n', 41), 42);
  equal('incrbyfloat', await r.incrbyfloat('s:f', 10.5), '10.5');
  equal('append', await r.append('s:a', 'xyz'), 4);
  equal('getrange', await r.getrange('s:a', 1, 2), 'xy');
  equal('mset', await r.mset({ 's:x': 1, 's:y': 2 }), 'OK');
  equal('mget', await r.mget('s:x', 's:none', 's:y'), ['1', null, '2']);
  equal('getdel', await r.getdel('s:x'), '1');
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  equal('a key and value of every byte', await r.set(bytes, bytes), 'OK');
  equal('read back', await r.getBuffer(bytes), bytes);
  const large = randomBytes(5 * 1024 * 1024);
  equal('set 5 MiB', await r.set('s:large', large), 'OK');
  truth('get 5 MiB', large.equals(await r.getBuffer('s:large')));
  equal('unlink', await r.unlink('s:large', bytes), 2);
  await rejects('incr of text', 'ERR value is not an integer or out of range', r.incr('s:a'));
}

async function keys(r) {
  await r.mset({ 'k:a': 1, 'k:b': 2 });
  equal('expire', await r.expire('k:a', 100), 1);
  equal('expire nx', await r.expire('k:a', 100, 'NX'), 0);
  equal('persist', await r.persist('k:a'), 1);
  equal('pexpireat, pexpiretime', [await r.pexpireat('k:a', 33177117420000), await r.pexpiretime('k:a')], [1, 33177117420000]);
  equal('rename', await r.rename('k:a', 'k:c'), 'OK');
  equal('copy', await r.copy('k:c', 'k:d'), 1);
  equal('type', [await r.type('k:c'), await r.type('k:none')], ['string', 'none']);
  equal('object encoding', await r.object('ENCODING', 'k:b'), 'int');
  equal('exists', await r.exists('k:b', 'k:c', 'k:none'), 2);
  await rejects('rename of a missing key', 'ERR no such key', r.rename('k:none', 'k:x'));
  await r.set('k:soon', '1', 'PX', 30);
  await eventually('a key expires', async () => (await r.exists('k:soon')) === 0);
  const dump = await r.dumpBuffer('k:b');
  equal('restore', [await r.restore('k:restored', 0, dump), await r.get('k:restored')], ['OK', '2']);
  await r.rpush('k:sort', 3, 1, 2);
  equal('sort', await r.sort('k:sort', 'DESC', 'LIMIT', 0, 2), ['3', '2']);
  const pipeline = r.pipeline();
  for (let i = 0; i < 3000; i += 1) pipeline.set(`scan:${i}`, i);
  await pipeline.exec();
  const found = new Set();
  for await (const page of r.scanStream({ match: 'scan:*', count: 100 })) page.forEach((key) => found.add(key));
  equal('scanStream finds every key', found.size, 3000);
  const other = connect({ db: 3 });
  equal('move to another database', [await r.move('k:b', 3), await other.get('k:b')], [1, '2']);
  equal('flushdb', [await other.flushdb(), await other.dbsize()], ['OK', 0]);
  other.disconnect();
}

async function collections(r) {
  equal('hset', await r.hset('h:a', { f: 1, g: 2 }), 2);
  equal('hgetall', await r.hgetall('h:a'), { f: '1', g: '2' });
  equal('hmget', await r.hmget('h:a', 'f', 'none'), ['1', null]);
  equal('hincrby', await r.hincrby('h:a', 'f', 5), 6);
  equal('hdel', await r.hdel('h:a', 'f', 'g'), 2);
  equal('rpush', await r.rpush('l:a', 'a', 'b', 'c'), 3);
  equal('lrange', await r.lrange('l:a', 0, -1), ['a', 'b', 'c']);
  equal('lmove', await r.lmove('l:a', 'l:b', 'LEFT', 'RIGHT'), 'a');
  equal('lpos', await r.lpos('l:a', 'c'), 1);
  equal('lpop with a count', await r.lpop('l:a', 5), ['b', 'c']);
  equal('lmpop', await r.lmpop(1, 'l:b', 'LEFT', 'COUNT', 3), ['l:b', ['a']]);
  equal('sadd', await r.sadd('t:a', 1, 2, 3), 3);
  await r.sadd('t:b', 2, 3, 4);
  equal('sinter', (await r.sinter('t:a', 't:b')).sort(), ['2', '3']);
  equal('smembers', (await r.smembers('t:a')).sort(), ['1', '2', '3']);
  equal('smismember', await r.smismember('t:a', 1, 9), [1, 0]);
  equal('sintercard', await r.sintercard(2, 't:a', 't:b'), 2);
  const members = new Set();
  for await (const page of r.sscanStream('t:a')) page.forEach((member) => members.add(member));
  equal('sscanStream', [...members].sort(), ['1', '2', '3']);
  await rejects('lpush to a set', wrongType, r.lpush('t:a', 'x'));
}

async function sortedSets(r) {
  equal('zadd', await r.zadd('z:a', 1, 'a', 2, 'b', 3.5, 'c'), 3);
  equal('zadd gt ch', await r.zadd('z:a', 'GT', 'CH', 5, 'a', 1, 'b'), 1);
  equal('zrange', await r.zrange('z:a', 0, -1), ['b', 'c', 'a']);
  equal('zrange byscore rev limit', await r.zrange('z:a', '+inf', '(2', 'BYSCORE', 'REV', 'LIMIT', 0, 1), ['a']);
  equal('zrangebyscore', await r.zrangebyscore('z:a', 2, '(5'), ['b', 'c']);
  equal('zrevrange', await r.zrevrange('z:a', 0, 0), ['a']);
  equal('zrank', [await r.zrank('z:a', 'a'), await r.zrank('z:a', 'none')], [2, null]);
  equal('zscore', Number(await r.zscore('z:a', 'c')), 3.5);
  equal('zincrby', Number(await r.zincrby('z:a', 0.25, 'c')), 3.75);
  equal('zcount', await r.zcount('z:a', '-inf', '(5'), 2);
  await r.zadd('z:l', 0, 'a', 0, 'b', 0, 'c');
  equal('zrange bylex', await r.zrange('z:l', '[b', '+', 'BYLEX'), ['b', 'c']);
  equal('zlexcount', await r.zlexcount('z:l', '-', '(c'), 2);
  equal('zunionstore', await r.zunionstore('z:u', 2, 'z:a', 'z:l', 'WEIGHTS', 1, 2), 3);
  equal('zdiff', await r.zdiff(2, 'z:a', 'z:l'), []);
  equal('zrangestore', await r.zrangestore('z:s', 'z:a', 0, 1), 2);
  equal('zpopmin', (await r.zpopmin('z:a')).flat().map(String), ['b', '2']);
  equal('zremrangebyrank', await r.zremrangebyrank('z:a', 0, -1), 2);
}

async function blockingPops(r) {
  const other = connect();
  const blocked = async () => /blocked_clients:1\r/.test(await r.info('clients'));
  const popped = other.blpop('b:x', 'b:a', 10);
  await eventually('blpop blocks', blocked);
  await r.rpush('b:a', '1');
  equal('blpop', await popped, ['b:a', '1']);
  const minimum = other.bzpopmin('b:z', 10);
  await eventually('bzpopmin blocks', blocked);
  await r.zadd('b:z', 2, 'm');
  equal('bzpopmin', (await minimum).map(String), ['b:z', 'm', '2']);
  equal('blpop times out', await other.blpop('b:none', 0.05), null);
  const moved = other.blmove('b:a', 'b:b', 'LEFT', 'RIGHT', 10);
  await eventually('blmove blocks', blocked);
  await r.multi().rpush('b:a', 'x').exec();
  equal('blmove after a transaction', await moved, 'x');
  other.disconnect();
}

async function transactions(r) {
  equal('multi, exec', await r.multi().set('x:a', 1).incr('x:a').get('x:a').exec(), [[null, 'OK'], [null, 2], [null, '2']]);
  const replies = await r.multi().set('x:b', 'text').lpush('x:b', 1).get('x:b').exec();
  truth('an error inside does not stop the rest', replies[1][0]?.message === wrongType && replies[2][1] === 'text', replies);
  const other = connect();
  await r.watch('x:a');
  await other.set('x:a', 'changed');
  equal('watch with a conflict', await r.multi().set('x:a', 'lost').exec(), null);
  equal('the conflicting write did not happen', await r.get('x:a'), 'changed');
  await r.watch('x:a');
  equal('watch without a conflict', await r.multi().set('x:a', 'won').exec(), [[null, 'OK']]);
  other.disconnect();
  const pipeline = r.pipeline();
  for (let i = 0; i < 10000; i += 1) pipeline.incr('x:n');
  const counted = await pipeline.exec();
  truth('a pipeline of 10,000', counted.every(([error, n], i) => error === null && n === i + 1));
  equal('many promises at once', (await Promise.all(Array.from({ length: 1000 }, () => r.incr('x:n')))).at(-1), 11000);
}

async function publishAndSubscribe(r) {
  const s = connect();
  equal('subscribe', await s.subscribe('ch:a', 'ch:b'), 2);
  equal('psubscribe', await s.psubscribe('ch:*'), 3);
  const message = once(s, 'messageBuffer');
  const patterned = once(s, 'pmessage');
  equal('publish reaches channel and pattern', await r.publish('ch:a', Buffer.from([0, 255])), 2);
  equal('message', await message, [Buffer.from('ch:a'), Buffer.from([0, 255])]);
  equal('pmessage', (await patterned).slice(0, 2), ['ch:*', 'ch:a']);
  equal('pubsub channels', (await r.pubsub('CHANNELS', 'ch:*')).sort(), ['ch:a', 'ch:b']);
  equal('pubsub numpat', await r.pubsub('NUMPAT'), 1);
  equal('ssubscribe', await s.ssubscribe('shard:a'), 1);
  const sharded = once(s, 'smessage');
  equal('spublish', await r.spublish('shard:a', 'x'), 1);
  equal('smessage', await sharded, ['shard:a', 'x']);
  equal('unsubscribe', await s.unsubscribe('ch:a'), 2);
  s.disconnect();
  await eventually('closing unsubscribes', async () => (await r.pubsub('NUMPAT')) === 0);
}

async function server(r) {
  equal('client setname, getname', [await r.client('SETNAME', 'conformance'), await r.client('GETNAME')], ['OK', 'conformance']);
  const id = await r.client('ID');
  truth('client id', Number.isInteger(id) && id > 0, id);
  truth('client list', (await r.client('LIST')).includes(`id=${id} `));
  truth('client info', (await r.client('INFO')).includes('name=conformance'));
  const option = await r.config('GET', 'maxmemory-policy');
  truth('config get', JSON.stringify(option).includes('maxmemory-policy'), option);
  equal('config set', await r.config('SET', 'timeout', '0'), 'OK');
  truth('info', /redis_version:\d+\.\d+\.\d+\r\n/.test(await r.info('server')));
  truth('command count', (await r.command('COUNT')) > 150);
  equal('command getkeys', await r.command('GETKEYS', 'MSET', 'a', '1', 'b', '2'), ['a', 'b']);
  const [get, none] = await r.command('INFO', 'get', 'nosuch');
  equal('command info', [get[0], get[1], none], ['get', 2, null]);
  await rejects('an unknown command', "ERR unknown command 'nosuch', with args beginning with: 'a' ", r.call('nosuch', 'a'));
  await rejects('wrong arity', "ERR wrong number of arguments for 'get' command", r.call('get'));
  await rejects('get of a list', wrongType, r.rpush('e:l', 1).then(() => r.get('e:l')));
  await rejects('select 99', 'ERR DB index is out of range', r.select(99));
}

async function typedReplies(r) {
  if (protocol !== 3) return;
  const typed = connect({ replyMapping: 'resp3' });
  await r.hset('y:h', { f: 1, g: 2 });
  await r.zadd('y:z', 1.5, 'a', '-inf', 'b');
  equal('a map', await typed.hgetall('y:h'), { f: '1', g: '2' });
  equal('an empty map', await typed.hgetall('y:none'), {});
  equal('a double', await typed.zscore('y:z', 'a'), 1.5);
  equal('an infinite double', await typed.zscore('y:z', 'b'), -Infinity);
  equal('pairs of member and score', await typed.zrange('y:z', 0, -1, 'WITHSCORES'), [['b', -Infinity], ['a', 1.5]]);
  equal('a null', await typed.get('y:none'), null);
  equal('a null for a list', await typed.lpop('y:none', 2), null);
  equal('a map of options', await typed.config('GET', 'timeout'), { timeout: '0' });
  typed.disconnect();
}

async function reconnects(r) {
  const victim = connect();
  await victim.set('r:a', '1');
  const id = await victim.client('ID');
  const closed = once(victim, 'close');
  equal('client kill', await r.client('KILL', 'ID', id), 1);
  await closed;
  equal('a killed client connects again', await victim.get('r:a'), '1');
  equal('quit', await victim.quit(), 'OK');
  const many = Array.from({ length: 100 }, () => connect());
  equal('100 connections', (await Promise.all(many.map((each) => each.incr('r:n')))).length, 100);
  many.forEach((each) => each.disconnect());
}

(async () => {
  const r = connect();
  await r.flushall();
  const data = [strings, keys, collections, sortedSets, blockingPops, transactions, typedReplies];
  await run([...data, publishAndSubscribe, server, reconnects], r);
  await r.flushall();
  finish();
})();
