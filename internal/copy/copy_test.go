package copy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	servers "duplex/test/tenant"
)

// rows makes n rows of a format with the number in it.
func rows(n int, format string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = strings.ReplaceAll(format, "#", fmt.Sprint(i+1))
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// names is texts whose order depends on the collation.
func names() []string {
	var out []string
	for _, n := range strings.Fields("a B c ä Z z ß ss é E f ñ n O 中 文 🍣 🍺 _ - ~ 0 9 10 aa Ab aC") {
		out = append(out, "'"+n+"'", "'"+n+" "+n+"'", "'"+n+"\t'", "'"+n+"\\''", "'\\\\"+n+"'")
	}
	return out
}

// product makes a row of each pair.
func product(a []string, b ...string) []string {
	var out []string
	for _, x := range a {
		for _, y := range b {
			out = append(out, "("+x+", "+y+", 'some text that takes its place')")
		}
	}
	return out
}

// numbered makes a row of each text; a second column tells apart what the
// collation does not.
func numbered(a []string) []string {
	var out []string
	for i, x := range a {
		out = append(out, fmt.Sprintf("(%s, %d, 'some text that takes its place')", x, i))
	}
	return out
}

// keyed makes tables with every form of a key. The text column makes a chunk
// hold few rows.
func keyed(r *rig) []Table {
	const text = ", v varchar(100)"
	tables := []Table{
		r.table("t_int", "id bigint PRIMARY KEY"+text, rows(400, "(#, 'value of row #')")...),
		r.table("t_unsigned", "id bigint unsigned PRIMARY KEY"+text, "(0, 'x')", "(18446744073709551615, 'y')", "(9223372036854775808, NULL)"),
		r.table("t_composite", "a varchar(20) COLLATE utf8mb4_general_ci, b int, PRIMARY KEY (a, b)"+text, product([]string{"'a'", "'b'", "'Ç'"}, "1", "-2", "3", "44", "500")...),
		r.table("t_variants", "a varchar(20) COLLATE utf8mb4_general_ci, b int, PRIMARY KEY (a, b)"+text, variants()...),
		r.table("t_mixed", "a int, b datetime(3), v varchar(100), c decimal(10,3), PRIMARY KEY (a, b, c)",
			rows(300, "(# % 7, '2024-01-01 00:00:00.#' + INTERVAL # % 3 DAY, 'text of row #', # / 7)")...),
		r.table("t_ci", "k varchar(40) COLLATE utf8mb4_general_ci, w int, PRIMARY KEY (k, w)"+text, numbered(names())...),
		r.table("t_bin", "k varchar(40) COLLATE utf8mb4_bin, w int, PRIMARY KEY (k)"+text, product(append(names(), "'A'", "'b'", "'C'"), "1")...),
		r.table("t_latin", "k varchar(40) CHARACTER SET latin1, w int, PRIMARY KEY (k, w)"+text, product([]string{"'é'", "'ü'", "'z'", "'A'", "''"}, "1", "2", "3", "4", "5", "6", "7", "8", "9")...),
		r.table("t_bytes", "k varbinary(16) PRIMARY KEY"+text, rows(200, "(UNHEX(MD5(#)), 'bytes #')")...),
		r.table("t_zeros", "k binary(4) PRIMARY KEY"+text, "('', 'x')", "('a', 'x')", "('a\\0b', 'x')", "('\\'\\\\', 'x')"),
		r.table("t_unique", "v varchar(100), n int NULL UNIQUE, code varchar(20) COLLATE utf8mb4_bin NOT NULL, UNIQUE KEY by_code (code)",
			append(rows(200, "('value of row #', #, 'code-#')"), "(NULL, NULL, 'x')", "(NULL, NULL, 'y')")...),
		r.table("t_date", "d date, t time, y year, PRIMARY KEY (d, t, y)"+text, rows(150, "('1970-01-01' + INTERVAL # % 5 DAY, SEC_TO_TIME(# * 999 - 70000), 2000 + # % 3, 'text #')")...),
		r.table("t_stamp", "s timestamp(6) NOT NULL DEFAULT '2001-01-01 00:00:00' PRIMARY KEY"+text, rows(150, "('2020-10-25 00:00:00.5' + INTERVAL # * 77 MINUTE, 'text #')")...),
		r.table("t_enum", "e enum('z','b','a') NOT NULL, x bit(9) NOT NULL, PRIMARY KEY (e, x)"+text, rows(150, "(1 + # % 3, #, 'text #')")...),
		r.table("t_float", "f double PRIMARY KEY"+text, append(rows(100, "(# / 3, 'text #')"), "(-1e300, 'x')", "(1e-300, 'y')")...),
		r.table("t_decimal", "d decimal(30,10) PRIMARY KEY"+text, append(rows(100, "(# / 7 - 5, 'text #')"), "(99999999999999999999.9999999999, 'x')")...),
		r.table("t_empty", "id int PRIMARY KEY"+text),
		r.table("t_one", "id int PRIMARY KEY"+text, "(1, NULL)"),
		r.table("t_large", "id int PRIMARY KEY, b longblob", rows(6, "(#, REPEAT('row#', 200000))")...),
	}
	if r.server.Kind() != servers.MySQL56 {
		tables = append(tables, r.table("t_generated", "id int PRIMARY KEY, n int, d int AS (n + 1), v varchar(100)", rows(50, "(#, #, DEFAULT, 'text of row #')")...))
	}
	return tables
}

// variants are keys that differ in nothing but letter case in their first part.
func variants() []string {
	var out []string
	for i := range 60 {
		name := []string{"'a'", "'A'", "'á'", "'b'", "'B'"}[i%5]
		out = append(out, fmt.Sprintf("(%s, %d, 'variant %d of a text')", name, i, i))
	}
	return out
}

func targets(tables []Table) []string {
	var out []string
	for i := range tables {
		d, n := tables[i].Target()
		out = append(out, d+"."+n)
	}
	return out
}

func TestCopyAllKeys(t *testing.T) {
	eachKind(t, func(t *testing.T, open func(*testing.T) *rig) {
		r := open(t)
		tables := keyed(r)
		w := &fakeWriter{rig: r}
		r.chunk = 250
		c := r.copier(w, tables...)
		require.NoError(t, c.Run(t.Context()))
		w.sound()
		r.equal(tables...)
		require.ElementsMatch(t, targets(tables), w.copied)
		p := c.Progress()
		require.Equal(t, len(tables), p.TablesDone)
		require.EqualValues(t, w.rows, p.Rows)
		require.Equal(t, p.Rows, p.RowsTotal)
		require.Greater(t, w.calls, 150)

		unfinished, err := Unfinished(t.Context(), r.tenant, testProject, tables)
		require.NoError(t, err)
		require.Empty(t, unfinished)
		again := &fakeWriter{rig: r}
		require.NoError(t, r.copier(again, tables...).Run(t.Context()))
		require.Zero(t, again.calls)
		require.ElementsMatch(t, targets(tables), again.copied)

		t.Run("where", func(t *testing.T) {
			r := open(t)
			table := r.table("t", "id int PRIMARY KEY, v varchar(100)", rows(300, "(#, 'value of row #')")...)
			table.Where = "id % 3 = 0 OR id > 290"
			require.NoError(t, r.copier(&fakeWriter{rig: r}, table).Run(t.Context()))
			r.equal(table)
		})
	})
}

// TestResume stops a copy after every number of chunks, some of them lost and
// some durable without an answer, and goes on.
func TestResume(t *testing.T) {
	eachKind(t, func(t *testing.T, open func(*testing.T) *rig) {
		t.Run("every chunk", func(t *testing.T) {
			r := open(t)
			count := 300
			if r.server.Kind() == servers.SeekDB { // it stops later, see step
				count = 2000
			}
			tables := []Table{
				r.table("t_int", "id bigint PRIMARY KEY, v varchar(100)", rows(count, "(#, 'value of row #')")...),
				r.table("t_two", "a varchar(20) COLLATE utf8mb4_general_ci, b int, PRIMARY KEY (a, b), v varchar(100)", variants()...),
			}
			runs, step := 0, 2
			if r.server.Kind() == servers.SeekDB { // sessions take it longer
				step = 6
			}
			for {
				w := &fakeWriter{rig: r}
				w.verdict = func(n int, _ *change.Chunk, durable bool) error {
					if n > step || n == step && durable {
						return errTest
					}
					return nil
				}
				err := r.copier(w, tables...).Run(t.Context())
				w.sound()
				if err == nil {
					break
				}
				require.ErrorIs(t, err, errTest)
				runs++
			}
			require.Greater(t, runs, 2)
			r.equal(tables...)
		})
		t.Run("gaps", func(t *testing.T) {
			r := open(t)
			table := r.table("t", "k varchar(20) COLLATE utf8mb4_general_ci PRIMARY KEY, v varchar(100)", rows(1200, "('k#', 'the value that stands in row #')")...)
			random := rand.New(rand.NewPCG(3, 4))
			for round := range 200 {
				var mu sync.Mutex
				stands := make(chan struct{}, 1000)
				w := &fakeWriter{rig: r}
				w.verdict = func(n int, c *change.Chunk, durable bool) error {
					if durable {
						stands <- struct{}{}
						return nil
					}
					mu.Lock()
					lose := random.IntN(3) == 0
					mu.Unlock()
					if !lose || round > 40 {
						return nil
					}
					select { // let a chunk after it become durable, if there is one
					case <-stands:
					case <-time.After(20 * time.Millisecond):
					}
					return errTest
				}
				err := r.copier(w, table).Run(t.Context())
				w.sound()
				if err == nil {
					require.Greater(t, round, 3)
					break
				}
				require.ErrorIs(t, err, errTest)
				// rows that come into a gap between two runs
				for _, half := range []string{"5", "15", "25", "35"} {
					r.exec(fmt.Sprintf("INSERT IGNORE INTO %s.t VALUES ('k1%s%d', 'late'), ('k2%s%d', 'late'), ('k3%s%d', 'late')", r.from, half, round, half, round, half, round))
				}
			}
			var n int
			// each of the first rows is there; of the late ones those whose range was open
			q := fmt.Sprintf("SELECT COUNT(*) FROM %s.t a JOIN %s.t b ON a.k = b.k AND a.v = b.v WHERE a.v <> 'late'", r.from, r.to)
			require.NoError(t, r.db.QueryRow(q).Scan(&n))
			require.Equal(t, 1200, n)
			states, err := Load(t.Context(), r.tenant, testProject)
			require.NoError(t, err)
			require.True(t, states[r.to+".t"].Complete)
		})
	})
}

// TestReread lets the writer ask for every chunk again, some more than once,
// while the ranges fill up.
func TestReread(t *testing.T) {
	eachKind(t, func(t *testing.T, open func(*testing.T) *rig) {
		r := open(t)
		table := r.table("t", "id int PRIMARY KEY, v varchar(100)", rows(200, "(# * 1000, 'value of row #')")...)
		var mu sync.Mutex
		asked, low := map[int]int{}, map[uint64]bool{}
		w := &fakeWriter{rig: r}
		w.verdict = func(n int, c *change.Chunk, durable bool) error {
			mu.Lock()
			defer mu.Unlock()
			if durable || len(c.Rows) > 0 && c.Rows[0][0].Bits%1000 != 0 || len(c.Rows) == 0 && asked[0] > 0 {
				return nil
			}
			first := 0
			if len(c.Rows) > 0 {
				first = int(c.Rows[0][0].Bits)
			}
			if asked[first]++; asked[first] > 1+first/1000%2 {
				return nil
			}
			low[c.Low.Seq] = true
			for i := range 40 {
				r.exec(fmt.Sprintf("INSERT IGNORE INTO %s.t VALUES (%d, 'came while it was read, and takes place')", r.from, first+1+i+50*asked[first]))
			}
			return change.ErrReread
		}
		require.NoError(t, r.copier(w, table).Run(t.Context()))
		w.sound()
		require.Greater(t, len(asked), 5)
		var most, missing int
		require.NoError(t, r.db.QueryRow("SELECT MAX(id) FROM "+r.to+".t").Scan(&most))
		require.GreaterOrEqual(t, most, 200_000)
		require.NoError(t, r.db.QueryRow(fmt.Sprintf("SELECT COUNT(*) FROM %s.t a LEFT JOIN %s.t b ON a.id = b.id WHERE b.id IS NULL AND a.id %% 1000 = 0", r.from, r.to)).Scan(&missing))
		require.Zero(t, missing)
	})
}

func TestNewRefuses(t *testing.T) {
	_, err := New(Config{})
	require.Error(t, err)
}
