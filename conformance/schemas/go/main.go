// Command schemas-conformance runs franz-go's registry client with its default settings against BOLE_SCHEMAS_URL, an empty registry.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/twmb/franz-go/pkg/sr"
)

var (
	ctx            = context.Background()
	passed, failed int
)

func note(name string, good bool, expected, got any) {
	if good {
		passed++
		fmt.Println("ok", name)
		return
	}
	failed++
	fmt.Printf("FAIL %s: expected %.300v, got %.300v\n", name, fmt.Sprint(expected), fmt.Sprint(got))
}

func equal(name string, got, expected any) {
	note(name, reflect.DeepEqual(got, expected), expected, got)
}

func works(name string, err error) bool {
	note(name, err == nil, "no error", err)
	return err == nil
}

// refused demands an error of the registry with this code.
func refused(name string, err error, code int) {
	var response *sr.ResponseError
	note(name, errors.As(err, &response) && response.ErrorCode == code, code, err)
}

const user = `{"type":"record","name":"User","fields":[{"name":"id","type":"long"}]}`

func subjects(client *sr.Client) {
	types, err := client.SupportedTypes(ctx)
	works("types", err)
	equal("three types", len(types), 3)
	first, err := client.CreateSchema(ctx, "users", sr.Schema{Schema: user})
	works("create", err)
	equal("created", []any{first.Subject, first.Version, first.Schema.Schema}, []any{"users", 1, user})
	other, err := client.CreateSchema(ctx, "others", sr.Schema{Schema: user})
	works("create again", err)
	equal("the same id", other.ID, first.ID)
	found, err := client.LookupSchema(ctx, "users", sr.Schema{Schema: user})
	works("look up", err)
	equal("looked up", []int{found.ID, found.Version}, []int{first.ID, 1})
	names, err := client.Subjects(ctx)
	works("list", err)
	equal("subjects", names, []string{"others", "users"})
	versions, err := client.SubjectVersions(ctx, "users")
	works("list versions", err)
	equal("versions", versions, []int{1})
	latest, err := client.SchemaByVersion(ctx, "users", -1)
	works("latest", err)
	equal("latest version", latest.Version, 1)
	byID, err := client.SchemaByID(ctx, first.ID)
	works("by id", err)
	equal("schema by id", byID.Schema, user)
	text, err := client.SchemaTextByID(ctx, first.ID)
	works("text by id", err)
	equal("text", text, user)
	usages, err := client.SchemaUsagesByID(ctx, first.ID)
	works("usages", err)
	equal("used twice", len(usages), 2)
	all, err := client.AllSchemas(ctx)
	works("all schemas", err)
	equal("two versions", len(all), 2)
	_, err = client.SchemaByVersion(ctx, "users", 9)
	refused("no such version", err, 40402)
	_, err = client.CreateSchema(ctx, "users", sr.Schema{Schema: `{"type":"nothing"}`})
	refused("no schema", err, 42201)
}

func compatibility(client *sr.Client) {
	bad := sr.Schema{Schema: `"string"`}
	checked, err := client.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), "users", -1, bad)
	works("check", err)
	equal("not compatible", checked.Is, false)
	note("with messages", len(checked.Messages) > 0, "messages", checked.Messages)
	_, err = client.CreateSchema(ctx, "users", bad)
	refused("not registered", err, 409)
	for _, result := range client.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatNone}, "users") {
		works("set level", result.Err)
		equal("level set", result.Level, sr.CompatNone)
	}
	for _, result := range client.Compatibility(ctx, "users", "") {
		works("level", result.Err)
	}
	for _, result := range client.ResetCompatibility(ctx, "users") {
		works("reset level", result.Err)
		equal("level that was", result.Level, sr.CompatNone)
	}
	for _, result := range client.Compatibility(ctx, "users") {
		refused("no level", result.Err, 40408)
	}
}

func modes(client *sr.Client) {
	for _, result := range client.SetMode(ctx, sr.ModeImport, "imported") {
		works("import mode", result.Err)
	}
	imported, err := client.CreateSchemaWithIDAndVersion(ctx, "imported", sr.Schema{Schema: `"bytes"`}, 500, 7)
	works("import", err)
	equal("imported", []int{imported.ID, imported.Version}, []int{500, 7})
	for _, result := range client.ResetMode(ctx, "imported") {
		works("reset mode", result.Err)
	}
	for _, result := range client.Mode(ctx, "") {
		works("mode", result.Err)
		equal("mode of all", result.Mode, sr.ModeReadWrite)
	}
}

func references(client *sr.Client) {
	reference := sr.SchemaReference{Name: "User", Subject: "users", Version: 1}
	list := sr.Schema{Schema: `{"type":"array","items":"User"}`, References: []sr.SchemaReference{reference}}
	made, err := client.CreateSchema(ctx, "lists", list)
	works("with a reference", err)
	referring, err := client.SchemaReferences(ctx, "users", 1)
	works("references", err)
	equal("who refers", []int{len(referring), referring[0].ID}, []int{1, made.ID})
	_, err = client.DeleteSubject(ctx, "users", sr.SoftDelete)
	refused("referred to", err, 42206)
	works("delete a version", client.DeleteSchema(ctx, "lists", 1, sr.SoftDelete))
	works("delete it for good", client.DeleteSchema(ctx, "lists", 1, sr.HardDelete))
	deleted, err := client.DeleteSubject(ctx, "users", sr.SoftDelete)
	works("delete a subject", err)
	equal("versions deleted", deleted, []int{1})
}

type point struct {
	X int `json:"x"`
}

func serde(client *sr.Client) {
	schema := sr.Schema{Schema: `{"type":"object","properties":{"x":{"type":"integer"}}}`, Type: sr.TypeJSON}
	made, err := client.CreateSchema(ctx, "points-value", schema)
	works("json", err)
	var serde sr.Serde
	serde.Register(made.ID, point{}, sr.EncodeFn(json.Marshal), sr.DecodeFn(json.Unmarshal))
	message, err := serde.Encode(point{X: 5})
	works("encode", err)
	var back point
	works("decode", serde.Decode(message, &back))
	equal("round trip", back, point{X: 5})
	proto := sr.Schema{Schema: "syntax = \"proto3\"; message M { int32 a = 1; }", Type: sr.TypeProtobuf}
	made, err = client.CreateSchema(ctx, "protos-value", proto)
	works("protobuf", err)
	equal("protobuf text", made.Schema.Schema, proto.Schema)
}

func main() {
	client, err := sr.NewClient(sr.URLs(os.Getenv("BOLE_SCHEMAS_URL")))
	if err != nil {
		fmt.Fprintln(os.Stderr, "BOLE_SCHEMAS_URL:", err)
		os.Exit(2)
	}
	for _, family := range []func(*sr.Client){subjects, compatibility, modes, references, serde} {
		family(client)
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
