package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// A span is the ids from first on that a backlog writes, of a table.
type span struct {
	table    string
	pad      int // characters of the last column
	first, n int
}

func (s span) pick(r *rand.Rand) int { return s.first + r.IntN(s.n) }

// A work is a kind of backlog.
type work struct {
	name, title string
	statements  int // of one transaction
	// append writes the statements of one transaction.
	append func(dst []byte, r *rand.Rand, ids span) []byte
	// plain is the least that anybody who is not the server itself has to send for the
	// rows of so many transactions, see ceiling; nil: the contest has no such competitor.
	plain   func(dst []byte, r *rand.Rand, ids span) []byte
	grouped int
	bars    []bar
}

// works is every kind of backlog.
func works() []work {
	native := func(limit float64) bar { return bar{of: ours, to: "native", limit: limit} }
	return []work{
		{name: "update", title: "one UPDATE by primary key each, of an indexed and a plain column", statements: 1, append: appendUpdate},
		{name: "oltp", title: "the 4 row changes of sysbench oltp_write_only each", statements: 4, append: appendOLTP,
			plain: appendOLTPRows, grouped: oltpGroup,
			bars: []bar{native(1.3), {of: ours, to: "native, 4 threads", limit: 1.5}}},
		{name: "hot", title: "one UPDATE each, all of the same 100 rows", statements: 1, append: func(dst []byte, r *rand.Rand, ids span) []byte {
			ids.n = min(ids.n, 100)
			return appendUpdate(dst, r, ids)
		}, bars: []bar{native(1.5)}},
		{name: "load", title: fmt.Sprintf("one INSERT of %d new rows each", bulkRows), statements: 1, append: appendLoad, plain: appendLoad, grouped: 1,
			bars: []bar{native(1.2)}},
		{name: "bulk", title: fmt.Sprintf("one UPDATE of %d rows each", bulkRows), statements: 1, append: appendBulk, plain: appendBulkRows, grouped: 1,
			bars: []bar{native(1.2)}},
	}
}

func workNames() string {
	var names []string
	for _, w := range works() {
		names = append(names, w.name)
	}
	return strings.Join(names, ", ")
}

func findWork(name string) (work, error) {
	for _, w := range works() {
		if w.name == name {
			return w, nil
		}
	}
	return work{}, fmt.Errorf("--work %q: not one of %s", name, workNames())
}

// bulkRows is how many neighbouring rows a transaction of load or bulk writes.
const bulkRows = 500

// appendLoad inserts rows with ids of their own: far behind those of the table, each
// span in a place of its own, one bulk of them out of very many.
func appendLoad(dst []byte, r *rand.Rand, ids span) []byte {
	first := ids.first<<40 + r.IntN(1<<30)*bulkRows
	dst = fmt.Appendf(dst, "INSERT INTO %s VALUES ", ids.table)
	for i := range bulkRows {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendRow(dst, r, first+i, ids.n, ids.pad)
	}
	return dst
}

func appendBulk(dst []byte, r *rand.Rand, ids span) []byte {
	n := min(bulkRows, ids.n)
	first := ids.first + r.IntN(ids.n-n+1)
	dst = appendDigits(fmt.Appendf(dst, "UPDATE %s SET k = k + 1, c = '", ids.table), r, 10)
	return fmt.Appendf(dst, "' WHERE id BETWEEN %d AND %d", first, first+n-1)
}

// appendBulkRows says of each row what the log has: that it is there, and what its columns are. The
// values that stay are left out, and so is what became of k.
func appendBulkRows(dst []byte, r *rand.Rand, ids span) []byte {
	n := min(bulkRows, ids.n)
	first := ids.first + r.IntN(ids.n-n+1)
	dst = fmt.Appendf(dst, "INSERT INTO %s VALUES ", ids.table)
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = fmt.Appendf(dst, "(%d,0,'','')", first+i)
	}
	dst = appendDigits(append(dst, " ON DUPLICATE KEY UPDATE k = k + 1, c = '"...), r, 10)
	return append(dst, '\'')
}

func appendUpdate(dst []byte, r *rand.Rand, ids span) []byte {
	dst = fmt.Appendf(dst, "UPDATE %s SET k = %d, c = '", ids.table, 1+r.IntN(ids.n))
	dst = appendDigits(dst, r, 10)
	return fmt.Appendf(dst, "' WHERE id = %d", ids.pick(r))
}

