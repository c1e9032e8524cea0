package main

import (
	"bytes"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/tags"
)

// MinIO's client with its default settings.
func minioClient() *minio.Client {
	return minioClientWith(minio.Options{})
}

func minioClientWith(options minio.Options) *minio.Client {
	address := must(url.Parse(os.Getenv("BOLE_BLOBS_ENDPOINT")))
	options.Creds = credentials.NewStaticV4(os.Getenv("BOLE_BLOBS_KEY"), os.Getenv("BOLE_BLOBS_SECRET"), "")
	return must(minio.New(address.Host, &options))
}

func minioMade(client *minio.Client, options minio.MakeBucketOptions) string {
	name := fresh("minio-go")
	if err := client.MakeBucket(ctx, name, options); err != nil {
		panic(err)
	}
	return name
}

func minioPut(client *minio.Client, bucket, key, content string, options minio.PutObjectOptions) minio.UploadInfo {
	return must(client.PutObject(ctx, bucket, key, strings.NewReader(content), int64(len(content)), options))
}

func minioBody(client *minio.Client, bucket, key string, options minio.GetObjectOptions) string {
	return string(must(io.ReadAll(must(client.GetObject(ctx, bucket, key, options)))))
}

func minioCode(err error) string {
	if err == nil {
		return "done"
	}
	return minio.ToErrorResponse(err).Code
}

func minioObjects(c *checks) {
	client := minioClient()
	bucket := minioMade(client, minio.MakeBucketOptions{})
	c.equal("there is a bucket", must(client.BucketExists(ctx, bucket)), true)
	c.equal("there is none", must(client.BucketExists(ctx, "no-such-bucket-0")), false)
	minioPut(client, bucket, "a b/ü+c", "hello", minio.PutObjectOptions{ContentType: "text/plain", UserMetadata: map[string]string{"m": "1"}, UserTags: map[string]string{"a": "1"}})
	stat := must(client.StatObject(ctx, bucket, "a b/ü+c", minio.StatObjectOptions{}))
	c.equal("stat", []any{stat.Size, stat.ContentType, stat.UserMetadata["M"], stat.UserTagCount, stat.ETag},
		[]any{int64(5), "text/plain", "1", 1, "5d41402abc4b2a76b9719d911017c592"})
	c.equal("get", minioBody(client, bucket, "a b/ü+c", minio.GetObjectOptions{}), "hello")
	part := minio.GetObjectOptions{}
	if err := part.SetRange(1, 3); err != nil {
		panic(err)
	}
	c.equal("a range", minioBody(client, bucket, "a b/ü+c", part), "ell")
	file := must(client.GetObject(ctx, bucket, "a b/ü+c", minio.GetObjectOptions{}))
	must(file.Seek(4, io.SeekStart))
	c.equal("from a place", string(must(io.ReadAll(file))), "o")
	minioPut(client, bucket, "empty", "", minio.PutObjectOptions{})
	c.equal("an empty object", minioBody(client, bucket, "empty", minio.GetObjectOptions{}), "")
	for _, one := range []minio.ChecksumType{minio.ChecksumCRC32, minio.ChecksumCRC32C, minio.ChecksumCRC64NVME, minio.ChecksumSHA1, minio.ChecksumSHA256} {
		key := "checksum " + one.String()
		minioPut(minioClientWith(minio.Options{TrailingHeaders: true}), bucket, key, "hello", minio.PutObjectOptions{Checksum: one})
		stat := must(client.StatObject(ctx, bucket, key, minio.StatObjectOptions{Checksum: true}))
		told := stat.ChecksumCRC32 + stat.ChecksumCRC32C + stat.ChecksumCRC64NVME + stat.ChecksumSHA1 + stat.ChecksumSHA256
		c.truth(key, told != "", stat)
	}
	must(client.CopyObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "copy"}, minio.CopySrcOptions{Bucket: bucket, Object: "a b/ü+c"}))
	c.equal("copy", minioBody(client, bucket, "copy", minio.GetObjectOptions{}), "hello")
	var folders []string
	for one := range client.ListObjects(ctx, bucket, minio.ListObjectsOptions{}) {
		if strings.HasSuffix(one.Key, "/") {
			folders = append(folders, one.Key)
		}
	}
	c.equal("folders", folders, []string{"a b/"})
	_, err := client.StatObject(ctx, bucket, "none", minio.StatObjectOptions{})
	c.equal("no key", minioCode(err), "NoSuchKey")
	get := must(client.PresignedGetObject(ctx, bucket, "a b/ü+c", time.Minute, nil))
	_, content := request("GET", get.String(), "", nil)
	c.equal("a signed URL", content, "hello")
	put := must(client.PresignedPutObject(ctx, bucket, "put", time.Minute))
	status, _ := request("PUT", put.String(), "by URL", nil)
	c.equal("put by a URL", status, 200)
	for one := range client.RemoveObjects(ctx, bucket, client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true}), minio.RemoveObjectsOptions{}) {
		c.truth("removed in bulk", false, one.Err)
	}
	c.equal("removed", minioCode(client.RemoveBucket(ctx, bucket)), "done")
}

