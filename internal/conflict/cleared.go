package conflict

import "duplex/internal/change"

// Cleared takes in a statement that took all rows out of a table without a row
// event. What its author had seen is gone at both sites; what he had not seen
// stays at both.
//
// seen is nil for a statement of the site's own application: its earlier writes
// of the table are void, and whatever comes in finds nothing in its way. For one
// that the peer's author ran and that was run here after him, seen is what he had
// seen of this site: all later writes of the table are put back.
func (o *Observer) Cleared(table string, seen *change.Seqs) {
	for _, t := range o.tasks {
		if t.Key.Table == table && !t.over {
			t.over = true
			if o.due[t.hash] == t {
				delete(o.due, t.hash)
			}
		}
	}
	for _, e := range o.index.of(table) {
		if seen == nil || seen.Has(e.write.Seq) {
			o.index.remove(e)
			continue
		}
		l := e.local(o.cfg.Rules(table))
		if l.deleted() {
			continue
		}
		t := &Task{Key: e.key, hash: e.hash, Rule: o.cfg.Rules(table), Restore: true, Local: l.Write, silent: true}
		t.Local.After = change.CloneImage(l.After)
		o.due[t.hash] = t
		o.tasks = append(o.tasks, t)
	}
}

// of gives the entries in memory of a table.
func (x *Index) of(table string) []*entry {
	var out []*entry
	for n := x.hot.oldest; n != 0; n = x.hot.slot(n).newer {
		if e := x.hot.entry(n); e.key.Table == table {
			out = append(out, e)
		}
	}
	return out
}

func (x *Index) remove(e *entry) {
	x.hot.remove(x.hot.find(e.hash, e.key))
}
