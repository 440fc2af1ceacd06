package apply

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/conflict"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// nobody is a reader that knows of nothing.
type nobody struct{}

func (nobody) Observe(func(*conflict.Observer)) {}
func (nobody) End(context.Context) error        { return nil }
func (nobody) Tasks() <-chan struct{}           { return nil }

// TestMovedByBatches: of a large transaction the mark names what was moved, unless
// another batch of it has written the row, before that or later.
func TestMovedByBatches(t *testing.T) {
	p := testPlan(t, &schema.Table{
		Database: "d", Name: "t", Columns: []schema.Column{column("id", change.Int), column("n", change.Int)},
		Keys: []schema.Key{key(schema.Primary, "PRIMARY", on("id")), key(schema.Unique, "n", on("n"))},
	})
	p.unique = true
	tx := &target{lane: &lane{Applier: &Applier{site: nobody{}, window: newWindow(1<<20, 0, "", change.Seqs{})}}, spooled: true,
		carried: []conflict.Carried{{}}}
	row := func(id string) *net {
		n := &net{plan: p, key: id, plain: true, out: conflict.Outcome{Wrote: true}}
		n.hash = n.row().Hash()
		return n
	}
	move := func(ids ...string) (out []conflict.Move) {
		for _, id := range ids {
			out = append(out, conflict.Move{Key: row(id).row()})
		}
		return out
	}
	tx.note(&batch{nets: []*net{row("written")}}, false)
	tx.moves(move("written", "moved", "later"))
	tx.note(&batch{nets: []*net{row("written")}}, false)
	require.Len(t, tx.moved(), 2)
	tx.moves(move("moved"))
	tx.note(&batch{nets: []*net{row("later")}}, false)
	require.Equal(t, []uint64{row("moved").hash}, tx.moved())
}

// TestMarkSaysLess: what a large transaction has moved and then written is taken
// back by its last mark, also if that has nothing else to say.
func TestMarkSaysLess(t *testing.T) {
	site := &tenant.Tenant{Packet: 1 << 20}
	tx := &target{
		lane:    &lane{Applier: &Applier{cfg: Config{Target: site}, store: checkpoint.New(site, "p", "a>b")}},
		spooled: true, wrote: map[uint64]bool{7: false}, record: checkpoint.Record{Carried: []change.Stamp{{}}, Write: 1},
	}
	s := tx.newScript(t.Context())
	tx.mark(s, false)
	said := len(s.text)
	require.NotEmpty(t, tx.record.Notes)
	tx.mark(s, false)
	tx.mark(s, true)
	require.Len(t, s.text, said, "nothing else to say")
	tx.wrote[7] = true
	tx.mark(s, true)
	require.Greater(t, len(s.text), said)
	require.Empty(t, tx.record.Notes)
}

// TestSumsWait: a row that is as the source has it may have been written twice
// since the reader looked. Sums are decided once, so the end of the log is read
// first; before they begin too.
func TestSumsWait(t *testing.T) {
	p := testPlan(t, &schema.Table{
		Database: "d", Name: "t", Columns: []schema.Column{column("id", change.Int), column("n", change.Int)},
		Keys: []schema.Key{key(schema.Primary, "PRIMARY", on("id"))},
	})
	delta := conflict.Rule{Policy: conflict.Delta, Columns: []int{1}}
	to := func(from int64, next *conflict.Rule) *conflict.Rule {
		return &conflict.Rule{Policy: conflict.Newest, From: from, Next: next}
	}
	left := delta
	left.From, left.Next = 100, &conflict.Rule{Policy: conflict.Newest}
	row := func(n int64) []change.Value { return []change.Value{change.OfInt(1), change.OfInt(n)} }
	for _, x := range []struct {
		name    string
		rule    *conflict.Rule
		version int64
		waits   bool
	}{
		{"newest", &conflict.Rule{Policy: conflict.Newest}, 5, false},
		{"sums", &delta, 5, true},
		{"before they begin", to(100, &delta), 99, true},
		{"they are announced", to(conflict.Unheard, &delta), 99, true},
		{"they hold", to(100, &delta), 100, true},
		{"while they held", &left, 99, true},
		{"they have ended", &left, 100, false},
	} {
		p.rule = x.rule
		tx := &target{
			lane:    &lane{Applier: &Applier{site: nobody{}, window: newWindow(1<<20, 0, "", change.Seqs{})}},
			carried: []conflict.Carried{{Stamp: change.Stamp{Version: x.version}}},
		}
		n := &net{plan: p, before: row(1), current: row(1), after: row(2), step: conflict.Step{Before: row(1), After: row(2)}}
		require.NoError(t, tx.resolveRow(n, conflict.Somewhere), x.name)
		require.Equal(t, x.waits, n.out.Wait && n.out.Strict, x.name)
		require.NoError(t, tx.resolveRow(n, conflict.AtEnd), x.name)
		require.Equal(t, row(2), n.final, x.name)
	}
}
