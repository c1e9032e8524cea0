// node-postgres with its default settings against BOLE_SQL_URL; arguments choose families.
'use strict';

const { Client, Pool, types } = require('pg');
const Cursor = require('pg-cursor');
const copy = require('pg-copy-streams');
const { pipeline } = require('node:stream/promises');
const { Readable } = require('node:stream');
const { equal, truth, eventually, run, finish, fails } = require('checks.js');

fails('cancels');

const connectionString = process.env.BOLE_SQL_URL;

const connect = async (options = {}) => {
  const client = new Client({ connectionString, ...options });
  await client.connect();
  return client;
};

const failure = async (promise) => {
  try {
    return { rows: (await promise).rows };
  } catch (error) {
    return error;
  }
};

const connections = async () => {
  const client = await connect();
  equal('a query', (await client.query('SELECT 1 AS a')).rows, [{ a: 1 }]);
  await client.end();
  const wrong = new Client({ connectionString: connectionString.replace('bolebole', 'wrong') });
  equal('wrong password', (await failure(wrong.connect())).code, '28P01');
  const named = await connect({ application_name: 'node', statement_timeout: 5000 });
  equal('application name', (await named.query('SHOW application_name')).rows, [{ application_name: 'node' }]);
  equal('statement timeout', (await named.query('SHOW statement_timeout')).rows, [{ statement_timeout: '5s' }]);
  await named.end();
};

