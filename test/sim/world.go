package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// Stats counts what happened in schedules.
type Stats struct {
	Schedules, Failed, Conflicts, Late, Drift, Groups, Parked int
	Differ                                                    int // failed in that the sites ended different
	Stopped                                                   int // a policy asked for a person
}

// A world is one schedule under way.
type world struct {
	Options
	sites   [2]*site
	chunks  []*chunk
	mark    *change.Watermark // the copy's latest; nil: it has taken none yet
	related bool              // there are foreign keys
	kept    bool              // and they are looked after
	made    bool              // and both servers have them
	whole   bool              // and no row lacks a parent
	finish  finish
	tables  map[string]*Table
	rules   map[string]*conflict.Rule
	keys    []conflict.Key
	begun   map[conflict.Key][]change.Value // rows before the first transaction
	story   *strings.Builder
	failed  string
	stopped bool // a policy asked for a person
	ending  bool // a run has met a statement that gives tables other names
	// coming is the rules that are to follow, by table; nil: none are.
	coming   map[string]*conflict.Rule
	restarts int
	stats    *Stats
}

func newWorld(o Options, story *strings.Builder, stats *Stats) *world {
	w := &world{Options: o, tables: map[string]*Table{}, rules: map[string]*conflict.Rule{}, story: story, stats: stats, begun: map[conflict.Key][]change.Value{}}
	for i := range o.Tables {
		t := &o.Tables[i]
		w.tables[t.Name] = t
		w.related = w.related || len(t.Refers) > 0
		w.rules[t.Name] = &conflict.Rule{Policy: t.Policy, Rank: 1, Columns: []int{colNumber}}
		for k := range o.Keys {
			w.keys = append(w.keys, conflict.Key{Table: t.Name, ID: string(rune('1' + k))})
		}
	}
	for i := range w.sites {
		w.sites[i] = &site{server: newServer(0), w: w, id: i}
		w.sites[i].names, w.sites[i].known = w.names(), w.names()
	}
	w.sites[0].peer, w.sites[1].peer = w.sites[1], w.sites[0]
	return w
}

func (w *world) rule(table string) *conflict.Rule { return w.rules[table] }

// fail notes the first thing that went wrong.
func (w *world) fail(format string, args ...any) {
	if w.failed == "" {
		w.failed = fmt.Sprintf(format, args...)
		w.say("WRONG: %s", w.failed)
	}
}

func (w *world) say(format string, args ...any) {
	if w.story != nil {
		fmt.Fprintf(w.story, format+"\n", args...)
	}
}

// start fills the tables and opens the rooms.
func (w *world) start(dice *rand.Rand) {
	for _, s := range w.sites {
		s.dice = rand.New(rand.NewPCG(dice.Uint64(), 5))
		s.clock = int64(dice.IntN(6))
	}
	for _, k := range w.keys {
		if w.tables[k.Table].Spare {
			continue
		}
		if dice.IntN(2) == 0 && !w.tables[k.Table].Steady {
			continue
		}
		row := w.image(dice, k)
		if !w.sites[0].allowed(k, row) {
			continue
		}
		w.begun[k] = row
		w.sites[0].rows[k] = w.begun[k]
		if !w.Copy {
			w.sites[1].rows[k] = w.begun[k]
		}
	}
	for keys := w.keys; w.Copy && len(keys) > 0; {
		n := 1
		for n < len(keys) && n < 2 && keys[n].Table == keys[0].Table {
			n++
		}
		w.chunks, keys = append(w.chunks, &chunk{table: keys[0].Table, keys: keys[:n]}), keys[n:]
	}
	w.kept = !w.copying()
	w.made = w.kept
	w.whole = w.kept || !w.related
	for _, s := range w.sites {
		s.open(conflict.Point{Position: "0"})
	}
}

func (w *world) image(dice *rand.Rand, key conflict.Key) []change.Value {
	t := w.tables[key.Table]
	out := make([]change.Value, colUnique+t.Unique, colUnique+t.Unique+len(t.Refers))
	out[colPayload] = change.OfInt(int64(dice.IntN(w.Values)))
	for i := colNumber; i < len(out); i++ {
		if i == colNumber && (t.Steady || !w.may(t, conflict.NewestByColumn) && !w.may(t, conflict.Delta)) {
			out[i] = change.OfInt(0)
		} else if v := dice.IntN(w.Values + 1); v > 0 {
			out[i] = change.OfInt(int64(v))
		}
	}
	for _, r := range t.Refers {
		most := w.Keys
		if r.Unique {
			most = w.Values
		}
		ref := change.Value{}
		if v := dice.IntN(most + 1); v > 0 {
			ref = change.OfInt(int64(v))
		}
		out = append(out, ref)
	}
	return out
}

// pick chooses what a statement of the application does.
func (w *world) pick(dice *rand.Rand, s *site) (conflict.Key, []change.Value) {
	key := w.keys[dice.IntN(len(w.keys))]
	t := w.tables[key.Table]
	switch {
	case w.may(t, conflict.Delta) && s.rows[key] != nil && (t.Steady || dice.IntN(3) > 0):
		return key, w.add(dice, s.rows[key])
	case dice.IntN(4) == 0 && !t.Steady:
		return key, nil
	}
	return key, w.image(dice, key)
}

func (w *world) add(dice *rand.Rand, row []change.Value) []change.Value {
	out := append([]change.Value(nil), row...)
	out[colNumber] = change.OfInt(int64(out[colNumber].Bits) + int64(dice.IntN(5)) - 2)
	if dice.IntN(2) == 0 {
		out[colPayload] = change.OfInt(int64(dice.IntN(w.Values)))
	}
	return out
}

// both gives the unique values that a change takes or gives up.
func (w *world) both(c rowChange) []conflict.Claim {
	return append(w.claims(c.key, c.before), w.claims(c.key, c.after)...)
}

// overlap reports whether two transactions share a key.
func (w *world) overlap(a, b *txn) bool {
	if a.alone() || b.alone() {
		return true
	}
	for _, x := range a.rows {
		for _, y := range b.rows {
			if x.key == y.key || meets(w.both(x), w.both(y)) || w.refers(x, y) || w.refers(y, x) {
				return true
			}
		}
	}
	return false
}

// apart reports whether the transaction has rows that do not go into one group
// with earlier writes of them.
func (w *world) apart(t *txn) bool {
	return w.Without&Apart == 0 && slices.ContainsFunc(t.rows, func(x rowChange) bool {
		return w.rules[x.key.Table].Apart(t.stamp.Version)
	})
}

// copying reports whether rows may still come by copy.
func (w *world) copying() bool {
	for _, c := range w.chunks {
		if c.state < chunkWritten {
			return true
		}
	}
	return false
}

func (w *world) dropChunks() {
	w.mark = nil
	w.finish = finish{}
	w.kept = !w.copying()
	for _, c := range w.chunks {
		c.drop()
	}
}
