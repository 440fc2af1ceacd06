package verify

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/schema"
	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

// A rig is one server whose two databases play two sites.
type rig struct {
	t    *testing.T
	a, b *tenant.Tenant
	db   *sql.DB
	name [2]string
}

func eachKind(t *testing.T, fn func(t *testing.T, open func(t *testing.T) *rig)) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	for _, kind := range servers.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			server := servers.For(t, kind, servers.WithPool(64, 128))
			fn(t, func(t *testing.T) *rig { return newRig(t, server) })
		})
	}
}

func newRig(t *testing.T, server *servers.Server) *rig {
	t.Helper()
	r := &rig{t: t}
	for _, side := range []struct {
		site string
		to   **tenant.Tenant
	}{{"east", &r.a}, {"west", &r.b}} {
		tn, err := tenant.Open(t.Context(), tenant.Config{Site: side.site, Address: server.Addr(), User: server.User(), Password: server.Password()})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, tn.Close()) })
		*side.to = tn
	}
	r.name[0], r.db = server.Database(t)
	r.name[1] = r.name[0] + "_b"
	r.exec("CREATE DATABASE " + r.name[1])
	t.Cleanup(func() {
		_, err := r.db.ExecContext(context.Background(), "DROP DATABASE "+r.name[1])
		require.NoError(t, err)
	})
	return r
}

// exec runs statements over a session of ours; {a} and {b} are the databases.
func (r *rig) exec(queries ...string) {
	r.t.Helper()
	s, err := r.a.Session(r.t.Context(), tenant.Read, 0)
	require.NoError(r.t, err)
	defer func() { require.NoError(r.t, s.Close()) }()
	for _, q := range queries {
		q = strings.NewReplacer("{a}", r.name[0], "{b}", r.name[1]).Replace(q)
		_, err := s.Exec(r.t.Context(), q)
		require.NoError(r.t, err, "%.200s", q)
	}
}

// pair makes a table on both sides, with the same rows.
func (r *rig) pair(name, columns string, rows ...string) Pair {
	r.t.Helper()
	for _, d := range r.name {
		r.exec(fmt.Sprintf("CREATE TABLE %s.%s (%s) DEFAULT CHARSET=utf8mb4", d, name, columns))
		if len(rows) > 0 {
			r.exec(fmt.Sprintf("INSERT INTO %s.%s VALUES %s", d, name, strings.Join(rows, ",")))
		}
	}
	return r.known(name)
}

func (r *rig) known(name string) Pair {
	r.t.Helper()
	var p Pair
	for i, to := range []**schema.Table{&p.A, &p.B} {
		d, err := r.a.Table(r.t.Context(), r.name[i], name)
		require.NoError(r.t, err)
		*to = d
	}
	return p
}

func (r *rig) run(cfg Config) *Report {
	r.t.Helper()
	cfg.A, cfg.B, cfg.Log = r.a, r.b, slog.New(slog.NewTextHandler(r.t.Output(), nil))
	c, err := New(cfg)
	require.NoError(r.t, err)
	report, err := c.Run(r.t.Context())
	require.NoError(r.t, err)
	p := c.Progress()
	require.Equal(r.t, len(cfg.Tables), p.TablesDone)
	var text strings.Builder
	require.NoError(r.t, report.Print(&text))
	r.t.Log("\n" + text.String())
	for _, table := range report.Tables {
		require.Equal(r.t, table.Rows, table.Equal+table.differences()+table.Unsettled)
	}
	return report
}

func nothing(context.Context) error { return nil }

func numbers(n int, format string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = strings.ReplaceAll(format, "#", fmt.Sprint(i+1))
	}
	return out
}

