package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

func statements(c *checks) {
	ctx, cancel := context_()
	defer cancel()
	conn := connect(ctx, nil)
	defer conn.Close(ctx)
	must(ctx, conn, "DROP TABLE IF EXISTS pgx_items; CREATE TABLE pgx_items (id serial PRIMARY KEY, name text NOT NULL, price numeric)")
	tag, err := conn.Exec(ctx, "INSERT INTO pgx_items (name) SELECT 'n' || g FROM generate_series(1, 100) g")
	c.succeeds("insert", err)
	c.equal("tag", tag.String(), "INSERT 0 100")
	c.equal("returning", value[int32](ctx, conn, "INSERT INTO pgx_items (name, price) VALUES ($1, $2) RETURNING id", "x", "1.5"), int32(101))
	prepared, err := conn.Prepare(ctx, "by-id", "SELECT name, price FROM pgx_items WHERE id = $1 AND name <> $2")
	c.succeeds("prepare", err)
	c.equal("parameters", prepared.ParamOIDs, []uint32{23, 25})
	c.equal("columns", []uint32{prepared.Fields[0].DataTypeOID, prepared.Fields[1].DataTypeOID}, []uint32{25, 1700})
	var name string
	c.succeeds("a prepared statement", conn.QueryRow(ctx, "by-id", 7, "zz").Scan(&name, nil))
	c.equal("its row", name, "n7")
	rows, _ := conn.Query(ctx, "SELECT id, name FROM pgx_items WHERE id <= $1 ORDER BY id", 3)
	type item struct {
		ID   int32
		Name string
	}
	items, err := pgx.CollectRows(rows, pgx.RowToStructByName[item])
	c.succeeds("rows", err)
	c.equal("as structs", items, []item{{1, "n1"}, {2, "n2"}, {3, "n3"}})
	c.equal("any", value[int64](ctx, conn, "SELECT count(*) FROM pgx_items WHERE id = ANY($1)", []int32{1, 2, 999}), int64(2))
	c.equal("named arguments", value[int32](ctx, conn, "SELECT @a::int + @b::int", pgx.NamedArgs{"a": 1, "b": 2}), int32(3))
	rows, _ = conn.Query(ctx, "SELECT g, repeat('x', 100) FROM generate_series(1, 50000) g")
	count := 0
	for rows.Next() {
		count++
	}
	c.succeeds("a large result", rows.Err())
	c.equal("its rows", count, 50000)
	must(ctx, conn, "ALTER TABLE pgx_items ADD COLUMN more int")
	c.equal("goes on", value[int32](ctx, conn, "SELECT 1"), int32(1))
}

func failures(c *checks) {
	ctx, cancel := context_()
	defer cancel()
	conn := connect(ctx, nil)
	defer conn.Close(ctx)
	must(ctx, conn, "DROP TABLE IF EXISTS pgx_errors; CREATE TABLE pgx_errors (id int PRIMARY KEY, n int NOT NULL CHECK (n > 0))")
	must(ctx, conn, "INSERT INTO pgx_errors VALUES (1, 1)")
	for statement, code := range map[string]string{
		"SELEC 1": "42601", "SELECT * FROM nowhere": "42P01", "SELECT nothing": "42703", "SELECT 1/0": "22012", "SELECT 'x'::int": "22P02",
		"INSERT INTO pgx_errors VALUES (1, 1)": "23505", "INSERT INTO pgx_errors VALUES (2, NULL)": "23502", "INSERT INTO pgx_errors VALUES (2, 0)": "23514", "CREATE TABLE pgx_errors (id int)": "42P07",
	} {
		_, err := conn.Exec(ctx, statement)
		c.fails(statement, err, code)
	}
	_, err := conn.Exec(ctx, "INSERT INTO pgx_errors VALUES ($1, $2)", 3, -1)
	answer := c.fails("a check", err, "23514")
	c.equal("its fields", []string{answer.Severity, answer.SchemaName, answer.TableName, answer.ConstraintName}, []string{"ERROR", "public", "pgx_errors", "pgx_errors_n_check"})
	_, err = conn.Exec(ctx, "SELECT 1, nothing")
	c.equal("position", c.fails("a column", err, "42703").Position, int32(11))
}

func transactions(c *checks) {
	ctx, cancel := context_()
	defer cancel()
	conn := connect(ctx, nil)
	defer conn.Close(ctx)
	must(ctx, conn, "DROP TABLE IF EXISTS pgx_tx; CREATE TABLE pgx_tx (id int PRIMARY KEY)")
	c.succeeds("a transaction", pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO pgx_tx VALUES (1)"); err != nil {
			return err
		}
		err := pgx.BeginFunc(ctx, tx, func(inner pgx.Tx) error {
			_, err := inner.Exec(ctx, "INSERT INTO pgx_tx VALUES (2), (1)")
			return err
		})
		c.fails("a savepoint", err, "23505")
		_, err = tx.Exec(ctx, "INSERT INTO pgx_tx VALUES (3)")
		return err
	}))
	c.equal("rows", value[[]int32](ctx, conn, "SELECT array_agg(id ORDER BY id) FROM pgx_tx"), []int32{1, 3})
	for _, level := range []pgx.TxIsoLevel{pgx.Serializable, pgx.RepeatableRead, pgx.ReadCommitted} {
		tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: level})
		c.succeeds(string(level), err)
		c.equal("is "+string(level), one[string](ctx, tx, "SHOW transaction_isolation"), string(level))
		c.succeeds("rollback", tx.Rollback(ctx))
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	c.succeeds("read only", err)
	_, err = tx.Exec(ctx, "INSERT INTO pgx_tx VALUES (9)")
	c.fails("a write in it", err, "25006")
	c.succeeds("its end", tx.Rollback(ctx))
	pool, err := pgxpool.New(ctx, url)
	c.succeeds("a pool", err)
	defer pool.Close()
	failed := make(chan error, 50)
	for n := range 50 {
		go func() {
			_, err := pool.Exec(ctx, "INSERT INTO pgx_tx VALUES ($1)", 100+n)
			failed <- err
		}()
	}
	for range 50 {
		if err := <-failed; err != nil {
			c.succeeds("an insert of the pool", err)
		}
	}
	c.equal("rows of the pool", value[int64](ctx, conn, "SELECT count(*) FROM pgx_tx WHERE id >= 100"), int64(50))
}

