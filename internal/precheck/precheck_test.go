package precheck_test

import (
	"bytes"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duplex/internal/checkpoint"
	"duplex/internal/config"
	"duplex/internal/precheck"
	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A rig is two servers that fit each other, and what a case brings them into.
type rig struct {
	a, b *servers.Server
	dbs  [2]*sql.DB
	// Of one case.
	userA, passwordA, addressA, addressB, changesA string
	scenario, include, extra                       string
	wait                                           time.Duration
	only                                           string // the one check whose results are in the golden file; empty: all
}

var flags = servers.WithFlags("--auto-increment-increment=2", "--max-connections=200")

func newRig(t *testing.T, kind servers.Kind) *rig {
	a := servers.For(t, kind, flags, servers.WithFlags("--auto-increment-offset=1"))
	b := servers.For(t, kind, flags, servers.WithFlags("--auto-increment-offset=2"))
	r := &rig{a: a, b: b, dbs: [2]*sql.DB{a.DB(t), b.DB(t)}}
	r.reset(t)
	return r
}

const shop = `CREATE DATABASE shop; USE shop;
CREATE TABLE customer (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(100) NOT NULL, paid DECIMAL(10,2), at DATETIME(3));
CREATE TABLE orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, customer BIGINT, KEY (customer), FOREIGN KEY (customer) REFERENCES customer (id));
INSERT INTO customer (name) VALUES ('Ada');`

// reset brings the rig back to two servers that fit.
func (r *rig) reset(t *testing.T) {
	for _, db := range r.dbs {
		exec(t, db, "DROP DATABASE IF EXISTS shop; DROP DATABASE IF EXISTS stock; DROP DATABASE IF EXISTS duplex")
		var drop sql.NullString
		require.NoError(t, db.QueryRow("SELECT GROUP_CONCAT('DROP USER ', user, '@`', host, '`' SEPARATOR ';') FROM mysql.user WHERE user = 'app'").Scan(&drop))
		exec(t, db, drop.String)
	}
	exec(t, r.dbs[0], shop)
	r.userA, r.passwordA, r.addressA, r.addressB = r.a.User(), r.a.Password(), r.a.Addr(), r.b.Addr()
	r.scenario, r.include, r.extra, r.wait, r.only = "active-active", `"shop.*"`, "", 0, ""
	r.changesA = r.addressA
}

func exec(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	if query == "" {
		return
	}
	conn, err := db.Conn(context.Background())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.ExecContext(context.Background(), query)
	require.NoError(t, err, query)
}

func (r *rig) project(t *testing.T) *config.Project {
	text := fmt.Sprintf(`
name: shop
scenario: %s
sites:
  hangzhou: {address: "%s", user: %s, password: "%s", changes: "%s"}
  shanghai: {address: "%s", user: %s, password: "%s"}
source: hangzhou
ddl: hangzhou
tables:
  include: [%s]
%s`, r.scenario, r.addressA, r.userA, r.passwordA, r.changesA, r.addressB, r.b.User(), r.b.Password(), r.include, r.extra)
	p, err := config.Parse("test.yaml", []byte(text), nil, nil)
	require.NoError(t, err)
	return p
}

func (r *rig) run(t *testing.T) []precheck.Result {
	var streamed []precheck.Result
	results, err := precheck.Run(context.Background(), precheck.Config{Project: r.project(t), Wait: r.wait},
		func(f precheck.Result) { streamed = append(streamed, f) })
	require.NoError(t, err)
	require.Equal(t, results, streamed)
	return results
}

// masks are what differs from run to run.
var masks = []struct {
	pattern *regexp.Regexp
	as      string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "HOST:PORT"},
	{regexp.MustCompile(`\b(MariaDB|MySQL) \d+\.\d+\.\d[-+.~:\w]*`), "$1 VERSION"},
	{regexp.MustCompile(`server_id \d+`), "server_id N"},
	{regexp.MustCompile(`\d+ ms`), "N ms"},
	{regexp.MustCompile(`\d+ of (\d+) connections`), "N of $1 connections"},
}