// TestDifferences changes one value after the other and wants each found.
func TestDifferences(t *testing.T) {
	eachKind(t, func(t *testing.T, open func(*testing.T) *rig) {
		r := open(t)
		p := r.pair("t", "id int PRIMARY KEY, i bigint, u bigint unsigned, f float, d double, n decimal(20,4), s varchar(50), "+
			"c varchar(50) CHARACTER SET latin1, b varbinary(20), x binary(4), dt datetime(6), ts timestamp(6) NULL, tm time(3), y year, "+
			"e enum('a','b',''), w set('p','q'), k bit(12), l longblob",
			numbers(12000, "(#, #, #, #.5, # / 3, # / 8, 'text #', 'é', 'b', 'x', '2024-02-29 12:00:00.000001', '2024-02-29 12:00:00.5', '-10:00:00.5', 2024, 'a', 'p', 5, 'blob')")...)
		cases := []struct{ column, west, shown string }{
			{"i", "-i", "2"}, {"i", "NULL", "NULL"}, {"u", "18446744073709551615", "18446744073709551615"},
			{"f", "5.5000005", "5.500000476837158"}, {"d", "d * (1 + 3e-16)", ""}, {"n", "n + 0.0001", ""},
			{"s", "''", `""`}, {"s", "NULL", "NULL"}, {"s", "CONCAT(s, ' ')", ""}, {"s", "UPPER(s)", ""}, {"s", "'🍣'", "🍣"},
			{"c", "'e'", `"e"`}, {"b", "'b\\0'", "0x6200"}, {"b", "''", "0x"}, {"x", "'X'", "0x58"}, {"dt", "dt + INTERVAL 1 MICROSECOND", ".000002"},
			{"dt", "0", "0000-00-00"}, {"ts", "ts + INTERVAL 1 MICROSECOND", ".500001"}, {"tm", "'-838:59:59'", "-838:59:59"}, {"y", "0", "0"},
			{"e", "3", "3"}, {"e", "0", "0"}, {"w", "'p,q'", "3"}, {"k", "4095", "4095"}, {"l", "REPEAT('x', 3000000)", "…"},
		}
		for i, c := range cases {
			r.exec(fmt.Sprintf("UPDATE {b}.t SET %s = %s WHERE id = %d", c.column, c.west, 1+i*479))
		}
		r.exec("DELETE FROM {a}.t WHERE id IN (6001, 12000)", "DELETE FROM {b}.t WHERE id IN (1, 6002, 6003)")
		r.exec("INSERT INTO {b}.t (id) VALUES (-5), (20000), (30000)")
		report := r.run(Config{Tables: []Pair{p}, Barrier: nothing})
		require.False(t, report.Equal)
		got := report.Tables[0]
		require.Equal(t, Inconsistent, got.Result)
		require.EqualValues(t, len(cases)-1, got.Different) // row 1 is gone at west
		require.Equal(t, map[string]uint64{"east": 3, "west": 5}, got.Only)
		require.Zero(t, got.Unsettled)
		require.EqualValues(t, 12003, got.Rows)
		require.Len(t, report.Differences, len(cases)-1+8)
		found := map[string]Difference{}
		for _, d := range report.Differences {
			found[d.Key] = d
		}
		for i, c := range cases[1:] {
			d := found[fmt.Sprintf("id=%d", 1+(i+1)*479)]
			require.Equal(t, KindDifferent, d.Kind, "%+v", c)
			require.Len(t, d.Columns, 1, "%+v", c)
			require.Equal(t, c.column, d.Columns[0].Name)
			require.Contains(t, d.Columns[0].Values["west"], c.shown, "%+v", c)
		}
		require.Equal(t, "only:west", found["id=-5"].Kind)
		require.Equal(t, "only:east", found["id=6002"].Kind)
		text, err := json.Marshal(report)
		require.NoError(t, err)
		require.Contains(t, string(text), `"equal":false`)
	})
}

