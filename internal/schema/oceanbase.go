package schema

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Storage is how OceanBase keeps a table or, of ColumnGroup, an index. A part
// that the server does not tell is empty.
type Storage struct {
	Organization string // INDEX or HEAP
	Compression  string // the name of the method: zstd_1.3.8
	TableGroup   string
	ColumnGroup  string // what is in the brackets: all columns, each column
}

// Complete takes over from OceanBase's SHOW CREATE TABLE what the views of the
// catalogue tell wrong or not at all. The statement itself is not always valid,
// so nothing of it is copied that is not understood: what it has beyond that
// goes to Notes.
func (t *Table) Complete(statement string) {
	statement = strings.TrimSpace(statement)
	body, tail := statement, ""
	if i := strings.LastIndex(statement, "\n) "); i >= 0 {
		body, tail = statement[:i], statement[i+len("\n) "):]
	}
	lines := entries(body)
	t.completeDefaults(lines)
	t.completeKeys(lines)
	options, partitions, _ := strings.Cut(tail, "\n partition by ")
	t.completePartitions(partitions)
	if m := columnGroup.FindStringSubmatch(tail); m != nil {
		t.Storage.ColumnGroup = m[1]
	}
	t.completeOptions(options)
}

// entries cuts the part between the brackets into columns, keys and so on. Each
// begins with two spaces; a line that does not goes on with the one before.
func entries(body string) []string {
	var out []string
	for i, line := range strings.SplitAfter(body, "\n") {
		switch own := strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "   "); {
		case i == 0: // CREATE TABLE
		case own || len(out) == 0:
			out = append(out, line)
		default:
			out[len(out)-1] += line
		}
	}
	return out
}

// completeDefaults finds the defaults that are a call and not a text that looks
// like one.
func (t *Table) completeDefaults(entries []string) {
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Default == nil || !strings.HasPrefix(*c.Default, "'") {
			continue
		}
		content, _ := Unquote(*c.Default)
		at := slices.IndexFunc(entries, func(s string) bool { return strings.HasPrefix(s, "  "+Ident(c.Name)+" ") })
		if at >= 0 && strings.Contains(entries[at], " DEFAULT ("+content+")") {
			expression := "(" + content + ")"
			c.Default = &expression
		}
	}
}

// keyEntry is the definition of a key up to its columns; a multivalued one is
// an INDEX.
var keyEntry = regexp.MustCompile("^  (UNIQUE |FULLTEXT |SPATIAL |VECTOR )? ?(?:KEY|INDEX) `((?:[^`]|``)+)` \\(")

func (t *Table) completeKeys(entries []string) {
	type entry struct{ kind, text string }
	found := map[string]entry{} // the last of a name: one before may be part of a column's text
	for _, e := range entries {
		if m := keyEntry.FindStringSubmatchIndex(e); m != nil {
			kind := ""
			if m[2] >= 0 {
				kind = strings.TrimSpace(e[m[2]:m[3]])
			}
			found[strings.ReplaceAll(e[m[4]:m[5]], "``", "`")] = entry{kind, e[m[1]-1:]}
		}
	}
	var keys []Key
	for i := range t.Keys {
		k := &t.Keys[i]
		e, ok := found[k.Name]
		switch {
		case k.Kind == Primary || len(entries) == 0:
		case e.kind == "VECTOR":
			t.Notes = append(t.Notes, "vector index "+k.Name+" is not made on the other side")
			continue
		case !ok: // one of the tables behind a vector index
			continue
		default:
			t.completeKey(k, e.kind, e.text)
		}
		keys = append(keys, *k)
	}
	t.Keys = keys
}

