package schema

import (
	"slices"
	"strings"
)

// Action is what one clause of an ALTER TABLE does.
type Action string

// The actions.
const (
	AddColumn      Action = "add column"
	DropColumn     Action = "drop column"
	ModifyColumn   Action = "modify column" // and CHANGE, and ALTER COLUMN … SET DEFAULT: the column stays what it is called in Name
	RenameColumn   Action = "rename column"
	SetDefault     Action = "set default"
	AddKey         Action = "add key"
	DropKey        Action = "drop key"
	DropPrimary    Action = "drop primary key"
	RenameKey      Action = "rename key"
	AddForeignKey  Action = "add foreign key"
	DropForeignKey Action = "drop foreign key"
	AddCheck       Action = "add check"
	DropCheck      Action = "drop check"
	AlterKey       Action = "alter key"
	RenameTo       Action = "rename to"
	Option         Action = "option"
	Convert        Action = "convert to character set"
	AddPart        Action = "add partition"
	DropPart       Action = "drop partition"
	TruncatePart   Action = "truncate partition"
	ExchangePart   Action = "exchange partition"
	OtherPart      Action = "partition"
	HowTo          Action = "algorithm" // ALGORITHM, LOCK, FORCE, WAIT: how it is done, not what
	Unknown        Action = "unknown"
)

// A Clause is one part of an ALTER TABLE, or a line of a CREATE TABLE.
type Clause struct {
	Action Action
	Name   string   // of the column, key or option before it
	To     string   // its new name; of an option its value
	Column *Column  // of AddColumn and ModifyColumn: how it will be
	Key    *Key     // of AddKey
	Own    []*Key   // keys that stand in the column's definition
	First  bool     // AddColumn, ModifyColumn: becomes the first
	After  string   // or stands behind this one; empty: at the end, or where it was
	Parts  []string // names of partitions
	Words  []string // of an Unknown one, for messages
	Maybe  bool     // IF [NOT] EXISTS
	Vague  bool     // something in it is not known to us; the rows are laid out as it says
	Lost   bool     // how its rows are laid out is not known
	inner  []token  // AddColumn of several in brackets
	check  *Check   // AddCheck
	fk     *ForeignKey
}

// clauses cuts the text of an ALTER TABLE behind the table's name.
func clauses(text string, t *Table) []Clause {
	var out []Clause
	for _, part := range join(split(tokensOf(text), ',')) {
		// Options and PARTITION BY may follow without a comma.
		for len(part) > 0 {
			c, n := (&clauseReader{tokens: part, table: t}).read()
			out = append(out, c.several(t)...)
			part = part[n:]
		}
	}
	return out
}

// join puts the names of partitions, with commas between them, together again.
func join(parts [][]token) [][]token {
	for i, p := range parts {
		if len(p) > 1 && p[0].isAny("DROP", "TRUNCATE", "REBUILD", "OPTIMIZE", "ANALYZE", "CHECK", "REPAIR", "REORGANIZE") &&
			p[1].isAny("PARTITION", "SUBPARTITION") {
			whole := slices.Clone(p)
			for _, q := range parts[i+1:] {
				whole = append(append(whole, token{kind: tokenPunct, text: ",", raw: ","}), q...)
			}
			return append(parts[:i:i], whole)
		}
	}
	return parts
}

// several takes ADD (a int, b int) apart.
func (c Clause) several(t *Table) []Clause {
	if c.inner == nil {
		return []Clause{c}
	}
	var out []Clause
	for _, part := range split(c.inner, ',') {
		line := lineOf(part, t)
		line.Maybe = c.Maybe
		out = append(out, line)
	}
	return out
}

// lineOf reads a line of a CREATE TABLE.
func lineOf(part []token, t *Table) Clause {
	r := &clauseReader{tokens: part, table: t}
	if c, ok := r.constraint(); ok {
		return c
	}
	c := r.columnClause(AddColumn, "", r.name())
	c.Name = c.To
	return c
}

// read reads one clause and says how many tokens it took, one at least.
func (r *clauseReader) read() (Clause, int) {
	c := r.clause()
	if r.at == 0 {
		r.at = len(r.tokens)
		c.Action = Unknown
	}
	if c.Action == Unknown {
		r.rest()
		for _, t := range r.tokens[:min(3, len(r.tokens))] {
			c.Words = append(c.Words, t.text)
		}
	}
	return c, r.at
}