// TestKeys compares tables whose keys the server orders in its own way.
func TestKeys(t *testing.T) {
	eachKind(t, func(t *testing.T, open func(*testing.T) *rig) {
		r := open(t)
		minus := r.pair("minus", "id double PRIMARY KEY, d double", "(0, 0), (2, 0), (3, NULL)")
		composite := r.pair("composite", "a varchar(20) COLLATE utf8mb4_general_ci, b int, v int, PRIMARY KEY (b, a)", numbers(11000, "('k#', # % 3, #)")...)
		unique := r.pair("uniq", "v int, code varbinary(20) NOT NULL, UNIQUE KEY by_code (code)", numbers(100, "(#, 'code#')")...)
		r.exec("CREATE TABLE {a}.sorted (k varchar(20) COLLATE utf8mb4_bin PRIMARY KEY, v int) DEFAULT CHARSET=utf8mb4",
			"CREATE TABLE {b}.sorted (k varchar(20) COLLATE utf8mb4_general_ci PRIMARY KEY, v int) DEFAULT CHARSET=utf8mb4")
		var rows []string
		for i := range 12000 {
			rows = append(rows, fmt.Sprintf("('%c%d', %d)", []rune("aBcDéFgÉ")[i%8], i, i))
		}
		for _, d := range []string{"{a}", "{b}"} {
			r.exec("INSERT INTO " + d + ".sorted VALUES " + strings.Join(rows, ","))
		}
		sorted := r.known("sorted")
		empty := r.pair("empty", "id int PRIMARY KEY")
		all := []Pair{minus, composite, unique, sorted, empty}
		report := r.run(Config{Tables: all, Barrier: nothing})
		require.True(t, report.Equal)
		require.Empty(t, report.Differences)
		require.EqualValues(t, 12000, report.Tables[3].Rows)

		r.exec("UPDATE {a}.minus SET d = '-0' WHERE id = 2", "UPDATE {a}.minus SET id = '-0' WHERE id = 0", "UPDATE {b}.composite SET a = 'K77' WHERE a = 'k77'",
			"UPDATE {b}.uniq SET code = 'code1\\0' WHERE code = 'code1'", "DELETE FROM {b}.sorted WHERE v = 5", "UPDATE {b}.sorted SET v = -1 WHERE v < 16 AND v > 6", "INSERT INTO {b}.empty VALUES (1), (2)")
		report = r.run(Config{Tables: all, Barrier: nothing})
		kinds := map[string][]string{}
		for _, d := range report.Differences {
			kinds[strings.SplitN(d.Table, ".", 2)[1]] = append(kinds[strings.SplitN(d.Table, ".", 2)[1]], d.Kind)
		}
		want := map[string][]string{
			"composite": {"only:east", "only:west"}, "uniq": {"only:east", "only:west"},
			// zero is equal to minus zero
			"sorted": {"only:east", "different", "different", "different", "different", "different", "different", "different", "different", "different"}, "empty": {"only:west", "only:west"},
		}
		require.Len(t, kinds, len(want))
		for table, k := range want {
			require.ElementsMatch(t, k, kinds[table], table)
		}
	})
}

// TestMany has more differences than are held, and than are listed.
func TestMany(t *testing.T) {
	server := small(t)
	r := newRig(t, server)
	p := r.pair("t", "id int PRIMARY KEY, v int", numbers(25000, "(#, #)")...)
	r.exec("UPDATE {b}.t SET v = 0 WHERE id > 100", "DELETE FROM {a}.t WHERE id > 24000")
	report := r.run(Config{Tables: []Pair{p}, Barrier: nothing})
	require.EqualValues(t, 23900, report.Tables[0].Different)
	require.EqualValues(t, 100, report.Tables[0].Equal)
	require.EqualValues(t, 1000, report.Tables[0].Only["west"])
	require.Len(t, report.Differences, listed)
	require.EqualValues(t, 24900-listed, report.Unlisted)
}

func small(t *testing.T) *servers.Server {
	if testing.Short() {
		t.Skip("starts servers")
	}
	return servers.For(t, servers.LogKinds()[0], servers.WithPool(64, 128))
}

// TestMoving writes both sides, west behind east, while they are compared.
func TestMoving(t *testing.T) {
	server := small(t)
	r := newRig(t, server)
	p := r.pair("t", "id int PRIMARY KEY, v int", numbers(20000, "(#, 0)")...)
	r.exec("UPDATE {b}.t SET v = 99 WHERE id = 777")
	var mu sync.Mutex // the writer and the barrier
	var queue []string
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	flush := func() {
		for _, q := range queue {
			if _, err := r.db.ExecContext(t.Context(), q); err != nil {
				t.Error(err)
			}
		}
		queue = queue[:0]
	}
	done.Go(func() {
		for i := 1; ctx.Err() == nil; i++ {
			id := i*7919%20000 + 1
			if id == 777 {
				continue
			}
			if i%3 == 0 {
				id = 500 // written all the time
			}
			q := fmt.Sprintf("UPDATE %%s.t SET v = %d WHERE id = %d", i, id)
			if i%10 == 0 {
				q = fmt.Sprintf("DELETE FROM %%s.t WHERE id = %d", id)
			}
			mu.Lock()
			if _, err := r.db.ExecContext(t.Context(), fmt.Sprintf(q, r.name[0])); err != nil {
				t.Error(err)
			}
			if queue = append(queue, fmt.Sprintf(q, r.name[1])); len(queue) > 200 {
				flush()
			}
			mu.Unlock()
		}
	})
	report := r.run(Config{Tables: []Pair{p}, Barrier: func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		flush()
		return nil
	}})
	stop()
	done.Wait()
	require.Len(t, report.Differences, 1)
	require.Equal(t, "id=777", report.Differences[0].Key)
}

