package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

var ctx = context.Background()

// The AWS SDK for Go with its default settings; address, region and keys are in AWS's own variables.
func awsClient(options ...func(*s3.Options)) *s3.Client {
	return s3.NewFromConfig(must(config.LoadDefaultConfig(ctx)), options...)
}

func awsMade(client *s3.Client) *string {
	name := fresh("aws-go")
	must(client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name}))
	return &name
}

func awsPut(client *s3.Client, bucket *string, key, content string) *s3.PutObjectOutput {
	return must(client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader(content)}))
}

func awsBody(client *s3.Client, input *s3.GetObjectInput) string {
	return string(must(io.ReadAll(must(client.GetObject(ctx, input)).Body)))
}

// awsCode is S3's code of an error.
func awsCode[T any](_ T, err error) string {
	var found smithy.APIError
	if errors.As(err, &found) {
		return found.ErrorCode()
	}
	return "done"
}

func awsObjects(c *checks) {
	client := awsClient()
	bucket, key := awsMade(client), aws.String("a b/ü+c")
	put := must(client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: bucket, Key: key, Body: strings.NewReader("hello"), ContentType: aws.String("text/plain"),
		Metadata: map[string]string{"m": "1"}, Tagging: aws.String("a=1"),
	}))
	c.equal("etag", *put.ETag, `"5d41402abc4b2a76b9719d911017c592"`)
	c.equal("a checksum by default", aws.ToString(put.ChecksumCRC32), "NhCmhg==")
	got := must(client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key}))
	c.equal("get", string(must(io.ReadAll(got.Body))), "hello")
	c.equal("its head", []any{*got.ContentType, got.Metadata["m"], *got.TagCount}, []any{"text/plain", "1", int32(1)})
	c.equal("a range", awsBody(client, &s3.GetObjectInput{Bucket: bucket, Key: key, Range: aws.String("bytes=1-3")}), "ell")
	c.equal("no key", awsCode(client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("none")})), "NoSuchKey")
	c.equal("no key, head", awsCode(client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("none")})), "NotFound")
	c.equal("no bucket", awsCode(client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("no-such-bucket-0")})), "NoSuchBucket")
	again := &s3.PutObjectInput{Bucket: bucket, Key: key, IfNoneMatch: aws.String("*")}
	c.equal("put where something is", awsCode(client.PutObject(ctx, again)), "PreconditionFailed")
	must(client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("copy"), CopySource: aws.String(*bucket + "/a%20b/%C3%BC%2Bc")}))
	c.equal("copy", awsBody(client, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("copy")}), "hello")
	awsPut(client, bucket, "empty", "")
	c.equal("an empty object", awsBody(client, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("empty")}), "")
	for _, algorithm := range types.ChecksumAlgorithm("").Values() {
		name := "checksum " + string(algorithm)
		put, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String(name), Body: strings.NewReader("hello"), ChecksumAlgorithm: algorithm})
		switch algorithm {
		case types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256:
			c.truth(name, err == nil && put.ChecksumType == types.ChecksumTypeFullObject, err)
		default:
			// What S3 got after Bole's table of digests, or what the client itself does not make.
			c.truth(name+" is refused", err != nil, put)
		}
	}
	told := must(client.GetObjectAttributes(ctx, &s3.GetObjectAttributesInput{
		Bucket: bucket, Key: key, ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesEtag, types.ObjectAttributesObjectSize},
	}))
	c.equal("attributes", []any{*told.ETag, *told.ObjectSize}, []any{"5d41402abc4b2a76b9719d911017c592", int64(5)})
	deleted := must(client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{
		Objects: []types.ObjectIdentifier{{Key: key}, {Key: aws.String("copy")}, {Key: aws.String("none")}},
	}}))
	c.equal("deleted in bulk", []int{len(deleted.Deleted), len(deleted.Errors)}, []int{3, 0})
}

