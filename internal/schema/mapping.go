package schema

import (
	"slices"
	"strings"

	"duplex/internal/change"
)

// A Mapping brings row images of one definition of a table into the layout of a
// later one. nil is the mapping of what needs none.
type Mapping struct {
	from []int          // for each column its place before; -1: it came later
	fill []change.Value // what a column that came later held at first
	left []bool         // a column that came later, with a value that nobody here knows
}

// MapAlong follows the columns of the first table through what statements have
// made of it. gone says that one of them has taken the table away with its rows.
// Last is the definition whose layout is wanted, by the names of the last
// version's columns; nil: the last version itself.
func MapAlong(first *Table, later []Version, last *Table) (m *Mapping, gone bool) {
	m = &Mapping{}
	for i := range first.Columns {
		m.from = append(m.from, i)
		m.fill, m.left = append(m.fill, change.Value{}), append(m.left, false)
	}
	now := first
	for i := range later {
		v := &later[i]
		if v.Table == nil || v.Origin == nil {
			return nil, true
		}
		m = m.step(now, v.Table, v.Origin)
		now = v.Table
	}
	if last != nil {
		origin := make([]string, len(last.Columns))
		for i := range last.Columns {
			if now.Column(last.Columns[i].Name) >= 0 {
				origin[i] = last.Columns[i].Name
			}
		}
		m = m.step(now, last, origin)
	}
	return m, false
}

// step adds one change of definition.
func (m *Mapping) step(before, after *Table, origin []string) *Mapping {
	out := &Mapping{}
	for i := range after.Columns {
		at := -1
		if i < len(origin) && origin[i] != "" {
			at = slices.IndexFunc(before.Columns, func(c Column) bool { return strings.EqualFold(c.Name, origin[i]) })
		}
		if at < 0 {
			fill, known := after.Columns[i].Given()
			out.from, out.fill, out.left = append(out.from, -1), append(out.fill, fill), append(out.left, !known)
			continue
		}
		out.from, out.fill, out.left = append(out.from, m.from[at]), append(out.fill, m.fill[at]), append(out.left, m.left[at])
	}
	return out
}

// Unless gives nil in place of a mapping that leaves images of so many columns as
// they are.
func (m *Mapping) Unless(columns int) *Mapping {
	if m != nil && m.plain(columns) {
		return nil
	}
	return m
}

func (m *Mapping) plain(columns int) bool {
	for i, at := range m.from {
		if at != i {
			return false
		}
	}
	return len(m.from) == columns
}

// Image brings an image over; nil, no row, stays nil.
func (m *Mapping) Image(in []change.Value) []change.Value {
	if m == nil || in == nil {
		return in
	}
	out := make([]change.Value, len(m.from))
	for i, at := range m.from {
		if at >= 0 {
			out[i] = in[at]
		} else {
			out[i] = m.fill[i]
		}
	}
	return out
}

// Source says where column i comes from: its place before, -1 for one that came
// later and held fill at first; known is false where nobody here knows what it held.
func (m *Mapping) Source(i int) (at int, fill change.Value, known bool) {
	return m.from[i], m.fill[i], m.from[i] >= 0 || !m.left[i]
}
