package types_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"duplex/internal/config"
	"duplex/internal/project"
	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

// kernel reports whether a server is OceanBase's kernel, with a log or without.
func kernel(k servers.Kind) bool { return k == servers.SeekDB || k == servers.OceanBase }

// chosen are the pairs whose sides can all be sources, as far as DUPLEX_KINDS says
// so, or are the last of a migration.
func chosen(pairs [][2]servers.Kind) [][2]servers.Kind {
	kinds := append(servers.LogKinds(), servers.SeekDB)
	return slices.DeleteFunc(pairs, func(p [2]servers.Kind) bool { return !slices.Contains(kinds, p[0]) || !slices.Contains(kinds, p[1]) })
}

// A side is one tenant and a session that writes as an application would, but
// for a sql_mode that lets every value in.
type side struct {
	name string
	*servers.Server
	conn *sql.Conn
}

func newSide(t *testing.T, name string, kind servers.Kind) *side {
	s := &side{name: name, Server: servers.For(t, kind, servers.WithPool(128, 256))}
	var err error
	s.conn, err = s.DB(t).Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.conn.Close() })
	s.exec(t, "SET sql_mode = 'ALLOW_INVALID_DATES', NAMES utf8mb4, time_zone = '+00:00'")
	return s
}

func (s *side) exec(t *testing.T, queries ...string) {
	t.Helper()
	for _, q := range queries {
		require.NoError(t, s.try(t, q), "%s: %.300s", s.name, q)
	}
}

// all runs the queries in one transaction.
func (s *side) all(t *testing.T, queries ...string) {
	t.Helper()
	require.NoError(t, s.try(t, slices.Concat([]string{"BEGIN"}, queries, []string{"COMMIT"})...), "%s: %.300s", s.name, queries)
}

// try runs queries, again from the first where one met a deadlock with the
// product's writers, as an application has to.
func (s *side) try(t *testing.T, queries ...string) error {
	for i := 0; i < len(queries); i++ {
		_, err := s.conn.ExecContext(t.Context(), queries[i])
		switch code := tenant.Code(err); {
		case code == 1213:
			i = -1
		case err != nil:
			return fmt.Errorf("%.200s: %w", queries[i], err)
		}
	}
	return nil
}

// dump gives each row of a query as one text, by its first column.
func (s *side) dump(t *testing.T, query string) map[string]string {
	t.Helper()
	rows, err := s.conn.QueryContext(t.Context(), query)
	require.NoError(t, err, query)
	defer func() { require.NoError(t, rows.Close()) }()
	names, err := rows.Columns()
	require.NoError(t, err)
	out := map[string]string{}
	for rows.Next() {
		cells := make([]sql.NullString, len(names))
		into := make([]any, len(cells))
		for i := range cells {
			into[i] = &cells[i]
		}
		require.NoError(t, rows.Scan(into...))
		var b strings.Builder
		for _, c := range cells[1:] {
			switch {
			case !c.Valid:
				b.WriteString("|NULL")
			case len(c.String) > 1000:
				sum := sha256.Sum256([]byte(c.String))
				b.WriteString("|" + hex.EncodeToString(sum[:]))
			default:
				b.WriteString("|" + c.String)
			}
		}
		out[cells[0].String] = b.String()
	}
	require.NoError(t, rows.Err())
	return out
}

// A pair is two tenants and the product running between them.
type pair struct {
	a, b   *side
	twoWay bool
	run    *project.Run
	done   chan error
	stop   context.CancelFunc
}

const file = `name: types
scenario: %s
sites:
  a: {address: "%s", user: %s, password: %s}
  b: {address: "%s", user: %s, password: %s}
source: a
tables:
  include: ["matrix.*"]
`

// start runs the project until the test ends.
func start(t *testing.T, a, b *side) *pair {
	t.Helper()
	p := &pair{a: a, b: b, twoWay: b.Kind() != servers.SeekDB, done: make(chan error, 1)}
	scenario := config.ActiveActive
	if !p.twoWay {
		scenario = config.MigrationScenario
	}
	text := fmt.Sprintf(file, scenario, a.Addr(), a.User(), a.Password(), b.Addr(), b.User(), b.Password())
	cfg, err := config.Parse("types.yaml", []byte(text), nil, nil)
	require.NoError(t, err)
	p.run = project.New(cfg, project.Options{Spool: t.TempDir(), Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))})
	var ctx context.Context
	ctx, p.stop = context.WithCancel(t.Context())
	go func() { p.done <- p.run.Run(ctx) }()
	t.Cleanup(func() {
		p.stop()
		if err := <-p.done; err != nil {
			t.Logf("the run ended with %v", err)
		}
	})
	return p
}

// settle waits until both sides have what the other has.
func (p *pair) settle(t *testing.T) {
	t.Helper()
	limit := 2 * time.Minute
	if kernel(p.b.Kind()) { // a table takes long to make
		limit = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- p.run.Barrier(ctx) }()
	select {
	case err := <-ended:
		require.NoError(t, err, "%v", p.run.Progress().Pair.Error)
	case err := <-p.done:
		cancel()
		require.Error(t, <-ended)
		p.done <- err
		require.NoError(t, err, "the run ended")
		t.FailNow()
	}
}

// both runs f for each side, side by side.
func (p *pair) both(t *testing.T, f func(*side)) {
	t.Helper()
	var g errgroup.Group
	for _, s := range []*side{p.a, p.b} {
		g.Go(func() error { f(s); return nil })
	}
	require.NoError(t, g.Wait())
	if t.Failed() {
		t.FailNow()
	}
}