// TestWithoutKey counts equal rows, and rows that a collation or a printed number
// would take for equal.
func TestWithoutKey(t *testing.T) {
	eachKind(t, func(t *testing.T, open func(*testing.T) *rig) {
		r := open(t)
		p := r.pair("t", "v varchar(20), n int, f float", append(numbers(3000, "('row', #, 0.1)"),
			"('twice', 1, NULL)", "('twice', 1, NULL)", "(NULL, NULL, NULL)", "('a', 1, 0)", "('A', 1, 0)")...)
		report := r.run(Config{Tables: []Pair{p}, Barrier: nothing})
		require.True(t, report.Equal)
		require.EqualValues(t, 3005, report.Tables[0].Equal)
		r.exec("INSERT INTO {b}.t VALUES ('twice', 1, NULL)", "DELETE FROM {a}.t WHERE v IS NULL", "UPDATE {b}.t SET v = 'a' WHERE BINARY v = 'A'",
			"UPDATE {b}.t SET f = 0.10000001 WHERE n = 7 AND v = 'row'")
		report = r.run(Config{Tables: []Pair{p}, Barrier: nothing})
		require.EqualValues(t, 3002, report.Tables[0].Equal)
		require.Equal(t, map[string]uint64{"east": 2, "west": 4}, report.Tables[0].Only, "one too many, one too few, two changed")
		keys := map[string]string{}
		for _, d := range report.Differences {
			keys[d.Key] = d.Kind
		}
		require.Equal(t, "only:west", keys[`v="twice", n=1, f=NULL`])
		require.Equal(t, "only:west", keys["v=NULL, n=NULL, f=NULL"])
		require.Equal(t, "only:west", keys[`v="a", n=1, f=0e+00`])
		require.Equal(t, "only:east", keys[`v="A", n=1, f=0e+00`])
	})
}

func TestMismatch(t *testing.T) {
	server := small(t)
	r := newRig(t, server)
	for i, c := range []struct{ a, b, why string }{
		{"id int PRIMARY KEY", "id int PRIMARY KEY, v int", "column v exists on one side only"},
		{"id int PRIMARY KEY, v int", "id int PRIMARY KEY", "column v exists on one side only"},
		{"id int PRIMARY KEY, v int", "id int PRIMARY KEY, v int unsigned", "column v is int(11) on one side and int(10) unsigned on the other"},
		{"id int PRIMARY KEY, v decimal(10,2)", "id int PRIMARY KEY, v decimal(10,3)", "column v is decimal(10,2)"},
		{"id int PRIMARY KEY, v enum('a','b')", "id int PRIMARY KEY, v enum('b','a')", "column v is enum('a','b')"},
		{"id int PRIMARY KEY, v text", "id int PRIMARY KEY, v text CHARACTER SET latin1", "character set utf8mb4 on one side and latin1"},
		{"id int PRIMARY KEY, v int NOT NULL", "id int NOT NULL, v int NOT NULL, PRIMARY KEY (id, v)", "the key has more columns on one side"},
		{"id int PRIMARY KEY, v int NOT NULL", "id int, v int PRIMARY KEY", "column id belongs to the key on one side only"},
		{"id int NOT NULL", "id int PRIMARY KEY", "a key on one side only"},
		{"id int, g point", "id int, g point", "do not compare exactly"},
		{"id int PRIMARY KEY, v int, g int AS (v) STORED, h int AS (v)", "v int, ID int PRIMARY KEY, g int AS (v) STORED", ""},
	} {
		name := fmt.Sprintf("t%d", i)
		r.exec("CREATE TABLE {a}."+name+" ("+c.a+") DEFAULT CHARSET=utf8mb4", "CREATE TABLE {b}."+name+" ("+c.b+") DEFAULT CHARSET=utf8mb4")
		p := r.known(name)
		if c.why == "" {
			r.exec("INSERT INTO {a}."+name+" (id, v) VALUES (1, 5)", "INSERT INTO {b}."+name+" (id, v) VALUES (1, 5)")
		}
		got := r.run(Config{Tables: []Pair{p}}).Tables[0]
		if c.why == "" {
			require.Equal(t, Consistent, got.Result)
			require.EqualValues(t, 1, got.Equal)
			continue
		}
		require.Equal(t, SchemaMismatch, got.Result, c.why)
		require.Contains(t, got.Reason, c.why)
	}
	p := r.known("t0")
	require.Equal(t, TargetMissing, r.run(Config{Tables: []Pair{{A: p.A}}}).Tables[0].Result)
	require.Equal(t, SourceMissing, r.run(Config{Tables: []Pair{{B: p.B}}}).Tables[0].Result)
}
