package schema

import (
	"slices"
	"strings"

	"duplex/internal/change"
)

// find gives the place of a column, whose name the server finds in any case.
func (e *evolution) find(name string) int {
	return slices.IndexFunc(e.now.Columns, func(c Column) bool { return strings.EqualFold(c.Name, name) })
}

// column takes in a clause about a column.
func (e *evolution) column(c *Clause) error {
	at := e.find(c.Name)
	switch {
	case c.Maybe && (at >= 0) == (c.Action == AddColumn):
		return nil
	case (at >= 0) == (c.Action == AddColumn):
		return e.unclear(c)
	}
	switch c.Action {
	case AddColumn:
		return e.place(c, *c.Column, "", len(e.now.Columns))
	case ModifyColumn:
		old, origin := e.now.Columns[at], e.originOf(at)
		e.remove(at)
		if err := e.place(c, *c.Column, origin, at); err != nil {
			return err
		}
		e.renameParts(old.Name, c.To)
	case DropColumn:
		e.remove(at)
		e.dropParts(c.Name)
	case RenameColumn:
		old := e.now.Columns[at].Name
		e.now.Columns[at].Name = c.To
		e.renameParts(old, c.To)
	case SetDefault:
		e.setDefault(&e.now.Columns[at], c.To)
	}
	return nil
}

func (e *evolution) setDefault(col *Column, text string) {
	switch null := "NULL"; {
	case text == "":
		col.Default = nil
	case strings.EqualFold(text, "null"):
		col.Default = &null
	default:
		if content, ok := Unquote(text); ok {
			text = Quote(content)
		}
		col.Default = &text
	}
}

func (e *evolution) originOf(at int) string {
	if e.origin == nil {
		return ""
	}
	return e.origin[at]
}

func (e *evolution) remove(at int) {
	e.now.Columns = slices.Delete(e.now.Columns, at, at+1)
	if e.origin != nil {
		e.origin = slices.Delete(e.origin, at, at+1)
	}
}

// place puts a column in: first, behind another one, or at its place.
func (e *evolution) place(c *Clause, col Column, origin string, at int) error {
	switch {
	case c.First:
		at = 0
	case c.After != "":
		if at = e.find(c.After) + 1; at == 0 {
			return e.unclear(c)
		}
	}
	e.now.Columns = slices.Insert(e.now.Columns, at, col)
	if e.origin != nil {
		e.origin = slices.Insert(e.origin, at, origin)
	}
	for _, k := range c.Own {
		e.addKey(k)
	}
	return nil
}

func (e *evolution) addKey(k *Key) {
	if k.Kind == Primary {
		for _, p := range k.Parts {
			if i := e.find(p.Column); i >= 0 {
				e.now.Columns[i].Nullable = false
				if d := e.now.Columns[i].Default; d != nil && *d == "NULL" {
					e.now.Columns[i].Default = nil
				}
			}
		}
	}
	added := *k
	added.Parts = slices.Clone(k.Parts)
	e.now.Keys = append(e.now.Keys, added)
}

// dropKey takes out a key, or a constraint that may be one.
func (e *evolution) dropKey(c *Clause) {
	if i := e.now.key(c.Name); i >= 0 {
		e.now.Keys = slices.Delete(e.now.Keys, i, i+1)
		return
	}
	e.now.Checks = slices.DeleteFunc(e.now.Checks, func(k Check) bool { return strings.EqualFold(k.Name, c.Name) })
	e.now.ForeignKeys = slices.DeleteFunc(e.now.ForeignKeys, func(f ForeignKey) bool { return strings.EqualFold(f.Name, c.Name) })
}

func (e *evolution) renameParts(old, name string) {
	for i := range e.now.Keys {
		for j := range e.now.Keys[i].Parts {
			if p := &e.now.Keys[i].Parts[j]; strings.EqualFold(p.Column, old) {
				p.Column = name
			}
		}
	}
	for i := range e.now.ForeignKeys {
		columns := slices.Clone(e.now.ForeignKeys[i].Columns)
		for j := range columns {
			if strings.EqualFold(columns[j], old) {
				columns[j] = name
			}
		}
		e.now.ForeignKeys[i].Columns = columns
	}
}

// dropParts takes a column out of the keys; one without columns goes.
func (e *evolution) dropParts(name string) {
	for i := range e.now.Keys {
		e.now.Keys[i].Parts = slices.DeleteFunc(e.now.Keys[i].Parts, func(p KeyPart) bool { return strings.EqualFold(p.Column, name) })
	}
	e.now.Keys = slices.DeleteFunc(e.now.Keys, func(k Key) bool { return len(k.Parts) == 0 })
}

// sortKeys orders the keys as a catalogue does: the primary one first, then
// unique ones, each by name.
func (e *evolution) sortKeys() {
	rank := func(k Key) int {
		switch k.Kind {
		case Primary:
			return 0
		case Unique:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(e.now.Keys, func(a, b Key) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
}

// SameRows reports whether rows of both definitions are laid out alike, mean the
// same and are told apart by the same key.
func SameRows(a, b *Table) bool {
	if a == nil || b == nil {
		return a == b
	}
	same := func(x, y Column) bool {
		x.Charset, y.Charset = normalCharset(x.Charset), normalCharset(y.Charset)
		return strings.EqualFold(x.Name, y.Name) && x.Kind == y.Kind && x.Charset == y.Charset && x.Length == y.Length &&
			x.Scale == y.Scale && x.Generated == y.Generated && (x.Kind != change.Enum && x.Kind != change.Set || x.Type == y.Type)
	}
	if !slices.EqualFunc(a.Columns, b.Columns, same) {
		return false
	}
	x, y := a.Identity(), b.Identity()
	if x == nil || y == nil {
		return x == y
	}
	return slices.EqualFunc(x.Parts, y.Parts, func(p, q KeyPart) bool { return strings.EqualFold(p.Column, q.Column) })
}

// SameShape reports whether two tables, perhaps of different kinds of servers,
// have the same columns in the same order and the same keys.
func SameShape(a, b *Table) bool {
	column := func(x, y Column) bool { return strings.EqualFold(x.Name, y.Name) && x.Generated == y.Generated }
	key := func(t *Table) []string {
		var out []string
		for i := range t.Keys {
			if t.Keys[i].guards() {
				out = append(out, strings.ToLower(t.Keys[i].text()))
			}
		}
		slices.Sort(out)
		return out
	}
	return slices.EqualFunc(a.Columns, b.Columns, column) && slices.Equal(key(a), key(b))
}

// SameKeys reports whether two tables have the same keys under the same names.
func SameKeys(a, b *Table) bool {
	keys := func(t *Table) []string {
		out := make([]string, len(t.Keys))
		for i := range t.Keys {
			out[i] = strings.ToLower(t.Keys[i].Name + " " + t.Keys[i].text())
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(keys(a), keys(b))
}
