package schema

import "strings"

// AlterSQL writes the ALTER TABLE that makes a table, as it was before, what it
// is after; empty if nothing is to be done. origin has for each column of after
// its name in before, empty for a new one. Partitions are left as they are.
func AlterSQL(before, after *Table, origin []string, to Dialect) (string, error) {
	if before.Partition != after.Partition {
		return "", refuse("it changes partitions, which is carried only as it was written, between servers of one kind")
	}
	p := after.printer(PrintOptions{Dialect: to})
	var parts []string
	parts = append(parts, p.dropped(before, after, origin)...)
	parts = append(parts, p.columns(before, after, origin)...)
	for i := range after.Keys {
		k := &after.Keys[i]
		if j := before.key(k.Name); j < 0 || before.renamedKey(j, after, origin).text() != k.text() {
			parts = append(parts, "ADD "+p.key(k))
		}
	}
	for _, f := range after.ForeignKeys {
		if !hasForeign(before, f.Name) {
			parts = append(parts, "ADD "+p.foreignKey(f))
		}
	}
	if before.Comment != after.Comment {
		parts = append(parts, "COMMENT="+Quote(after.Comment))
	}
	if len(parts) == 0 {
		return "", nil
	}
	return "ALTER TABLE " + qualified(before.Database, before.Name) + " " + strings.Join(parts, ", "), nil
}

func hasForeign(t *Table, name string) bool {
	for _, f := range t.ForeignKeys {
		if strings.EqualFold(f.Name, name) {
			return true
		}
	}
	return false
}

// renamedKey is a key of t with its columns called as they are after.
func (t *Table) renamedKey(i int, after *Table, origin []string) *Key {
	k := t.Keys[i]
	k.Parts = append([]KeyPart(nil), k.Parts...)
	for j := range k.Parts {
		for n, o := range origin {
			if o != "" && strings.EqualFold(o, k.Parts[j].Column) {
				k.Parts[j].Column = after.Columns[n].Name
				break
			}
		}
	}
	return &k
}

// dropped writes what goes: foreign keys before the keys that they need.
func (p *printer) dropped(before, after *Table, origin []string) []string {
	var parts []string
	for _, f := range before.ForeignKeys {
		if !hasForeign(after, f.Name) {
			parts = append(parts, "DROP FOREIGN KEY "+Ident(f.Name))
		}
	}
	for i := range before.Keys {
		k := before.renamedKey(i, after, origin)
		if j := after.key(k.Name); j >= 0 && after.Keys[j].text() == k.text() {
			continue
		}
		if k.Kind == Primary {
			parts = append(parts, "DROP PRIMARY KEY")
		} else {
			parts = append(parts, "DROP KEY "+Ident(k.Name))
		}
	}
	for i := range before.Columns {
		gone := true
		for _, o := range origin {
			gone = gone && !strings.EqualFold(o, before.Columns[i].Name)
		}
		if gone {
			parts = append(parts, "DROP COLUMN "+Ident(before.Columns[i].Name))
		}
	}
	return parts
}

// columns writes what comes, moves or is otherwise than it was.
func (p *printer) columns(before, after *Table, origin []string) []string {
	var order []string // of the columns that stay, as they stand at this point
	for i := range before.Columns {
		for n, o := range origin {
			if strings.EqualFold(o, before.Columns[i].Name) {
				order = append(order, after.Columns[n].Name)
			}
		}
	}
	var parts []string
	for n := range after.Columns {
		c := &after.Columns[n]
		place := " FIRST"
		if n > 0 {
			place = " AFTER " + Ident(after.Columns[n-1].Name)
		}
		o := ""
		if n < len(origin) {
			o = origin[n]
		}
		if o == "" {
			parts = append(parts, "ADD COLUMN "+p.column(c)+place)
			order = append(order[:n:n], append([]string{c.Name}, order[n:]...)...)
			continue
		}
		was := before.Columns[before.Column(o)]
		moves := order[n] != c.Name
		if !moves && was.Name == c.Name && p.column(&was) == p.column(c) {
			continue
		}
		text := "CHANGE COLUMN " + Ident(was.Name) + " " + p.column(c)
		if moves {
			text += place
			for i, name := range order {
				if name == c.Name {
					order = append(order[:i:i], order[i+1:]...)
				}
			}
			order = append(order[:n:n], append([]string{c.Name}, order[n:]...)...)
		}
		parts = append(parts, text)
	}
	return parts
}
