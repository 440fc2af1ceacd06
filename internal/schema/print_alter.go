package schema

import (
	"slices"
	"strings"
)

// AlterSQL writes the ALTER TABLE that makes a table, as it was before, what it
// is after; none if nothing is to be done. For OceanBase, which refuses most
// changes of keys together with others (4179, 1235), they are several, each of
// which shows in the catalogue. origin has for each column of after its name in
// before, empty for a new one. Partitions are left as they are.
func AlterSQL(before, after *Table, origin []string, to Dialect) ([]string, error) {
	if before.Partition != after.Partition {
		return nil, refuse("it changes partitions, which is carried only as it was written, between servers of one kind")
	}
	p := after.printer(PrintOptions{Dialect: to})
	var unbound, dropped, columns, added, bound []string
	for _, f := range before.ForeignKeys {
		if !hasForeign(after, f.Name) {
			unbound = append(unbound, "DROP FOREIGN KEY "+Ident(f.Name))
		}
	}
	dropped, columns = dropKeys(before, after, origin)
	columns = slices.Concat(columns, dropColumns(before, origin), p.columns(before, after, origin))
	for i := range after.Keys {
		k := &after.Keys[i]
		switch j := before.key(k.Name); {
		case j >= 0 && before.renamedKey(j, after, origin).text() == k.text():
		case k.Kind == Primary:
			columns = append(columns, "ADD "+p.key(k))
		default:
			added = append(added, "ADD "+p.key(k))
		}
	}
	for _, f := range after.ForeignKeys {
		if !hasForeign(before, f.Name) {
			bound = append(bound, "ADD "+p.foreignKey(f))
		}
	}
	if before.Comment != after.Comment {
		columns = append(columns, "COMMENT="+Quote(after.Comment))
	}
	statements := [][]string{slices.Concat(unbound, dropped, columns, added, bound)}
	if to == OceanBase {
		statements = slices.Collect(slices.Chunk(unbound, 1))
		statements = append(statements, dropped, columns, added)
		statements = slices.AppendSeq(statements, slices.Chunk(bound, 1))
	}
	var out []string
	for _, parts := range statements {
		if len(parts) > 0 {
			out = append(out, "ALTER TABLE "+qualified(before.Database, before.Name)+" "+strings.Join(parts, ", "))
		}
	}
	return out, nil
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

// dropKeys writes which keys go; the primary one apart, since it goes together
// with what takes its place.
func dropKeys(before, after *Table, origin []string) (keys, primary []string) {
	for i := range before.Keys {
		k := before.renamedKey(i, after, origin)
		if j := after.key(k.Name); j >= 0 && after.Keys[j].text() == k.text() {
			continue
		}
		if k.Kind == Primary {
			primary = append(primary, "DROP PRIMARY KEY")
		} else {
			keys = append(keys, "DROP KEY "+Ident(k.Name))
		}
	}
	return keys, primary
}

// dropColumns writes which columns go.
func dropColumns(before *Table, origin []string) []string {
	var parts []string
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