func minioUploads(c *checks) {
	client := minioClient()
	bucket := minioMade(client, minio.MakeBucketOptions{})
	content := noise(12 << 20)
	same := func(name, key string) {
		c.truth(name, minioBody(client, bucket, key, minio.GetObjectOptions{}) == string(content), key)
	}
	options := minio.PutObjectOptions{PartSize: 5 << 20}
	info := must(client.PutObject(ctx, bucket, "parts", bytes.NewReader(content), int64(len(content)), options))
	same("in parts", "parts")
	c.truth("its etag", strings.HasSuffix(info.ETag, "-3"), info.ETag)
	must(client.PutObject(ctx, bucket, "stream", io.MultiReader(bytes.NewReader(content)), -1, options))
	same("of unknown length", "stream")
	options.ConcurrentStreamParts, options.NumThreads = true, 3
	must(client.PutObject(ctx, bucket, "threads", io.MultiReader(bytes.NewReader(content)), -1, options))
	same("by several at once", "threads")
	must(client.PutObject(ctx, bucket, "whole", bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{DisableMultipart: true}))
	same("as a whole", "whole")
	sources := []minio.CopySrcOptions{{Bucket: bucket, Object: "parts", MatchRange: true, Start: 0, End: 6<<20 - 1}, {Bucket: bucket, Object: "parts", MatchRange: true, Start: 6 << 20, End: 12<<20 - 1}}
	must(client.ComposeObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "composed"}, sources...))
	same("composed of ranges", "composed")
	core := minio.Core{Client: client}
	upload := must(core.NewMultipartUpload(ctx, bucket, "left", minio.PutObjectOptions{}))
	must(core.PutObjectPart(ctx, bucket, "left", upload, 1, strings.NewReader("part"), 4, minio.PutObjectPartOptions{}))
	var left []string
	for one := range client.ListIncompleteUploads(ctx, bucket, "", true) {
		left = append(left, one.Key)
	}
	c.equal("what was not completed", left, []string{"left"})
	c.equal("is removed", minioCode(client.RemoveIncompleteUpload(ctx, bucket, "left")), "done")
}

func minioSettings(c *checks) {
	client := minioClient()
	bucket := minioMade(client, minio.MakeBucketOptions{})
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + bucket + `/*"}]}`
	c.equal("policy is put", minioCode(client.SetBucketPolicy(ctx, bucket, policy)), "done")
	c.equal("policy", must(client.GetBucketPolicy(ctx, bucket)), policy)
	c.equal("tags are put", minioCode(client.SetBucketTagging(ctx, bucket, must(tags.NewTags(map[string]string{"a": "1"}, false)))), "done")
	c.equal("tags", must(client.GetBucketTagging(ctx, bucket)).ToMap(), map[string]string{"a": "1"})
	c.equal("versions on", minioCode(client.EnableVersioning(ctx, bucket)), "done")
	first := minioPut(client, bucket, "k", "1", minio.PutObjectOptions{})
	minioPut(client, bucket, "k", "2", minio.PutObjectOptions{})
	c.equal("removed", minioCode(client.RemoveObject(ctx, bucket, "k", minio.RemoveObjectOptions{})), "done")
	var kinds []bool
	for one := range client.ListObjects(ctx, bucket, minio.ListObjectsOptions{WithVersions: true}) {
		kinds = append(kinds, one.IsDeleteMarker)
	}
	c.equal("versions and markers", len(kinds), 3)
	old := minio.GetObjectOptions{VersionID: first.VersionID}
	c.equal("by version", minioBody(client, bucket, "k", old), "1")
}

func minioLocks(c *checks) {
	client := minioClient()
	bucket := minioMade(client, minio.MakeBucketOptions{ObjectLocking: true})
	mode, validity, unit := minio.Governance, uint(1), minio.Days
	c.equal("the rule is put", minioCode(client.SetBucketObjectLockConfig(ctx, bucket, &mode, &validity, &unit)), "done")
	_, found, days, _, err := client.GetObjectLockConfig(ctx, bucket)
	c.truth("the rule", err == nil && *found == mode && *days == 1, err)
	put := minioPut(client, bucket, "k", "1", minio.PutObjectOptions{LegalHold: minio.LegalHoldEnabled})
	c.equal("held", *must(client.GetObjectLegalHold(ctx, bucket, "k", minio.GetObjectLegalHoldOptions{})), minio.LegalHoldEnabled)
	remove := minio.RemoveObjectOptions{VersionID: put.VersionID, GovernanceBypass: true}
	c.equal("not removed", minioCode(client.RemoveObject(ctx, bucket, "k", remove)), "AccessDenied")
	off := minio.LegalHoldDisabled
	c.equal("the hold is off", minioCode(client.PutObjectLegalHold(ctx, bucket, "k", minio.PutObjectLegalHoldOptions{Status: &off})), "done")
	c.equal("removed by who may bypass", minioCode(client.RemoveObject(ctx, bucket, "k", remove)), "done")
}
