package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"reflect"
)

// checks counts what passed and prints one line for each check.
type checks struct {
	passed, failed int
}

func (c *checks) note(name string, good bool, expected, got any) {
	if good {
		c.passed++
		fmt.Println("ok", name)
		return
	}
	c.failed++
	fmt.Printf("FAIL %s: expected %.300s, got %.300s\n", name, fmt.Sprint(expected), fmt.Sprint(got))
}

func (c *checks) equal(name string, got, expected any) {
	c.note(name, reflect.DeepEqual(got, expected), expected, got)
}

func (c *checks) truth(name string, condition bool, got any) {
	c.note(name, condition, "something that holds", got)
}

// family runs one family of checks; a panic is one failed check, and the next family goes on.
func (c *checks) family(name string, family func(*checks)) {
	defer func() {
		if cause := recover(); cause != nil {
			c.note(name, false, "no panic", cause)
		}
	}()
	family(c)
}

// must is a call that a family cannot go on without.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func noise(bytes int) []byte {
	made := make([]byte, bytes)
	must(rand.Read(made))
	return made
}

// fresh is a name that no other run has.
func fresh(prefix string) string {
	return prefix + "-" + hex.EncodeToString(noise(6))
}

// Two clients in one program: its argument says which.
func main() {
	families := map[string][]struct {
		name   string
		family func(*checks)
	}{
		"aws":   {{"objects", awsObjects}, {"lists", awsLists}, {"uploads", awsUploads}, {"urls", awsURLs}, {"versions", awsVersions}, {"by-host", awsByHost}},
		"minio": {{"objects", minioObjects}, {"uploads", minioUploads}, {"settings", minioSettings}, {"locks", minioLocks}},
	}
	c := &checks{}
	for _, one := range families[os.Args[1]] {
		c.family(one.name, one.family)
	}
	fmt.Printf("%d passed, %d failed\n", c.passed, c.failed)
	if c.failed > 0 || c.passed == 0 {
		os.Exit(1)
	}
}
