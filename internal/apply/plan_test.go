package apply

import (
	"database/sql/driver"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/schema"
)

func column(name string, kind change.Kind) schema.Column {
	c := schema.Column{Column: change.Column{Name: name, Kind: kind}}
	if kind == change.Text {
		c.Charset, c.Collation = "utf8mb4", "utf8mb4_general_ci"
	}
	return c
}

func key(kind schema.KeyKind, name string, parts ...schema.KeyPart) schema.Key {
	return schema.Key{Name: name, Kind: kind, Parts: parts}
}

func on(column string) schema.KeyPart { return schema.KeyPart{Column: column} }

func testPlan(t *testing.T, table *schema.Table) *plan {
	p, err := newPlan(table.Change(), table, nil)
	require.NoError(t, err)
	return p
}

// shareDeps reports whether two images of one or two tables depend on each
// other.
func shareDeps(t *testing.T, p *plan, a []change.Value, q *plan, b []change.Value) bool {
	x, exact := p.deps(nil, a, nil)
	require.True(t, exact)
	y, exact := q.deps(nil, b, nil)
	require.True(t, exact)
	return shares(x, y)
}

func text(s string) change.Value { return change.OfText([]byte(s)) }

func TestDependencies(t *testing.T) {
	parent := testPlan(t, &schema.Table{
		Database: "d", Name: "parent",
		Columns: []schema.Column{column("a", change.Int), column("b", change.Text), column("n", change.Int)},
		Keys:    []schema.Key{key(schema.Primary, "PRIMARY", on("a"), on("b")), key(schema.Unique, "n", on("n"))},
	})
	child := testPlan(t, &schema.Table{
		Database: "d", Name: "child",
		Columns:     []schema.Column{column("id", change.Int), column("pb", change.Text), column("pa", change.Int)},
		Keys:        []schema.Key{key(schema.Primary, "PRIMARY", on("id"))},
		ForeignKeys: []schema.ForeignKey{{Name: "f", Columns: []string{"pb", "pa"}, RefDatabase: "D", RefTable: "Parent", RefColumns: []string{"b", "a"}}},
	})
	row := func(a int64, b string, n change.Value) []change.Value {
		return []change.Value{change.OfInt(a), text(b), n}
	}
	one := row(1, "x", change.OfInt(5))
	require.True(t, shareDeps(t, parent, one, parent, row(1, "X ", change.Value{})), "equal under the collation")
	require.False(t, shareDeps(t, parent, one, parent, row(1, "y", change.Value{})))
	require.True(t, shareDeps(t, parent, one, parent, row(2, "y", change.OfInt(5))), "the unique key")
	require.False(t, shareDeps(t, parent, row(1, "x", change.Value{}), parent, row(2, "x", change.Value{})), "NULL is no key")
	of := func(id int64, b string, a int64) []change.Value {
		return []change.Value{change.OfInt(id), text(b), change.OfInt(a)}
	}
	require.True(t, shareDeps(t, child, of(7, "x", 1), parent, one), "the parent, its columns in another order")
	require.False(t, shareDeps(t, child, of(7, "x", 1), child, of(8, "x", 1)), "two children of one parent")
}

func TestPrefixKeys(t *testing.T) {
	p := testPlan(t, &schema.Table{
		Database: "d", Name: "t",
		Columns: []schema.Column{column("id", change.Int), column("s", change.Text)},
		Keys: []schema.Key{key(schema.Primary, "PRIMARY", on("id")),
			key(schema.Unique, "s", schema.KeyPart{Column: "s", Prefix: 3})},
	})
	row := func(id int64, s string) []change.Value { return []change.Value{change.OfInt(id), text(s)} }
	require.True(t, shareDeps(t, p, row(1, "中文字一"), p, row(2, "中文字二")))
	require.False(t, shareDeps(t, p, row(1, "中文一"), p, row(2, "中文二")))
	require.True(t, shareDeps(t, p, row(1, "abcd"), p, row(2, "ABC")))
	require.True(t, p.movesUnique(row(1, "abcd"), row(1, "abce")), "rewritten to be sure")
}

func TestTargetThatDoesNotFit(t *testing.T) {
	target := &schema.Table{Database: "d", Name: "t", Columns: []schema.Column{column("id", change.Int)},
		Keys: []schema.Key{key(schema.Primary, "PRIMARY", on("id"))}}
	source := &change.Table{Database: "d", Name: "t", Columns: []change.Column{{Name: "id", Kind: change.Int}, {Name: "new", Kind: change.Int}}}
	_, err := newPlan(source, target, nil)
	require.ErrorIs(t, err, ErrTable)
	require.ErrorContains(t, err, "column new of d.t")
	target.Keys = nil
	_, err = newPlan(target.Change(), target, nil)
	require.NoError(t, err, "its rows are counted")
	source = target.Change()
	target.Columns = append(target.Columns, column("own", change.Int))
	_, err = newPlan(source, target, nil)
	require.ErrorContains(t, err, "columns that the source lacks")
	target.Columns[1].Kind = change.JSON
	_, err = newPlan(target.Change(), target, nil)
	require.ErrorContains(t, err, "do not compare exactly")
}

// TestUnknownBefore locks a row of which the log does not know the old value: it
// is no drift, and what was found is what the row was.
func TestUnknownBefore(t *testing.T) {
	table := &schema.Table{
		Database: "d", Name: "docs", Columns: []schema.Column{column("id", change.Int), column("body", change.Text)},
		Keys: []schema.Key{key(schema.Primary, "PRIMARY", on("id"))},
	}
	p := testPlan(t, table)
	b := newBatch(false)
	b.add(p, &change.Row{
		Table: table.Change(), Op: change.Update,
		Before: []change.Value{change.OfInt(1), {Kind: change.Unknown}}, After: []change.Value{change.OfInt(1), text("new")},
	}, origin{})
	require.NoError(t, b.found(p, []driver.Value{int64(1), []byte("old")}))
	n := b.nets[0]
	require.True(t, n.locked)
	require.True(t, p.equal(n.before, n.current), "nothing says that it drifted")
	require.Equal(t, []change.Value{change.OfInt(1), text("old")}, n.current)
	require.False(t, p.equal(n.current, n.after), "the write changes it, so that the log will show it")
}