const values = async (client) => {
  const rows = [
    ['int2', 7, 7], ['int4', -2147483648, -2147483648], ['int8', '9223372036854775807', '9223372036854775807'], ['numeric', '1.50', '1.50'], ['float8', 0.1, 0.1], ['float4', 1.5, 1.5], ['bool', true, true],
    ['text', "ä'\"\\ 日本\n", "ä'\"\\ 日本\n"], ['bytea', Buffer.from([0, 255, 1]), Buffer.from([0, 255, 1])], ['uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
    ['json', { a: [1, null] }, { a: [1, null] }], ['jsonb', { b: 'é', a: 1 }, { a: 1, b: 'é' }], ['int4[]', [1, null, 3], [1, null, 3]], ['text[]', ['a', '', 'b,c', null, '"'], ['a', '', 'b,c', null, '"']], ['int4[]', [[1, 2], [3, 4]], [[1, 2], [3, 4]]],
    ['timestamptz', new Date(Date.UTC(2024, 6, 1, 12)), new Date(Date.UTC(2024, 6, 1, 12))], ['time', '12:34:56.5', '12:34:56.5'], ['text', null, null],
  ];
  for (const [type, value, expected] of rows) {
    const result = await client.query(`SELECT $1::${type} AS v`, [value]);
    equal(`${type} ${JSON.stringify(value)}`, result.rows[0].v, expected);
  }
  const described = await client.query("SELECT 1::int2 AS a, 'x'::varchar(5) AS b, 1.5::numeric(6,2) AS c, '{}'::jsonb AS d, '1 day'::interval AS e");
  equal('types of columns', described.fields.map((field) => [field.name, field.dataTypeID, field.dataTypeModifier]), [['a', 21, -1], ['b', 1043, 9], ['c', 1700, 393222], ['d', 3802, -1], ['e', 1186, -1]]);
  equal('an interval', described.rows[0].e.toISOString(), 'P0Y0M1DT0H0M0S');
  equal('rows as arrays', (await client.query({ text: 'SELECT 1, 2', rowMode: 'array' })).rows, [[1, 2]]);
  equal('parsers', types.getTypeParser(23)('5'), 5);
};

const statements = async (client) => {
  await client.query('DROP TABLE IF EXISTS node_items; CREATE TABLE node_items (id serial PRIMARY KEY, name text NOT NULL UNIQUE, price numeric)');
  const inserted = await client.query("INSERT INTO node_items (name, price) VALUES ($1, $2), ('b', NULL) RETURNING id", ['a', 1.25]);
  equal('returning', [inserted.rows, inserted.rowCount, inserted.command], [[{ id: 1 }, { id: 2 }], 2, 'INSERT']);
  for (const id of [1, 2, 1]) {
    const found = await client.query({ name: 'by-id', text: 'SELECT name FROM node_items WHERE id = $1', values: [id] });
    equal(`named statement, ${id}`, found.rows, [{ name: id === 1 ? 'a' : 'b' }]);
  }
  const several = await client.query('SELECT 1 AS a; SELECT 2 AS b; UPDATE node_items SET price = 1');
  equal('several statements', several.map((result) => [result.command, result.rows.length]), [['SELECT', 1], ['SELECT', 1], ['UPDATE', 0]]);
  const queued = await Promise.all([...Array(200).keys()].map((n) => client.query('SELECT $1::int AS n', [n])));
  equal('queued queries', queued.map((result) => result.rows[0].n), [...Array(200).keys()]);
  equal('any', (await client.query('SELECT count(*) FROM node_items WHERE id = ANY($1)', [[1, 2, 9]])).rows, [{ count: '2' }]);
  const large = await client.query("SELECT g, repeat('x', 100) AS t FROM generate_series(1, 50000) g");
  equal('a large result', [large.rows.length, large.rows[49999].g], [50000, 50000]);
  equal('a large value', (await client.query('SELECT $1::text AS t', ['z'.repeat(3000000)])).rows[0].t.length, 3000000);
  equal('nothing', (await client.query('')).rows, []);
};

const errors = async (client) => {
  const rows = [
    ['SELEC 1', '42601'], ['SELECT * FROM nowhere', '42P01'], ['SELECT nothing', '42703'], ['SELECT no_function(1)', '42883'], ["SELECT 'x'::int", '22P02'], ['SELECT 1/0', '22012'],
    ["INSERT INTO node_items (name) VALUES ('a')", '23505'], ['INSERT INTO node_items (name) VALUES (NULL)', '23502'], ['CREATE TABLE node_items (id int)', '42P07'],
  ];
  for (const [text, code] of rows) {
    equal(`${code}: ${text}`, (await failure(client.query(text))).code, code);
    equal(`${code}, extended: ${text}`, (await failure(client.query({ text, values: [], name: '' , queryMode: 'extended' }))).code, code);
  }
  const unique = await failure(client.query("INSERT INTO node_items (name) VALUES ('a')"));
  equal('fields', [unique.severity, unique.schema, unique.table, unique.constraint, unique.detail], ['ERROR', 'public', 'node_items', 'node_items_name_key', 'Key (name)=(a) already exists.']);
  equal('position', (await failure(client.query('SELECT 1, nothing'))).position, '11');
  const missing = await failure(client.query('INSERT INTO node_items (name) VALUES (NULL)'));
  equal('column', missing.column, 'name');
};

const transactions = async (client) => {
  await client.query('DROP TABLE IF EXISTS node_tx; CREATE TABLE node_tx (id int PRIMARY KEY)');
  await client.query('BEGIN');
  await client.query('INSERT INTO node_tx VALUES (1)');
  await client.query('SAVEPOINT s');
  equal('violation', (await failure(client.query('INSERT INTO node_tx VALUES (1)'))).code, '23505');
  equal('aborted', (await failure(client.query('SELECT 1'))).code, '25P02');
  await client.query('ROLLBACK TO SAVEPOINT s');
  await client.query('INSERT INTO node_tx VALUES ($1)', [2]);
  await client.query('COMMIT');
  equal('committed', (await client.query('SELECT id FROM node_tx ORDER BY id')).rows, [{ id: 1 }, { id: 2 }]);
  equal('commit of a failed one', [(await client.query('BEGIN')).command, (await failure(client.query('SELECT 1/0'))).code, (await client.query('COMMIT')).command], ['BEGIN', '22012', 'ROLLBACK']);
  const pool = new Pool({ connectionString, max: 5 });
  await Promise.all([...Array(40).keys()].map((n) => pool.query('INSERT INTO node_tx VALUES ($1)', [n + 100])));
  equal('a pool', (await pool.query('SELECT count(*)::int AS n FROM node_tx')).rows, [{ n: 42 }]);
  await pool.end();
};

const cursors = async (client) => {
  const cursor = client.query(new Cursor('SELECT g FROM generate_series(1, $1) g', [1000]));
  const sizes = [];
  for (let rows = await cursor.read(300); rows.length; rows = await cursor.read(300)) sizes.push(rows.length);
  equal('portal with row limits', sizes, [300, 300, 300, 100]);
  await cursor.close();
  const early = client.query(new Cursor('SELECT g FROM generate_series(1, 1000) g'));
  equal('first rows', (await early.read(2)).map((row) => row.g), [1, 2]);
  await early.close();
  equal('closed early', (await client.query('SELECT 1 AS a')).rows, [{ a: 1 }]);
};

const copies = async (client) => {
  await client.query('DROP TABLE IF EXISTS node_copy; CREATE TABLE node_copy (id int, t text)');
  const lines = [...Array(5000).keys()].map((n) => `${n}\tt${n}\n`);
  await pipeline(Readable.from(lines), client.query(copy.from('COPY node_copy FROM STDIN')));
  equal('copy in', (await client.query('SELECT count(*)::int AS n, max(t) AS t FROM node_copy')).rows, [{ n: 5000, t: 't999' }]);
  const chunks = [];
  for await (const chunk of client.query(copy.to('COPY (SELECT * FROM node_copy WHERE id < 3 ORDER BY id) TO STDOUT CSV'))) chunks.push(chunk);
  equal('copy out', Buffer.concat(chunks).toString(), '0,t0\n1,t1\n2,t2\n');
};

const notifications = async (client) => {
  const other = await connect();
  const got = [];
  client.on('notification', ({ channel, payload }) => got.push([channel, payload]));
  await client.query('LISTEN node_channel');
  await other.query("NOTIFY node_channel, 'hello'");
  await other.query('SELECT pg_notify($1, $2)', ['node_channel', 'again']);
  await eventually('notifications', () => got.length === 2);
  equal('payloads', got, [['node_channel', 'hello'], ['node_channel', 'again']]);
  const notices = [];
  other.on('notice', (notice) => notices.push([notice.severity, notice.code]));
  await other.query('DROP TABLE IF EXISTS never_was_there');
  equal('notices', notices, [['NOTICE', '00000']]);
  await other.end();
};

const cancels = async (client) => {
  const other = await connect();
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
  const slow = failure(client.query('SELECT pg_sleep(20)'));
  await other.query('SELECT pg_sleep(0.3)');
  equal('pg_cancel_backend', (await other.query('SELECT pg_cancel_backend($1) AS done', [rows[0].pid])).rows, [{ done: true }]);
  equal('cancelled', (await slow).code, '57014');
  equal('goes on', (await client.query('SELECT 1 AS a')).rows, [{ a: 1 }]);
  await other.end();
};

const main = async () => {
  for (const family of [connections, values, statements, errors, transactions, cursors, copies, notifications, cancels]) {
    if (process.argv.length > 2 && !process.argv.slice(2).includes(family.name)) continue;
    const client = await connect();
    await run([family], client);
    await client.end();
  }
  truth('the end', true);
  finish();
};

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
