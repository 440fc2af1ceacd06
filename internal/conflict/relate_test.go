package conflict_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// A person has a name, unique, and a boss, by name; either may be 0 for NULL.
func person(name, boss int64) []change.Value { return row(name, boss) }

func named(prefix string, v change.Value) []conflict.Claim {
	if v.Bits == 0 {
		return nil
	}
	return []conflict.Claim{conflict.Claim(prefix + string(rune('0'+v.Bits)))}
}

// column gives the value of a column as a claim.
func column(prefix string, i int) func(conflict.Key, []change.Value) []conflict.Claim {
	return func(_ conflict.Key, row []change.Value) []conflict.Claim {
		if row == nil {
			return nil
		}
		return named(prefix, row[i])
	}
}

// A staff is a table with its parked rows.
type staff struct {
	table  map[string][]change.Value
	parked map[string]*conflict.Parked
}

func (s *staff) claimant(id string) conflict.Claimant {
	c := conflict.Claimant{Key: conflict.Key{Table: "staff", ID: id}, Table: s.table[id], Parked: s.parked[id]}
	if c.Parked != nil {
		c.Order, c.Known = c.Parked.Order, true
	}
	return c
}

// write puts a row in place, and gives the moves.
func (s *staff) write(id string, after []change.Value, version int64) []conflict.Move {
	names, gives, needs := column("", 0), column(">", 0), column(">", 1)
	p := conflict.NewPlacement(names)
	p.Relations(needs, gives)
	p.Write(s.claimant(id), after, conflict.Order{Version: version})
	for {
		want, needed := p.Next(), p.Needers()
		if len(want)+len(needed) == 0 {
			break
		}
		ids := map[string]bool{}
		look := func(id string, row []change.Value) {
			for _, v := range want {
				ids[id] = ids[id] || has(names(conflict.Key{}, row), v) || has(gives(conflict.Key{}, row), v)
			}
			for _, v := range needed {
				ids[id] = ids[id] || has(needs(conflict.Key{}, row), v)
			}
		}
		for id, row := range s.table {
			look(id, row)
		}
		for id, q := range s.parked {
			look(id, q.Row)
		}
		for id, asked := range ids {
			if asked {
				p.Add(s.claimant(id))
			}
		}
	}
	moves := p.Moves()
	for _, m := range moves {
		if m.Delete {
			delete(s.table, m.Key.ID)
		}
		if m.Put != nil {
			s.table[m.Key.ID] = m.Put
		}
		if m.Park != nil {
			s.parked[m.Key.ID] = m.Park
		}
		if m.Unpark {
			delete(s.parked, m.Key.ID)
		}
	}
	return moves
}

func has(all []conflict.Claim, v conflict.Claim) bool {
	for _, x := range all {
		if x == v {
			return true
		}
	}
	return false
}

func ids(moves []conflict.Move) (out string) {
	for _, m := range moves {
		out += m.Key.ID
	}
	return out
}

// TestRelations: who loses its boss waits, with all below, and comes back.
func TestRelations(t *testing.T) {
	s := &staff{map[string][]change.Value{"d": person(1, 0), "c": person(2, 1), "b": person(3, 2), "x": person(7, 0)}, map[string]*conflict.Parked{}}
	require.Equal(t, "dcb", ids(s.write("d", nil, 10)), "parents before children: deletes go from the last to the first")
	require.Len(t, s.table, 1)
	require.Len(t, s.parked, 2)

	require.Equal(t, "acb", ids(s.write("a", person(1, 0), 11)), "another of that name will do")
	require.Len(t, s.table, 4)
	require.Empty(t, s.parked)

	require.Equal(t, "a", ids(s.write("a", person(1, 7), 12)), "who keeps its name concerns nobody")
	require.Equal(t, "exacb", ids(s.write("e", person(7, 9), 13)), "a newer one takes the name, and has itself no boss")
	require.Empty(t, s.table)
	require.Len(t, s.parked, 5)
	s.write("e", nil, 14)
	require.Len(t, s.table, 4)
}

// TestRelationsCircle: rows that need only each other are in together.
func TestRelationsCircle(t *testing.T) {
	s := &staff{map[string][]change.Value{}, map[string]*conflict.Parked{}}
	s.write("a", person(1, 2), 1)
	s.write("b", person(2, 3), 2)
	require.Len(t, s.parked, 2)
	s.write("c", person(3, 1), 3)
	require.Len(t, s.table, 3)
	s.write("d", person(4, 4), 4)
	require.Len(t, s.table, 4, "its own boss")
	s.write("b", nil, 5)
	require.Len(t, s.table, 1)
	require.Len(t, s.parked, 2)
}
