package schema

import (
	"fmt"
	"slices"

	"duplex/internal/change"
)

// evolveRename follows the renames from left to right.
func evolveRename(renames []Rename, before Tables) ([]Version, error) {
	now := map[Name]*Version{}
	var order []Name
	put := func(v *Version) {
		if now[v.Name] == nil {
			order = append(order, v.Name)
		}
		now[v.Name] = v
	}
	for _, r := range renames {
		from := now[r.From]
		if from == nil {
			t := before(r.From)
			if t == nil {
				return nil, fmt.Errorf("%w: there is no %s.%s", ErrUnclear, r.From.Database, r.From.Name)
			}
			from = &Version{Name: r.From, Was: r.From, Table: t, Origin: columnNames(t)}
		}
		if from.Table == nil {
			return nil, ErrUnclear
		}
		t := from.Table.clone()
		t.Database, t.Name = r.To.Database, r.To.Name
		put(&Version{Name: r.From})
		put(&Version{Name: r.To, Was: from.Was, Table: t, Origin: from.Origin})
	}
	out := make([]Version, len(order))
	for i, n := range order {
		out[i] = *now[n]
	}
	return out, nil
}

// Renamed reports whether the version is of a table that has got another name.
func (v *Version) Renamed() bool { return v.Table != nil && v.Was.Name != "" && v.Was != v.Name }

// TakesPlace reports whether a schema change tool's table has got the name of the one
// that it was made for, SetAside whether a table has got a name for such a tool to drop
// it under.
func (v *Version) TakesPlace() bool { return v.Renamed() && ghostOf(v.Was, v.Name) }

// SetAside is told with TakesPlace.
func (v *Version) SetAside() bool { return v.Renamed() && ghostOf(v.Name, v.Was) }

func ghostOf(ghost, table Name) bool {
	base, ok := change.Ghost(ghost.Name)
	return ok && base == table.Name && ghost.Database == table.Database
}

// Follow gives the name that a table has behind what statements have made of tables,
// in their order; false if it is no more.
func Follow(n Name, later []Placed) (now Name, ok bool) {
	for len(later) > 0 {
		end := 1
		for end < len(later) && later[end].From == later[0].From {
			end++
		}
		if n, ok = follow(n, later[:end]); !ok {
			return n, false
		}
		later = later[end:]
	}
	return n, true
}

// follow is Follow of one statement.
func follow(n Name, made []Placed) (now Name, ok bool) {
	for i := range made {
		if v := &made[i]; v.Renamed() && v.Was == n && !v.SetAside() {
			return v.Name, true
		}
	}
	i := slices.IndexFunc(made, func(v Placed) bool { return v.Name == n })
	return n, i < 0 || made[i].From == 0 || made[i].Table != nil && made[i].Was.Name != ""
}

// Referring adds to what a statement makes of tables what it makes of others, all
// that are there before it: a foreign key follows the table that it refers to.
func Referring(versions []Version, all []*Table) []Version {
	now := map[Name]Name{}
	for i := range versions {
		if v := &versions[i]; v.Renamed() {
			now[v.Was] = v.Name
		}
	}
	if len(now) == 0 {
		return versions
	}
	for i := range versions {
		if t := versions[i].Table; t != nil {
			t.refer(now)
		}
	}
	for _, t := range all {
		n := Name{t.Database, t.Name}
		if slices.ContainsFunc(versions, func(v Version) bool { return v.Name == n || v.Was == n }) {
			continue
		}
		if t = t.clone(); t.refer(now) {
			versions = append(versions, Version{Name: n, Was: n, Table: t, Origin: columnNames(t)})
		}
	}
	return versions
}

// refer makes foreign keys follow, and reports whether one did. The table's keys
// are its own.
func (t *Table) refer(now map[Name]Name) (changed bool) {
	for i := range t.ForeignKeys {
		f := &t.ForeignKeys[i]
		if to, ok := now[Name{f.RefDatabase, f.RefTable}]; ok {
			f.RefDatabase, f.RefTable, changed = to.Database, to.Name, true
		}
	}
	return changed
}
