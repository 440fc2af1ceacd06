package main

import (
	"context"
	"database/sql"
	"strings"
)

// ceiling is the competitor that carries nothing: it reads no log, compares nothing,
// keeps no order and no checkpoint, and its statements were made before the time
// begins. Only the target works, for as many connections as it likes: what
// is quicker cannot write by SQL.
const ceiling = "statements alone"

// plain sends the target the least that the rows of the backlog take.
func (b *stretch) plain(ctx context.Context, target *server, w work) (sample, error) {
	texts := make([][]string, writers)
	for n := range texts {
		if err := eachText(w.plain, n, b.txns/w.grouped, b.tables.all(), func(text []byte) error {
			texts[n] = append(texts[n], string(text))
			return nil
		}); err != nil {
			return sample{}, err
		}
	}
	return measure(ctx, b.txns, b.source, target, func(*sample) error { return target.send(ctx, texts) })
}

// send writes each list by a connection of its own.
func (s *server) send(ctx context.Context, texts [][]string) error {
	return s.write(ctx, len(texts), func(ctx context.Context, conn *sql.Conn, n int) error {
		for _, text := range texts[n] {
			if err := again(ctx, conn, text); err != nil {
				return err
			}
		}
		return nil
	})
}

// plain fills the tables of a target as those of the source were filled, then makes
// their secondary index.
func (c *carriage) plain() func(ctx context.Context, s *sample, t *server, no int) error {
	const each, connections = 1000, 4
	texts := make([][]string, connections)
	for n := range loaders {
		at := n * connections / loaders
		_ = c.tables.eachRange(n*c.rows/loaders, (n+1)*c.rows/loaders, each, func(text []byte) error { // which never fails
			texts[at] = append(texts[at], string(text))
			at = n*connections/loaders + (at+1)%(connections/loaders)
			return nil
		})
	}
	return func(ctx context.Context, _ *sample, t *server, _ int) error {
		if err := t.exec(ctx, "CREATE DATABASE "+database); err != nil {
			return err
		}
		for _, name := range c.tables.names() {
			if err := t.exec(ctx, strings.Replace(c.tables.create(name), ", "+secondary, "", 1)); err != nil {
				return err
			}
		}
		if err := t.send(ctx, texts); err != nil {
			return err
		}
		for _, name := range c.tables.names() {
			if err := t.exec(ctx, "ALTER TABLE "+name+" ADD "+secondary); err != nil {
				return err
			}
		}
		return nil
	}
}
