// The AWS SDK for JavaScript with its default settings; address, region and keys are in AWS's own variables.
'use strict';

const dns = require('node:dns');
const http = require('node:http');
const { randomBytes, randomUUID } = require('node:crypto');
const { Readable } = require('node:stream');
const s3 = require('@aws-sdk/client-s3');
const { Upload } = require('@aws-sdk/lib-storage');
const { getSignedUrl } = require('@aws-sdk/s3-request-presigner');
const { equal, truth, run, finish } = require('checks');

const client = new s3.S3Client({});
const send = (command, input, by = client) => by.send(new s3[`${command}Command`](input));

/** A fresh bucket. */
const made = async (settings = {}) => {
  const Bucket = `aws-js-${randomUUID().slice(0, 13)}`;
  await send('CreateBucket', { Bucket, ...settings });
  return Bucket;
};
const body = async (input) => Buffer.from(await (await send('GetObject', input)).Body.transformToByteArray());
const failure = (promise) => promise.then(() => 'done', (error) => `${error.$metadata?.httpStatusCode} ${error.name}`);

const objects = async () => {
  const Bucket = await made();
  const at = { Bucket, Key: 'a b/ü+c' };
  const put = await send('PutObject', { ...at, Body: 'hello', ContentType: 'text/plain', Metadata: { m: '1' }, Tagging: 'a=1' });
  equal('etag', put.ETag, '"5d41402abc4b2a76b9719d911017c592"');
  equal('a checksum by default', put.ChecksumCRC32, 'NhCmhg==');
  const got = await send('GetObject', at);
  equal('get', [await got.Body.transformToString(), got.ContentType, got.Metadata, got.TagCount], ['hello', 'text/plain', { m: '1' }, 1]);
  equal('a range', String(await body({ ...at, Range: 'bytes=1-3' })), 'ell');
  const head = await send('HeadObject', at);
  equal('head', [head.ContentLength, head.Metadata], [5, { m: '1' }]);
  equal('no key', await failure(send('GetObject', { Bucket, Key: 'none' })), '404 NoSuchKey');
  equal('no key, head', await failure(send('HeadObject', { Bucket, Key: 'none' })), '404 NotFound');
  equal('no bucket', await failure(send('ListObjectsV2', { Bucket: 'no-such-bucket-0' })), '404 NoSuchBucket');
  equal('put where something is', await failure(send('PutObject', { ...at, IfNoneMatch: '*' })), '412 PreconditionFailed');
  await send('CopyObject', { Bucket, Key: 'copy', CopySource: encodeURI(`${Bucket}/${at.Key}`).replace('+', '%2B') });
  equal('copy', String(await body({ Bucket, Key: 'copy' })), 'hello');
  await send('PutObject', { Bucket, Key: 'empty', Body: '' });
  equal('an empty object', (await body({ Bucket, Key: 'empty' })).length, 0);
  for (const algorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256']) {
    const sent = await send('PutObject', { Bucket, Key: algorithm, Body: 'hello', ChecksumAlgorithm: algorithm }).catch((error) => error);
    const field = `Checksum${algorithm}`;
    if (sent instanceof Error) {
      // The SDK has this algorithm in another package.
      equal(`${algorithm} needs a package`, algorithm, 'CRC64NVME');
      continue;
    }
    const told = await send('GetObject', { Bucket, Key: algorithm, ChecksumMode: 'ENABLED' });
    equal(`checksum ${algorithm}`, [told[field], await told.Body.transformToString()], [sent[field], 'hello']);
  }
  const told = await send('GetObjectAttributes', { ...at, ObjectAttributes: ['ETag', 'ObjectSize', 'Checksum'] });
  equal('attributes', [told.ETag, told.ObjectSize, told.Checksum.ChecksumCRC32], ['5d41402abc4b2a76b9719d911017c592', 5, 'NhCmhg==']);
  const deleted = await send('DeleteObjects', { Bucket, Delete: { Objects: [at, { Key: 'copy' }, { Key: 'none' }].map(({ Key }) => ({ Key })) } });
  equal('deleted in bulk', [deleted.Deleted.length, deleted.Errors], [3, undefined]);
};

const lists = async () => {
  const Bucket = await made();
  const names = ['a', 'b/1', 'b/2', 'c d', 'ü+%'];
  for (const Key of names) await send('PutObject', { Bucket, Key, Body: Key });
  const keys = (page) => [(page.Contents ?? []).map((one) => one.Key), (page.CommonPrefixes ?? []).map((one) => one.Prefix)];
  equal('list', keys(await send('ListObjectsV2', { Bucket })), [names, []]);
  equal('by delimiter', keys(await send('ListObjectsV2', { Bucket, Delimiter: '/' })), [['a', 'c d', 'ü+%'], ['b/']]);
  const found = [];
  for await (const page of s3.paginateListObjectsV2({ client, pageSize: 2 }, { Bucket })) found.push(...keys(page)[0]);
  equal('pages', found, names);
  truth('buckets', (await send('ListBuckets', {})).Buckets.some((one) => one.Name === Bucket));
  await s3.waitUntilObjectExists({ client, maxWaitTime: 10 }, { Bucket, Key: 'a' });
  equal('delete the bucket', await failure(send('DeleteBucket', { Bucket })), '409 BucketNotEmpty');
};

