package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"duplex/test/tenant"
)

// The table has the shape of sysbench's.
const (
	database = "bench"
	table    = database + ".item"
	create   = "CREATE TABLE " + table + " (id bigint NOT NULL, k int NOT NULL, c char(120) NOT NULL, pad char(60) NOT NULL," +
		" PRIMARY KEY (id), KEY k (k)) ENGINE=InnoDB"
	unique = "ALTER TABLE " + table + " ADD UNIQUE KEY c (c)"
)

// A span is the ids from first on that a backlog writes.
type span struct{ first, n int }

func (s span) pick(r *rand.Rand) int { return s.first + r.IntN(s.n) }

// A work is a kind of backlog.
type work struct {
	name, title string
	rows        int // row changes of one transaction
	// append writes the statements of one transaction.
	append func(dst []byte, r *rand.Rand, ids span) []byte
}

// works is every kind of backlog.
func works() []work {
	return []work{
		{"update", "one UPDATE by primary key each, of an indexed and a plain column", 1, appendUpdate},
		{"oltp", "the 4 row changes of sysbench oltp_write_only each", 4, appendOLTP},
		{"hot", "one UPDATE each, all of the same 100 rows", 1, func(dst []byte, r *rand.Rand, ids span) []byte {
			return appendUpdate(dst, r, span{ids.first, 100})
		}},
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

func appendUpdate(dst []byte, r *rand.Rand, ids span) []byte {
	dst = fmt.Appendf(dst, "UPDATE %s SET k = %d, c = '", table, 1+r.IntN(ids.n))
	dst = appendDigits(dst, r, 10)
	return fmt.Appendf(dst, "' WHERE id = %d", ids.pick(r))
}

func appendOLTP(dst []byte, r *rand.Rand, ids span) []byte {
	id := func() int { return ids.pick(r) }
	dst = fmt.Appendf(dst, "BEGIN; UPDATE %s SET k = k + 1 WHERE id = %d; UPDATE %s SET c = '", table, id(), table)
	dst = appendDigits(dst, r, 10)
	again := id()
	dst = fmt.Appendf(dst, "' WHERE id = %d; DELETE FROM %s WHERE id = %d; INSERT INTO %s VALUES ", id(), table, again, table)
	return append(appendRow(dst, r, again, ids.n), "; COMMIT"...)
}

// appendRow writes (id, k, c, pad).
func appendRow(dst []byte, r *rand.Rand, id, rows int) []byte {
	dst = strconv.AppendInt(append(dst, '('), int64(id), 10)
	dst = strconv.AppendInt(append(dst, ','), int64(1+r.IntN(rows)), 10)
	dst = appendDigits(append(dst, ",'"...), r, 10)
	dst = appendDigits(append(dst, "','"...), r, 5)
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

// fill makes the table and its rows, past the log.
func fill(ctx context.Context, s *server, rows int) error {
	if err := s.exec(ctx, "CREATE DATABASE "+database, create); err != nil {
		return err
	}
	const each, loaders = 1000, 2
	return s.write(ctx, loaders, func(ctx context.Context, conn *sql.Conn, l int) error {
		if s.Kind() == tenant.OceanBase { // it has no such switch
			return fillRange(ctx, conn, l*rows/loaders, (l+1)*rows/loaders, rows, each)
		}
		if _, err := conn.ExecContext(ctx, "SET sql_log_bin = 0"); err != nil {
			return err
		}
		err := fillRange(ctx, conn, l*rows/loaders, (l+1)*rows/loaders, rows, each)
		if _, rerr := conn.ExecContext(ctx, "SET sql_log_bin = 1"); err == nil {
			err = rerr
		}
		return err
	})
}

func fillRange(ctx context.Context, conn *sql.Conn, from, to, rows, each int) error {
	r := rand.New(rand.NewPCG(1, uint64(from)))
	var text []byte
	for at := from; at < to; {
		text = append(text[:0], "INSERT INTO "+table+" VALUES "...)
		for n := 0; n < each && at < to; n++ {
			if n > 0 {
				text = append(text, ',')
			}
			at++
			text = appendRow(text, r, at, rows)
		}
		if _, err := conn.ExecContext(ctx, string(text)); err != nil {
			return err
		}
	}
	return nil
}

// backlog writes transactions of a kind to rows of ids, from 8 connections.
func backlog(ctx context.Context, s *server, w work, txns int, ids span) error {
	const writers = 8
	return s.write(ctx, writers, func(ctx context.Context, conn *sql.Conn, n int) error {
		r := rand.New(rand.NewPCG(uint64(1+ids.first), uint64(n)))
		var text []byte
		for range (n+1)*txns/writers - n*txns/writers {
			text = w.append(text[:0], r, ids)
			if err := again(ctx, conn, string(text)); err != nil {
				return err
			}
		}
		return nil
	})
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

// warm reads both indexes, so that every competitor finds the same pages in
// the target's memory.
func warm(ctx context.Context, s *server) error {
	return s.exec(ctx, "SELECT SUM(LENGTH(c)) FROM "+table+" FORCE INDEX (PRIMARY) WHERE id > 0",
		"SELECT SUM(k) FROM "+table+" FORCE INDEX (k) WHERE k > 0")
}
