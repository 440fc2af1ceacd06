package config

import (
	"errors"
	"strings"
)

// Table names one table of a tenant. Both parts are as the tenant knows them, without quotes.
type Table struct {
	Database string
	Name     string
}

// ParseTable reads "database.table", either part in backquotes if it needs them. The error says what is malformed and
// does not repeat the text.
func ParseTable(text string) (Table, error) {
	pattern, err := ParsePattern(text)
	if err != nil {
		return Table{}, err
	}
	table, ok := pattern.Literal()
	if !ok {
		return Table{}, errors.New("one table is named here, not a pattern")
	}
	return table, nil
}

// String gives "database.table", with backquotes around a part that ParseTable would otherwise read differently.
func (t Table) String() string { return quote(t.Database) + "." + quote(t.Name) }

// MarshalText gives the same text as String.
func (t Table) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

func quote(name string) string {
	if !strings.ContainsAny(name, "`.*?[=") {
		return name
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// systemDatabase reports whether a database belongs to the server or to this program; its tables are never replicated,
// whatever the rules say.
func systemDatabase(name string) bool {
	switch strings.ToLower(name) {
	case OwnDatabase,
		"information_schema", "performance_schema", "mysql", "sys",
		"oceanbase", "ocs", "lbacsys", "oraauditor", "__recyclebin", "__public":
		return true
	}
	return false
}
