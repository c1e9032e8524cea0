// node-redis with its default settings against BOLE_KEYSPACE_URL, which it flushes.
//
//     node node-redis.js 2|3        the version of RESP
'use strict';

const { randomBytes } = require('node:crypto');
const { createClient, RESP_TYPES, WatchError } = require('redis');
const { equal, among, truth, rejects, eventually, run, finish } = require('checks');

const url = process.env.BOLE_KEYSPACE_URL;
if (!url) throw new Error('BOLE_KEYSPACE_URL must name the server to test; it is flushed');
const RESP = Number(process.argv[2] ?? 3);
const connect = async (options = {}) => {
  const client = createClient({ url, RESP, ...options });
  client.on('error', () => {});
  return client.connect();
};
const wrongType = 'WRONGTYPE Operation against a key holding the wrong kind of value';

async function strings(r) {
  equal('ping', await r.ping(), 'PONG');
  equal('set', await r.set('s:a', '1'), 'OK');
  equal('get', await r.get('s:a'), '1');
  equal('get of a missing key', await r.get('s:none'), null);
  equal('set nx', await r.set('s:a', '2', { condition: 'NX' }), null);
  equal('set get', await r.set('s:a', '3', { GET: true }), '1');
  equal('set ex', await r.set('s:e', 'v', { expiration: { type: 'EX', value: 100 } }), 'OK');
  among('ttl', await r.ttl('s:e'), [99, 100]);
  equal('incr, incrBy', [await r.incr('s:n'), await r.incrBy('s:n', 41)], [1, 42]);
  equal('incrByFloat', await r.incrByFloat('s:f', 10.5), '10.5');
  equal('mSet', await r.mSet({ 's:x': '1', 's:y': '2' }), 'OK');
  equal('mGet', await r.mGet(['s:x', 's:none', 's:y']), ['1', null, '2']);
  equal('getEx', await r.getEx('s:x', { type: 'EX', value: 50 }), '1');
  equal('getDel', await r.getDel('s:x'), '1');
  equal('lcs', (await r.mSet({ 's:l1': 'ohmytext', 's:l2': 'mynewtext' }), await r.lcs('s:l1', 's:l2')), 'mytext');
  const buffers = r.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  equal('a key and value of every byte', [await r.set(bytes, bytes), await buffers.get(bytes)], ['OK', bytes]);
  const large = randomBytes(5 * 1024 * 1024);
  equal('set 5 MiB', await r.set('s:large', large), 'OK');
  truth('get 5 MiB', large.equals(await buffers.get('s:large')));
  equal('unlink', await r.unlink(['s:large', bytes]), 2);
}

async function keys(r) {
  await r.mSet({ 'k:a': '1', 'k:b': '2' });
  equal('expire', await r.expire('k:a', 100), 1);
  equal('expire gt', await r.expire('k:a', 50, 'GT'), 0);
  equal('persist', await r.persist('k:a'), 1);
  equal('rename', await r.rename('k:a', 'k:c'), 'OK');
  equal('copy', await r.copy('k:c', 'k:d'), 1);
  equal('type', await r.type('k:c'), 'string');
  equal('objectEncoding', await r.objectEncoding('k:b'), 'int');
  await r.rPush('k:sort', ['3', '1', '2']);
  equal('sort', await r.sort('k:sort', { DIRECTION: 'DESC', LIMIT: { offset: 0, count: 2 } }), ['3', '2']);
  await r.set('k:soon', '1', { expiration: { type: 'PX', value: 30 } });
  await eventually('a key expires', async () => (await r.exists('k:soon')) === 0);
  await Promise.all(Array.from({ length: 3000 }, (_, i) => r.set(`scan:${i}`, String(i))));
  const found = new Set();
  for await (const page of r.scanIterator({ MATCH: 'scan:*', COUNT: 100 })) page.forEach((key) => found.add(key));
  equal('scanIterator finds every key', found.size, 3000);
  const other = await connect({ database: 4 });
  equal('move to another database', [await r.move('k:b', 4), await other.get('k:b')], [1, '2']);
  equal('flushDb', [await other.flushDb(), await other.dbSize()], ['OK', 0]);
  other.destroy();
}

