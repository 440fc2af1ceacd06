// Package schema is what a table is: read from a catalogue by tenant, compared,
// and printed as DDL here. It knows no database.
package schema

import "duplex/internal/change"

// A Dialect is the family of servers whose SQL a text is in. Its words are
// those of tenant.Kind.
type Dialect string

// The dialects.
const (
	MariaDB   Dialect = "mariadb"
	MySQL     Dialect = "mysql"
	OceanBase Dialect = "oceanbase"
)

// A Table is the definition of a base table.
type Table struct {
	Dialect     Dialect // of the server that it was read from, and so of its expressions
	Database    string
	Name        string
	Columns     []Column
	Keys        []Key // the primary key first if there is one, then unique keys, then the rest, each by name
	ForeignKeys []ForeignKey
	Checks      []Check
	Engine      string
	Charset     string
	Collation   string
	Comment     string
	RowFormat   string        // as asked for at creation; empty: the server's default
	Partition   *Partitioning // nil: the table is whole
	Options     string        // what else the table has, as SQL (server-specific)
	Storage     Storage       // of OceanBase

	// NextNumber is the next AUTO_INCREMENT value, as far as OceanBase tells;
	// 0: not known. It is printed for a server of the same dialect.
	NextNumber uint64

	// Unsupported says, one sentence each, what cannot be replicated. Such a
	// table is whole otherwise, but no row of it may be read or written.
	Unsupported []string

	// Notes say, one sentence each, what of the definition stays behind when the
	// table is made on the other side. Its rows do not depend on it.
	Notes []string
}

// A Column is one column of a table. The embedded part is what the codec
// needs; the rest is its definition.
type Column struct {
	change.Column
	Type          string // as SQL, lower case: "bigint(20) unsigned"; labels in Type.String's form
	Nullable      bool
	Default       *string // as SQL expression text: 'x', 5, current_timestamp(3), NULL; nil: none
	OnUpdate      string  // expression, as current_timestamp(3); empty: none
	AutoIncrement bool
	Expression    string // of a generated column
	Stored        bool   // a generated column that is kept
	Invisible     bool
	Comment       string
}

// KeyKind tells keys apart.
type KeyKind string

// The kinds of keys.
const (
	Primary  KeyKind = "primary"
	Unique   KeyKind = "unique"
	Plain    KeyKind = "plain"
	Fulltext KeyKind = "fulltext"
	Spatial  KeyKind = "spatial"
)

// A Key is an index.
type Key struct {
	Name    string
	Kind    KeyKind
	Parts   []KeyPart
	Comment string
	Options string // what else the index has, as SQL: GLOBAL, STORING (…), USING HASH, IGNORED, …

	Partition   *Partitioning // of a global index of OceanBase; nil: the index is whole, or spread as its table is
	ColumnGroup string        // as Storage has it
}

// A KeyPart is one column, or expression, of a key.
type KeyPart struct {
	Column     string // empty when Expression is set
	Expression string
	Prefix     int // characters or bytes; 0: the whole column
	Descending bool
}

// A ForeignKey refers to a table, perhaps of another database.
type ForeignKey struct {
	Name        string
	Columns     []string
	RefDatabase string
	RefTable    string
	RefColumns  []string
	OnDelete    string // RESTRICT, CASCADE, SET NULL, NO ACTION, SET DEFAULT
	OnUpdate    string
}

// A Check is a check constraint of the table.
type Check struct {
	Name       string // empty: the server gave it one
	Column     string // the column that it is written at; empty: at the table
	Expression string
	Ignored    bool // NOT ENFORCED
}

// A View is the definition of a view.
type View struct {
	Database   string
	Name       string
	Definition string // the SELECT, names qualified by their database
	Check      string // CASCADED or LOCAL; empty: none
	Security   string // DEFINER or INVOKER; empty: as the server does
	Definer    string
}

// String is database.view.
func (v *View) String() string { return v.Database + "." + v.Name }

// A Trigger is what has to be known of a trigger: that it is there.
type Trigger struct {
	Database string
	Name     string
	Table    string
	Timing   string // BEFORE or AFTER
	Event    string // INSERT, UPDATE or DELETE
}

// A Database is a database with what its new tables inherit.
type Database struct {
	Name      string
	Charset   string
	Collation string
}

// String is database.table.
func (t *Table) String() string { return t.Database + "." + t.Name }

// Column finds a column by its exact name and gives its place, -1 if there is
// none.
func (t *Table) Column(name string) int {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return i
		}
	}
	return -1
}

// Identity is the key that tells rows apart: the primary key, else the first
// unique key (by name) without expressions or prefixes whose columns are all
// NOT NULL and not generated; nil if there is neither.
func (t *Table) Identity() *Key {
	for i := range t.Keys {
		if k := &t.Keys[i]; k.Kind == Primary {
			return k
		}
	}
	for i := range t.Keys {
		if k := &t.Keys[i]; k.Kind == Unique && t.plainNotNull(k) {
			return k
		}
	}
	return nil
}

func (t *Table) plainNotNull(k *Key) bool {
	for _, p := range k.Parts {
		c := t.Column(p.Column)
		if c < 0 || p.Prefix > 0 || t.Columns[c].Nullable || t.Columns[c].Generated {
			return false
		}
	}
	return true
}

// Change gives the table in the words of replication, its key the Identity.
func (t *Table) Change() *change.Table {
	c := &change.Table{Database: t.Database, Name: t.Name}
	for i := range t.Columns {
		c.Columns = append(c.Columns, t.Columns[i].Column)
	}
	if k := t.Identity(); k != nil {
		for _, p := range k.Parts {
			c.Key = append(c.Key, t.Column(p.Column))
		}
	}
	return c
}