func golden(t *testing.T, name string, results []precheck.Result) {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, precheck.Print(&out, results))
	text := out.String()
	for _, m := range masks {
		text = m.pattern.ReplaceAllString(text, m.as)
	}
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), text)
}

// bad leaves out what passed, and other checks than the one that is asked for.
func (r *rig) bad(results []precheck.Result) []precheck.Result {
	return slices.DeleteFunc(slices.Clone(results), func(f precheck.Result) bool {
		return f.Status == precheck.Pass || r.only != "" && f.Check != r.only
	})
}

func skipShort(t *testing.T) {
	if testing.Short() {
		t.Skip("starts database servers")
	}
}

// TestFit runs all checks over two servers that fit, before and after the
// project has been at work, and for each scenario.
func TestFit(t *testing.T) {
	skipShort(t)
	for _, kind := range servers.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			if kind == servers.OceanBase {
				t.Skip("the servers' flags are of MySQL; TestUnfitServers has the kernel")
			}
			r := newRig(t, kind)
			results := r.run(t)
			require.True(t, precheck.Passed(results))
			golden(t, "fit-"+string(kind), results)
			r.requireNoProbe(t)

			r.scenario = "migration"
			results = r.run(t)
			require.True(t, precheck.Passed(results))
			golden(t, "fit-migration-"+string(kind), results)

			t.Run("again", func(t *testing.T) { testAgain(t, r) })

			t.Run("rights", func(t *testing.T) { testRights(t, r) })

			t.Run("numbers", func(t *testing.T) { testNumbers(t, r) })
		})
	}
}

func (r *rig) requireNoProbe(t *testing.T) {
	for _, db := range r.dbs {
		var left int
		require.NoError(t, db.QueryRow("SELECT (SELECT COUNT(*) FROM duplex.checkpoint) + (SELECT COUNT(*) FROM duplex.heartbeat)").Scan(&left))
		require.Zero(t, left, "rows of the probe are left")
	}
}

// testAgain runs the checks of a project that was at work before: rows at the
// target are its own.
func testAgain(t *testing.T, r *rig) {
	ctx := context.Background()
	exec(t, r.dbs[1], shop)
	require.False(t, precheck.Passed(r.run(t)))
	target, err := tenant.Open(ctx, tenant.Config{Site: "shanghai", Address: r.addressB, User: r.b.User(), Password: r.b.Password()})
	require.NoError(t, err)
	defer func() { _ = target.Close() }()
	require.NoError(t, checkpoint.Create(ctx, target))
	_, err = checkpoint.New(target, "shop", "hangzhou>shanghai").Claim(ctx, 1, "")
	require.NoError(t, err)
	again := r.run(t)
	require.Empty(t, r.bad(again))
	i := slices.IndexFunc(again, func(f precheck.Result) bool { return f.Check == "target-tables" })
	require.Equal(t, "the project ran before: 2 tables as at hangzhou", again[i].Message)
}

// testRights gives a user without any right what the check asks for, until it
// asks for nothing more: then all other checks pass too.
func testRights(t *testing.T, r *rig) {
	r.reset(t)
	exec(t, r.dbs[0], "CREATE USER app@'127.0.0.1' IDENTIFIED BY 'secret'")
	r.userA, r.passwordA = "app", "secret"
	for round := 0; ; round++ {
		require.Less(t, round, 5)
		results := r.run(t)
		var grants []string
		for _, f := range results {
			if f.Check == "rights" && f.Status != precheck.Pass {
				require.True(t, strings.HasPrefix(f.Fix, "GRANT "), f.Fix)
				grants = append(grants, f.Fix)
			}
		}
		if len(grants) == 0 {
			require.True(t, precheck.Passed(results), "%v", r.bad(results))
			return
		}
		for _, g := range grants {
			exec(t, r.dbs[0], g)
		}
	}
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}
