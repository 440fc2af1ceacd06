package schema

import (
	"strconv"
	"strings"

	"duplex/internal/change"
)

// constraint reads what may follow ADD, or be a line of CREATE TABLE, and is no
// column; false: it is none of these.
func (r *clauseReader) constraint() (Clause, bool) {
	symbol := ""
	start := r.at
	if r.accept("CONSTRAINT") {
		if !r.tok().isAny("PRIMARY", "UNIQUE", "FOREIGN", "CHECK") {
			r.maybe()
			symbol = r.name()
		}
	}
	kind := Plain
	switch {
	case r.accept("PRIMARY"):
		r.accept("KEY")
		kind = Primary
	case r.accept("UNIQUE"):
		r.accept("INDEX", "KEY")
		kind = Unique
	case r.accept("FULLTEXT"):
		r.accept("INDEX", "KEY")
		kind = Fulltext
	case r.accept("SPATIAL"):
		r.accept("INDEX", "KEY")
		kind = Spatial
	case r.tok().isAny("INDEX", "KEY") && !r.columnNamed():
		r.at++
	case r.accept("FOREIGN"):
		return r.foreignKey(symbol), true
	case r.tok().is("CHECK"):
		r.at++
		expression := textOf(r.brackets())
		r.rest()
		return Clause{Action: AddCheck, Vague: true, Name: symbol, check: &Check{Name: symbol, Expression: expression}}, true
	case r.tok().is("LIKE"):
		r.rest()
		return Clause{Action: Unknown}, true
	default:
		r.at = start
		return Clause{}, false
	}
	return r.key(kind, symbol), true
}

// columnNamed reports whether INDEX or KEY is the name of a column: a type
// follows it.
func (r *clauseReader) columnNamed() bool {
	if r.at+1 >= len(r.tokens) {
		return false
	}
	next := r.tokens[r.at+1]
	if next.kind != tokenWord || !knownType(next.text) {
		return false
	}
	bracket := r.at+2 < len(r.tokens) && r.tokens[r.at+2].punct('(')
	return !bracket || sized(next.text)
}

func sized(typ string) bool {
	return ParseType(typ, MySQL).Name == strings.ToLower(typ)
}

// key reads [name] [USING x] (columns) options.
func (r *clauseReader) key(kind KeyKind, symbol string) Clause {
	k := &Key{Kind: kind}
	c := Clause{Action: AddKey, Key: k, Maybe: r.maybe()}
	if kind == Primary {
		k.Name = "PRIMARY"
		r.maybeName()
	} else if k.Name = r.maybeName(); k.Name == "" {
		k.Name = symbol
	}
	if r.accept("USING") {
		r.name()
		c.Vague = true
	}
	k.Parts = keyParts(r.brackets())
	for !r.done() {
		switch {
		case r.accept("COMMENT"):
			k.Comment = r.name()
		default:
			c.Vague = true
			r.at++
		}
	}
	if k.Name == "" && len(k.Parts) > 0 {
		k.Name = r.freeName(k.Parts[0].Column)
	}
	c.Name = k.Name
	c.Lost = len(k.Parts) == 0
	return c
}

// maybeName reads the name of a key, unless USING or the columns come.
func (r *clauseReader) maybeName() string {
	if r.tok().is("USING") || r.tok().punct('(') {
		return ""
	}
	return r.name()
}

// freeName is the name that the server gives to a key without one.
func (r *clauseReader) freeName(column string) string {
	if r.table == nil {
		return column
	}
	name := column
	for n := 2; r.table.key(name) >= 0; n++ {
		name = column + "_" + strconv.Itoa(n)
	}
	return name
}

// key finds a key by its name, -1 if there is none.
func (t *Table) key(name string) int {
	for i := range t.Keys {
		if strings.EqualFold(t.Keys[i].Name, name) {
			return i
		}
	}
	return -1
}

// keyParts reads a list of columns.
func keyParts(tokens []token) []KeyPart {
	var out []KeyPart
	for _, part := range split(tokens, ',') {
		r := &clauseReader{tokens: part}
		var p KeyPart
		if r.tok().punct('(') {
			p.Expression = textOf(r.brackets())
		} else {
			p.Column = r.name()
			if in := r.brackets(); len(in) == 1 {
				p.Prefix, _ = strconv.Atoi(in[0].text)
			} else if in != nil { // a function of the column
				p = KeyPart{Expression: textOf(part)}
			}
		}
		p.Descending = r.accept("DESC")
		out = append(out, p)
	}
	return out
}

func (r *clauseReader) foreignKey(symbol string) Clause {
	r.accept("KEY")
	f := &ForeignKey{Name: symbol}
	c := Clause{Action: AddForeignKey, Name: symbol, Vague: true, fk: f}
	r.maybe()
	if n := r.maybeName(); n != "" && symbol == "" {
		f.Name = n
	}
	for _, p := range keyParts(r.brackets()) {
		f.Columns = append(f.Columns, p.Column)
	}
	if r.accept("REFERENCES") {
		r.reference(f)
	}
	r.rest()
	return c
}

