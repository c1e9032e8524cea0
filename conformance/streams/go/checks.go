package main

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
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

// succeeds demands that err is nil.
func (c *checks) succeeds(name string, err error) {
	c.note(name, err == nil, "no error", err)
}

// fails demands the error of the protocol that has this name.
func (c *checks) fails(name string, err error, expected *kerr.Error) {
	c.note(name, errors.Is(err, expected), expected.Message, err)
}

// eventually demands that condition holds within some time.
func (c *checks) eventually(name string, condition func() bool) {
	c.note(name, within(40*time.Second, condition), "a condition that holds within 40 s", "none")
}

// becomes demands that what call returns is expected within some seconds.
func (c *checks) becomes(name string, call func() any, expected any) {
	var got any
	good := within(limit, func() bool {
		got = call()
		return reflect.DeepEqual(got, expected)
	})
	c.note(name, good, expected, got)
}

func within(limit time.Duration, condition func() bool) bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if condition() {
			return true
		}
	}
	return false
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
