package binlog

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/schema"
	servers "duplex/test/tenant"
)

// historySite is a site whose log names no columns, with a history that begins
// at the log's end.
func historySite(t *testing.T, kind servers.Kind) (*site, change.Position) {
	s := newSite(t, kind, servers.WithRowMetadata("NO_LOG"))
	s.exec("CREATE TABLE t (id int PRIMARY KEY, a varchar(20), n int unsigned)", "CREATE TABLE other (id int PRIMARY KEY)")
	at, h, err := Begin(t.Context(), s.tenant, checkpoint.NewHistory(s.tenant, testProject), s.cfg.Match)
	require.NoError(t, err)
	s.cfg.History = h
	return s, at
}

// Rows that are inserted while a history begins move a counter that OceanBase's
// catalogue tells.
func TestHistoryAlike(t *testing.T) {
	a := &schema.Table{Name: "t", Columns: []schema.Column{{Type: "int", AutoIncrement: true}}, NextNumber: 5}
	b := *a
	b.NextNumber = 6
	require.True(t, alike(a, &b))
	b.Columns = []schema.Column{{Type: "bigint", AutoIncrement: true}}
	require.False(t, alike(a, &b))
	require.Equal(t, uint64(6), b.NextNumber)
}

// restart reads what is stored.
func (s *site) restart(from change.Position) *Reader {
	s.t.Helper()
	h, err := OpenHistory(s.t.Context(), s.tenant, checkpoint.NewHistory(s.tenant, testProject))
	require.NoError(s.t, err)
	s.cfg.History = h
	return s.open(from)
}

// seen gives rows and statements as one list.
func seen(t *testing.T, txns []*change.Txn) (out []string) {
	t.Helper()
	for _, x := range txns {
		if x.DDL != nil {
			out = append(out, x.DDL.Text)
			continue
		}
		out = append(out, rowsIn(t, x)...)
	}
	return out
}

func historyKinds(t *testing.T, fn func(t *testing.T, s *site, at change.Position)) {
	for _, kind := range servers.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			s, at := historySite(t, kind)
			fn(t, s, at)
		})
	}
}

// A reader that starts behind statements reads what stands before them by the
// old definitions, whatever the catalogue says by then.
func TestHistoryAfterRestart(t *testing.T) {
	historyKinds(t, func(t *testing.T, s *site, at change.Position) {
		const big = "4294967295"
		s.exec("INSERT INTO t VALUES (1, 'x', "+big+")",
			"ALTER TABLE t ADD COLUMN b bigint unsigned NOT NULL DEFAULT 7 FIRST",
			"INSERT INTO t VALUES (18446744073709551615, 2, 'y', 2)",
			"ALTER TABLE t DROP COLUMN n, CHANGE a c varchar(40)",
			"INSERT INTO t VALUES (3, 3, 'z')",
			"CREATE TABLE u LIKE t", "INSERT INTO u VALUES (1, 1, 'u')",
			"ALTER TABLE t ADD d int, ADD e int", "ALTER TABLE t MODIFY e int FIRST", "INSERT INTO t VALUES (5, 4, 4, 'w', 4)",
			"RENAME TABLE t TO gone, u TO t", "INSERT INTO t VALUES (9, 9, 'new')", "INSERT INTO gone VALUES (6, 6, 6, 'old', 6)",
			"DROP TABLE gone", "ALTER TABLE t MODIFY id bigint, MODIFY c varchar(10)", "INSERT INTO t VALUES (10, 10, 'last')")
		last := s.beat()
		want := []string{
			`insert t - (1,"x",` + big + `)`,
			`insert t - (18446744073709551615,2,"y",2)`,
			`insert t - (3,3,"z")`,
			`insert u - (1,1,"u")`,
			`insert t - (5,4,4,"w",4)`,
			`insert t - (9,9,"new")`,
			`insert gone - (6,6,6,"old",6)`,
			`insert t - (10,10,"last")`,
		}
		for range 2 { // from the texts alone, then from what is stored
			r := s.restart(at)
			txns := until(t, r, last)
			require.NoError(t, r.Close())
			var rows []string
			for _, text := range seen(t, txns) {
				if strings.HasPrefix(text, "insert ") {
					rows = append(rows, text)
				}
			}
			require.Equal(t, want, rows)
			for i, x := range txns { // from behind each transaction too
				if x.DDL != nil {
					r := s.restart(x.Position)
					require.Equal(t, seen(t, txns[i+1:]), seen(t, until(t, r, last)))
					require.NoError(t, r.Close())
				}
			}
		}
		all, err := checkpoint.NewHistory(s.tenant, testProject).Read(t.Context())
		require.NoError(t, err)
		require.Greater(t, len(all), 8)
	})
}

// What a text does not tell is taken from the catalogue.
func TestHistoryUnclear(t *testing.T) {
	historyKinds(t, func(t *testing.T, s *site, at change.Position) {
		r := s.open(at)
		s.exec("CREATE TABLE other_one (id int PRIMARY KEY, g int)", "INSERT INTO other_one VALUES (1, 1)",
			"CREATE TABLE x LIKE other_one", "INSERT INTO x VALUES (2, 3)",
			"RENAME TABLE other_one TO y", "INSERT INTO y VALUES (4, 5)",
			"ALTER TABLE y CONVERT TO CHARACTER SET latin1", "INSERT INTO y VALUES (6, 7)")
		rows := seen(t, until(t, r, s.beat()))
		require.Subset(t, rows, []string{"insert x - (2,3)", "insert y - (4,5)", "insert y - (6,7)"})
		require.NoError(t, r.Close())
	})
}

// hidden runs a statement that the log does not show.
func (s *site) hidden(statement string) {
	s.t.Helper()
	if s.server.Kind() == servers.OceanBase {
		require.NoError(s.t, s.server.Service().Omit(s.t.Context(), 1))
		s.exec(statement)
		return
	}
	s.exec("SET SESSION sql_log_bin = 0; " + statement + "; SET SESSION sql_log_bin = 1")
}

// A statement that the log does not show is found by the rows; where the
// catalogue does not fit them either, the reader says what to do.
func TestHistoryInvisible(t *testing.T) {
	historyKinds(t, func(t *testing.T, s *site, at change.Position) {
		s.exec("INSERT INTO t VALUES (1, 'x', 1)")
		s.hidden("ALTER TABLE t ADD COLUMN b int")
		s.exec("INSERT INTO t VALUES (2, 'y', 2, 3)")
		last := s.beat()
		r := s.open(at)
		require.Equal(t, []string{`insert t - (1,"x",1)`, `insert t - (2,"y",2,3)`}, seen(t, until(t, r, last)))
		require.NoError(t, r.Close())

		s.hidden("ALTER TABLE t ADD COLUMN c int")
		s.exec("INSERT INTO t VALUES (3, 'z', 3, 4, 5)")
		s.hidden("ALTER TABLE t DROP COLUMN c, DROP COLUMN b")
		r = s.restart(at)
		for {
			_, err := r.Next(t.Context())
			if err != nil {
				require.ErrorIs(t, err, errDefinition)
				require.ErrorContains(t, err, "duplex clean")
				break
			}
		}
	})
}
