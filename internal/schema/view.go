package schema

// CreateSQL writes a CREATE VIEW. The view belongs to whoever runs it: its
// definer may not exist on the other side.
func (v *View) CreateSQL() string {
	out := "CREATE "
	if v.Security != "" {
		out += "SQL SECURITY " + v.Security + " "
	}
	out += "VIEW " + qualified(v.Database, v.Name) + " AS " + v.Definition
	if v.Check != "" {
		out += " WITH " + v.Check + " CHECK OPTION"
	}
	return out
}

// CreateSQL writes a CREATE DATABASE for a server of the dialect.
func (d *Database) CreateSQL(to Dialect) string {
	out := "CREATE DATABASE " + Ident(d.Name)
	if d.Charset != "" {
		p := printer{to: to}
		out += " DEFAULT CHARSET=" + p.charset(d.Charset) + " COLLATE=" + p.charset(d.Collation)
	}
	return out
}

// OrderViews puts each view behind those that it selects from. It looks for
// their names in the definitions, so it may see a dependency that is none; it
// never drops a view.
func OrderViews(views []View) []View {
	at := make(map[Name]int, len(views))
	for i, v := range views {
		at[Name{v.Database, v.Name}] = i
	}
	out := make([]View, 0, len(views))
	seen := make([]bool, len(views))
	var place func(i int)
	place = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, n := range mentioned(views[i].Definition, views[i].Database) {
			if j, ok := at[n]; ok {
				place(j)
			}
		}
		out = append(out, views[i])
	}
	for i := range views {
		place(i)
	}
	return out
}

// mentioned lists what may be names of tables in a query: a.b and a alone.
func mentioned(query, database string) []Name {
	var out []Name
	l := lexer{s: query}
	var before, last token
	for t := l.next(); t.kind != tokenEnd; t = l.next() {
		if t.kind == tokenWord || t.kind == tokenName {
			if last.punct('.') && (before.kind == tokenWord || before.kind == tokenName) {
				out = append(out, Name{before.text, t.text})
			} else {
				out = append(out, Name{database, t.text})
			}
		}
		before, last = last, t
	}
	return out
}
