package schema

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Partitioning says how the rows of a table, or the entries of a global
// index, are spread.
type Partitioning struct {
	Method      string // HASH, RANGE COLUMNS, …
	Operands    string // the columns or the expression, as SQL
	SubMethod   string // empty: there are no subpartitions
	SubOperands string
	Size        string // OceanBase splits partitions of RANGE that grow beyond it by itself: 128MB; empty: it does not
	Template    bool   // OceanBase: new partitions get subpartitions like those of the others
	Parts       []Partition
}

// A Partition is one partition or, without Subs, subpartition.
type Partition struct {
	Name    string
	Values  string // what stands in the brackets of LESS THAN or IN, as SQL; empty: none, as HASH and KEY have
	Comment string
	Subs    []Partition
}

// SQL writes the PARTITION BY clause for a server of the dialect. Partitions
// that bear the names which servers give are only counted.
func (p *Partitioning) SQL(to Dialect) string {
	own := to == OceanBase
	q := *p
	if !own {
		q.Size = ""
	}
	return q.sql(to, own && p.Template)
}

// spread is the clause with every subpartition spelled out: the same for a
// template and for what it stands for. Partitions that come by themselves are
// not part of it.
func (p *Partitioning) spread() string {
	if p == nil {
		return ""
	}
	q := *p
	if q.Size != "" {
		q.Parts = nil
	}
	if strings.HasPrefix(q.Method, "LIST") { // where the order says nothing
		q.Parts = slices.SortedFunc(slices.Values(q.Parts), func(a, b Partition) int { return strings.Compare(a.Name, b.Name) })
	}
	return q.sql("", false)
}

// text is the clause as people read it.
func (p *Partitioning) text() string {
	if p == nil {
		return ""
	}
	return p.SQL(OceanBase)
}

// bounded reports whether a row may have no place.
func (p *Partitioning) bounded() bool {
	return p != nil && (!counted(p.Method) || p.SubMethod != "" && !counted(p.SubMethod))
}

func (p *Partitioning) sql(to Dialect, template bool) string {
	out := "PARTITION BY " + p.Method + " (" + p.Operands + ")"
	if p.Size != "" {
		out += " SIZE(" + Quote(p.Size) + ")"
	}
	alike := p.SubMethod != "" // every partition has the subpartitions of the first, which are only counted
	if alike {
		out += " SUBPARTITION BY " + p.SubMethod + " (" + p.SubOperands + ")"
		alike = counted(p.SubMethod)
	}
	for _, q := range p.Parts {
		alike = alike && len(q.Subs) == len(p.Parts[0].Subs) && numbered(q.Subs, q.Name+"sp")
	}
	subs, templated := p.template()
	switch templated = templated && template && !alike; {
	case alike && len(p.Parts) > 0:
		out += " SUBPARTITIONS " + strconv.Itoa(len(p.Parts[0].Subs))
	case templated:
		out += " SUBPARTITION TEMPLATE (" + list(subs, "SUBPARTITION ", p.SubMethod, to) + ")"
	}
	alike = alike || templated || p.SubMethod == ""
	switch {
	case len(p.Parts) == 0:
		return out
	case alike && counted(p.Method) && numbered(p.Parts, "p"):
		return out + " PARTITIONS " + strconv.Itoa(len(p.Parts))
	}
	parts := p.Parts
	if alike {
		parts = slices.Clone(parts)
		for i := range parts {
			parts[i].Subs = nil
		}
	}
	out += " ("
	for i, q := range parts {
		if i > 0 {
			out += ", "
		}
		out += list(parts[i:i+1], "PARTITION ", p.Method, to)
		if len(q.Subs) > 0 {
			out += " (" + list(q.Subs, "SUBPARTITION ", p.SubMethod, to) + ")"
		}
	}
	return out + ")"
}

// template gives the subpartitions that all partitions have: OceanBase names
// one of a template after its partition, an s, and its name there.
func (p *Partitioning) template() ([]Partition, bool) {
	if p.SubMethod == "" || len(p.Parts) == 0 {
		return nil, false
	}
	var out []Partition
	for i, q := range p.Parts {
		if len(q.Subs) != len(p.Parts[0].Subs) {
			return nil, false
		}
		for n, sub := range q.Subs {
			name, ok := strings.CutPrefix(sub.Name, q.Name+"s")
			switch {
			case !ok:
				return nil, false
			case i == 0:
				out = append(out, Partition{Name: name, Values: sub.Values})
			case out[n].Name != name || out[n].Values != sub.Values:
				return nil, false
			}
		}
	}
	return out, true
}