func (r *clauseReader) clause() Clause {
	switch {
	case r.accept("ADD"):
		return r.add()
	case r.accept("DROP"):
		return r.drop()
	case r.accept("MODIFY"):
		r.accept("COLUMN")
		maybe := r.maybe()
		name := r.name()
		c := r.columnClause(ModifyColumn, name, name)
		c.Maybe = maybe
		return c
	case r.accept("CHANGE"):
		r.accept("COLUMN")
		maybe := r.maybe()
		name := r.name()
		c := r.columnClause(ModifyColumn, name, r.name())
		c.Maybe = maybe
		return c
	case r.accept("ALTER"):
		return r.alter()
	case r.accept("RENAME"):
		return r.rename()
	case r.accept("CONVERT"):
		r.rest()
		return Clause{Action: Convert, Lost: true}
	case r.accept("FORCE", "NOWAIT", "WAIT", "ONLINE"):
		if !r.done() && r.tokens[0].is("WAIT") {
			r.at++
		}
		return Clause{Action: HowTo}
	case r.tok().isAny("ENABLE", "DISABLE") && r.at+1 < len(r.tokens) && r.tokens[r.at+1].is("KEYS"):
		r.at += 2
		return Clause{Action: HowTo}
	case r.tok().isAny("ALGORITHM", "LOCK"):
		r.at++
		r.punct('=')
		r.name()
		return Clause{Action: HowTo}
	}
	return r.partition()
}

// partition reads the clauses about partitions, and options.
func (r *clauseReader) partition() Clause {
	verb := r.tok()
	switch {
	case verb.isAny("TRUNCATE", "EXCHANGE", "COALESCE", "REORGANIZE", "REBUILD", "OPTIMIZE", "ANALYZE", "CHECK", "REPAIR", "REMOVE"):
		r.at++
		c := Clause{Action: OtherPart, Vague: true, Words: []string{verb.text}}
		if r.accept("PARTITION", "SUBPARTITION") {
			c.Parts = r.names()
		}
		switch {
		case verb.is("TRUNCATE"):
			c.Action, c.Vague = TruncatePart, false
		case verb.is("EXCHANGE"):
			c.Action = ExchangePart
		}
		r.rest()
		return c
	case verb.is("PARTITION"):
		r.rest()
		return Clause{Action: OtherPart, Vague: true, Words: []string{"PARTITION", "BY"}}
	}
	return r.option()
}

// names reads names with commas between them, without IF EXISTS.
func (r *clauseReader) names() []string {
	r.maybe()
	var out []string
	for !r.done() {
		n := r.name()
		if n == "" {
			break
		}
		out = append(out, n)
		if !r.punct(',') {
			break
		}
	}
	return out
}

// tableOptions are those that go with a value; two words are joined.
var tableOptions = []string{"ENGINE", "TYPE", "COMMENT", "AUTO_INCREMENT", "ROW_FORMAT", "CHARSET", "COLLATE", "AVG_ROW_LENGTH", "CHECKSUM",
	"COMPRESSION", "CONNECTION", "DELAY_KEY_WRITE", "ENCRYPTED", "ENCRYPTION", "ENCRYPTION_KEY_ID", "INSERT_METHOD", "KEY_BLOCK_SIZE", "MAX_ROWS",
	"MIN_ROWS", "PACK_KEYS", "PAGE_CHECKSUM", "PAGE_COMPRESSED", "PAGE_COMPRESSION_LEVEL", "PASSWORD", "STATS_AUTO_RECALC",
	"STATS_PERSISTENT", "STATS_SAMPLE_PAGES", "TRANSACTIONAL", "TABLEGROUP", "REPLICA_NUM", "BLOCK_SIZE", "PCTFREE", "PRIMARY_ZONE",
	"USE_BLOOM_FILTER", "PROGRESSIVE_MERGE_NUM", "TABLE_ID", "DUPLICATE_SCOPE", "LOB_INROW_THRESHOLD"}

