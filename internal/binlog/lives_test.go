package binlog

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// past is a history made by statements, each at a seq.
type past struct {
	*testing.T
	*History
	seq uint64
}

func newPast(t *testing.T) *past {
	return &past{T: t, History: unstored(&tenant.Tenant{Kind: tenant.MariaDB})}
}

func called(name string) schema.Name { return schema.Name{Database: "d", Name: name} }

// run takes in statements, each of the site's own or, with a number, the peer's that
// is followed.
func (p *past) run(carried uint64, all ...string) {
	p.Helper()
	for _, text := range all {
		versions, err := schema.Evolve(text, "d", func(n schema.Name) *schema.Table { return p.At(n, p.seq) },
			func(string) schema.Database {
				return schema.Database{Name: "d", Charset: "utf8mb4", Collation: "utf8mb4_bin"}
			}, schema.MariaDB)
		require.NoError(p, err, text)
		for i := range versions {
			versions[i].Carried = carried
		}
		require.NoError(p, p.add(p.Context(), p.seq+1, versions))
		p.fresh[p.seq] = true
		p.seq += 10
	}
}

func (p *past) ids(names ...string) (out []string) {
	for _, n := range names {
		out = append(out, p.Identity(called(n)))
	}
	return out
}

const likeT = " (id int PRIMARY KEY, v int)"

// A table is told by the name under which it was first known, whatever it is called,
// and another one of that name is not taken for it.
func TestIdentity(t *testing.T) {
	p := newPast(t)
	p.run(0, "CREATE TABLE t"+likeT, "CREATE TABLE u"+likeT)
	require.Equal(t, []string{"`d`.`t`", "`d`.`u`", "`d`.`x`"}, p.ids("t", "u", "x"))
	p.run(0, "RENAME TABLE t TO x, u TO t, x TO u")
	require.Equal(t, []string{"`d`.`u`", "`d`.`t`", "`d`.`x`"}, p.ids("t", "u", "x"))
	require.Equal(t, "`d`.`t`", p.identity(called("t"), 20), "the place of the statement")
	require.Equal(t, "`d`.`u`", p.identity(called("t"), 21))
	p.run(0, "RENAME TABLE t TO w")
	require.True(t, p.Renames(30))
	_, given := p.GivenUp(called("t"), 31)
	require.True(t, given)
	p.run(0, "CREATE TABLE t"+likeT)
	require.True(t, p.Renames(40), "it is not what it was called for")
	require.Equal(t, []string{"`d`.`t`@41", "`d`.`t`", "`d`.`u`"}, p.ids("t", "u", "w"))
	p.run(0, "ALTER TABLE t ADD c int, RENAME TO y", "DROP TABLE u", "CREATE TABLE u"+likeT)
	require.Equal(t, []string{"`d`.`t`@41", "`d`.`u`@71"}, p.ids("y", "u"))
	require.Equal(t, []string{"`d`.`y`", "`d`.`t`"}, p.Names(called("y")))
	_, given = p.GivenUp(called("u"), 61)
	require.False(t, given, "it was dropped")

	again := newPast(t) // as it is read from what is stored
	for _, all := range p.tables {
		for _, v := range all {
			again.seq = max(again.seq, v.From)
		}
	}
	for seq := uint64(0); seq <= again.seq; seq++ {
		for _, v := range p.Changed(seq) {
			again.put(newVersion(seq+1, v))
		}
	}
	for _, n := range []string{"t", "u", "w", "x", "y"} {
		require.Equal(t, p.ids(n), again.ids(n), n)
	}
}

// A tool's copy is the table that it was made for.
func TestIdentityOfTool(t *testing.T) {
	p := newPast(t)
	p.run(0, "CREATE TABLE t"+likeT, "CREATE TABLE _t_gho (id int PRIMARY KEY, v int, w int)", "RENAME TABLE t TO _t_del, _t_gho TO t")
	require.Equal(t, []string{"`d`.`t`", "`d`.`_t_del`"}, p.ids("t", "_t_del"))
	require.False(t, p.Renames(20))
	p.run(0, "DROP TABLE _t_del")
	old := p.tables[called("t")][0]
	m, gone := p.current(old.table, p.At(called("t"), p.seq))
	require.False(t, gone)
	require.NotNil(t, m)
}

