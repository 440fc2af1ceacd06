package schema

import "fmt"

// Uncountable says why equal rows of a table without a key cannot be counted: a
// column whose values a server does not compare bit for bit. It is empty where
// they can.
func (t *Table) Uncountable() string {
	for i := range t.Columns {
		c := &t.Columns[i]
		if !c.Generated && !c.Comparable() {
			return fmt.Sprintf("rows without a key are told apart by all their columns, and column %s is a %s, which servers do not compare exactly", c.Name, c.Type)
		}
	}
	return ""
}

// Keyless reports whether nothing tells two equal rows apart.
func (t *Table) Keyless() bool { return t.Identity() == nil }