async function collections(r) {
  equal('hSet', await r.hSet('h:a', { f: '1', g: '2' }), 2);
  equal('hGetAll', await r.hGetAll('h:a'), { f: '1', g: '2' });
  equal('hmGet', await r.hmGet('h:a', ['f', 'none']), ['1', null]);
  equal('hIncrBy', await r.hIncrBy('h:a', 'f', 5), 6);
  equal('hRandFieldCountWithValues', (await r.hRandFieldCountWithValues('h:a', 5)).length, 2);
  equal('rPush', await r.rPush('l:a', ['a', 'b', 'c']), 3);
  equal('lRange', await r.lRange('l:a', 0, -1), ['a', 'b', 'c']);
  equal('lMove', await r.lMove('l:a', 'l:b', 'LEFT', 'RIGHT'), 'a');
  equal('lPosCount', await r.lPosCount('l:a', 'c', 0), [1]);
  equal('lmPop', await r.lmPop(['l:none', 'l:a'], 'LEFT', { COUNT: 5 }), ['l:a', ['b', 'c']]);
  equal('sAdd', await r.sAdd('t:a', ['1', '2', '3']), 3);
  await r.sAdd('t:b', ['2', '3', '4']);
  equal('sMembers', [...(await r.sMembers('t:a'))].sort(), ['1', '2', '3']);
  equal('sInter', [...(await r.sInter(['t:a', 't:b']))].sort(), ['2', '3']);
  equal('smIsMember', (await r.smIsMember('t:a', ['1', '9'])).map(Number), [1, 0]);
  equal('zAdd', await r.zAdd('z:a', [{ score: 1, value: 'a' }, { score: 2.5, value: 'b' }, { score: Infinity, value: 'c' }]), 3);
  equal('zRangeWithScores', await r.zRangeWithScores('z:a', 0, -1), [
    { value: 'a', score: 1 },
    { value: 'b', score: 2.5 },
    { value: 'c', score: Infinity },
  ]);
  equal('zRange by score reversed', await r.zRange('z:a', '(inf', 1, { BY: 'SCORE', REV: true }), ['b', 'a']);
  equal('zScore', [await r.zScore('z:a', 'b'), await r.zScore('z:a', 'none')], [2.5, null]);
  equal('zIncrBy', await r.zIncrBy('z:a', 1, 'a'), 2);
  equal('zmScore', await r.zmScore('z:a', ['a', 'none']), [2, null]);
  equal('zRank', await r.zRank('z:a', 'b'), 1);
  equal('zUnionStore', await r.zUnionStore('z:u', ['z:a', 'z:a'], { AGGREGATE: 'MAX' }), 3);
  equal('zPopMin', await r.zPopMin('z:a'), { value: 'a', score: 2 });
  const scanned = [];
  for await (const page of r.zScanIterator('z:u')) scanned.push(...page);
  equal('zScanIterator', scanned.length, 3);
}

async function blockingPops(r) {
  const other = await connect();
  const blocked = async () => /blocked_clients:1\r/.test(await r.info('clients'));
  const popped = other.blPop(['b:x', 'b:a'], 10);
  await eventually('blPop blocks', blocked);
  await r.rPush('b:a', '1');
  equal('blPop', await popped, { key: 'b:a', element: '1' });
  const maximum = other.bzPopMax('b:z', 10);
  await eventually('bzPopMax blocks', blocked);
  await r.zAdd('b:z', { score: 2, value: 'm' });
  equal('bzPopMax', await maximum, { key: 'b:z', value: 'm', score: 2 });
  equal('blPop times out', await other.blPop('b:none', 0.05), null);
  other.destroy();
}

async function transactions(r) {
  equal('multi, exec', await r.multi().set('x:a', '1').incr('x:a').get('x:a').exec(), ['OK', 2, '2']);
  await r.watch('x:a');
  const other = await connect();
  await other.set('x:a', 'changed');
  const conflict = await r.multi().set('x:a', 'lost').exec().catch((error) => error);
  truth('watch with a conflict', conflict instanceof WatchError, conflict);
  equal('the conflicting write did not happen', await r.get('x:a'), 'changed');
  await r.watch('x:a');
  equal('watch without a conflict', await r.multi().set('x:a', 'won').exec(), ['OK']);
  other.destroy();
  const replies = await Promise.all(Array.from({ length: 10000 }, () => r.incr('x:n')));
  truth('10,000 promises in one pipeline', replies.every((n, i) => n === i + 1));
  const mixed = await r.multi().set('x:b', 'text').lPush('x:b', '1').get('x:b').exec().catch((error) => error);
  truth('an error inside does not stop the rest', mixed.replies?.[1]?.message === wrongType && mixed.replies[2] === 'text', mixed);
}

