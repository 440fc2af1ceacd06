package types_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	servers "duplex/test/tenant"
)

// TestEveryTypeEveryWay is the type matrix.
func TestEveryTypeEveryWay(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	for _, kinds := range chosen([][2]servers.Kind{
		{servers.MariaDB, servers.MariaDB},
		{servers.MySQL56, servers.MySQL56},
		{servers.MariaDB, servers.MySQL56},
		{servers.MariaDB, servers.SeekDB},
		{servers.OceanBase, servers.OceanBase},
	}) {
		t.Run(string(kinds[0])+"-"+string(kinds[1]), func(t *testing.T) {
			a, b := newSide(t, "a", kinds[0]), newSide(t, "b", kinds[1])
			a.exec(t, "CREATE DATABASE matrix DEFAULT CHARACTER SET utf8mb4")
			m := newMatrix(a.Kind(), b.Kind())
			if a.Kind() == servers.OceanBase {
				m.shorten(t, a)
			}
			for _, x := range m {
				a.exec(t, x.creates()...)
			}
			for _, x := range m {
				a.all(t, x.inserts(0)...)
			}
			began := time.Now()
			m.run(t, start(t, a, b))
			t.Logf("%d tables in %v", m.tables(), time.Since(began).Round(time.Millisecond))
		})
	}
}

// A matrix is the types that two kinds have in common.
type matrix []entry

// An entry is one type: table vN holds it in a column that may be NULL and in
// one that may not, table kN, where the type allows it, as the primary key.
type entry struct {
	no int
	column
}

func newMatrix(a, b servers.Kind) (m matrix) {
	for i, c := range columns {
		both := a == c.only && b == c.only
		if c.only != "" && !both && c.also == nil || c.notKernel && (kernel(a) || kernel(b)) {
			continue
		}
		if both {
			c.values = slices.Concat(c.values, c.also)
		}
		if kernel(a) || kernel(b) { // its list of spatial reference systems is empty
			c.values = slices.DeleteFunc(slices.Clone(c.values), func(v string) bool { return strings.Contains(v, "4326") })
			c.key = c.key && c.look == asBytes // a table takes it long to make: the keys whose order may differ
		}
		if a != b && c.look == asDouble {
			c.look = asDouble + " + 0e0" // MariaDB keeps no minus zero
		}
		m = append(m, entry{no: i, column: c})
	}
	return m
}

// shorten leaves out values that the log of the stand-in for OceanBase's cannot
// have.
func (m matrix) shorten(t *testing.T, s *side) {
	const most = 700_000 // bytes
	for i := range m {
		m[i].values = slices.DeleteFunc(slices.Clone(m[i].values), func(v string) bool {
			return strings.Contains(v, "repeat") && s.dump(t, fmt.Sprintf("SELECT 0, LENGTH(%s) > %d", v, most))["0"] == "|1"
		})
	}
}

func (x *entry) creates() []string {
	nullable := x.typ + " NULL"
	if plain, ok := strings.CutSuffix(x.typ, " compressed"); ok {
		nullable = plain + " COMPRESSED NULL"
	}
	out := []string{fmt.Sprintf("CREATE TABLE matrix.v%d (id int PRIMARY KEY, v %s, n %s NOT NULL)", x.no, nullable, x.typ)}
	if x.key {
		out = append(out, fmt.Sprintf("CREATE TABLE matrix.k%d (v %s NOT NULL PRIMARY KEY, n int NOT NULL)", x.no, x.typ))
	}
	return out
}

// value gives a value of the type, NULL for the one behind the last.
func (x *entry) value(i int) string {
	if i %= len(x.values) + 1; i < len(x.values) {
		return x.values[i]
	}
	return "NULL"
}

// inserts makes a row for each value and one for NULL, numbered from from. The
// rows of the first call are those with keys as well.
func (x *entry) inserts(from int) (out []string) {
	for i := range len(x.values) + 1 {
		small := x.values[0]
		if i < len(x.values) && len(x.values[i]) < 100 && !strings.Contains(x.values[i], "repeat") {
			small = x.values[i]
		}
		out = append(out, fmt.Sprintf("INSERT INTO matrix.v%d VALUES (%d, %s, %s)", x.no, from+i, x.value(i), small))
	}
	if x.key && from == 0 {
		for i, v := range x.values[1:] {
			out = append(out, fmt.Sprintf("INSERT INTO matrix.k%d VALUES (%s, %d)", x.no, v, i+1))
		}
	}
	return out
}

// updates gives the rows from from on the values that are step further.
func (x *entry) updates(from, step int) (out []string) {
	for i := range len(x.values) + 1 {
		out = append(out, fmt.Sprintf("UPDATE matrix.v%d SET v = %s WHERE id = %d", x.no, x.value(i+step), from+i))
	}
	return out
}

// keyed is a query on the table with keys, where there is one.
func (x *entry) keyed(query string) []string {
	if !x.key {
		return nil
	}
	return []string{strings.NewReplacer("{table}", fmt.Sprintf("matrix.k%d", x.no), "{value}", x.values[0]).Replace(query)}
}

// Where the rows come from.
const (
	copied = 0
	ofA    = 1000
	ofB    = 2000
)

