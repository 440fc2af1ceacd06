package tenant_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/schema"
	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

// statements reads a file of testdata, one statement a line.
func statements(t *testing.T, name string) []string {
	text, err := os.ReadFile("testdata/" + name + ".sql")
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// fill makes a database and runs statements in it.
func (s *server) fill(t *testing.T, database string, statements []string) {
	t.Helper()
	s.exec(t, "DROP DATABASE IF EXISTS "+database, "CREATE DATABASE "+database+" CHARACTER SET utf8mb4")
	for _, q := range statements {
		s.exec(t, "USE "+database+"; "+q)
	}
}

func in(database string) tenant.Match {
	return func(d, _ string) bool { return d == database }
}

// moved is the table under the name of another database.
func moved(t *schema.Table, database string) *schema.Table {
	c := *t
	c.Database, c.ForeignKeys = database, nil
	for _, k := range t.ForeignKeys {
		if k.RefDatabase == t.Database {
			k.RefDatabase = database
		}
		c.ForeignKeys = append(c.ForeignKeys, k)
	}
	return &c
}

// create makes the tables in a database of a server, as the product does:
// tables, then indexes, then foreign keys.
func (s *server) create(t *testing.T, tables []*schema.Table) {
	t.Helper()
	e := s.session(t, tenant.Read, 0)
	o := schema.PrintOptions{Dialect: schema.Dialect(s.tenant.Kind), WithoutIndexes: true, WithoutForeignKeys: true}
	run := func(statements ...string) {
		for _, q := range statements {
			_, err := e.Exec(t.Context(), q)
			require.NoError(t, err, q)
		}
	}
	for _, table := range tables {
		run(table.CreateSQL(o))
	}
	for _, table := range tables {
		run(table.IndexSQL(o)...)
	}
	for _, table := range tables {
		run(table.ForeignKeySQL(o)...)
	}
}

func testRoundTrip(t *testing.T, s *server) {
	s.fill(t, "origin", append(statements(t, "common"), statements(t, string(s.Kind()))...))
	tables, err := s.tenant.Tables(t.Context(), in("origin"))
	require.NoError(t, err)
	require.Greater(t, len(tables), 25)
	s.exec(t, "DROP DATABASE IF EXISTS again", "CREATE DATABASE again CHARACTER SET latin1")
	var copies []*schema.Table
	for _, table := range tables {
		if len(table.Unsupported) == 0 {
			copies = append(copies, moved(table, "again"))
		}
	}
	s.create(t, copies)
	for _, want := range copies {
		got, err := s.tenant.Table(t.Context(), "again", want.Name)
		require.NoError(t, err)
		require.Empty(t, schema.Diff(want, got), want.Name)
		for _, k := range [][]schema.Check{want.Checks, got.Checks} {
			for i := range k { // names that the server gives differ
				k[i].Name = ""
			}
		}
		require.Equal(t, want.Columns, got.Columns, want.Name)
		require.Equal(t, want.Keys, got.Keys, want.Name)
		require.Equal(t, want.Checks, got.Checks, want.Name)
		require.Equal(t, want.Partition, got.Partition, want.Name)
	}
}

// TestBetweenKinds prints the tables of one kind for another.
func TestBetweenKinds(t *testing.T) {
	all := map[servers.Kind]*server{}
	for _, kind := range servers.Kinds() {
		all[kind] = open(t, kind)
	}
	for from, targets := range map[servers.Kind][]servers.Kind{
		servers.MariaDB: {servers.MySQL56, servers.SeekDB},
		servers.MySQL56: {servers.MariaDB},
		servers.SeekDB:  {servers.MySQL56},
	} {
		a := all[from]
		a.fill(t, "origin", statements(t, "common"))
		tables, err := a.tenant.Tables(t.Context(), in("origin"))
		require.NoError(t, err)
		for _, to := range targets {
			t.Run(string(from)+" to "+string(to), func(t *testing.T) {
				b := all[to]
				target := "from_" + string(from)
				b.exec(t, "DROP DATABASE IF EXISTS "+target, "CREATE DATABASE "+target+" CHARACTER SET utf8mb4")
				var copies []*schema.Table
				for _, table := range tables {
					copies = append(copies, moved(table, target))
				}
				b.create(t, copies)
				for _, want := range copies {
					got, err := b.tenant.Table(t.Context(), target, want.Name)
					require.NoError(t, err)
					require.Empty(t, schema.Diff(want, got), want.Name)
				}
			})
		}
	}
}
