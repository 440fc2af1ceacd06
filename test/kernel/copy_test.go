package kernel_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"duplex/internal/apply"
	"duplex/internal/change"
	"duplex/internal/copy"
	"duplex/internal/schema"
	"duplex/internal/tenant"
	"duplex/internal/verify"
)

// testCopy copies tables of the kernel, which has no change stream, with the
// applier for a writer; the first run is stopped in the middle.
func testCopy(t *testing.T, from, to *site) {
	from.fresh(t, "origin")
	to.fresh(t, "made")
	tables := []string{
		"plain (id int PRIMARY KEY, v varchar(100), f float, d decimal(20,5), b varbinary(50), at datetime(6))",
		"texts (k varchar(30) COLLATE utf8mb4_general_ci, n int, v mediumblob, PRIMARY KEY (k, n))",
		"bytes (k binary(4) PRIMARY KEY, e enum('x','y','z'), s set('a','b'), g varchar(20) CHARACTER SET gbk)",
		"unique_only (a int NOT NULL, b bigint unsigned NOT NULL, v int NULL, UNIQUE KEY u (a, b))",
		"empty (id int PRIMARY KEY)",
	}
	for _, x := range tables {
		from.exec(t, "CREATE TABLE origin."+x)
		to.exec(t, "CREATE TABLE made."+x)
	}
	var plain, texts, bytes, uniques []string
	for i := range 3000 {
		plain = append(plain, fmt.Sprintf("(%d, 'row %d ''%d''', %d.1, -%d.00005, x'%06x00', '2024-01-01 00:00:00.%06d')", i*3-4000, i, i, i, i, i, i))
		uniques = append(uniques, fmt.Sprintf("(%d, %d, NULLIF(%d, 0))", i/10, uint64(1)<<63+uint64(i%10), i%7))
	}
	for i := range 300 {
		texts = append(texts, fmt.Sprintf("('%s%d', %d, REPEAT(x'00275c', %d))", []string{"k", "K", "é", "中"}[i%4], i/2, i, i*30))
		bytes = append(bytes, fmt.Sprintf("(x'%04x%04x', %d, %d, '中%d')", i*7, i%2*32, i%3+1, i%4, i))
	}
	for table, rows := range map[string][]string{"plain": plain, "texts": texts, "bytes": bytes, "unique_only": uniques} {
		for len(rows) > 0 {
			n := min(500, len(rows))
			from.exec(t, "INSERT INTO origin."+table+" VALUES "+strings.Join(rows[:n], ","))
			rows = rows[n:]
		}
	}

	var written atomic.Int64
	run := func(stopAfter int64) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		a, err := apply.New(ctx, apply.Config{
			Target: to.tenant, Project: "copy", Link: "origin>" + to.tenant.Site, Origin: origin, Log: logger(t),
			Place: func(_, n string) (string, string) { return "made", n },
		}, "at 0")
		require.NoError(t, err)
		defined, err := from.tenant.Tables(ctx, func(d, _ string) bool { return d == "origin" })
		require.NoError(t, err)
		var todo []copy.Table
		for _, x := range defined {
			todo = append(todo, copy.Table{Source: x, TargetDatabase: "made", TargetName: x.Name})
		}
		todo, err = copy.Unfinished(ctx, to.tenant, "copy", todo)
		require.NoError(t, err)
		for _, x := range todo {
			a.Copying(x.TargetDatabase, x.TargetName)
		}
		w := &counting{Applier: a, written: &written, stopAfter: stopAfter}
		c, err := copy.New(copy.Config{
			Source: from.tenant, Target: to.tenant, Project: "copy", Tables: todo, Writer: w, Watermarks: still{}, ChunkBytes: 16 << 10, Log: logger(t),
		})
		require.NoError(t, err)
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return a.Run(ctx, newScript(0)) })
		g.Go(func() error {
			defer cancel()
			return c.Run(ctx)
		})
		if err := g.Wait(); err != nil && !strings.Contains(err.Error(), context.Canceled.Error()) {
			return err
		}
		return nil
	}
	require.ErrorIs(t, run(7), errStopped)
	require.NoError(t, run(-1))
	require.EqualValues(t, 3000+300+300+3000, written.Load(), "rows of durable chunks, each written once")

	report := verifyTables(t, from, to, "origin", "made")
	require.True(t, report.Equal, "%+v", report)
	require.Len(t, report.Tables, len(tables))
	for _, q := range []string{
		"SELECT id, HEX(v), CONCAT(f * 1e0), d, HEX(b), at FROM %s.plain ORDER BY id",
		"SELECT HEX(k), n, HEX(v) FROM %s.texts ORDER BY 1, 2",
		"SELECT HEX(k), e + 0, s + 0, HEX(g) FROM %s.bytes ORDER BY 1",
		"SELECT a, b, v FROM %s.unique_only ORDER BY 1, 2",
	} {
		require.Equal(t, from.rows(t, fmt.Sprintf(q, "origin")), to.rows(t, fmt.Sprintf(q, "made")), q)
	}
	to.exec(t, "UPDATE made.plain SET v = 'other' WHERE id = 2", "DELETE FROM made.texts WHERE n = 5", "INSERT INTO made.empty VALUES (1)")
	report = verifyTables(t, from, to, "origin", "made")
	require.False(t, report.Equal)
	require.Len(t, report.Differences, 3, "%+v", report.Differences)
}

// errStopped is what a copy ends with that the test stops.
var errStopped = fmt.Errorf("stopped by the test")

// counting counts the rows of durable chunks and fails after some of them.
type counting struct {
	*apply.Applier
	written   *atomic.Int64
	chunks    atomic.Int64
	stopAfter int64
}

// Copy writes a chunk.
func (w *counting) Copy(ctx context.Context, c *change.Chunk) error {
	if n := w.chunks.Add(1); w.stopAfter >= 0 && n > w.stopAfter {
		return errStopped
	}
	err := w.Applier.Copy(context.WithoutCancel(ctx), c) // whether it is durable is known when it returns
	if err == nil {
		w.written.Add(int64(c.Written))
	}
	return err
}

// verifyTables compares two databases of two servers, or of one.
func verifyTables(t *testing.T, a, b *site, left, right string) *verify.Report {
	t.Helper()
	cfg := verify.Config{A: a.open(t, "left"), B: b.open(t, "right"), Log: logger(t)}
	tables := func(n *tenant.Tenant, database string) []*schema.Table {
		list, err := n.Tables(t.Context(), func(d, _ string) bool { return d == database })
		require.NoError(t, err)
		return list
	}
	others := tables(cfg.B, right)
	for i, x := range tables(cfg.A, left) {
		require.Equal(t, x.Name, others[i].Name)
		cfg.Tables = append(cfg.Tables, verify.Pair{A: x, B: others[i]})
	}
	c, err := verify.New(cfg)
	require.NoError(t, err)
	report, err := c.Run(t.Context())
	require.NoError(t, err)
	return report
}