func batches(c *checks) {
	ctx, cancel := context_()
	defer cancel()
	conn := connect(ctx, nil)
	defer conn.Close(ctx)
	must(ctx, conn, "DROP TABLE IF EXISTS pgx_batch; CREATE TABLE pgx_batch (id int PRIMARY KEY)")
	batch := &pgx.Batch{}
	for n := range 300 {
		batch.Queue("INSERT INTO pgx_batch VALUES ($1)", n)
	}
	batch.Queue("SELECT count(*) FROM pgx_batch")
	results := conn.SendBatch(ctx, batch)
	for range 300 {
		if _, err := results.Exec(); err != nil {
			c.succeeds("an insert of the batch", err)
		}
	}
	var count int
	c.succeeds("a batch", results.QueryRow().Scan(&count))
	c.equal("its rows", count, 300)
	c.succeeds("its end", results.Close())
	broken := &pgx.Batch{}
	broken.Queue("INSERT INTO pgx_batch VALUES ($1)", 1000)
	broken.Queue("INSERT INTO pgx_batch VALUES ($1)", 1)
	c.fails("a batch with an error", conn.SendBatch(ctx, broken).Close(), "23505")
	c.equal("leaves nothing", value[int64](ctx, conn, "SELECT count(*) FROM pgx_batch"), int64(300))
}

func copies(c *checks) {
	ctx, cancel := context_()
	defer cancel()
	conn := connect(ctx, nil)
	defer conn.Close(ctx)
	must(ctx, conn, "DROP TABLE IF EXISTS pgx_copy; CREATE TABLE pgx_copy (id int, t text, n numeric, at timestamptz)")
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	count, err := conn.CopyFrom(ctx, pgx.Identifier{"pgx_copy"}, []string{"id", "t", "n", "at"}, pgx.CopyFromSlice(2000, func(n int) ([]any, error) {
		return []any{n, fmt.Sprint("t", n), fmt.Sprintf("%d.5", n), start.Add(time.Duration(n) * time.Hour)}, nil
	}))
	c.succeeds("copy in binary", err)
	c.equal("its rows", count, int64(2000))
	c.equal("their sum", value[string](ctx, conn, "SELECT sum(n)::text || ' ' || max(at)::text FROM pgx_copy"), "2000000.0 2024-03-24 07:00:00+00")
	var out bytes.Buffer
	_, err = conn.PgConn().CopyTo(ctx, &out, "COPY (SELECT id, t FROM pgx_copy WHERE id < 2 ORDER BY id) TO STDOUT WITH CSV HEADER")
	c.succeeds("copy out", err)
	c.equal("csv", out.String(), "id,t\n0,t0\n1,t1\n")
	_, err = conn.PgConn().CopyFrom(ctx, strings.NewReader("x\ty\n"), "COPY pgx_copy (id, t) FROM STDIN")
	c.fails("a bad line", err, "22P02")
	c.equal("goes on", value[int64](ctx, conn, "SELECT count(*) FROM pgx_copy"), int64(2000))
}

func notifications(c *checks) {
	ctx, cancel := context_()
	defer cancel()
	conn, other := connect(ctx, nil), connect(ctx, nil)
	defer conn.Close(ctx)
	defer other.Close(ctx)
	must(ctx, conn, "LISTEN pgx_channel")
	must(ctx, other, "NOTIFY pgx_channel, 'hello'")
	notification, err := conn.WaitForNotification(ctx)
	if c.succeeds("a notification", err) {
		c.equal("its payload", []any{notification.Channel, notification.Payload, notification.PID}, []any{"pgx_channel", "hello", other.PgConn().PID()})
	}
}

func cancels(c *checks) {
	ctx, cancel := context_()
	defer cancel()
	conn, other := connect(ctx, nil), connect(ctx, nil)
	defer conn.Close(ctx)
	defer other.Close(ctx)
	go func() {
		time.Sleep(300 * time.Millisecond)
		_ = conn.PgConn().CancelRequest(ctx)
	}()
	_, err := conn.Exec(ctx, "SELECT pg_sleep(20)")
	c.fails("a cancel request", err, "57014")
	c.equal("goes on", value[int32](ctx, conn, "SELECT 1"), int32(1))
	short, stop := context.WithTimeout(ctx, 200*time.Millisecond)
	defer stop()
	_, err = other.Exec(short, "SELECT pg_sleep(20)")
	c.note("a context that ends", err != nil && short.Err() != nil, "an error", err)
	c.eventually("its statement ends, too", func() bool {
		return value[int64](ctx, conn, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'") == 0
	})
}
