package conflict_test

import (
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

func TestHashKey(t *testing.T) {
	for _, k := range []conflict.Key{{}, {Table: "`d`.`t`", ID: "\x01\x02"}, {Table: "t", ID: string(make([]byte, 1000))}} {
		want := xxhash.Sum64String(k.Table + "\x00" + k.ID)
		require.Equal(t, want, k.Hash())
		require.Equal(t, want, conflict.HashKey(append(conflict.AppendTable(nil, k.Table), k.ID...)))
	}
}

// TestAppliedKeys has rows of which the log's reader gives only the hashes: what
// is known of them afterwards is the same as of rows.
func TestAppliedKeys(t *testing.T) {
	a, b, c := conflict.Key{Table: "u", ID: "a"}, conflict.Key{Table: "u", ID: "b"}, conflict.Key{Table: "u", ID: "c"}
	stamps := []change.Stamp{{Seq: 0, Version: 20}, {Seq: 1, Version: 30}}
	for _, test := range []struct {
		name  string
		notes conflict.Notes
		n     int                    // stamps carried
		want  map[conflict.Key]int64 // versions
		fails bool
	}{
		{name: "one transaction", n: 1, want: map[conflict.Key]int64{a: 20, b: 20, c: 20}},
		{name: "moved rows", n: 2, notes: conflict.Notes{Placed: true, Keys: []conflict.KeyNote{{Hash: b.Hash(), Txn: 1}}}, want: map[conflict.Key]int64{b: 30}},
		{name: "moved by a large transaction", n: 1, notes: conflict.Notes{Moved: []uint64{b.Hash()}}, want: map[conflict.Key]int64{a: 20, c: 20}},
		{name: "a group", n: 2, want: map[conflict.Key]int64{a: 20, b: 30},
			notes: conflict.Notes{Keys: []conflict.KeyNote{{Hash: a.Hash()}, {Hash: b.Hash(), Txn: 1}, {Hash: c.Hash(), Lost: true}}}},
		{name: "a group, short notes", n: 2, want: map[conflict.Key]int64{a: 20, b: 30, c: 30}, notes: conflict.Notes{Keys: []conflict.KeyNote{
			{Hash: a.Hash() & 0xffffffff, Short: true}, {Hash: b.Hash() & 0xffffffff, Short: true, Txn: 1}, {Hash: c.Hash(), Txn: 1}}}},
		{name: "not in the notes", n: 2, notes: conflict.Notes{Keys: []conflict.KeyNote{{Hash: a.Hash()}}}, fails: true},
	} {
		for _, rows := range []bool{false, true} {
			l := newLog(t)
			l.wrote(conflict.Key{Table: "u", ID: "other"}, 10) // nothing settles
			applied := conflict.Applied{Version: 30, Carried: stamps[:test.n], Notes: test.notes}
			for _, k := range []conflict.Key{a, b, c} {
				if rows {
					applied.Rows = append(applied.Rows, conflict.Row{Key: k})
				} else {
					applied.Keys = append(applied.Keys, conflict.AppliedKeys{Table: k.Table, Hashes: []uint64{k.Hash()}})
				}
			}
			err := l.o.Applied(&applied)
			if test.fails {
				require.ErrorContains(t, err, "is not in its mark's notes: u", test.name)
				continue
			}
			require.NoError(t, err, test.name)
			got := map[conflict.Key]int64{}
			for _, k := range []conflict.Key{a, b, c} {
				if order, ok := l.o.Recent(k); ok {
					require.Equal(t, 1, order.Rank)
					got[k] = order.Version
				}
			}
			require.Equal(t, test.want, got, test.name)
		}
	}
}

// TestOvertaken: the application writes on top of what has overwritten its own
// newer write, before that is put back. It is not put back any more, and the
// conflict log says that it is lost; also where it is a deletion, and what came
// is a row of the copy.
func TestOvertaken(t *testing.T) {
	key := conflict.Key{Table: "u", ID: "a"}
	for _, test := range []struct {
		name  string
		after []change.Value // what the application writes first
		in    change.Stamp
		row   conflict.Row
		told  bool
	}{
		{"an update", row(2, 20), change.Stamp{Seq: 0, Version: 10}, conflict.Row{Key: key, Before: row(2, 20), After: row(3, 10)}, true},
		{"a deletion, a copied row", nil, change.Stamp{Seq: change.NoSeq, Version: 10}, conflict.Row{Key: key, After: row(3, 10)}, true},
		{"the same content", row(2, 20), change.Stamp{Seq: 0, Version: 10}, conflict.Row{Key: key, Before: row(2, 20), After: row(2, 20)}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLog(t)
			first := l.o.Stamp(20)
			l.o.Wrote(&first, 20, key, row(1, 1), test.after)
			require.NoError(t, l.o.Applied(&conflict.Applied{
				Version: 10, Carried: []change.Stamp{test.in}, Rows: []conflict.Row{test.row},
			}))
			require.True(t, l.o.Task().Restore)
			second := l.o.Stamp(30)
			l.o.Wrote(&second, 30, key, test.row.After, row(4, 30))

			task := l.o.Task()
			if !test.told {
				require.Nil(t, task)
				return
			}
			plan := task.Plan(row(4, 30), false)
			require.False(t, plan.Write)
			require.Equal(t, []conflict.Judged{{Hash: key.Hash(), Seq: first.Seq}}, plan.Notes.Judged)
			require.Equal(t, conflict.Incoming, plan.Log.Verdict.Winner)
			require.Equal(t, test.after, plan.Log.Local.After)
			require.Equal(t, test.row.After, plan.Log.In.After)
		})
	}
}