// completeKey reads a key's definition from the bracket before its columns on.
func (t *Table) completeKey(k *Key, kind, text string) {
	switch kind {
	case "FULLTEXT":
		k.Kind = Fulltext
	case "SPATIAL":
		k.Kind = Spatial
	case "UNIQUE":
		k.Kind = Unique
	}
	l := lexer{s: text}
	l.next()
	columns := l.brackets()
	if slices.ContainsFunc(k.Parts, func(p KeyPart) bool { return p.Expression == "" && t.Column(p.Column) < 0 }) {
		k.Parts = statedParts(columns)
	}
	if k.Kind == Fulltext || k.Kind == Spatial {
		k.Options = ""
	}
	rest, partitions, partitioned := strings.Cut(text[l.at:], "\n partition by ")
	if m := columnGroup.FindStringSubmatch(strings.TrimRight(text[l.at:], ",\n ")); m != nil {
		k.ColumnGroup = m[1]
	}
	if partitioned {
		if k.Partition = parsePartitions(partitions); k.Partition == nil {
			t.Notes = append(t.Notes, "the partitions of index "+k.Name+" are not understood, and not made on the other side")
		}
	}
	k.completeOptions(rest)
}

// statedParts takes the columns of a key apart: `a`, `b`(10), (expression).
func statedParts(text string) []KeyPart {
	var out []KeyPart
	l := lexer{s: text}
	for w := l.next(); w.kind != tokenEnd; w = l.next() {
		switch {
		case w.kind == tokenName:
			out = append(out, KeyPart{Column: w.text})
		case w.punct('('):
			inner := l.brackets()
			if n, err := strconv.Atoi(inner); err == nil && len(out) > 0 {
				out[len(out)-1].Prefix = n
			} else {
				out = append(out, KeyPart{Expression: inner})
			}
		}
	}
	return out
}

// completeOptions reads what stands behind a key's columns.
func (k *Key) completeOptions(text string) {
	var out []string
	l := lexer{s: text}
	for w := l.next(); w.kind != tokenEnd; w = l.next() {
		switch {
		case w.is("GLOBAL"):
			out = append(out, "GLOBAL")
		case w.is("STORING"):
			l.next()
			var names []string
			for _, p := range statedParts(l.brackets()) {
				names = append(names, p.Column)
			}
			out = append(out, "STORING ("+idents(names)+")")
		case w.is("PARSER"):
			out = append(out, "WITH PARSER "+l.next().text)
		case w.is("PARSER_PROPERTIES"):
			l.next()
			l.next()
			out = append(out, "PARSER_PROPERTIES=("+l.brackets()+")")
		}
	}
	if k.Options != "" {
		out = append(out, k.Options)
	}
	k.Options = strings.Join(out, " ")
}

// brackets gives what is inside of the bracket that was just read, and goes
// behind its end.
func (l *lexer) brackets() string {
	start, depth := l.at, 1
	for w := l.next(); w.kind != tokenEnd; w = l.next() {
		switch {
		case w.punct('('):
			depth++
		case w.punct(')'):
			if depth--; depth == 0 {
				return l.s[start : l.at-1]
			}
		}
	}
	return l.s[start:]
}

var (
	columnGroup = regexp.MustCompile(`WITH COLUMN GROUP\(((?:all columns|each column|, )+)\)(?: |$)`)
	splitSize   = regexp.MustCompile(`^(range|range columns)\(([^\n]*)\) size \('([^'\n]*)'\)`)
)

// completePartitions reads the table's own clause, whose partitions a view has.
func (t *Table) completePartitions(text string) {
	if m := splitSize.FindStringSubmatch(text); m != nil {
		if t.Partition == nil {
			method := strings.ToUpper(m[1])
			t.Partition = &Partitioning{Method: method, Operands: Operands(method, m[2])}
		}
		t.Partition.Size = m[3]
	}
	if t.Partition != nil {
		t.Partition.Template = strings.Contains(text, " subpartition template (")
	}
}

// indexMethod is the head of an index's partition clause.
var indexMethod = regexp.MustCompile(`^(range columns|list columns|range|list|hash|key)\((.*)\)$`)

// parsePartitions reads the partition clause of an index, one partition a line,
// behind its first words; nil if it is not as expected.
func parsePartitions(text string) *Partitioning {
	head, rest, ok := strings.Cut(text, "\n(partition ")
	m := indexMethod.FindStringSubmatch(head)
	if !ok || m == nil {
		return nil
	}
	p := &Partitioning{Method: strings.ToUpper(m[1])}
	p.Operands = Operands(p.Method, m[2])
	items := strings.Split(rest, ",\npartition ")
	for i, item := range items {
		if !strings.HasPrefix(item, "`") {
			return nil
		}
		name, n := unquote(item)
		q := Partition{Name: name}
		item = item[n:]
		if !counted(p.Method) {
			end := ")"
			if i == len(items)-1 {
				end = "))"
			}
			_, item, ok = strings.Cut(item, "(")
			last := strings.LastIndex(item, end)
			if !ok || last < 0 {
				return nil
			}
			q.Values = PartitionValues(item[:last])
		}
		p.Parts = append(p.Parts, q)
	}
	return p
}

