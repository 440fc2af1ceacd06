package kernel_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"duplex/internal/schema"
	servers "duplex/test/tenant"
)

// lines reads a file of testdata, a statement a line. A line that begins with
// -- is about those below it.
func lines(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return slices.DeleteFunc(strings.Split(strings.TrimSpace(string(text)), "\n"), func(s string) bool {
		return s == "" || strings.HasPrefix(s, "--")
	})
}

// TestDialect takes everything that can be said of a table from one kernel to
// another: made, read, printed, made there, read there, the same. What other
// kinds can say too it takes from them to a kernel and back.
func TestDialect(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	t.Parallel()
	a, b := newSite(t, "a", servers.SeekDB), newSite(t, "b", servers.SeekDB)
	for _, s := range []*site{a, b} {
		s.exec(t, "CREATE TABLEGROUP `odd group`", "CREATE DATABASE dialect DEFAULT CHARACTER SET utf8mb4")
	}
	t.Run("other kinds", func(t *testing.T) {
		maria, mysql := newSite(t, "m", servers.MariaDB), newSite(t, "y", servers.MySQL56)
		t.Run("mariadb to kernel", func(t *testing.T) { testSchema(t, maria, a) })
		t.Run("mysql56 to kernel", func(t *testing.T) { testSchema(t, mysql, b) })
		t.Run("kernel to mariadb", func(t *testing.T) { testSchema(t, b, maria) })
	})
	t.Run("tables", func(t *testing.T) { testDialectTables(t, a, b) })
	t.Run("refused", func(t *testing.T) { testRefused(t, a) })
	t.Run("views", func(t *testing.T) { testViews(t, a, b) })
	t.Run("sequences", func(t *testing.T) { testSequences(t, a, b) })
	t.Run("numbers", func(t *testing.T) { testNumbers(t, a, b) })
}

func dialect(d, _ string) bool { return d == "dialect" }

// on runs statements in a database, over one session of the product's.
func (s *site) on(t *testing.T, database string, statements ...string) error {
	t.Helper()
	session, err := s.tenant.Session(t.Context(), 0, 0)
	if err != nil {
		return err
	}
	defer func() { _ = session.Close() }()
	for _, q := range append([]string{"USE " + database}, statements...) {
		if _, err := session.Exec(t.Context(), q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	return nil
}

func (s *site) tables(t *testing.T, database string) []*schema.Table {
	t.Helper()
	tables, err := s.tenant.Tables(t.Context(), func(d, _ string) bool { return d == database })
	require.NoError(t, err)
	return tables
}

// printed is how a table is made at once, and how step by step.
func printed(x *schema.Table, groups []string) (whole string, steps []string) {
	o := schema.PrintOptions{Dialect: schema.OceanBase, TableGroups: groups}
	whole = x.CreateSQL(o)
	o.WithoutIndexes, o.WithoutForeignKeys = true, true
	steps = append(append([]string{x.CreateSQL(o)}, x.IndexSQL(o)...), x.ForeignKeySQL(o)...)
	return whole, steps
}

func testDialectTables(t *testing.T, a, b *site) {
	texts := lines(t, "oceanbase.sql")
	require.GreaterOrEqual(t, len(texts), 60)
	require.NoError(t, a.on(t, "dialect", texts...))
	tables := a.tables(t, "dialect")
	require.Len(t, tables, len(texts))
	groups, err := b.tenant.TableGroups(t.Context())
	require.NoError(t, err)

	// Whole at b, and step by step in another database of a, where that differs.
	a.fresh(t, "steps")
	var whole, steps []string
	for _, x := range inOrder(tables) {
		at, each := printed(x, groups)
		whole = append(whole, at)
		if each[0] != at {
			steps = append(steps, strings.ReplaceAll(strings.Join(each, ";"), "`dialect`.", "`steps`."))
		}
	}
	var g errgroup.Group
	g.Go(func() error { return b.on(t, "dialect", whole...) })
	g.Go(func() error { return a.on(t, "steps", steps...) })
	require.NoError(t, g.Wait())

	made := map[string]*schema.Table{}
	for _, x := range b.tables(t, "dialect") {
		made[x.Name] = x
	}
	inSteps := a.tables(t, "steps")
	require.Len(t, inSteps, len(steps))
	for _, want := range tables {
		got := made[want.Name]
		require.NotNil(t, got, want.Name)
		require.Empty(t, schema.Diff(want, got), want.Name)
		text, _ := printed(want, groups)
		again, _ := printed(got, groups)
		require.Equal(t, text, again)
		i := slices.IndexFunc(inSteps, func(x *schema.Table) bool { return x.Name == want.Name })
		if i < 0 {
			continue
		}
		require.Empty(t, schema.Diff(want, inSteps[i]), "%s in steps", want.Name)
		again, _ = printed(inSteps[i], groups)
		require.Equal(t, text, strings.ReplaceAll(again, "`steps`.", "`dialect`."))
	}
}

// inOrder puts tables that others refer to first.
func inOrder(tables []*schema.Table) []*schema.Table {
	out := slices.Clone(tables)
	slices.SortStableFunc(out, func(a, b *schema.Table) int { return len(a.ForeignKeys) - len(b.ForeignKeys) })
	return out
}

// testRefused has what OceanBase's manual knows and this kernel does not take,
// with the error: what is not shown here is shown nowhere.
func testRefused(t *testing.T, s *site) {
	for _, line := range lines(t, "oceanbase_refused.sql") {
		code, q, ok := strings.Cut(line, " ")
		require.True(t, ok, line)
		err := s.on(t, "dialect", q)
		refused, ok := errors.AsType[*mysql.MySQLError](err)
		require.True(t, ok, "%s: %v", q, err)
		require.Equal(t, code, strconv.Itoa(int(refused.Number)), q)
	}
}

func testViews(t *testing.T, a, b *site) {
	require.NoError(t, a.on(t, "dialect", lines(t, "oceanbase_views.sql")...))
	views, err := a.tenant.Views(t.Context(), dialect)
	require.NoError(t, err)
	require.Len(t, views, len(lines(t, "oceanbase_views.sql")))
	var texts []string
	for _, v := range schema.OrderViews(views) {
		texts = append(texts, v.CreateSQL())
	}
	require.NoError(t, b.on(t, "dialect", texts...))
	made, err := b.tenant.Views(t.Context(), dialect)
	require.NoError(t, err)
	require.Equal(t, views, made)
}

func testSequences(t *testing.T, a, b *site) {
	require.NoError(t, a.on(t, "dialect", lines(t, "oceanbase_sequences.sql")...))
	sequences, err := a.tenant.Sequences(t.Context(), dialect)
	require.NoError(t, err)
	require.Len(t, sequences, len(lines(t, "oceanbase_sequences.sql")))
	var texts []string
	for i := range sequences {
		texts = append(texts, sequences[i].CreateSQL())
	}
	require.NoError(t, b.on(t, "dialect", texts...))
	made, err := b.tenant.Sequences(t.Context(), dialect)
	require.NoError(t, err)
	require.Equal(t, sequences, made)
	for i := range made {
		require.Empty(t, schema.DiffSequences(&sequences[i], &made[i]))
		require.Equal(t, texts[i], made[i].CreateSQL())
	}
}
