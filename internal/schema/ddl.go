package schema

import "slices"

// Verb is what a statement does.
type Verb string

// The verbs.
const (
	CreateTable    Verb = "create table"
	DropTable      Verb = "drop table"
	AlterTable     Verb = "alter table"
	RenameTable    Verb = "rename table"
	Truncate       Verb = "truncate"
	CreateIndex    Verb = "create index"
	DropIndex      Verb = "drop index"
	CreateView     Verb = "create view" // and ALTER VIEW
	DropView       Verb = "drop view"
	CreateDatabase Verb = "create database"
	AlterDatabase  Verb = "alter database"
	DropDatabase   Verb = "drop database"
	Routine        Verb = "routine"     // procedures, functions, events, packages, sequences: no table changes
	AlterTrigger   Verb = "trigger"     // Objects is the table where the statement names it
	Transaction    Verb = "transaction" // BEGIN, COMMIT, ROLLBACK, SAVEPOINT, XA
	Account        Verb = "account"     // users, roles, rights, passwords
	Maintenance    Verb = "maintenance" // ANALYZE, OPTIMIZE, REPAIR, CHECK, FLUSH: nothing that is stored changes
	Session        Verb = "session"     // SET, USE, LOCK TABLES
	Data           Verb = "data"        // INSERT, UPDATE, DELETE, …: rows that are logged as a statement
	Recycle        Verb = "recycle"     // OceanBase's FLASHBACK and PURGE, FORK and MERGE
	Other          Verb = "other"
)

// A Name is a database object. Name is empty for a database itself.
type Name struct {
	Database string
	Name     string
}

// A Rename is a table that goes from one name to another.
type Rename struct {
	From Name
	To   Name
}

// A Statement is what Classify found.
type Statement struct {
	Verb      Verb
	Objects   []Name // the tables, views or databases that it is about, by their names before it
	Renames   []Rename
	Temporary bool // a temporary table: no other session sees it
	Like      Name // CREATE TABLE … LIKE: the table that is copied
	Select    bool // CREATE TABLE … SELECT: brings rows
}

// Classify says what the first statement in text does. A name without a
// database gets defaultDatabase. It never fails: a statement that it does not
// know is Other. The time it takes is linear in the length of text.
func Classify(text, defaultDatabase string) Statement {
	p := &parser{lexer: lexer{s: text}, database: defaultDatabase}
	p.advance()
	p.prefix()
	p.statement()
	p.out.Objects = slices.Compact(p.out.Objects)
	if p.out.Verb == "" {
		p.out.Verb = Other
	}
	return p.out
}

// parser holds the current token.
type parser struct {
	lexer
	tok      token
	database string
	out      Statement
}

func (p *parser) advance() { p.tok = p.next() }

// accept goes on if the current token is one of the words.
func (p *parser) accept(words ...string) bool {
	if !p.tok.isAny(words...) {
		return false
	}
	p.advance()
	return true
}

// prefix goes behind what may stand before a statement: semicolons, brackets,
// and MariaDB's SET STATEMENT … FOR.
func (p *parser) prefix() {
	for p.tok.punct(';') || p.tok.punct('(') {
		p.advance()
	}
	if !p.tok.is("SET") {
		return
	}
	back := *p
	p.advance()
	if !p.tok.is("STATEMENT") {
		*p = back
		return
	}
	for p.tok.kind != tokenEnd && !p.tok.is("FOR") {
		p.advance()
	}
	p.accept("FOR")
}

// statement looks at the first word.
func (p *parser) statement() {
	verb := p.tok
	if verb.kind != tokenWord {
		return
	}
	p.advance()
	switch {
	case verb.is("CREATE"):
		p.create()
	case verb.is("ALTER"):
		p.alter()
	case verb.is("DROP"):
		p.drop()
	case verb.is("RENAME"):
		p.rename()
	case verb.is("TRUNCATE"):
		p.out.Verb = Truncate
		p.accept("TABLE")
		p.object()
	case verb.is("START"):
		if p.tok.is("TRANSACTION") {
			p.out.Verb = Transaction
		}
	case verb.is("FLASHBACK"), verb.is("PURGE"), verb.is("FORK"), verb.is("MERGE"):
		p.recycle(verb)
	case verb.is("SET"):
		p.set()
	default:
		p.out.Verb = plainVerb(verb)
	}
}