func (r *clauseReader) reference(f *ForeignKey) {
	if r.table != nil {
		f.RefDatabase = r.table.Database
	}
	f.RefTable = r.name()
	if r.punct('.') {
		f.RefDatabase, f.RefTable = f.RefTable, r.name()
	}
	for _, p := range keyParts(r.brackets()) {
		f.RefColumns = append(f.RefColumns, p.Column)
	}
}

// textOf writes tokens as they were, one space between them.
func textOf(tokens []token) string {
	parts := make([]string, len(tokens))
	for i, t := range tokens {
		parts[i] = t.raw
	}
	return strings.Join(parts, " ")
}

// columnClause reads a column's definition behind its name.
func (r *clauseReader) columnClause(a Action, name, to string) Clause {
	c := Clause{Action: a, Name: name, To: to, Column: &Column{Nullable: true}}
	c.Column.Name = to
	r.columnType(&c)
	for !r.done() {
		r.attribute(&c)
	}
	finishColumn(&c)
	return c
}

// finishColumn sets what follows from the attributes.
func finishColumn(c *Clause) {
	col := c.Column
	for _, k := range c.Own {
		if k.Kind == Primary {
			col.Nullable = false
		}
	}
	if col.Default == nil && col.Nullable && !col.Generated && col.Kind != change.Timestamp {
		null := "NULL"
		col.Default = &null
	}
	if col.Kind == change.Timestamp && col.Default == nil { // what that means is a setting's business
		c.Vague = true
	}
}

// attribute reads one word, or what belongs together, behind a column's type.
func (r *clauseReader) attribute(c *Clause) {
	col := c.Column
	switch {
	case r.accept("NOT"):
		r.accept("NULL")
		col.Nullable = false
	case r.accept("NULL"):
	case r.accept("DEFAULT"):
		text := r.expression()
		col.Default = &text
		c.Vague = c.Vague || !literal(text)
	case r.accept("ON"):
		r.accept("UPDATE")
		col.OnUpdate = strings.ToLower(r.expression())
	case r.accept("AUTO_INCREMENT"):
		col.AutoIncrement, col.Nullable = true, false
	case r.accept("UNIQUE"):
		r.accept("KEY")
		c.Own = append(c.Own, &Key{Name: r.freeName(col.Name), Kind: Unique, Parts: []KeyPart{{Column: col.Name}}})
	case r.tok().isAny("PRIMARY", "KEY"):
		r.accept("PRIMARY")
		r.accept("KEY")
		c.Own = append(c.Own, &Key{Name: "PRIMARY", Kind: Primary, Parts: []KeyPart{{Column: col.Name}}})
	case r.accept("COMMENT"):
		col.Comment = r.name()
	case r.accept("COLLATE"):
		r.setCharset(c, "", r.name())
	case r.accept("GENERATED"):
		r.accept("ALWAYS")
	case r.accept("AS"):
		col.Generated, col.Expression = true, textOf(r.brackets())
		c.Vague = true
	case r.accept("STORED", "PERSISTENT"):
		col.Stored = true
	case r.accept("VIRTUAL"):
	case r.accept("INVISIBLE"):
		col.Invisible = true
	case r.accept("FIRST"):
		c.First = true
	case r.accept("AFTER"):
		c.After = r.name()
	case r.accept("CHECK"):
		r.brackets()
		c.Vague = true
	case r.accept("REFERENCES"): // only OceanBase and late MariaDB mean it
		r.reference(&ForeignKey{})
		c.Vague = true
	default:
		c.Vague = true
		r.at++
		if r.tok().punct('(') {
			r.brackets()
		}
	}
}

// expression reads one value: a literal with its sign, a call, or brackets.
func (r *clauseReader) expression() string {
	start := r.at
	if r.tok().punct('-') || r.tok().punct('+') {
		r.at++
	}
	if r.tok().punct('(') {
		r.brackets()
		return textOf(r.tokens[start:r.at])
	}
	t := r.tok()
	r.at++
	switch {
	case t.kind == tokenString:
		return Quote(t.text)
	case t.kind == tokenWord && len(t.text) == 1 && strings.ContainsAny(t.text, "bBxXnN") && r.tok().kind == tokenString:
		r.at++
		return t.text + r.tokens[r.at-1].raw
	}
	for r.tok().punct('.') && r.at+1 < len(r.tokens) { // a decimal number
		r.at += 2
	}
	if r.tok().punct('(') {
		r.brackets()
	}
	text := strings.ReplaceAll(textOf(r.tokens[start:r.at]), " ", "")
	switch {
	case strings.EqualFold(text, "null"):
		return "NULL"
	case strings.EqualFold(text, "true"):
		return "1"
	case strings.EqualFold(text, "false"):
		return "0"
	}
	for _, word := range []string{"now", "localtime", "localtimestamp"} {
		if rest, ok := strings.CutPrefix(strings.ToLower(text), word); ok && (rest == "" || rest[0] == '(') {
			return normalNow("current_timestamp" + rest)
		}
	}
	if now(text) {
		return normalNow(text)
	}
	return text
}
