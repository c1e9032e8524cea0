// @kafkajs/confluent-schema-registry with its default settings against BOLE_SCHEMAS_URL, an empty registry.
'use strict';

const { isDeepStrictEqual, inspect } = require('node:util');
const { SchemaRegistry, SchemaType, COMPATIBILITY } = require('@kafkajs/confluent-schema-registry');

let passed = 0;
let failed = 0;

const note = (name, good, expected, got) => {
  good ? (passed += 1) : (failed += 1);
  console.log(good ? `ok ${name}` : `FAIL ${name}: expected ${expected}, got ${inspect(got).slice(0, 300)}`);
};
const plain = (value) => JSON.parse(JSON.stringify(value));
const equal = (name, got, expected) => note(name, isDeepStrictEqual(plain(got), plain(expected)), inspect(expected), got);
const rejects = async (name, text, promise) => {
  try {
    note(name, false, `an error with '${text}'`, await promise);
  } catch (error) {
    note(name, error.message.includes(text), `an error with '${text}'`, error.message);
  }
};

const registry = () => new SchemaRegistry({ host: process.env.BOLE_SCHEMAS_URL });

const avro = async (client) => {
  const user = { type: 'record', name: 'User', namespace: 'x', fields: [{ name: 'id', type: 'int' }] };
  const { id } = await client.register({ type: SchemaType.AVRO, schema: JSON.stringify(user) });
  equal('avro round trip', await client.decode(await client.encode(id, { id: 3 })), { id: 3 });
  equal('avro, another client', await registry().decode(await client.encode(id, { id: 4 })), { id: 4 });
  equal('latest id of a subject', await client.getLatestSchemaId('x.User'), id);
  equal('id by subject and version', await client.getRegistryId('x.User', 1), id);
  equal('id by schema', await client.getRegistryIdBySchema('x.User', { type: SchemaType.AVRO, schema: JSON.stringify(user) }), id);
  const changed = { ...user, fields: [{ name: 'id', type: 'string' }] };
  await rejects('not compatible', 'incompatible', client.register({ type: SchemaType.AVRO, schema: JSON.stringify(changed) }));
  const order = { type: 'record', name: 'Order', namespace: 'x', fields: [{ name: 'user', type: 'x.User' }] };
  const references = [{ name: 'x.User', subject: 'x.User', version: 1 }];
  const written = await client.register({ type: SchemaType.AVRO, schema: JSON.stringify(order), references });
  equal('avro with a reference', await client.decode(await client.encode(written.id, { user: { id: 1 } })), { user: { id: 1 } });
};

const json = async (client) => {
  const schema = JSON.stringify({ type: 'object', properties: { a: { type: 'string' } }, required: ['a'] });
  const { id } = await client.register({ type: SchemaType.JSON, schema }, { subject: 'js-json', compatibility: COMPATIBILITY.NONE });
  equal('json round trip', await client.decode(await client.encode(id, { a: 'b' })), { a: 'b' });
  await rejects('json that does not fit', 'invalid', client.encode(id, { a: 1 }));
};

const protobuf = async (client) => {
  const common = 'syntax = "proto3"; package c; message C { int32 x = 1; }';
  await client.register({ type: SchemaType.PROTOBUF, schema: common }, { subject: 'c.proto' });
  const schema = 'syntax = "proto3"; package p; import "c.proto"; message M { string a = 1; c.C c = 2; }';
  const references = [{ name: 'c.proto', subject: 'c.proto', version: 1 }];
  const { id } = await client.register({ type: SchemaType.PROTOBUF, schema, references }, { subject: 'js-proto' });
  equal('protobuf round trip', await registry().decode(await client.encode(id, { a: 'b', c: { x: 3 } })), { a: 'b', c: { x: 3 } });
};

(async () => {
  const client = registry();
  for (const family of [avro, json, protobuf]) {
    try {
      await family(client);
    } catch (error) {
      note(family.name, false, 'no exception', error);
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
})();
