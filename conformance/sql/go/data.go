package main

import (
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// same sends a value as a type and reads it back.
func same[T any](c *checks, conn *pgx.Conn, kind string, sent T) {
	ctx, cancel := context_()
	defer cancel()
	var got T
	if err := conn.QueryRow(ctx, "SELECT $1::"+kind, sent).Scan(&got); err != nil {
		c.note(fmt.Sprintf("%s %.40v", kind, sent), false, "no error", err)
		return
	}
	c.equal(fmt.Sprintf("%s %.40v", kind, sent), got, sent)
}

func values(c *checks) {
	ctx, cancel := context_()
	defer cancel()
	conn := connect(ctx, nil)
	defer conn.Close(ctx)
	everyType(c, conn)
}

// modes runs the same values through the other ways to execute, each of which formats them differently.
func modes(c *checks) {
	ctx, cancel := context_()
	defer cancel()
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		fmt.Println("#", mode)
		conn := connect(ctx, func(config *pgx.ConnConfig) { config.DefaultQueryExecMode = mode })
		everyType(c, conn)
		conn.Close(ctx)
	}
}

func everyType(c *checks, conn *pgx.Conn) {
	for _, number := range []int64{0, -1, math.MaxInt64, math.MinInt64} {
		same(c, conn, "int8", number)
	}
	same(c, conn, "int4", int32(math.MinInt32))
	same(c, conn, "int2", int16(-7))
	same(c, conn, "bool", true)
	same(c, conn, "float8", 1e-300)
	same(c, conn, "float8", math.Inf(-1))
	same(c, conn, "float4", float32(1.5))
	for _, text := range []string{"", "abc", "ä'\"\\ 日本\n\t"} {
		same(c, conn, "text", text)
		same(c, conn, "varchar", text)
	}
	same(c, conn, "bytea", []byte{0, 255, 1, 92})
	same(c, conn, "date", time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC))
	same(c, conn, "timestamp", time.Date(1999, 12, 31, 23, 59, 59, 1000, time.UTC))
	same(c, conn, "text", (*string)(nil))
	same(c, conn, "int4[]", []int32{1, -2, 3})
	same(c, conn, "text[]", []string{"a", "", "b,c", `"`})
	same(c, conn, "float8[]", []float64{0.1, -0.5})
	same(c, conn, "interval", pgtype.Interval{Months: 14, Days: -3, Microseconds: 4_000_005, Valid: true})
	same(c, conn, "time", pgtype.Time{Microseconds: 86399999999, Valid: true})
	same(c, conn, "uuid", pgtype.UUID{Bytes: [16]byte{1, 2, 15: 255}, Valid: true})
	ctx, cancel := context_()
	defer cancel()
	for _, text := range []string{"0", "1.50", "-12345678901234567890.000100", "0.0000000001", "NaN", "10000", "0.0001"} {
		var number pgtype.Numeric
		if err := number.Scan(text); err != nil {
			panic(err)
		}
		c.equal("numeric "+text, value[bool](ctx, conn, "SELECT $1::numeric = $2::text::numeric", number, text), true)
		var got pgtype.Numeric
		if c.succeeds("numeric back "+text, conn.QueryRow(ctx, "SELECT $1::text::numeric", text).Scan(&got)) {
			again, _ := got.Value()
			want, _ := number.Value()
			c.equal("numeric value "+text, fmt.Sprint(again), fmt.Sprint(want))
		}
	}
	c.equal("timestamptz", value[time.Time](ctx, conn, "SELECT $1::timestamptz", time.Date(2024, 7, 1, 12, 0, 0, 0, time.UTC)).UTC(), time.Date(2024, 7, 1, 12, 0, 0, 0, time.UTC))
	c.equal("jsonb", value[map[string]any](ctx, conn, `SELECT '{"a": [1, null]}'::jsonb`), map[string]any{"a": []any{1.0, nil}})
	c.equal("json", value[map[string]any](ctx, conn, "SELECT $1::json", `{"b": "é"}`), map[string]any{"b": "é"})
	c.equal("an array with a null", value[[]*int32](ctx, conn, "SELECT '{1,NULL}'::int4[]")[1], (*int32)(nil))
}
