// MinIO's client for JavaScript with its default settings.
'use strict';

const { randomBytes, randomUUID } = require('node:crypto');
const { Readable } = require('node:stream');
const Minio = require('minio');
const { equal, truth, run, finish } = require('checks');

const address = new URL(process.env.BOLE_BLOBS_ENDPOINT);
const client = new Minio.Client({
  endPoint: address.hostname,
  port: Number(address.port),
  useSSL: false,
  accessKey: process.env.BOLE_BLOBS_KEY,
  secretKey: process.env.BOLE_BLOBS_SECRET,
});

/** A fresh bucket. */
const made = async (...settings) => {
  const name = `minio-js-${randomUUID().slice(0, 13)}`;
  await client.makeBucket(name, ...settings);
  return name;
};
const all = async (stream) => {
  const found = [];
  for await (const one of stream) found.push(one);
  return found;
};
const body = async (...where) => Buffer.concat(await all(await client.getObject(...where)));
const failure = (promise) => promise.then(() => 'done', (error) => error.code);

const objects = async () => {
  const bucket = await made();
  truth('there is a bucket', await client.bucketExists(bucket));
  truth('there is none', !(await client.bucketExists('no-such-bucket-0')));
  truth('listed', (await client.listBuckets()).some((one) => one.name === bucket));
  const put = await client.putObject(bucket, 'a b/ü+c', 'hello', 5, { 'Content-Type': 'text/plain', 'X-Amz-Meta-M': '1' });
  equal('etag', put.etag, '5d41402abc4b2a76b9719d911017c592');
  const stat = await client.statObject(bucket, 'a b/ü+c');
  equal('stat', [stat.size, stat.metaData.m, stat.metaData['content-type']], [5, '1', 'text/plain']);
  equal('get', String(await body(bucket, 'a b/ü+c')), 'hello');
  equal('a range', String(Buffer.concat(await all(await client.getPartialObject(bucket, 'a b/ü+c', 1, 3)))), 'ell');
  await client.putObject(bucket, 'empty', '');
  equal('an empty object', (await body(bucket, 'empty')).length, 0);
  const content = randomBytes(70 << 20);
  await client.putObject(bucket, 'stream', Readable.from((function* () { for (let at = 0; at < content.length; at += 1 << 20) yield content.subarray(at, at + (1 << 20)); })()));
  truth('a stream in parts', content.equals(await body(bucket, 'stream')));
  await client.copyObject(bucket, 'copy', `/${bucket}/empty`);
  equal('copy', (await client.statObject(bucket, 'copy')).size, 0);
  equal('names', (await all(client.listObjectsV2(bucket, '', true))).map((one) => one.name), ['a b/ü+c', 'copy', 'empty', 'stream']);
  equal('folders', (await all(client.listObjects(bucket, '', false))).flatMap((one) => one.prefix ?? []), ['a b/']);
  const get = await client.presignedGetObject(bucket, 'a b/ü+c', 60);
  equal('a signed URL', await (await fetch(get)).text(), 'hello');
  const url = await client.presignedPutObject(bucket, 'put', 60);
  equal('put by a URL', (await fetch(url, { method: 'PUT', body: 'by URL' })).status, 200);
  equal('it is there', String(await body(bucket, 'put')), 'by URL');
  equal('no key', await failure(client.statObject(bucket, 'none')), 'NotFound');
  await client.removeObjects(bucket, ['a b/ü+c', 'copy', 'empty', 'stream']);
  equal('a bucket that is not empty', await failure(client.removeBucket(bucket)), 'BucketNotEmpty');
  await client.removeObject(bucket, 'put');
  equal('removed', await failure(client.removeBucket(bucket)), 'done');
};

const settings = async () => {
  const bucket = await made('us-east-1', { ObjectLocking: true });
  const policy = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${bucket}/*` }] });
  await client.setBucketPolicy(bucket, policy);
  equal('policy', await client.getBucketPolicy(bucket), policy);
  await client.setBucketTagging(bucket, { a: '1' });
  equal('tags', await client.getBucketTagging(bucket), [{ Key: 'a', Value: 1 }]);
  equal('versions', (await client.getBucketVersioning(bucket)).Status, 'Enabled');
  const { versionId } = await client.putObject(bucket, 'k', '1');
  await client.setObjectTagging(bucket, 'k', { b: '2' });
  equal('tags of an object', await client.getObjectTagging(bucket, 'k'), [{ Key: 'b', Value: 2 }]);
  await client.setObjectLegalHold(bucket, 'k', { status: 'ON' });
  equal('held', await client.getObjectLegalHold(bucket, 'k'), { Status: 'ON' });
  equal('not removed', await failure(client.removeObject(bucket, 'k', { versionId })), 'AccessDenied');
  await client.setObjectLegalHold(bucket, 'k', { status: 'OFF' });
  await client.setObjectLockConfig(bucket, { mode: 'GOVERNANCE', unit: 'Days', validity: 1 });
  const lock = await client.getObjectLockConfig(bucket);
  equal('the rule', [lock.mode, lock.unit, lock.validity], ['GOVERNANCE', 'Days', 1]);
};

run([objects, settings]).then(finish);
