package binlog

import (
	"slices"
	"strings"

	"duplex/internal/change"
	"duplex/internal/schema"
)

// Toward says how rows of the other site, of a transaction with a stamp, come into
// the layout of now: a table of this site, the one that Named names. They may be of a
// definition that statements have changed here since. gone says that one of these has
// taken the table away, and what was in it. m is nil where the history knows no
// definition with the columns of rows. said is Followed of the other site.
func (h *History) Toward(rows *change.Table, at *change.Stamp, said Said, now *schema.Table) (m *schema.Mapping, gone bool) {
	all, told := h.life(rows, at, said)
	if len(all) == 0 {
		return nil, false
	}
	if m, gone = along(all, now); !told { // columns that one side lacks
		return nil, gone
	}
	return m, gone
}

// Said says from which of its transactions on a site has followed a statement of
// the other one.
type Said func(seq uint64) (from uint64, ok bool)

// Named gives the name that the table of such rows has here now, or had at last.
func (h *History) Named(rows *change.Table, at *change.Stamp, said Said) schema.Name {
	all, _ := h.life(rows, at, said)
	for _, v := range slices.Backward(all) {
		if v != nil {
			return v.Name
		}
	}
	return schema.Name{Database: rows.Database, Name: rows.Name}
}

// life gives what the table of such rows was from when they were written on. told
// says that the columns are known.
func (h *History) life(rows *change.Table, at *change.Stamp, said Said) (life []*version, told bool) {
	h.mu.Lock()
	all := slices.Clone(h.tables[h.fold(schema.Name{Database: rows.Database, Name: rows.Name})])
	h.mu.Unlock()
	for len(all) > 1 && slices.ContainsFunc(all[1:], func(v *version) bool { return v.knownTo(at, said) }) {
		all = all[1:]
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range all { // the peer may have run a statement of ours and not have said so yet
		if v.Table != nil && sameNames(rows, v.Table) {
			return h.since(v), true
		}
	}
	for _, v := range all {
		if v.Table != nil {
			return h.since(v), false
		}
	}
	return nil, false
}

// knownTo reports whether a transaction of the peer was committed behind the
// statement: its own log says so, of the peer's statements and of those that the
// peer has followed; of others what the peer had seen.
func (v *version) knownTo(at *change.Stamp, said Said) bool {
	if v.Carried > 0 {
		return v.Carried <= at.Seq
	}
	if v.From > 0 && said != nil {
		if from, ok := said(v.From - 1); ok {
			return from <= at.Seq
		}
	}
	return v.From <= at.Seen.Low
}

// along maps from the first of versions to now.
func along(all []*version, now *schema.Table) (*schema.Mapping, bool) {
	later := make([]schema.Version, 0, len(all))
	for _, v := range all[1:] {
		if v == nil {
			return nil, true
		}
		later = append(later, v.Version)
	}
	return schema.MapAlong(all[0].Table, later, now)
}

func sameNames(a *change.Table, b *schema.Table) bool {
	if len(a.Columns) != len(b.Columns) {
		return false
	}
	for i := range a.Columns {
		if !strings.EqualFold(a.Columns[i].Name, b.Columns[i].Name) {
			return false
		}
	}
	return true
}

// current says how images of a definition of this site's own log come into the
// layout of now. gone says that a statement has taken the table away since, and
// what was in it.
func (h *History) current(of *change.Table, now *schema.Table) (m *schema.Mapping, gone bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.tables[h.fold(schema.Name{Database: of.Database, Name: of.Name})]
	for _, v := range all {
		if v.definition != nil && v.table == of {
			m, gone = along(h.since(v), now)
			return m.Unless(len(of.Columns)), gone
		}
	}
	return nil, false
}

// counted is current for images of which nothing is known but how many columns
// they have: the newest definition with so many is taken.
func (h *History) counted(columns int, now *schema.Table) *schema.Mapping {
	if columns == len(now.Columns) {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	named := h.tables[h.fold(schema.Name{Database: now.Database, Name: now.Name})]
	if len(named) == 0 {
		return nil
	}
	for _, v := range slices.Backward(h.lives[named[len(named)-1].id]) {
		if len(v.Table.Columns) == columns {
			m, _ := along(h.since(v), now)
			return m
		}
	}
	return nil
}

// Counted brings an image of which nothing is known but how many columns it has
// into the layout of now.
func (h *History) Counted(image []change.Value, now *schema.Table) []change.Value {
	return h.counted(len(image), now).Image(image)
}

// Began reports whether a table of the name was there when the link began. One
// that is not known is made by a statement that was not read yet.
func (h *History) Began(name schema.Name) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.tables[h.fold(name)]
	return len(all) > 0 && all[0].From == 0
}
