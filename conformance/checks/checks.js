// Counts checks and prints one line for each: `ok NAME`, or `FAIL NAME: expected …, got …`.
'use strict';

const { isDeepStrictEqual, inspect } = require('node:util');

let passed = 0;
let failed = 0;

const short = (value) => {
  const text = inspect(value, { depth: 6, breakLength: Infinity });
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
};

const note = (name, good, expected, got) => {
  if (good) {
    passed += 1;
    console.log(`ok ${name}`);
  } else if (known.delete(name)) {
    console.log(`KNOWN ${name}: expected ${expected}, got ${short(got)}`);
  } else {
    failed += 1;
    console.log(`FAIL ${name}: expected ${expected}, got ${short(got)}`);
  }
};

// Checks that fail as yet. They must: one that passes fails the run until it is off the list.
const known = new Set();
const fails = (...names) => names.forEach((name) => known.add(name));

// Objects are compared by their own properties: clients build replies with or without a prototype.
const plain = (value) => {
  if (Buffer.isBuffer(value) || value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map || value instanceof Set || value instanceof Error) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
};

const equal = (name, got, expected) => note(name, isDeepStrictEqual(plain(got), plain(expected)), short(expected), got);
const among = (name, got, allowed) => note(name, allowed.includes(got), `one of ${short(allowed)}`, got);
const truth = (name, condition, got) => note(name, Boolean(condition), 'something that holds', got);

/** `promise` must be rejected with a message that starts with `text`. */
const rejects = async (name, text, promise) => {
  try {
    note(name, false, `an error that starts with '${text}'`, await promise);
  } catch (error) {
    note(name, error.message.startsWith(text), `an error that starts with '${text}'`, error.message);
  }
};

/** What `call` returns must become `expected` within some seconds. */
const becomes = async (name, call, expected, seconds = 20) => {
  const deadline = Date.now() + seconds * 1000;
  let got = await call();
  while (!isDeepStrictEqual(plain(got), plain(expected)) && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    got = await call();
  }
  equal(name, got, expected);
};

/** `condition` must hold within some seconds. */
const eventually = async (name, condition, seconds = 10) => {
  const deadline = Date.now() + seconds * 1000;
  let holds = await condition();
  while (!holds && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    holds = await condition();
  }
  note(name, holds, `a condition that holds within ${seconds} s`, holds);
};

/** Runs families of checks in turn; an unexpected exception is one failed check, and the next family goes on. */
const run = async (families, ...handles) => {
  for (const family of families) {
    try {
      await family(...handles);
    } catch (error) {
      console.error(error);
      note(family.name, false, 'no exception', error.message);
    }
  }
};

const finish = () => {
  for (const name of [...known]) {
    known.delete(name);
    note(name, false, 'a known failure', 'none; take it off the list');
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
};

// A promise that fails while another one is awaited must not end the script: it is one failed check.
process.on('unhandledRejection', (error) => note('a promise', false, 'no rejection', error.message));

module.exports = { equal, among, truth, rejects, becomes, eventually, run, finish, fails };
