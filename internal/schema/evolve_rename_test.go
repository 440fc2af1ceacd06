package schema

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReferring(t *testing.T) {
	base := map[Name]*Table{}
	tables := func(n Name) *Table { return base[n] }
	make := func(text string) {
		v, err := Evolve(text, "d", tables, func(string) Database { return Database{"d", "utf8mb4", "utf8mb4_bin"} }, MySQL)
		require.NoError(t, err)
		base[v[0].Name] = v[0].Table
	}
	make("CREATE TABLE p (id int PRIMARY KEY, up int, FOREIGN KEY (up) REFERENCES p (id))")
	make("CREATE TABLE c (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES p (id))")
	make("CREATE TABLE o (id int PRIMARY KEY, c int, FOREIGN KEY (c) REFERENCES c (id))")
	all := []*Table{base[Name{"d", "p"}], base[Name{"d", "c"}], base[Name{"d", "o"}]}
	versions, err := Evolve("RENAME TABLE p TO q", "d", tables, nil, MySQL)
	require.NoError(t, err)
	refers := map[string]string{}
	for _, v := range Referring(versions, all) {
		if v.Table != nil {
			refers[v.Name.Name+" was "+v.Was.Name] = v.Table.ForeignKeys[0].RefTable
			require.NotNil(t, v.Origin)
		}
	}
	require.Equal(t, map[string]string{"q was p": "q", "c was c": "q"}, refers)
	require.Equal(t, "p", all[1].ForeignKeys[0].RefTable, "as it was before")
	require.Len(t, Referring(versions[:1], all), 1)
}

func TestFollow(t *testing.T) {
	n := func(s string) Name { return Name{"d", s} }
	some := &Table{}
	at := func(from uint64, name, was string, table *Table) Placed {
		v := Placed{From: from, Version: Version{Name: n(name), Table: table}}
		if was != "" {
			v.Was = n(was)
		}
		return v
	}
	swap := []Placed{at(5, "a", "b", some), at(5, "b", "a", some), at(5, "x", "", nil)}
	tool := []Placed{at(5, "_a_gho", "", nil), at(5, "_a_del", "a", some), at(5, "a", "_a_gho", some)}
	anew := []Placed{at(5, "a", "", nil), at(5, "x", "a", some), at(7, "a", "", some)}
	for _, c := range []struct {
		later     []Placed
		name, now string
	}{
		{nil, "a", "a"},
		{swap, "a", "b"}, {swap, "b", "a"}, {swap, "c", "c"}, {swap, "x", ""},
		{tool, "a", "a"},
		{anew, "a", "x"}, {anew[2:], "a", ""}, {append(anew, at(9, "x", "", nil)), "a", ""},
		{[]Placed{at(5, "a", "a", some)}, "a", "a"},
		{[]Placed{at(0, "a", "", some)}, "a", "a"},
	} {
		now, ok := Follow(n(c.name), c.later)
		require.Equal(t, c.now != "", ok, "%v", c)
		if ok {
			require.Equal(t, n(c.now), now, "%v", c)
		}
	}
}
