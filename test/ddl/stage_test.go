package ddl

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"duplex/internal/config"
	"duplex/internal/pair"
	"duplex/internal/schema"
	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

// begin is what the project finds at site a.
var begin = []string{
	"CREATE DATABASE shop DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_bin",
	"CREATE TABLE shop.t (id int PRIMARY KEY, v varchar(20), n int NOT NULL DEFAULT 0, u int NULL) ENGINE=InnoDB",
	"CREATE TABLE shop.p (id int PRIMARY KEY, v varchar(20)) ENGINE=InnoDB PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (100), PARTITION p1 VALUES LESS THAN (200))",
}

// patience is how long all that is under way may take. On a kernel a statement
// takes seconds, and more of them while both sides are written.
const patience = 6 * time.Minute

// A stage is a project over two servers, in this process.
type stage struct {
	t       *testing.T
	servers [2]*servers.Server
	sides   [2]*sql.DB
	file    string // of the project
	project *config.Project
	pair    *pair.Pair
	stop    func() error
	ended   chan struct{} // closed when the pair does not run any more
}

func newStage(t *testing.T, kind servers.Kind, extra string) *stage {
	s := newProject(t, kind, extra)
	s.start()
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	s.barrier()
	return s
}

// newProject is a project that nobody runs yet.
func newProject(t *testing.T, kind servers.Kind, extra string) *stage {
	return newProjectOf(t, [2]servers.Kind{kind, kind}, "scenario: active-active\n"+extra)
}

func newProjectOf(t *testing.T, kinds [2]servers.Kind, extra string) *stage {
	if testing.Short() {
		t.Skip("starts servers")
	}
	s := &stage{t: t}
	text := "name: shop\nsource: a\ntables: {include: [\"shop.*\"]}\n" + extra + "sites:\n"
	for i, name := range []string{"a", "b"} {
		server := servers.For(t, kinds[i], servers.WithPool(64, 64), servers.WithRowMetadata("NO_LOG"))
		s.servers[i], s.sides[i] = server, server.DB(t)
		text += fmt.Sprintf("  %s: {address: %q, user: %q, password: %q}\n", name, server.Addr(), server.User(), server.Password())
	}
	for _, q := range begin {
		s.exec(0, q)
	}
	s.file = filepath.Join(t.TempDir(), "p.yaml")
	require.NoError(t, os.WriteFile(s.file, []byte(text), 0o600))
	p, err := config.Load(s.file)
	require.NoError(t, err)
	s.project = p
	return s
}

// start runs the project.
func (s *stage) start() {
	s.pair = pair.New(pair.Config{Project: s.project, Spool: s.t.TempDir(), Log: slog.New(slog.NewTextHandler(s.t.Output(), nil))})
	ctx, cancel := context.WithCancel(context.Background())
	done, p, ended := make(chan error, 1), s.pair, make(chan struct{})
	s.ended = ended
	go func() {
		defer close(ended)
		done <- p.Run(ctx)
	}()
	var once sync.Once
	var err error
	s.stop = func() error {
		once.Do(func() {
			cancel()
			err = <-done
		})
		return err
	}
}

func (s *stage) exec(side int, q string) {
	s.t.Helper()
	_, err := s.sides[side].ExecContext(s.t.Context(), q)
	require.NoError(s.t, err, q)
}

// barrier waits until both sides have all, and nothing is left to be mended.
func (s *stage) barrier() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	go func() {
		select {
		case <-s.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	require.NoError(s.t, s.pair.Barrier(ctx))
}

// writers write tables on both sides until the function returned is called. What
// the server refuses, since a table or column is gone, they pass over.
func (s *stage) writers(tables ...string) (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	var wait sync.WaitGroup
	pause := time.Millisecond
	if s.servers[0].Kind() == servers.OceanBase { // on which a transaction costs more, and holds statements up
		pause = 20 * time.Millisecond
	}
	for side := range s.sides {
		for w := range 2 {
			wait.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(side), uint64(w)))
				for ctx.Err() == nil {
					// Not with ctx: a server goes on with a statement whose client has left.
					_, _ = s.sides[side].ExecContext(s.t.Context(), write(rng, tables[rng.IntN(len(tables))], side))
					select {
					case <-ctx.Done():
					case <-time.After(pause):
					}
				}
			})
		}
	}
	return func() {
		cancel()
		wait.Wait()
	}
}