// option reads NAME [=] value.
func (r *clauseReader) option() Clause {
	r.accept("SET")
	r.accept("DEFAULT")
	c := Clause{Action: Option}
	switch {
	case r.accept("CHARACTER"):
		r.accept("SET")
		c.Name = "CHARSET"
	case r.tok().isAny(tableOptions...):
		c.Name = strings.ToUpper(r.name())
	default:
		c.Action = Unknown
		return c
	}
	r.punct('=')
	c.To = r.name()
	return c
}

func (r *clauseReader) alter() Clause {
	if r.accept("INDEX", "KEY") {
		c := Clause{Action: AlterKey, Name: r.name(), Vague: true}
		r.rest()
		return c
	}
	if r.accept("CONSTRAINT", "CHECK") {
		r.rest()
		return Clause{Action: Unknown}
	}
	r.accept("COLUMN")
	maybe := r.maybe()
	c := Clause{Action: SetDefault, Name: r.name(), Maybe: maybe}
	switch {
	case r.accept("SET"):
		if !r.accept("DEFAULT") {
			c.Vague = true
			r.rest()
			return c
		}
		c.To = textOf(r.tokens[r.at:])
		c.Vague = !literal(c.To + " ")
		r.rest()
	case r.accept("DROP"):
		r.accept("DEFAULT")
	}
	return c
}

func (r *clauseReader) rename() Clause {
	switch {
	case r.accept("COLUMN"):
		c := Clause{Action: RenameColumn, Maybe: r.maybe(), Name: r.name()}
		r.accept("TO")
		c.To = r.name()
		return c
	case r.accept("INDEX", "KEY"):
		c := Clause{Action: RenameKey, Maybe: r.maybe(), Name: r.name()}
		r.accept("TO")
		c.To = r.name()
		return c
	case r.tok().isAny("CONSTRAINT", "PARTITION", "SUBPARTITION"):
		r.rest()
		return Clause{Action: OtherPart, Vague: true, Words: []string{"RENAME"}}
	}
	if !r.accept("TO", "AS") {
		r.punct('=')
	}
	c := Clause{Action: RenameTo, To: r.name()}
	if r.punct('.') {
		c.Name, c.To = c.To, r.name()
	}
	return c
}

func (r *clauseReader) drop() Clause {
	switch {
	case r.accept("PRIMARY"):
		r.accept("KEY")
		return Clause{Action: DropPrimary, Name: "PRIMARY"}
	case r.accept("INDEX", "KEY"):
		return Clause{Action: DropKey, Maybe: r.maybe(), Name: r.name()}
	case r.accept("FOREIGN"):
		r.accept("KEY")
		return Clause{Action: DropForeignKey, Maybe: r.maybe(), Name: r.name()}
	case r.accept("CONSTRAINT"):
		return Clause{Action: DropCheck, Maybe: r.maybe(), Name: r.name()}
	case r.tok().is("CHECK"):
		r.at++
		return Clause{Action: DropCheck, Name: r.name()}
	case r.accept("PARTITION", "SUBPARTITION"):
		c := Clause{Action: DropPart, Parts: r.names(), Vague: true}
		r.rest()
		return c
	case r.tok().is("SYSTEM") || r.tok().is("PERIOD"):
		r.rest()
		return Clause{Action: Unknown}
	}
	r.accept("COLUMN")
	c := Clause{Action: DropColumn, Maybe: r.maybe(), Name: r.name()}
	r.accept("RESTRICT", "CASCADE")
	return c
}

func (r *clauseReader) add() Clause {
	switch {
	case r.accept("PARTITION", "SUBPARTITION"):
		r.rest()
		return Clause{Action: AddPart, Vague: true}
	case r.tok().is("SYSTEM") || r.tok().is("PERIOD"):
		r.rest()
		return Clause{Action: Unknown}
	}
	if c, ok := r.constraint(); ok {
		return c
	}
	r.accept("COLUMN")
	maybe := r.maybe()
	if r.tok().punct('(') { // several: the caller takes them apart
		inner := r.brackets()
		return Clause{Action: AddColumn, inner: inner, Maybe: maybe}
	}
	c := r.columnClause(AddColumn, "", r.name())
	c.Name, c.Maybe = c.To, maybe
	return c
}