func awsLists(c *checks) {
	client := awsClient()
	bucket := awsMade(client)
	names := []string{"a", "b/1", "b/2", "c d", "ü+%"}
	for _, name := range names {
		awsPut(client, bucket, name, name)
	}
	var found []string
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: bucket}, func(options *s3.ListObjectsV2PaginatorOptions) { options.Limit = 2 })
	for pages.HasMorePages() {
		for _, one := range must(pages.NextPage(ctx)).Contents {
			found = append(found, *one.Key)
		}
	}
	c.equal("pages", found, names)
	page := must(client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket, Delimiter: aws.String("/"), EncodingType: types.EncodingTypeUrl}))
	c.equal("by delimiter", []string{*page.CommonPrefixes[0].Prefix, *page.Contents[2].Key}, []string{"b/", "%C3%BC%2B%25"})
	c.equal("delete the bucket", awsCode(client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket})), "BucketNotEmpty")
}

func awsUploads(c *checks) {
	client := awsClient()
	bucket, key := awsMade(client), aws.String("big")
	content := noise(12 << 20)
	// A reader that cannot seek, as a pipe is.
	done := must(manager.NewUploader(client).Upload(ctx, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: io.MultiReader(bytes.NewReader(content))}))
	c.truth("in parts", strings.HasSuffix(*done.ETag, `-3"`), *done.ETag)
	buffer := manager.NewWriteAtBuffer(nil)
	must(manager.NewDownloader(client).Download(ctx, buffer, &s3.GetObjectInput{Bucket: bucket, Key: key}))
	c.truth("comes back by ranges", bytes.Equal(buffer.Bytes(), content), len(buffer.Bytes()))
	c.truth("comes back whole", awsBody(client, &s3.GetObjectInput{Bucket: bucket, Key: key}) == string(content), nil)
	head := must(client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: key, PartNumber: aws.Int32(3)}))
	c.equal("the last part", []any{*head.ContentLength, *head.PartsCount}, []any{int64(2 << 20), int32(3)})
}

func request(method, url, content string, headers http.Header) (int, string) {
	made := must(http.NewRequestWithContext(ctx, method, url, strings.NewReader(content)))
	for name, values := range headers {
		made.Header[name] = values
	}
	answer := must(http.DefaultClient.Do(made))
	defer answer.Body.Close()
	return answer.StatusCode, string(must(io.ReadAll(answer.Body)))
}

func awsURLs(c *checks) {
	client := awsClient()
	bucket, key := awsMade(client), aws.String("a b+ü")
	signer := s3.NewPresignClient(client)
	put := must(signer.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: key, ContentType: aws.String("text/plain"), Metadata: map[string]string{"m": "1"}, Body: strings.NewReader("hello")}))
	status, _ := request(put.Method, put.URL, "hello", put.SignedHeader)
	c.equal("put by a URL", status, 200)
	status, _ = request(put.Method, put.URL, "hello", nil)
	c.equal("without its headers", status, 403)
	get := must(signer.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key}))
	status, content := request(get.Method, get.URL, "", nil)
	c.equal("get by a URL", strconv.Itoa(status)+content, "200hello")
	head := must(client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: key}))
	c.equal("what it says is kept", []string{*head.ContentType, head.Metadata["m"]}, []string{"text/plain", "1"})
}

func awsVersions(c *checks) {
	client := awsClient()
	bucket, key := awsMade(client), aws.String("k")
	must(client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}))
	first, second := awsPut(client, bucket, "k", "1"), awsPut(client, bucket, "k", "2")
	marker := must(client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: key}))
	c.truth("a marker", aws.ToBool(marker.DeleteMarker), marker)
	listed := must(client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: bucket}))
	c.equal("versions", []string{*listed.Versions[0].VersionId, *listed.Versions[1].VersionId}, []string{*second.VersionId, *first.VersionId})
	c.equal("by id", awsBody(client, &s3.GetObjectInput{Bucket: bucket, Key: key, VersionId: first.VersionId}), "1")
}

// Names below localhost are this machine, as browsers have it and not every resolver.
func awsByHost(c *checks) {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}
	endpoint := strings.Replace(os.Getenv("AWS_ENDPOINT_URL_S3"), "127.0.0.1", "localhost", 1)
	byHost := awsClient(func(options *s3.Options) {
		options.BaseEndpoint = &endpoint
		options.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: dial}}
	})
	client := awsClient()
	bucket := awsMade(client)
	awsPut(byHost, bucket, "a b/ü", "hello")
	c.equal("by host and by path", awsBody(client, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("a b/ü")}), "hello")
}