// plainVerb classifies statements by their first word alone.
func plainVerb(t token) Verb {
	switch {
	case t.isAny("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "XA"):
		return Transaction
	case t.isAny("GRANT", "REVOKE"):
		return Account
	case t.isAny("ANALYZE", "OPTIMIZE", "REPAIR", "CHECK", "CHECKSUM", "FLUSH", "RESET"):
		return Maintenance
	case t.isAny("USE", "LOCK", "UNLOCK"):
		return Session
	case t.isAny("INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "CALL", "WITH", "DO", "IMPORT"):
		return Data
	}
	return Other
}

func (p *parser) set() {
	p.out.Verb = Session
	if p.tok.isAny("PASSWORD", "ROLE") || p.tok.is("DEFAULT") {
		p.out.Verb = Account
	}
}

// recycle reads FLASHBACK TABLE a TO BEFORE DROP [RENAME TO b], PURGE …, FORK
// TABLE a TO b, MERGE TABLE b INTO a.
func (p *parser) recycle(verb token) {
	p.out.Verb = Recycle
	if verb.is("PURGE") && p.tok.isAny("BINARY", "MASTER") {
		p.out.Verb = Maintenance
		return
	}
	switch {
	case p.accept("TABLE", "INDEX"):
		from, ok := p.object()
		if ok && verb.is("FORK") && p.accept("TO") {
			if to, ok := p.name(); ok {
				p.out.Renames = append(p.out.Renames, Rename{from, to})
			}
		}
		if verb.is("FLASHBACK") {
			p.findRename(from)
		}
		if verb.is("MERGE") && p.accept("INTO") {
			p.object()
		}
	case p.accept("DATABASE", "SCHEMA"):
		p.databaseObject()
	}
}

// findRename looks for RENAME TO name.
func (p *parser) findRename(from Name) {
	for p.tok.kind != tokenEnd {
		if p.accept("RENAME") && p.accept("TO") {
			if to, ok := p.name(); ok {
				p.out.Renames = append(p.out.Renames, Rename{from, to})
			}
			return
		}
		p.advance()
	}
}

// name reads [database .] name.
func (p *parser) name() (Name, bool) {
	first, ok := p.part()
	if !ok {
		return Name{}, false
	}
	if !p.tok.punct('.') {
		return Name{p.database, first}, true
	}
	p.advance()
	second, ok := p.part()
	return Name{first, second}, ok
}

// part reads one part of a name. A string stands for a name where the session
// had ANSI_QUOTES.
func (p *parser) part() (string, bool) {
	t := p.tok
	if t.kind != tokenWord && t.kind != tokenName && (t.kind != tokenString || t.raw[0] != '"') {
		return "", false
	}
	p.advance()
	return t.text, true
}

// object reads a name and takes it over as an object.
func (p *parser) object() (Name, bool) {
	n, ok := p.name()
	if ok {
		p.out.Objects = append(p.out.Objects, n)
	}
	return n, ok
}

// databaseObject reads the name of a database.
func (p *parser) databaseObject() {
	if n, ok := p.part(); ok {
		p.out.Objects = append(p.out.Objects, Name{Database: n})
	}
}

// ifExists goes behind IF EXISTS and IF NOT EXISTS.
func (p *parser) ifExists() {
	if p.accept("IF") {
		p.accept("NOT")
		p.accept("EXISTS")
	}
}

// objects reads a list of names.
func (p *parser) objects() {
	for {
		if _, ok := p.object(); !ok || !p.tok.punct(',') {
			return
		}
		p.advance()
	}
}

// wait goes behind MariaDB's WAIT n and NOWAIT.
func (p *parser) wait() {
	if p.accept("WAIT") {
		p.advance()
	} else {
		p.accept("NOWAIT")
	}
}