// kept are the options of a table that go with it to another tenant, and count
// when two are compared.
var kept = map[string]bool{
	"AUTO_INCREMENT_MODE": true, "AUTO_INCREMENT_CACHE_SIZE": true, "TABLE_MODE": true, "TTL": true, "KV_ATTRIBUTES": true,
	"LOB_INROW_THRESHOLD": true, "MERGE_ENGINE": true, "SEMISTRUCT_ENCODING_TYPE": true, "DYNAMIC_PARTITION_POLICY": true,
}

// left are those that do not go with it: a view has told them, or they are
// about the disks and the machines of a tenant, not about its rows.
var left = map[string]bool{
	"CHARSET": true, "COLLATE": true, "ROW_FORMAT": true, "COMMENT": true,
	"REPLICA_NUM": true, "BLOCK_SIZE": true, "USE_BLOOM_FILTER": true, "ENABLE_MACRO_BLOCK_BLOOM_FILTER": true, "TABLET_SIZE": true,
	"PCTFREE": true, "PROGRESSIVE_MERGE_NUM": true, "DUPLICATE_SCOPE": true, "DUPLICATE_READ_CONSISTENCY": true,
	"LOCALITY": true, "PRIMARY_ZONE": true, "EXPIRE_INFO": true, "MICRO_INDEX_CLUSTERED": true, "STORAGE_CACHE_POLICY": true,
}

// completeOptions reads what stands between the columns and the partitions.
func (t *Table) completeOptions(text string) {
	l := lexer{s: text}
	var out []string
	for w := l.next(); w.kind != tokenEnd; w = l.next() {
		name := strings.ToUpper(w.text)
		switch name {
		case "DEFAULT", "=", ",":
			continue
		case "ORGANIZATION":
			t.Storage.Organization = strings.ToUpper(l.next().text)
			continue
		case "PARALLEL":
			l.next()
			continue
		case "READ":
			l.next()
			t.Notes = append(t.Notes, "the table is READ ONLY here; the other side's is not, or no row could be written to it")
			continue
		case "ENABLE": // ROW MOVEMENT
			l.next()
			l.next()
			continue
		case "WITH": // COLUMN GROUP, read already
			for w = l.next(); w.kind == tokenWord; w = l.next() {
			}
			l.brackets()
			continue
		}
		content, value := l.value()
		switch {
		case name == "AUTO_INCREMENT":
			t.NextNumber, _ = strconv.ParseUint(content, 10, 64)
		case name == "COMPRESSION":
			t.Storage.Compression = content
		case name == "TABLEGROUP":
			t.Storage.TableGroup = content
		case kept[name]:
			out = append(out, name+" = "+value)
		case !left[name]:
			t.Notes = append(t.Notes, "table option "+name+" is not known, and not set on the other side")
		}
	}
	t.Options = strings.Join(out, " ")
	if p := t.Partition; p != nil && plainName.MatchString(p.Operands) && strings.Contains(t.Options, "DYNAMIC_PARTITION_POLICY") {
		p.Operands = strings.Trim(p.Operands, "`") // OceanBase takes the column of such a table in no other form
	}
}

// plainName is a quoted name that needs no quotes.
var plainName = regexp.MustCompile("^`[A-Za-z_][A-Za-z0-9_]*`$")

// value reads the value of an option: its content, and itself as SQL.
func (l *lexer) value() (content, sql string) {
	w := l.next()
	if w.punct('=') {
		w = l.next()
	}
	switch {
	case w.kind == tokenString:
		return w.text, Quote(w.text)
	case w.punct('('):
		inner := l.brackets()
		return inner, "(" + inner + ")"
	}
	return w.text, w.text
}
