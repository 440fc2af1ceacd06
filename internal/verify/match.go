package verify

import (
	"fmt"
	"slices"
	"strings"

	"duplex/internal/change"
	"duplex/internal/schema"
)

// columns is how the columns of two tables correspond: a[i] of one is b[i] of
// the other, in the order of A.
type columns struct {
	a, b  []int
	key   []int // places in a and b
	whole bool  // there is no key, and equal rows are counted
}

// match lets the columns of two tables find each other by name. reason says
// why the tables cannot be compared, or is empty. A generated column that only
// one side has is left out.
func match(a, b *schema.Table) (m *columns, reason string) {
	m = &columns{}
	for i := range a.Columns {
		ca := &a.Columns[i]
		j := slices.IndexFunc(b.Columns, func(c schema.Column) bool { return strings.EqualFold(c.Name, ca.Name) })
		if j < 0 {
			if ca.Generated {
				continue
			}
			return nil, fmt.Sprintf("column %s exists on one side only", ca.Name)
		}
		if why := unlike(ca, &b.Columns[j]); why != "" {
			return nil, fmt.Sprintf("column %s %s", ca.Name, why)
		}
		m.a, m.b = append(m.a, i), append(m.b, j)
	}
	for j := range b.Columns {
		if !b.Columns[j].Generated && !slices.Contains(m.b, j) {
			return nil, fmt.Sprintf("column %s exists on one side only", b.Columns[j].Name)
		}
	}
	return m, m.matchKeys(a, b)
}

// matchKeys finds the identity; it has to be of the same columns.
func (m *columns) matchKeys(a, b *schema.Table) (reason string) {
	if a.Keyless() || b.Keyless() {
		return m.matchWhole(a, b)
	}
	ka, kb := a.Change().Key, b.Change().Key
	for _, i := range ka {
		at := slices.Index(m.a, i)
		if at < 0 || !slices.Contains(kb, m.b[at]) {
			return fmt.Sprintf("column %s belongs to the key on one side only", a.Columns[i].Name)
		}
		m.key = append(m.key, at)
	}
	if len(ka) != len(kb) {
		return "the key has more columns on one side"
	}
	return ""
}

// matchWhole makes all columns the identity.
func (m *columns) matchWhole(a, b *schema.Table) (reason string) {
	if a.Keyless() != b.Keyless() {
		return "the table has a key on one side only"
	}
	if why := a.Uncountable(); why != "" {
		return why
	}
	m.whole = true
	for i := range m.a {
		m.key = append(m.key, i)
	}
	return ""
}

// unlike says why values of two columns cannot be compared, or nothing.
func unlike(a, b *schema.Column) string {
	labels := a.Kind == change.Enum || a.Kind == change.Set
	padded := a.Kind == change.Binary || a.Kind == change.Fixed
	switch {
	case a.Kind != b.Kind,
		labels && a.Type != b.Type,
		a.Kind == change.Decimal && a.Scale != b.Scale,
		padded && a.Length != b.Length:
		return fmt.Sprintf("is %s on one side and %s on the other", a.Type, b.Type)
	case charset(a) != charset(b):
		return fmt.Sprintf("has character set %s on one side and %s on the other", a.Charset, b.Charset)
	}
	return ""
}

// charset gives sets whose texts have the same bytes the same name.
func charset(c *schema.Column) string {
	switch {
	case c.Kind != change.Text:
		return ""
	case c.Charset == "utf8" || c.Charset == "utf8mb3":
		return "utf8mb4"
	}
	return c.Charset
}
