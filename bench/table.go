package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"duplex/test/tenant"
)

// A table has the shape of sysbench's, and is filled with its kind of digits.
const (
	database = "bench"
	table    = database + ".item" // the first, or only one
	unique   = "ALTER TABLE " + table + " ADD UNIQUE KEY c (c)"
	padding  = 60 // characters of the last column, as sysbench has them

	secondary = "KEY k (k)"
)

// A layout is the tables of a contest, which are all alike.
type layout struct {
	count int
	rows  int // of each
	pad   int // characters of the last column
}

func (l layout) names() []string {
	names := make([]string, l.count)
	for i := range names {
		names[i] = table
		if i > 0 {
			names[i] = fmt.Sprintf("%s%d", table, i+1)
		}
	}
	return names
}

// spans gives n ids of each table, from first on.
func (l layout) spans(first, n int) []span {
	var out []span
	for _, name := range l.names() {
		out = append(out, span{name, l.pad, first, n})
	}
	return out
}

// all gives all ids of each table, half the lower or upper half of them.
func (l layout) all() []span { return l.spans(1, l.rows) }

func (l layout) half(upper bool) []span {
	half := l.rows / 2
	if upper {
		return l.spans(1+half, half)
	}
	return l.spans(1, half)
}

func (l layout) create(name string) string {
	kind := fmt.Sprintf("char(%d)", l.pad)
	if l.pad > 255 {
		kind = "var" + kind
	}
	return "CREATE TABLE " + name + " (id bigint NOT NULL, k int NOT NULL, c char(120) NOT NULL, pad " + kind + " NOT NULL," +
		" PRIMARY KEY (id), " + secondary + ") ENGINE=InnoDB"
}

// loaders fill a source.
const loaders = 2

// fill makes the tables and their rows, past the log.
func (l layout) fill(ctx context.Context, s *server) error {
	if err := s.exec(ctx, "CREATE DATABASE "+database); err != nil {
		return err
	}
	for _, name := range l.names() {
		if err := s.exec(ctx, l.create(name)); err != nil {
			return err
		}
	}
	const each = 1000
	return s.write(ctx, loaders, func(ctx context.Context, conn *sql.Conn, n int) error {
		if s.Kind() == tenant.OceanBase { // it has no such switch
			return l.fillRange(ctx, conn, n*l.rows/loaders, (n+1)*l.rows/loaders, each)
		}
		if _, err := conn.ExecContext(ctx, "SET sql_log_bin = 0"); err != nil {
			return err
		}
		err := l.fillRange(ctx, conn, n*l.rows/loaders, (n+1)*l.rows/loaders, each)
		if _, rerr := conn.ExecContext(ctx, "SET sql_log_bin = 1"); err == nil {
			err = rerr
		}
		return err
	})
}

// fillRange inserts the ids behind from, up to to, into each table.
func (l layout) fillRange(ctx context.Context, conn *sql.Conn, from, to, each int) error {
	return l.eachRange(from, to, each, func(text []byte) error {
		_, err := conn.ExecContext(ctx, string(text))
		return err
	})
}

// eachRange gives the statements that do.
func (l layout) eachRange(from, to, each int, fn func(text []byte) error) error {
	const most = 8 << 20 // bytes of a statement
	var text []byte
	for _, name := range l.names() {
		r := rand.New(rand.NewPCG(1, uint64(from)))
		for at := from; at < to; {
			text = append(text[:0], "INSERT INTO "+name+" VALUES "...)
			for n := 0; n < each && at < to && len(text) < most; n++ {
				if n > 0 {
					text = append(text, ',')
				}
				at++
				text = appendRow(text, r, at, l.rows, l.pad)
			}
			if err := fn(text); err != nil {
				return err
			}
		}
	}
	return nil
}

// warm reads all indexes, so that every competitor finds the same pages in the
// target's memory.
func (l layout) warm(ctx context.Context, s *server) error {
	for _, name := range l.names() {
		if err := s.exec(ctx, "SELECT SUM(LENGTH(c)) FROM "+name+" FORCE INDEX (PRIMARY) WHERE id > 0",
			"SELECT SUM(k) FROM "+name+" FORCE INDEX (k) WHERE k > 0"); err != nil {
			return err
		}
	}
	return nil
}

// equal fails unless both servers hold the same rows: a competitor that lost
// some has won nothing.
func (l layout) equal(ctx context.Context, a, b *server) error {
	for _, name := range l.names() {
		var sums [2]string
		for i, s := range []*server{a, b} {
			var err error
			if sums[i], err = s.text(ctx, "SELECT CONCAT(COUNT(*), '/', SUM(CRC32(CONCAT_WS('|', id, k, c, pad)))) FROM "+name); err != nil {
				return err
			}
		}
		if sums[0] != sums[1] {
			return fmt.Errorf("%w: %s: checksums %s", errDiffers, name, strings.Join(sums[:], " and "))
		}
	}
	return nil
}

// errDiffers says that two servers do not hold the same rows.
var errDiffers = errors.New("the tables differ afterwards")
