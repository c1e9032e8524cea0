package main

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
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
	fmt.Printf("FAIL %s: expected %.300v, got %.300v\n", name, fmt.Sprint(expected), fmt.Sprint(got))
}

func (c *checks) equal(name string, got, expected any) {
	c.note(name, reflect.DeepEqual(got, expected), expected, got)
}

func (c *checks) truth(name string, condition bool, got any) {
	c.note(name, condition, "something that holds", got)
}

// fails demands an error whose text starts with prefix.
func (c *checks) fails(name string, err error, prefix string) {
	c.note(name, err != nil && strings.HasPrefix(err.Error(), prefix), "an error that starts with "+prefix, err)
}

// eventually demands that condition holds within ten seconds.
func (c *checks) eventually(name string, condition func() bool) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if condition() {
			c.note(name, true, nil, nil)
			return
		}
	}
	c.note(name, false, "a condition that holds within 10 s", "none")
}

// family runs one family of checks; a panic is one failed check, and the next family goes on.
func (c *checks) family(family func(*checks, *redis.Client), r *redis.Client) {
	defer func() {
		if cause := recover(); cause != nil {
			c.note("a family of checks", false, "no panic", cause)
		}
	}()
	family(c, r)
}

// result is a reply and its error, so that one expression can be compared.
type result struct {
	value any
	err   error
}

type command[T any] interface{ Result() (T, error) }

// reply demands that the command succeeds with expected.
func reply[T any](c *checks, name string, cmd command[T], expected T) {
	value, err := cmd.Result()
	c.equal(name, result{value, err}, result{expected, nil})
}
