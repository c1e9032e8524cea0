// Command pgx runs pgx with its default settings against BOLE_SQL_URL: statements prepared and cached, values in binary.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// limit is how long one family may take.
const limit = 60 * time.Second

var url = os.Getenv("BOLE_SQL_URL")

// connect opens a connection with the default settings, changed by change when it is given.
func connect(ctx context.Context, change func(*pgx.ConnConfig)) *pgx.Conn {
	config, err := pgx.ParseConfig(url)
	if err == nil {
		if change != nil {
			change(config)
		}
		var conn *pgx.Conn
		if conn, err = pgx.ConnectConfig(ctx, config); err == nil {
			return conn
		}
	}
	panic(err)
}

func context_() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), limit)
}

// must runs statements that have to succeed.
func must(ctx context.Context, conn *pgx.Conn, statements ...string) {
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			panic(fmt.Sprintf("%s: %v", statement, err))
		}
	}
}

// one is the only value of a query.
func one[T any](ctx context.Context, conn pgx.Tx, query string, arguments ...any) T {
	var value T
	if err := conn.QueryRow(ctx, query, arguments...).Scan(&value); err != nil {
		panic(fmt.Sprintf("%s: %v", query, err))
	}
	return value
}

func value[T any](ctx context.Context, conn *pgx.Conn, query string, arguments ...any) T {
	var value T
	if err := conn.QueryRow(ctx, query, arguments...).Scan(&value); err != nil {
		panic(fmt.Sprintf("%s: %v", query, err))
	}
	return value
}

func main() {
	c := &checks{}
	families := []struct {
		name string
		run  func(*checks)
	}{
		{"connections", connections}, {"values", values}, {"modes", modes}, {"statements", statements}, {"errors", failures}, {"transactions", transactions},
		{"batches", batches}, {"copies", copies}, {"notifications", notifications}, {"cancels", cancels},
	}
	for _, family := range families {
		if len(os.Args) == 1 || slices.Contains(os.Args[1:], family.name) {
			c.family(family.name, family.run)
		}
	}
	fmt.Printf("%d passed, %d failed\n", c.passed, c.failed)
	if c.failed > 0 {
		os.Exit(1)
	}
}

func connections(c *checks) {
	ctx, cancel := context_()
	defer cancel()
	conn := connect(ctx, nil)
	c.equal("a query", value[int32](ctx, conn, "SELECT 1"), int32(1))
	c.equal("encoding", conn.PgConn().ParameterStatus("client_encoding"), "UTF8")
	c.equal("standard strings", conn.PgConn().ParameterStatus("standard_conforming_strings"), "on")
	c.succeeds("ping", conn.Ping(ctx))
	c.succeeds("close", conn.Close(ctx))
	_, err := pgx.Connect(ctx, strings.Replace(url, "bolebole", "wrong", 1))
	c.fails("wrong password", err, "28P01")
	_, err = pgx.Connect(ctx, url[:strings.LastIndex(url, "/")]+"/nothing_here")
	c.fails("no such database", err, "3D000")
	named := connect(ctx, func(config *pgx.ConnConfig) { config.RuntimeParams["application_name"] = "pgx" })
	defer named.Close(ctx)
	c.equal("application name", value[string](ctx, named, "SHOW application_name"), "pgx")
}
