package binlog

import (
	"slices"
	"strings"

	"duplex/internal/change"
	"duplex/internal/schema"
)

// Toward says how rows of the other site, of a transaction with a stamp, come into
// the layout of now: a table of this site. They may be of a definition that
// statements have changed here since. gone says that one of these has taken the
// table away, and what was in it. m is nil where the history knows no definition
// with the columns of rows.
func (h *History) Toward(rows *change.Table, at *change.Stamp, now *schema.Table) (m *schema.Mapping, gone bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.tables[h.fold(schema.Name{Database: rows.Database, Name: rows.Name})]
	for len(all) > 1 && slices.ContainsFunc(all[1:], func(v *version) bool { return v.knownTo(at) }) {
		all = all[1:]
	}
	for i, v := range all { // the peer may have run a statement of ours and not have said so yet
		if v.Table != nil && sameNames(rows, v.Table) {
			return along(all[i:], now)
		}
	}
	for i, v := range all { // columns that one side lacks
		if v.Table != nil {
			_, gone = along(all[i:], now)
			break
		}
	}
	return nil, gone
}

// knownTo reports whether a transaction of the peer was committed behind the
// statement: its own log says so of the peer's statements, and of this site's what
// the peer had seen.
func (v *version) knownTo(at *change.Stamp) bool {
	if v.Carried > 0 {
		return v.Carried <= at.Seq
	}
	return v.From <= at.Seen.Low
}

// along maps from the first of versions to now.
func along(all []*version, now *schema.Table) (*schema.Mapping, bool) {
	later := make([]schema.Version, 0, len(all))
	for _, v := range all[1:] {
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
	for i, v := range all {
		if v.definition != nil && v.table == of {
			m, gone = along(all[i:], now)
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
	all := h.tables[h.fold(schema.Name{Database: now.Database, Name: now.Name})]
	for i := len(all) - 1; i >= 0; i-- {
		if t := all[i].Table; t != nil && len(t.Columns) == columns {
			m, _ := along(all[i:], now)
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

// Renames reports whether the statement seq, which this run was the first to
// read, gave columns other names: what was read before it took them for others.
func (h *History) Renames(seq uint64) bool {
	h.mu.Lock()
	fresh := h.fresh[seq]
	h.mu.Unlock()
	if !fresh {
		return false
	}
	for _, v := range h.Changed(seq) {
		for i, o := range v.Origin {
			if o != "" && !strings.EqualFold(o, v.Table.Columns[i].Name) {
				return true
			}
		}
	}
	return false
}

// Began reports whether a table of the name was there when the link began. One
// that is not known is made by a statement that was not read yet.
func (h *History) Began(name schema.Name) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.tables[h.fold(name)]
	return len(all) > 0 && all[0].From == 0
}