async function publishAndSubscribe(r) {
  const s = await connect();
  const got = [];
  await s.subscribe(['ch:a', 'ch:b'], (message, channel) => got.push(`${channel} ${message}`));
  await s.pSubscribe('ch:*', (message, channel) => got.push(`pattern ${channel} ${message}`));
  await s.sSubscribe('shard:a', (message, channel) => got.push(`shard ${channel} ${message}`));
  equal('publish reaches channel and pattern', await r.publish('ch:a', 'hello'), 2);
  equal('sPublish', await r.sPublish('shard:a', 'x'), 1);
  const expected = ['ch:a hello', 'pattern ch:a hello', 'shard shard:a x'];
  await eventually('messages arrive', () => got.length >= expected.length);
  equal('messages', got.sort(), expected);
  equal('pubSubChannels', (await r.pubSubChannels('ch:*')).sort(), ['ch:a', 'ch:b']);
  equal('pubSubNumSub', await r.pubSubNumSub(['ch:a', 'none']), { 'ch:a': 1, none: 0 });
  equal('pubSubNumPat', await r.pubSubNumPat(), 1);
  await s.unsubscribe();
  equal('publish after unsubscribe reaches the pattern', await r.publish('ch:a', 'x'), 1);
  s.destroy();
  await eventually('closing unsubscribes', async () => (await r.pubSubNumPat()) === 0);
}

async function server(r) {
  const named = await connect({ name: 'conformance' });
  equal('a name given on connect', await named.clientGetName(), 'conformance');
  const id = await named.clientId();
  equal('clientInfo', [(await named.clientInfo()).id, (await named.clientInfo()).name], [id, 'conformance']);
  truth('clientList', (await r.clientList()).some((each) => each.id === id && each.name === 'conformance'));
  equal('configSet, configGet', [await r.configSet('timeout', '0'), await r.configGet('timeout')], ['OK', { timeout: '0' }]);
  truth('info', /redis_version:\d+\.\d+\.\d+\r\n/.test(await r.info('server')));
  truth('commandCount', (await r.commandCount()) > 150);
  const [get] = await r.commandInfo(['get']);
  equal('commandInfo', [get.name, get.arity, get.firstKeyIndex], ['get', 2, 1]);
  equal('commandGetKeys', await r.commandGetKeys(['MSET', 'a', '1', 'b', '2']), ['a', 'b']);
  await rejects('an unknown command', "ERR unknown command 'nosuch', with args beginning with: 'a' ", r.sendCommand(['nosuch', 'a']));
  await rejects('wrong arity', "ERR wrong number of arguments for 'get' command", r.sendCommand(['get']));
  await rejects('get of a list', wrongType, r.rPush('e:l', '1').then(() => r.get('e:l')));
  await rejects('auth', 'WRONGPASS', named.auth({ username: 'nosuch', password: 'wrong' }));
  named.destroy();
  await rejects('a wrong password on connect', 'WRONGPASS', connect({ username: 'nosuch', password: 'x', socket: { reconnectStrategy: false } }));
}

async function typedReplies(r) {
  const typed = r.withTypeMapping({ [RESP_TYPES.MAP]: Map, [RESP_TYPES.SET]: Set });
  await r.hSet('y:h', { f: '1' });
  await r.sAdd('y:s', 'a');
  const [map, set] = [await typed.hGetAll('y:h'), await typed.sMembers('y:s')];
  equal('a map', map, new Map([['f', '1']]));
  equal('a set', set, RESP === 3 ? new Set(['a']) : ['a']);
  equal('a raw double', await r.sendCommand(['ZADD', 'y:z', 'INCR', '1.5', 'm']), RESP === 3 ? 1.5 : '1.5');
  equal('a raw null', await r.sendCommand(['GET', 'y:none']), null);
  equal('hello', (await r.hello(RESP)).proto, RESP);
}

async function reconnects(r) {
  const victim = await connect();
  await victim.set('r:a', '1');
  const id = await victim.clientId();
  equal('clientKill', await r.clientKill({ filter: 'ID', id }), 1);
  await eventually('a killed client connects again', async () => (await victim.get('r:a').catch(() => null)) === '1');
  truth('with a new id', (await victim.clientId()) > id);
  await victim.close();
  const many = await Promise.all(Array.from({ length: 100 }, () => connect()));
  equal('100 connections', (await Promise.all(many.map((each) => each.incr('r:n')))).length, 100);
  many.forEach((each) => each.destroy());
}

(async () => {
  const r = await connect();
  await r.flushAll();
  const data = [strings, keys, collections, blockingPops, transactions, typedReplies];
  await run([...data, publishAndSubscribe, server, reconnects], r);
  await r.flushAll();
  finish();
})();