func list(parts []Partition, word, method string, to Dialect) string {
	out := make([]string, 0, len(parts))
	for _, q := range parts {
		s := word + Ident(q.Name) + values(method, q.Values, to)
		if q.Comment != "" {
			s += " COMMENT = " + Quote(q.Comment)
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// counted reports whether partitions of the method have no values.
func counted(method string) bool {
	return strings.Contains(method, "HASH") || strings.Contains(method, "KEY")
}

func numbered(parts []Partition, prefix string) bool {
	for i, q := range parts {
		if q.Name != prefix+strconv.Itoa(i) || q.Comment != "" {
			return false
		}
	}
	return true
}

func values(method, text string, to Dialect) string {
	switch {
	case strings.Contains(method, "RANGE"):
		return " VALUES LESS THAN (" + text + ")"
	case strings.Contains(method, "LIST"):
		if to == MariaDB && strings.EqualFold(text, "DEFAULT") {
			return " DEFAULT"
		}
		return " VALUES IN (" + text + ")"
	}
	return ""
}

// Operands quotes the columns of a method that takes columns; the expression
// of another is left as it is.
func Operands(method, text string) string {
	if text == "" || !strings.Contains(method, "COLUMNS") && !strings.Contains(method, "KEY") {
		return text
	}
	columns := strings.Split(text, ",")
	for i, column := range columns {
		column = strings.TrimSpace(column)
		if !strings.HasPrefix(column, "`") {
			column = Ident(column)
		}
		columns[i] = column
	}
	return strings.Join(columns, ",")
}

// PartitionValues makes SQL of a partition's values as OceanBase prints them:
// strings as they are, neither quotes nor backslashes escaped. There a string
// ends at the quote before the end, before a comma and the next value, or
// before the bracket that closes a tuple.
func PartitionValues(text string) string {
	var out strings.Builder
	tuple := false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '(':
			tuple = true
		case ')':
			tuple = false
		case '\'':
			end := i + 1
			for end < len(text) && (text[end] != '\'' || !endsValue(text[end+1:], tuple)) {
				end++
			}
			out.WriteString(stringValue(text[i+1 : min(end, len(text))]))
			i = end
			continue
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// endsValue reports whether rest may stand behind a string.
func endsValue(rest string, tuple bool) bool {
	if tuple {
		if rest == ")" || strings.HasPrefix(rest, "),(") {
			return true
		}
	} else if rest == "" {
		return true
	}
	next, ok := strings.CutPrefix(rest, ",")
	next = strings.TrimLeft(next, " ")
	if !ok || next == "" {
		return false
	}
	for _, word := range []string{"MAXVALUE", "NULL", "DEFAULT"} {
		if strings.HasPrefix(next, word) {
			return true
		}
	}
	return strings.ContainsRune("'-0123456789", rune(next[0]))
}

// stringValue writes bytes as SQL, those that are no text in hexadecimal
// digits.
func stringValue(s string) string {
	if utf8.ValidString(s) {
		return Quote(s)
	}
	const digits = "0123456789abcdef"
	out := []byte("x'")
	for i := range len(s) {
		out = append(out, digits[s[i]>>4], digits[s[i]&15])
	}
	return string(append(out, '\''))
}

// PartitionColumns lists the columns, in the table's order, by whose values
// rows of the table, and their subpartitions, are told apart.
func (t *Table) PartitionColumns() []string {
	if t.Partition == nil {
		return nil
	}
	used := map[string]bool{}
	for _, text := range []string{t.Partition.Operands, t.Partition.SubOperands} {
		l := lexer{s: text}
		for w := l.next(); w.kind != tokenEnd; w = l.next() {
			used[strings.ToLower(w.text)] = used[strings.ToLower(w.text)] || w.kind == tokenWord || w.kind == tokenName
		}
	}
	var out []string
	for i := range t.Columns {
		if used[strings.ToLower(t.Columns[i].Name)] {
			out = append(out, t.Columns[i].Name)
		}
	}
	return out
}