// run takes the matrix through all that can happen to a row. Each step is held
// against what both servers say. Each side does its own part of a step; where
// only one can be written to, it does both.
func (m matrix) run(t *testing.T, p *pair) {
	step := func(what string, do func(x *entry, part int, s *side)) {
		t.Helper()
		began := time.Now()
		p.both(t, func(s *side) {
			for i := range m {
				switch {
				case p.twoWay:
					do(&m[i], map[*side]int{p.a: ofA, p.b: ofB}[s], s)
				case s == p.a:
					do(&m[i], ofA, s)
					do(&m[i], ofB, s)
				}
			}
		})
		p.settle(t)
		m.compare(t, p, what)
		t.Logf("%s: %v", what, time.Since(began).Round(time.Millisecond))
	}
	const other = ofA + ofB // less the own

	step("copied", func(*entry, int, *side) {})
	native := m.values(t, p.a, copied)

	step("inserted", func(x *entry, part int, s *side) {
		s.all(t, x.inserts(part)...)
		if part == ofB {
			s.exec(t, x.keyed("INSERT INTO {table} VALUES ({value}, 0)")...)
		}
	})
	require.Equal(t, native, m.values(t, p.a, ofB), "what b wrote, as a has it")
	require.Equal(t, native, m.values(t, p.b, ofA), "what a wrote, as b has it")

	step("updated to the next edge", func(x *entry, part int, s *side) {
		s.all(t, x.updates(other-part, 1)...) // the rows that the other side made
		if part == ofA {
			s.all(t, x.updates(copied, 1)...)
			s.exec(t, x.keyed("UPDATE {table} SET n = n + 10")...)
		}
	})
	step("updated to NULL", func(x *entry, part int, s *side) {
		s.exec(t, fmt.Sprintf("UPDATE matrix.v%d SET v = NULL WHERE id >= %d AND id < %[2]d + 1000", x.no, part))
		if part == ofB {
			s.exec(t, fmt.Sprintf("UPDATE matrix.v%d SET v = NULL WHERE id < 1000", x.no))
			s.exec(t, x.keyed("DELETE FROM {table} WHERE n = 10")...)
		}
	})
	step("updated back", func(x *entry, part int, s *side) {
		s.all(t, x.updates(other-part, 0)...)
		if part == ofA {
			s.all(t, x.updates(copied, 0)...)
			s.exec(t, x.keyed("UPDATE {table} SET v = {value} WHERE n = 11")...) // a key changes
		}
	})
	for _, s := range []*side{p.a, p.b} {
		for _, from := range []int{copied, ofA, ofB} {
			require.Equal(t, native, m.values(t, s, from), "back on %s, from %d", s.name, from)
		}
	}
	step("deleted", func(x *entry, part int, s *side) {
		s.exec(t, fmt.Sprintf("DELETE FROM matrix.v%d WHERE id >= %d AND id < %[2]d + 1000", x.no, part))
		if part == ofB {
			s.exec(t, fmt.Sprintf("DELETE FROM matrix.v%d WHERE id < 1000 AND id %% 2 = 0", x.no))
			s.exec(t, x.keyed("DELETE FROM {table} WHERE n % 2 = 0")...)
		}
	})
	for _, l := range p.run.Progress().Pair.Links {
		require.Zero(t, l.Echo, l.Link)
	}
	report, err := p.run.Verify(t.Context())
	require.NoError(t, err)
	require.True(t, report.Equal, "%+v", report)
	require.Len(t, report.Tables, m.tables())
}

func (m matrix) tables() (n int) {
	for i := range m {
		n += len(m[i].creates())
	}
	return n
}

func (x *entry) seen(column string) string {
	return fmt.Sprintf(string(x.look), column)
}

// query asks a server for all rows, in words that both kinds answer alike.
func (x *entry) query() string {
	return fmt.Sprintf("SELECT id, %s, %s FROM matrix.v%d", x.seen("v"), x.seen("n"), x.no)
}

// compare holds the sides against each other.
func (m matrix) compare(t *testing.T, p *pair, what string) {
	t.Helper()
	for i := range m {
		x := &m[i]
		queries := []string{x.query()}
		if x.key {
			queries = append(queries, fmt.Sprintf("SELECT %s, n FROM matrix.k%d", x.seen("v"), x.no))
		}
		for _, q := range queries {
			var got [2]map[string]string
			p.both(t, func(s *side) { got[map[string]int{"a": 0, "b": 1}[s.name]] = s.dump(t, q) })
			if !maps.Equal(got[0], got[1]) {
				require.Equal(t, got[0], got[1], "%s: %s: %s", what, x.typ, q)
			}
		}
		if p.a.Kind() != p.b.Kind() || kernel(p.a.Kind()) { // which has no such statement
			continue
		}
		for _, table := range []string{"v", "k"}[:len(x.creates())] { // the server's own sum over what it stores
			q := fmt.Sprintf("CHECKSUM TABLE matrix.%s%d", table, x.no)
			require.Equal(t, p.a.dump(t, q), p.b.dump(t, q), "%s: %s", what, x.typ)
		}
	}
}

// values gives what a server says of the rows numbered from from, by type and
// number of the value.
func (m matrix) values(t *testing.T, s *side, from int) map[string]string {
	t.Helper()
	out := map[string]string{}
	for i := range m {
		x := &m[i]
		for id, row := range s.dump(t, x.query()+fmt.Sprintf(" WHERE id >= %d AND id < %[1]d + 1000", from)) {
			var n int
			_, err := fmt.Sscan(id, &n)
			require.NoError(t, err)
			out[fmt.Sprintf("%s %d", x.typ, n-from)] = row
		}
	}
	return out
}
