package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
)

// Tables that get other names. A key bears the table itself, whatever it is called,
// as in the product; what is tried here is that who applies goes by names as its
// site's reader has told them last, while they may be others' by now.

// naming is what tables are called: names by table. One that has none is not there.
type naming map[string]string

// names are what the tables of a world are called at first.
func (w *world) names() naming {
	out := naming{}
	for _, t := range w.Tables {
		if !t.Spare {
			out[t.Name] = t.Name
		}
	}
	return out
}

// of gives the table of a name; empty: there is none.
func (n naming) of(name string) string {
	for table, x := range n {
		if x == name && name != "" {
			return table
		}
	}
	return ""
}

// there reports whether the site has a table now.
func (s *site) there(table string) bool { return s.names[table] != "" }

// rename runs a statement of the application that gives tables other names: two
// exchange theirs, or one gets a new one and another is made under the old one. It
// waits for who has rows of them locked.
func (s *site) rename(dice *rand.Rand) {
	tables := slices.Sorted(maps.Keys(s.names))
	a, b := tables[dice.IntN(len(tables))], tables[dice.IntN(len(tables))]
	now := maps.Clone(s.names)
	spare := slices.IndexFunc(s.w.Tables, func(t Table) bool { return !s.there(t.Name) })
	switch {
	case dice.IntN(2) == 0 && spare >= 0:
		b = a
		now[s.w.Tables[spare].Name], now[a] = now[a], fmt.Sprintf("new%d", s.locals)
	case a != b:
		now[a], now[b] = now[b], now[a]
	default:
		now[a] = fmt.Sprintf("new%d", s.locals)
	}
	for _, x := range s.works {
		for _, c := range x.cases {
			if c.Key.Table == a || c.Key.Table == b {
				return
			}
		}
	}
	s.clock += int64(dice.IntN(4)) - 1
	s.log = append(s.log, &record{local: true, committed: s.clock, id: s.locals, names: now})
	s.w.say("site %d local transaction %d at %d: tables are called %v", s.id, s.locals, s.clock, now)
	s.locals++
	s.names = now
}

// learns takes in what tables are called behind a statement of the log. A run that
// meets one for the first time ends, and the next one goes by it.
func (s *site) learns(r *record) {
	if r.names != nil && s.at > s.learned {
		s.learned, s.known, s.w.ending = s.at, r.names, true
	}
}

// said is what the peer is to call tables after a transaction: it follows those of
// one site.
func (s *site) said(r *record) naming {
	if s.id > 0 {
		return nil
	}
	return r.names
}

// written gives the table that a transaction for a table writes: the one that has
// the name now by which the site's reader has told it last.
func (s *site) written(table string) string { return s.names.of(s.known[table]) }

// proved reports whether a transaction writes the tables that it is for. If not, the
// reader comes to the statement, and the run ends.
func (s *site) proved(t *txn) bool {
	for i := range t.rows {
		key := &t.rows[i].key
		switch now := s.written(key.Table); {
		case now == key.Table:
			continue
		case now != "" && s.w.Without&Proved != 0:
			continue
		}
		s.readAll()
		return false
	}
	return true
}

// misled gives the rows of a transaction as they are written where names are not
// proved.
func (s *site) misled(rows []rowChange) []rowChange {
	if s.w.Without&Proved == 0 {
		return rows
	}
	out := slices.Clone(rows)
	for i := range out {
		out[i].key.Table = s.written(out[i].key.Table)
	}
	return out
}

// renamed follows a statement of the peer, which goes alone.
func (s *site) renamed(t *txn) {
	if t.names == nil {
		return
	}
	s.names = t.names
	s.log = append(s.log, &record{local: true, committed: s.clock, id: s.locals, names: t.names})
	s.locals++
	s.w.ending = true
	s.w.say("site %d: tables are called %v", s.id, t.names)
}

// next ends a run that has met a statement, and begins the next one.
func (w *world) next() {
	if !w.ending {
		return
	}
	w.ending = false
	for _, s := range w.sites {
		s.restart()
	}
}

// alone reports whether a transaction waits for all before it, and all behind wait
// for it.
func (t *txn) alone() bool { return t.empties != "" || t.names != nil }
