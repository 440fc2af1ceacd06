package schema

// definition goes behind the word for a kind of object and gives what CREATE,
// ALTER and DROP of it are.
func (p *parser) definition() (create, alter, drop Verb) {
	switch {
	case p.accept("TABLE", "TABLES"):
		return CreateTable, AlterTable, DropTable
	case p.accept("INDEX"):
		return CreateIndex, Other, DropIndex
	case p.accept("VIEW"):
		return CreateView, CreateView, DropView
	case p.accept("DATABASE", "SCHEMA"):
		return CreateDatabase, AlterDatabase, DropDatabase
	case p.accept("TRIGGER"):
		return AlterTrigger, AlterTrigger, AlterTrigger
	case p.accept("PROCEDURE", "FUNCTION", "EVENT", "PACKAGE", "SEQUENCE"):
		return Routine, Routine, Routine
	case p.accept("USER", "ROLE"):
		return Account, Account, Account
	}
	return Other, Other, Other
}

// kindWords are the words that definition knows.
var kindWords = []string{"TABLE", "TABLES", "INDEX", "VIEW", "DATABASE", "SCHEMA", "TRIGGER", "PROCEDURE", "FUNCTION",
	"EVENT", "PACKAGE", "SEQUENCE", "USER", "ROLE"}

// adjectives may stand between CREATE, ALTER or DROP and the kind of object.
var adjectives = []string{"OR", "REPLACE", "TEMPORARY", "EXTERNAL", "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR", "ONLINE",
	"OFFLINE", "IGNORE", "AGGREGATE", "MATERIALIZED", "FORCE", "NO", "PUBLIC", "DEFINER", "SQL", "SECURITY", "INVOKER",
	"ALGORITHM", "UNDEFINED", "MERGE", "TEMPTABLE", "CURRENT_USER", "CURRENT_ROLE", "IF", "NOT", "EXISTS"}

// qualify goes behind adjectives and DEFINER = 'user'@'host' to the word for
// the kind of object.
func (p *parser) qualify() {
	for p.tok.kind != tokenEnd && !p.tok.isAny(kindWords...) {
		switch {
		case p.tok.is("TEMPORARY"):
			p.out.Temporary = true
			p.advance()
		case p.tok.is("DEFINER"):
			p.advance()
			p.definer()
		case p.tok.isAny(adjectives...) || p.tok.punct('=') || p.tok.punct('(') || p.tok.punct(')'):
			p.advance()
		default:
			return
		}
	}
}

// definer goes behind = user [@ host]; SQL SECURITY DEFINER has none.
func (p *parser) definer() {
	if !p.tok.punct('=') {
		return
	}
	p.advance()
	p.advance()
	if p.tok.punct('@') {
		p.advance()
		p.advance()
	}
}

func (p *parser) create() {
	p.qualify()
	verb, _, _ := p.definition()
	p.out.Verb = verb
	switch verb {
	case CreateTable:
		p.createTable()
	case CreateView:
		if p.tok.is("LOG") { // CREATE MATERIALIZED VIEW LOG ON t
			p.out.Verb = Other
			return
		}
		p.ifExists()
		p.object()
	case CreateIndex:
		p.indexTable()
	case CreateDatabase:
		p.ifExists()
		p.databaseObject()
	case AlterTrigger:
		p.ifExists()
		p.part()
		p.triggerTable()
	}
}

// createTable reads on behind CREATE TABLE: the name, and whether it is a copy
// of a definition or of rows.
func (p *parser) createTable() {
	p.ifExists()
	if _, ok := p.object(); !ok {
		return
	}
	if p.accept("LIKE") {
		p.out.Like, _ = p.name()
		return
	}
	if p.tok.punct('(') {
		p.advance()
		if p.accept("LIKE") {
			p.out.Like, _ = p.name()
			return
		}
	}
	// No column, default, check or partition can hold a query.
	for p.tok.kind != tokenEnd && !p.out.Select {
		p.out.Select = p.tok.is("SELECT")
		p.advance()
	}
}

// indexTable reads name [USING …] ON table.
func (p *parser) indexTable() {
	p.ifExists()
	p.part()
	for p.tok.kind != tokenEnd && !p.tok.is("ON") {
		p.advance()
	}
	if p.accept("ON") {
		p.object()
	}
}

// triggerTable reads … ON table.
func (p *parser) triggerTable() {
	for p.tok.kind != tokenEnd {
		if p.accept("ON") {
			p.object()
			return
		}
		p.advance()
	}
}

func (p *parser) drop() {
	p.qualify()
	_, _, verb := p.definition()
	p.out.Verb = verb
	switch verb {
	case DropTable, DropView:
		p.ifExists()
		p.objects()
	case DropIndex:
		p.indexTable()
	case DropDatabase:
		p.ifExists()
		p.databaseObject()
	}
}

func (p *parser) alter() {
	p.qualify()
	_, verb, _ := p.definition()
	p.out.Verb = verb
	switch verb {
	case AlterTable:
		p.alterTable()
	case CreateView:
		p.object()
	case AlterDatabase:
		p.alterDatabase()
	}
}

// alterDatabase reads the name, which may be left out.
func (p *parser) alterDatabase() {
	if p.tok.isAny("DEFAULT", "CHARACTER", "CHARSET", "COLLATE", "COMMENT", "READ", "SET", "ENCRYPTION") {
		p.out.Objects = append(p.out.Objects, Name{Database: p.database})
		return
	}
	p.databaseObject()
}

// alterTable reads the name, then each clause for the two that concern other
// tables: RENAME and EXCHANGE PARTITION … WITH TABLE.
func (p *parser) alterTable() {
	p.ifExists()
	from, ok := p.object()
	if !ok {
		return
	}
	p.wait()
	depth, start := 0, true
	for p.tok.kind != tokenEnd {
		switch {
		case p.tok.punct('('):
			depth++
		case p.tok.punct(')'):
			depth--
		case start && p.tok.is("RENAME"):
			p.advance()
			p.alterRename(from)
			start = false
			continue
		case start && p.tok.is("EXCHANGE"):
			p.exchange()
			start = false
			continue
		}
		start = depth == 0 && p.tok.punct(',')
		p.advance()
	}
}

// alterRename reads on behind RENAME.
func (p *parser) alterRename(from Name) {
	if p.tok.isAny("COLUMN", "INDEX", "KEY", "CONSTRAINT", "PARTITION", "SUBPARTITION") {
		return
	}
	if !p.accept("TO", "AS") && p.tok.punct('=') {
		p.advance()
	}
	if to, ok := p.name(); ok {
		p.out.Renames = append(p.out.Renames, Rename{from, to})
	}
}

// exchange reads EXCHANGE PARTITION p WITH TABLE t.
func (p *parser) exchange() {
	for p.tok.kind != tokenEnd && !p.tok.punct(',') {
		if p.accept("WITH") && p.accept("TABLE") {
			p.object()
			return
		}
		p.advance()
	}
}

// rename reads RENAME TABLE a TO b, c TO d.
func (p *parser) rename() {
	if p.accept("USER") {
		p.out.Verb = Account
		return
	}
	if !p.accept("TABLE", "TABLES") {
		return
	}
	p.out.Verb = RenameTable
	p.ifExists()
	for {
		from, ok := p.object()
		if !ok {
			return
		}
		p.wait()
		if !p.accept("TO") {
			return
		}
		to, ok := p.name()
		if !ok {
			return
		}
		p.out.Renames = append(p.out.Renames, Rename{from, to})
		if !p.tok.punct(',') {
			return
		}
		p.advance()
	}
}
