package apply

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/schema"
)

// TestDigestTellsApart: rows that look alike when their values are joined have
// digests of their own.
func TestDigestTellsApart(t *testing.T) {
	text := change.Column{Kind: change.Text, Charset: "utf8mb4", Collation: "utf8mb4_bin"}
	a, b := text, text
	a.Name, b.Name = "a", "b"
	table := &schema.Table{
		Database: "shop", Name: "t",
		Columns: []schema.Column{
			{Column: change.Column{Name: "id", Kind: change.Int}, Type: "int(11)"},
			{Column: a, Type: "varchar(10)", Nullable: true}, {Column: b, Type: "varchar(10)", Nullable: true},
		},
		Keys: []schema.Key{{Name: "PRIMARY", Kind: schema.Primary, Parts: []schema.KeyPart{{Column: "id"}}}},
	}
	p, err := newPlan(table.Change(), table, nil)
	require.NoError(t, err)
	require.NotNil(t, p.digest)
	require.Contains(t, p.digest.onDup, "`b`=VALUES(`b`)")
	of := func(a, b change.Value) uint64 { return p.digest.of([]change.Value{change.OfInt(1), a, b}) }
	s := func(s string) change.Value { return change.OfText([]byte(s)) }
	all := []uint64{
		of(s("x"), s("y")), of(s("y"), s("x")), of(s("x|y"), s("")), of(s(""), s("x|y")), of(s("x"), change.Value{}),
		of(change.Value{}, s("x")), of(change.Value{}, change.Value{}), of(s(""), s("")), of(s(""), change.Value{}), of(s("0|x"), s("")),
	}
	seen := map[uint64]bool{}
	for i, d := range all {
		require.False(t, seen[d], "image %d", i)
		seen[d] = true
	}
}

// TestTrust: who was wrong looks for a while, longer each time, and not for ever.
func TestTrust(t *testing.T) {
	var r trust
	var looks []int
	for range 8 {
		r.broken()
		looks = append(looks, r.looks)
	}
	require.Equal(t, []int{1, 3, 7, 15, 31, 63, 64, 64}, looks)
	for range 10 {
		r.kept()
	}
	r.broken()
	require.Equal(t, 1, r.looks)
}
