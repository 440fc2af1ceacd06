package pair_test

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

	"github.com/stretchr/testify/require"

	"duplex/internal/config"
	"duplex/internal/pair"
	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

// fought is what both sides write at once: a plain table, and two whose rows
// keep each other out.
var fought = []string{
	"CREATE DATABASE shop",
	"CREATE TABLE shop.plain (id int PRIMARY KEY, v varchar(40), n int) ENGINE=InnoDB",
	"CREATE TABLE shop.one (id int PRIMARY KEY, u int NULL UNIQUE, v varchar(40)) ENGINE=InnoDB",
	"CREATE TABLE shop.two (id varchar(10) PRIMARY KEY, u int NULL UNIQUE, w varchar(10) NOT NULL, x int, v varchar(40), UNIQUE KEY (w, x)) ENGINE=InnoDB",
	"CREATE TABLE shop.parent (id int PRIMARY KEY, u int NULL UNIQUE, v varchar(40)) ENGINE=InnoDB",
	"CREATE TABLE shop.child (id int PRIMARY KEY, p int NOT NULL, v varchar(40), FOREIGN KEY (p) REFERENCES shop.parent (id)) ENGINE=InnoDB",
}

// A stage is two servers with a project over them.
type stage struct {
	pair  *pair.Pair
	sides [2]*sql.DB
	done  chan error
	stop  context.CancelFunc
}

// newStage starts a pair. What conflict says goes into its file, and first runs on
// side 0 before.
func newStage(t *testing.T, kind servers.Kind, conflict string, first ...string) *stage {
	s := &stage{done: make(chan error, 1)}
	text := "name: shop\nscenario: active-active\nsource: a\ntables: {include: [\"shop.*\"]}\n" + conflict + "sites:\n"
	for i, server := range servers.All(t, []servers.Kind{kind, kind}) {
		name := string("ab"[i])
		s.sides[i] = server.DB(t)
		text += fmt.Sprintf("  %s: {address: %q, user: %q, password: %q}\n", name, server.Addr(), server.User(), server.Password())
	}
	for _, q := range append(fought[:len(fought):len(fought)], first...) {
		_, err := s.sides[0].Exec(q)
		require.NoError(t, err)
	}
	file := filepath.Join(t.TempDir(), "p.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	p, err := config.Load(file)
	require.NoError(t, err)
	s.pair = pair.New(pair.Config{Project: p, Spool: t.TempDir(), Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go func() { s.done <- s.pair.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-s.done)
	})
	return s
}

// barrier waits until both sides have all, and nothing is left to be mended.
func (s *stage) barrier(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	require.NoError(t, s.pair.Barrier(ctx))
}

func TestBothSidesEndEqual(t *testing.T) {
	for _, kind := range servers.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			s := newStage(t, kind, "")
			s.barrier(t)
			var wg sync.WaitGroup
			for side := range s.sides {
				for w := range 4 {
					wg.Go(func() { fight(t, s.sides[side], side, w) })
				}
			}
			wg.Wait()
			s.barrier(t)
			s.equal(t)
			s.measured(t, kind)
			for _, l := range s.pair.Status().Links {
				t.Logf("%s: %+v", l.Link, l.Apply)
			}
		})
	}
}

func (s *stage) exec(t *testing.T, side int, query string) {
	t.Helper()
	_, err := s.sides[side].Exec(query)
	require.NoError(t, err, query)
}

// equal requires that both sides hold the same rows, each child with its parent.
func (s *stage) equal(t *testing.T) {
	t.Helper()
	for _, q := range []string{
		"SELECT * FROM shop.plain ORDER BY id", "SELECT * FROM shop.one ORDER BY id", "SELECT * FROM shop.two ORDER BY id",
		"SELECT * FROM shop.parent ORDER BY id", "SELECT * FROM shop.child ORDER BY id",
		"SELECT table_name, key_hash, HEX(row_id), HEX(image) FROM duplex.parked ORDER BY 1, 2",
	} {
		require.Equal(t, dump(t, s.sides[0], q), dump(t, s.sides[1], q), q)
	}
	for i, db := range s.sides {
		require.Empty(t, dump(t, db, "SELECT /*+ NO_REWRITE */ * FROM shop.child WHERE NOT EXISTS (SELECT 1 FROM shop.parent WHERE parent.id = p)"),
			"children without parents") // see tenant.AsWritten
		t.Logf("side %d: %s", i, strings.ReplaceAll(dump(t, db, "SELECT kind, winner, COUNT(*) FROM duplex.conflict GROUP BY 1, 2 ORDER BY 1, 2"), "\n", "; "))
	}
}

// fight writes few rows, the same as everybody else.
func fight(t *testing.T, db *sql.DB, side, w int) {
	r := rand.New(rand.NewPCG(uint64(side), uint64(w)))
	for n := range 200 {
		tx, err := db.Begin()
		if err != nil {
			t.Error(err)
			return
		}
		for range 1 + r.IntN(3) {
			var q string
			id, u, token := r.IntN(6), r.IntN(5), fmt.Sprintf("%d:%d:%d", side, w, n)
			switch r.IntN(15) {
			case 0:
				q = fmt.Sprintf("DELETE FROM shop.plain WHERE id = %d", id)
			case 1, 2:
				q = fmt.Sprintf("INSERT INTO shop.plain VALUES (%d, '%s', 1) ON DUPLICATE KEY UPDATE v = VALUES(v), n = n + 1", id, token)
			case 3:
				q = fmt.Sprintf("DELETE FROM shop.one WHERE id = %d", id)
			case 4, 5:
				q = fmt.Sprintf("REPLACE INTO shop.one VALUES (%d, %d, '%s')", id, u, token)
			case 7:
				q = fmt.Sprintf("DELETE FROM shop.parent WHERE id = %d", id)
			case 8, 9:
				q = fmt.Sprintf("INSERT INTO shop.parent VALUES (%d, %d, '%s') ON DUPLICATE KEY UPDATE v = VALUES(v)", id, u, token)
			case 10:
				q = fmt.Sprintf("DELETE FROM shop.child WHERE id = %d", id)
			case 11, 12:
				q = fmt.Sprintf("REPLACE INTO shop.child VALUES (%d, %d, '%s')", id, r.IntN(6), token)
			case 6:
				q = fmt.Sprintf("DELETE FROM shop.two WHERE id = 'k%d'", id)
			default:
				q = fmt.Sprintf("REPLACE INTO shop.two VALUES ('k%d', %d, 'w%d', %d, '%s')", id, u, r.IntN(2), r.IntN(2), token)
			}
			if _, err = tx.Exec(q); tenant.Classify(err) == tenant.Reference {
				err = nil
			} else if err != nil {
				break
			}
		}
		if err == nil {
			err = tx.Commit()
		} else {
			_ = tx.Rollback()
		}
		if code := tenant.Code(err); err != nil && code != 1213 && code != 1205 && code != 1467 && code != 1062 {
			t.Error(err)
		}
	}
}

func dump(t *testing.T, db *sql.DB, query string) string {
	rows, err := db.Query(query)
	require.NoError(t, err)
	defer rows.Close()
	cols, err := rows.Columns()
	require.NoError(t, err)
	var b strings.Builder
	for rows.Next() {
		v := make([]sql.NullString, len(cols))
		p := make([]any, len(cols))
		for i := range v {
			p[i] = &v[i]
		}
		require.NoError(t, rows.Scan(p...))
		for i := range v {
			if i > 0 {
				b.WriteByte('|')
			}
			b.WriteString(v[i].String)
		}
		b.WriteByte('\n')
	}
	require.NoError(t, rows.Err())
	return b.String()
}