// write draws a statement.
func write(rng *rand.Rand, table string, side int) string {
	id, token := rng.IntN(40), fmt.Sprintf("%d:%d", side, rng.IntN(10000))
	switch rng.IntN(10) {
	case 0, 1:
		return fmt.Sprintf("DELETE FROM shop.%s WHERE id = %d", table, id)
	case 2:
		column := []string{"n", "c1", "c2", "c3", "w"}[rng.IntN(5)]
		return fmt.Sprintf("UPDATE shop.%s SET %s = %d WHERE id = %d", table, column, rng.IntN(100), id)
	case 3:
		return fmt.Sprintf("UPDATE shop.%s SET u = %d WHERE id = %d", table, rng.IntN(100), id)
	}
	return fmt.Sprintf("INSERT INTO shop.%s (id, v) VALUES (%d, '%s') ON DUPLICATE KEY UPDATE v = VALUES(v)", table, id, token)
}

// equal compares definitions and rows of both sides.
func (s *stage) equal() {
	s.t.Helper()
	var sites [2]*tenant.Tenant
	for i, site := range s.project.Sites {
		tn, err := pair.OpenSite(s.t.Context(), site, slog.New(slog.DiscardHandler))
		require.NoError(s.t, err)
		defer func() { require.NoError(s.t, tn.Close()) }()
		sites[i] = tn
	}
	a, err := sites[0].Tables(s.t.Context(), s.project.Matches)
	require.NoError(s.t, err)
	b, err := sites[1].Tables(s.t.Context(), s.project.Matches)
	require.NoError(s.t, err)
	require.Len(s.t, b, len(a))
	for i := range a {
		require.Equal(s.t, a[i].String(), b[i].String())
		require.Empty(s.t, schema.Diff(a[i], b[i]), a[i].String())
		if !assert.Equal(s.t, s.rows(0, a[i]), s.rows(1, b[i]), a[i].String()) {
			s.evidence(a[i].String())
			s.t.FailNow()
		}
	}
}

// evidence writes what either side knows of a table into the test's output.
func (s *stage) evidence(table string) {
	for side := range s.sides {
		for _, q := range []string{
			"SELECT CONCAT_WS(' ', link, low, applied, `position`) FROM duplex.checkpoint",
			"SELECT CONCAT_WS(' ', seq, state, `at`, statement) FROM duplex.ddl_log ORDER BY seq",
			"SELECT CONCAT_WS(' ', table_name, HEX(row_id), HEX(image)) FROM duplex.parked",
			"SELECT CONCAT_WS(' ', id, link, row_key, kind, winner, local_stamp, COALESCE(local_image, '-'), incoming_stamp, COALESCE(incoming_image, '-'), decided_at) FROM duplex.conflict WHERE table_name = '" +
				table + "' ORDER BY id DESC LIMIT 1000",
		} {
			s.t.Logf("side %d: %s\n%s", side, q, strings.Join(s.texts(side, q), "\n"))
		}
	}
}

// rows gives the rows of a table, sorted by the server.
func (s *stage) rows(side int, t *schema.Table) []string {
	s.t.Helper()
	columns := make([]string, len(t.Columns))
	for i := range t.Columns {
		columns[i] = "COALESCE(QUOTE(`" + t.Columns[i].Name + "`), 'NULL')"
	}
	rows, err := s.sides[side].QueryContext(s.t.Context(),
		"SELECT CONCAT_WS(',', "+strings.Join(columns, ", ")+") FROM `"+t.Database+"`.`"+t.Name+"` ORDER BY 1")
	require.NoError(s.t, err)
	defer rows.Close()
	var out []string
	for rows.Next() {
		var text string
		require.NoError(s.t, rows.Scan(&text))
		out = append(out, text)
	}
	require.NoError(s.t, rows.Err())
	return out
}

// log gives ddl_log of a side: state and text.
func (s *stage) log(side int) []string {
	s.t.Helper()
	rows, err := s.sides[side].QueryContext(s.t.Context(), "SELECT CONCAT(state, ' ', statement) FROM duplex.ddl_log ORDER BY seq")
	require.NoError(s.t, err)
	defer rows.Close()
	var out []string
	for rows.Next() {
		var text string
		require.NoError(s.t, rows.Scan(&text))
		out = append(out, text)
	}
	require.NoError(s.t, rows.Err())
	return out
}
