package binlog

import (
	"strings"

	"duplex/internal/change"
	"duplex/internal/schema"
)

// Toward says how rows of the other site, which knows the statements of this
// site's log below seen, come into the layout of now: a table of this site. They
// may be of a definition that statements have changed here since. gone says that
// one of these has taken the table away, and what was in it. ok is false where
// the history knows no definition with the columns of rows.
func (h *History) Toward(rows *change.Table, seen uint64, now *schema.Table) (m *schema.Mapping, gone, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.tables[h.fold(schema.Name{Database: rows.Database, Name: rows.Name})]
	at := -1
	for i, v := range all {
		if v.From <= seen {
			at = i
		}
	}
	for at = max(at, 0); at < len(all); at++ {
		if all[at].Table != nil && sameNames(rows, all[at].Table) {
			m, gone = along(all[at:], now)
			return m, gone, true
		}
	}
	return nil, false, false
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
// layout of now.
func (h *History) current(of *change.Table, now *schema.Table) *schema.Mapping {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.tables[h.fold(schema.Name{Database: of.Database, Name: of.Name})]
	for i, v := range all {
		if v.definition != nil && v.table == of {
			m, _ := along(all[i:], now)
			return m.Unless(len(of.Columns))
		}
	}
	return nil
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