func appendOLTP(dst []byte, r *rand.Rand, ids span) []byte {
	dst = append(dst, "BEGIN"...)
	for _, text := range oltpChanges(r, ids) {
		dst = append(append(dst, "; "...), text...)
	}
	return append(dst, "; COMMIT"...)
}

// oltpGroup is about as many transactions as duplex joins of a backlog.
const oltpGroup = 125

// appendOLTPRows writes the rows of a group as they are in the end: of each
// transaction three, since one goes and comes again.
func appendOLTPRows(dst []byte, r *rand.Rand, ids span) []byte {
	dst = fmt.Appendf(dst, "INSERT INTO %s VALUES ", ids.table)
	rows := make([]int, 3*oltpGroup)
	for i := range rows {
		rows[i] = ids.pick(r)
	}
	slices.Sort(rows) // connections that take rows in any order wait for each other
	for i, id := range rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendRow(dst, r, id, ids.n, ids.pad)
	}
	return append(dst, " ON DUPLICATE KEY UPDATE k = VALUES(k), c = VALUES(c), pad = VALUES(pad)"...)
}

// oltpChanges gives the statements of sysbench's oltp_write_only.
func oltpChanges(r *rand.Rand, ids span) []string {
	k := fmt.Sprintf("UPDATE %s SET k = k + 1 WHERE id = %d", ids.table, ids.pick(r))
	c := appendDigits(fmt.Appendf(nil, "UPDATE %s SET c = '", ids.table), r, 10)
	c = fmt.Appendf(c, "' WHERE id = %d", ids.pick(r))
	again := ids.pick(r)
	remove := fmt.Sprintf("DELETE FROM %s WHERE id = %d", ids.table, again)
	insert := appendRow(fmt.Appendf(nil, "INSERT INTO %s VALUES ", ids.table), r, again, ids.n, ids.pad)
	return []string{k, string(c), remove, string(insert)}
}

// appendRow writes (id, k, c, pad).
func appendRow(dst []byte, r *rand.Rand, id, rows, pad int) []byte {
	dst = strconv.AppendInt(append(dst, '('), int64(id), 10)
	dst = strconv.AppendInt(append(dst, ','), int64(1+r.IntN(rows)), 10)
	dst = appendDigits(append(dst, ",'"...), r, 10)
	dst = appendDigits(append(dst, "','"...), r, pad/12)
	return append(dst, "')"...)
}

// appendDigits writes groups of 11 digits with dashes between.
func appendDigits(dst []byte, r *rand.Rand, groups int) []byte {
	for g := range groups {
		if g > 0 {
			dst = append(dst, '-')
		}
		n := r.Uint64()
		for range 11 {
			dst = append(dst, '0'+byte(n%10))
			n /= 10
		}
	}
	return dst
}

// writers write a backlog.
const writers = 8

// backlog writes transactions of a kind from 8 connections, each to one of the
// spans, of which there is one for each table.
func backlog(ctx context.Context, s *server, w work, txns int, spans []span) error {
	return s.write(ctx, writers, func(ctx context.Context, conn *sql.Conn, n int) error {
		return eachText(w.append, n, txns, spans, func(text []byte) error { return again(ctx, conn, string(text)) })
	})
}

// eachText gives the statements of each transaction of one writer.
func eachText(text func(dst []byte, r *rand.Rand, ids span) []byte, writer, txns int, spans []span, fn func([]byte) error) error {
	r := rand.New(rand.NewPCG(uint64(1+spans[0].first), uint64(writer)))
	var buf []byte
	for range (writer+1)*txns/writers - writer*txns/writers {
		buf = text(buf[:0], r, spans[r.IntN(len(spans))])
		if err := fn(buf); err != nil {
			return err
		}
	}
	return nil
}

// write lets writers work at once, each with its number and a connection of its own.
func (s *server) write(ctx context.Context, writers int, work func(ctx context.Context, conn *sql.Conn, n int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for n := range writers {
		g.Go(func() error {
			conn, err := s.db.Conn(ctx)
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			return work(ctx, conn, n)
		})
	}
	return g.Wait()
}
