package main

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
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

// succeeds demands that err is nil.
func (c *checks) succeeds(name string, err error) bool {
	c.note(name, err == nil, "no error", err)
	return err == nil
}

// fails demands an error of the server with this SQLSTATE, and returns it.
func (c *checks) fails(name string, err error, code string) *pgconn.PgError {
	var answer *pgconn.PgError
	c.note(name, errors.As(err, &answer) && answer.Code == code, code, err)
	if answer == nil {
		return &pgconn.PgError{}
	}
	return answer
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
func (c *checks) family(name string, family func(*checks)) {
	defer func() {
		if cause := recover(); cause != nil {
			c.note(name, false, "no panic", cause)
		}
	}()
	family(c)
}
