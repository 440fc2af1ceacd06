package binlog

import (
	"cmp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"duplex/internal/change"
	"duplex/internal/schema"
)

// A table keeps its identity when it gets another name. Keys of rows bear it, in
// the marks of the log too, so that a row is the same row before and behind the
// statement. It is the name under which the table was first known here; where a
// table of that name bears another one by then, with the place in the carrying site's
// log from which on the newer one is there. It follows from the history alone, and so
// is the same whenever the log is read, and at both sites.

// quoted is a name as keys have it.
func quoted(n schema.Name) string {
	return string((&change.Table{Database: n.Database, Name: n.Name}).AppendName(nil))
}

// identify says which table v is; mu is held or nobody else has h.
func (h *History) identify(v *version) string {
	if v.Was.Name != "" {
		was := v.Was
		if v.TakesPlace() { // the copy by a tool for schema changes is the table that it was made for
			was = v.Name
		} else if v.SetAside() {
			return quoted(h.fold(v.Name))
		}
		if old := h.before(was, v.From); old != nil {
			return old.id
		}
	}
	id := quoted(h.fold(v.Name))
	for _, o := range h.lives[id] {
		if o.From < v.From && h.fold(o.Name) != h.fold(v.Name) {
			id += "@" + strconv.FormatUint(cmp.Or(v.Carried, v.From), 10)
			break
		}
	}
	for all := h.lives[id]; strings.Contains(id, "@") && len(all) > 0 && all[0].From < v.From; all = h.lives[id] {
		id += "'" // the places are those of two logs, if both sites have carried
	}
	return id
}

// before gives the newest definition of a name below a place; nil: there is none.
func (h *History) before(n schema.Name, from uint64) *version {
	for _, v := range slices.Backward(h.tables[h.fold(n)]) {
		if v.From < from && v.Table != nil {
			return v
		}
	}
	return nil
}

// live takes a version of a table into its life.
func (h *History) live(v *version) {
	v.id = h.identify(v)
	all := h.lives[v.id]
	i := sort.Search(len(all), func(i int) bool { return all[i].From > v.From })
	h.lives[v.id] = slices.Insert(all, i, v)
}

// since gives what the table of v was from there on, and nil at the end if it is
// no more; mu is held.
func (h *History) since(v *version) []*version {
	all := h.lives[v.id]
	i := slices.Index(all, v)
	if i < 0 {
		return nil
	}
	last := all[len(all)-1]
	if now := h.tables[h.fold(last.Name)]; now[len(now)-1].id != last.id {
		return append(slices.Clone(all[i:]), nil)
	}
	return slices.Clone(all[i:])
}

// Identity tells the table that has a name now as keys do, in a history that was
// read so far. One that is not known bears its name.
func (h *History) Identity(name schema.Name) string {
	return h.identity(name, ^uint64(0))
}

// Now gives what a table is by all that was read so far; nil if there is none.
func (h *History) Now(name schema.Name) *schema.Table { return h.At(name, ^uint64(0)) }

// identity is Identity at the place of the transaction seq.
func (h *History) identity(name schema.Name, seq uint64) string {
	if v := h.at(name, seq); v != nil && v.Table != nil {
		return v.id
	}
	return quoted(h.fold(name))
}

// identityOf is that of a table by one of its definitions.
func (h *History) identityOf(t *change.Table) string {
	n := schema.Name{Database: t.Database, Name: t.Name}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range h.tables[h.fold(n)] {
		if v.definition != nil && v.table == t {
			return v.id
		}
	}
	return quoted(n)
}

// Names gives the names that the table which has a name now has borne, as SQL has
// them, the newest first.
func (h *History) Names(name schema.Name) []string {
	id := h.Identity(name)
	out := []string{quoted(name)}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range slices.Backward(h.lives[id]) {
		if n := quoted(v.Name); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// GivenUp says which statement below seq has given the table of a name another one;
// false if none has since a table had it.
func (h *History) GivenUp(name schema.Name, seq uint64) (statement uint64, ok bool) {
	v := h.at(name, seq)
	if v == nil || v.Table != nil {
		return 0, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.before(name, v.From)
	if old == nil {
		return 0, false
	}
	moved := slices.ContainsFunc(h.lives[old.id], func(o *version) bool { return o.From == v.From })
	return v.From - 1, moved
}

// Followed says from which transaction of this site on its tables are as the
// peer's statement seq has made them; false where no link has run that here, or its
// echo was not read.
func (h *History) Followed(seq uint64) (from uint64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	from, ok = h.followed[seq]
	return from, ok
}

// Renames reports whether the statement seq, which this run was the first to
// read, gave tables or columns other names, or made a table under a name that
// another one has given up: what was read before it took them for others.
func (h *History) Renames(seq uint64) bool {
	h.mu.Lock()
	fresh := h.fresh[seq]
	h.mu.Unlock()
	if !fresh {
		return false
	}
	for _, v := range h.Changed(seq) {
		if v.Table == nil {
			continue
		}
		if v.Was.Name == "" && h.identity(v.Name, seq+1) != quoted(h.fold(v.Name)) {
			return true
		}
		if v.Renamed() && !v.TakesPlace() && !v.SetAside() {
			return true
		}
		for i, o := range v.Origin {
			if o != "" && !strings.EqualFold(o, v.Table.Columns[i].Name) {
				return true
			}
		}
	}
	return false
}