// Rows that the peer has written are of the table that had their name there, however
// it is called here now.
func TestNamed(t *testing.T) {
	p := newPast(t)
	p.run(0, "CREATE TABLE t"+likeT, "CREATE TABLE u"+likeT, "RENAME TABLE t TO x, u TO t, x TO u", "RENAME TABLE t TO z", "CREATE TABLE t"+likeT, "DROP TABLE u")
	rows := p.At(called("t"), 5).Change()
	echoes := map[uint64]uint64{}
	said := func(seq uint64) (uint64, bool) { from, ok := echoes[seq]; return from, ok }
	named := func(seq, seen uint64) (string, bool) {
		at := &change.Stamp{Seq: seq, Seen: change.Seqs{Low: seen}}
		n := p.Named(rows, at, said)
		_, gone := p.Toward(rows, at, said, p.At(n, p.seq))
		return n.Name, gone
	}
	for _, c := range []struct {
		seq, seen uint64
		want      string
		gone      bool
	}{
		{1, 0, "u", true}, {1, 20, "u", true}, // of the first t, which is called u, and was dropped
		{1, 21, "z", false}, {1, 30, "z", false},
		{1, 41, "t", false},
	} {
		n, gone := named(c.seq, c.seen)
		require.Equal(t, c.want, n, "%v", c)
		require.Equal(t, c.gone, gone, "%v", c)
	}
	echoes[20], echoes[30], echoes[40] = 100, 110, 120 // its own log says more than what it had seen
	for seq, want := range map[uint64]string{99: "u", 100: "z", 109: "z", 120: "t", 130: "t"} {
		n, _ := named(seq, 0)
		require.Equal(t, want, n, "%d", seq)
	}
}

// What comes by the link that carries is of what the site's own statements, echoes,
// say of its place.
func TestNamedCarried(t *testing.T) {
	p := newPast(t)
	p.run(0, "CREATE TABLE t"+likeT, "CREATE TABLE u"+likeT)
	p.run(1001, "RENAME TABLE t TO x, u TO t, x TO u")
	rows := p.At(called("t"), 5).Change()
	require.Equal(t, called("t"), p.Named(rows, &change.Stamp{Seq: 1001}, nil))
	require.Equal(t, called("u"), p.Named(rows, &change.Stamp{Seq: 1000}, nil))
	from, ok := p.Followed(1000)
	require.True(t, ok)
	require.Equal(t, uint64(21), from)
	p.run(1011, "RENAME TABLE t TO z")
	p.run(1021, "CREATE TABLE t"+likeT)
	require.Equal(t, []string{"`d`.`t`@1021"}, p.ids("t"), "as at the other site")
	p.run(0, "RENAME TABLE t TO y", "CREATE TABLE t"+likeT)
	require.Equal(t, []string{"`d`.`t`@61"}, p.ids("t"))
	p.run(0, "RENAME TABLE t TO v")
	p.run(61, "CREATE TABLE t"+likeT)
	require.Equal(t, []string{"`d`.`t`@61'"}, p.ids("t"))
	_, ok = p.Followed(999)
	require.False(t, ok)
}

// A parked row of which nothing is known but its width is of an earlier name's too.
func TestCountedRenamed(t *testing.T) {
	p := newPast(t)
	p.run(0, "CREATE TABLE t"+likeT, "RENAME TABLE t TO u", "ALTER TABLE u ADD w int NOT NULL DEFAULT 7")
	out := p.Counted([]change.Value{change.OfInt(1), change.OfInt(2)}, p.At(called("u"), p.seq))
	require.Len(t, out, 3)
	require.Equal(t, uint64(7), out[2].Bits)
}