const uploads = async () => {
  const Bucket = await made();
  const content = randomBytes(12 << 20);
  const upload = async (Key, Body) => {
    const done = await new Upload({ client, params: { Bucket, Key, Body, ContentType: 'x/y' } }).done();
    truth(`${Key}: the same`, (await body({ Bucket, Key })).equals(content));
    truth(`${Key}: in parts`, done.ETag.endsWith('-3"'), done.ETag);
  };
  await upload('buffer', content);
  await upload('stream', Readable.from((function* () { for (let at = 0; at < content.length; at += 100_000) yield content.subarray(at, at + 100_000); })()));
  const part = await send('HeadObject', { Bucket, Key: 'buffer', PartNumber: 3 });
  equal('the last part', [part.ContentLength, part.PartsCount], [2 << 20, 3]);
  const stopped = new Upload({ client, params: { Bucket, Key: 'stopped', Body: content }, leavePartsOnError: false });
  const failed = failure(stopped.done());
  await stopped.abort();
  truth('an upload that is given up', (await failed) !== 'done');
  equal('is not there', await failure(send('HeadObject', { Bucket, Key: 'stopped' })), '404 NotFound');
};

const fetched = async (method, url, content) => {
  const answer = await fetch(url, { method, body: content });
  return [answer.status, await answer.text()];
};

const urls = async () => {
  const Bucket = await made();
  const put = new s3.PutObjectCommand({ Bucket, Key: 'a b', Metadata: { m: '1' }, Tagging: 'a=1' });
  equal('put by a URL', (await fetched('PUT', await getSignedUrl(client, put), 'hello'))[0], 200);
  const head = await send('HeadObject', { Bucket, Key: 'a b' });
  equal('what it says is kept', [head.Metadata, head.ContentLength], [{ m: '1' }, 5]);
  equal('its tags', (await send('GetObjectTagging', { Bucket, Key: 'a b' })).TagSet, [{ Key: 'a', Value: '1' }]);
  const get = new s3.GetObjectCommand({ Bucket, Key: 'a b', ResponseContentType: 'x/y' });
  const url = await getSignedUrl(client, get, { expiresIn: 60 });
  equal('get by a URL', await fetched('GET', url), [200, 'hello']);
  equal('put by a URL to get', (await fetched('PUT', url, 'x'))[0], 403);
  const { UploadId } = await send('CreateMultipartUpload', { Bucket, Key: 'parts' });
  const part = new s3.UploadPartCommand({ Bucket, Key: 'parts', UploadId, PartNumber: 1 });
  equal('a part by a URL', (await fetched('PUT', await getSignedUrl(client, part), 'part'))[0], 200);
  const { Parts } = await send('ListParts', { Bucket, Key: 'parts', UploadId });
  await send('CompleteMultipartUpload', { Bucket, Key: 'parts', UploadId, MultipartUpload: { Parts: Parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag })) } });
  equal('completed', String(await body({ Bucket, Key: 'parts' })), 'part');
};

const versions = async () => {
  const Bucket = await made();
  await send('PutBucketVersioning', { Bucket, VersioningConfiguration: { Status: 'Enabled' } });
  const [first, second] = [await send('PutObject', { Bucket, Key: 'k', Body: '1' }), await send('PutObject', { Bucket, Key: 'k', Body: '2' })];
  const marker = await send('DeleteObject', { Bucket, Key: 'k' });
  truth('a marker', marker.DeleteMarker && marker.VersionId, marker);
  const listed = await send('ListObjectVersions', { Bucket });
  equal('versions', listed.Versions.map((one) => one.VersionId), [second.VersionId, first.VersionId]);
  equal('markers', listed.DeleteMarkers.map((one) => one.VersionId), [marker.VersionId]);
  equal('by id', String(await body({ Bucket, Key: 'k', VersionId: first.VersionId })), '1');
};

const settings = async () => {
  const Bucket = await made();
  const CORSRules = [{ AllowedOrigins: ['*'], AllowedMethods: ['GET'], MaxAgeSeconds: 5 }];
  await send('PutBucketCors', { Bucket, CORSConfiguration: { CORSRules } });
  equal('CORS', (await send('GetBucketCors', { Bucket })).CORSRules, CORSRules);
  const TagSet = [{ Key: 'a', Value: '1' }];
  await send('PutBucketTagging', { Bucket, Tagging: { TagSet } });
  equal('tags', (await send('GetBucketTagging', { Bucket })).TagSet, TagSet);
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${Bucket}/*` }] });
  await send('PutBucketPolicy', { Bucket, Policy });
  equal('policy', (await send('GetBucketPolicy', { Bucket })).Policy, Policy);
  equal('no lifecycle', await failure(send('GetBucketLifecycleConfiguration', { Bucket })), '404 NoSuchLifecycleConfiguration');
};

// Names below `localhost` are this machine, as browsers have it and not every resolver.
const byHost = async () => {
  const lookup = (host, options, found) => dns.lookup(host.endsWith('.localhost') ? '127.0.0.1' : host, options, found);
  const endpoint = process.env.AWS_ENDPOINT_URL_S3.replace('127.0.0.1', 'localhost');
  const other = new s3.S3Client({ endpoint, requestHandler: { httpAgent: new http.Agent({ lookup }) } });
  const Bucket = await made();
  await send('PutObject', { Bucket, Key: 'a b/ü', Body: 'hello' }, other);
  equal('by host', await (await send('GetObject', { Bucket, Key: 'a b/ü' }, other)).Body.transformToString(), 'hello');
  equal('by path', String(await body({ Bucket, Key: 'a b/ü' })), 'hello');
};

run([objects, lists, uploads, urls, versions, settings, byHost]).then(finish);
