package tenant

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"duplex/internal/change"
	"duplex/internal/schema"
)

// What was read of a table that is made and dropped in turn may look the same
// several times; only its statement shows that no such table ever was.
func TestTells(t *testing.T) {
	table := func(columns []string, keys ...string) *schema.Table {
		x := &schema.Table{Database: "d", Name: "x"}
		for _, c := range columns {
			x.Columns = append(x.Columns, schema.Column{Column: change.Column{Name: c}})
		}
		for _, k := range keys {
			x.Keys = append(x.Keys, schema.Key{Name: k, Parts: []schema.KeyPart{{Column: k}}})
		}
		return x
	}
	const (
		whole   = "CREATE TABLE `x` (\n  `id` int NOT NULL,\n  `v` int DEFAULT NULL,\n  PRIMARY KEY (`id`),\n  KEY `v` (`v`)\n)"
		narrow  = "CREATE TABLE `x` (\n  `id` int NOT NULL,\n  PRIMARY KEY (`id`)\n)"
		keyless = "CREATE TABLE `x` (\n  `id` int NOT NULL\n)"
		hidden  = "CREATE TABLE `x` (\n  `id` int NOT NULL,\n  PRIMARY KEY (`id`,`row_end`)\n) WITH SYSTEM VERSIONING"
	)
	for _, c := range []struct {
		name      string
		table     *schema.Table
		statement string
		want      bool
	}{
		{"columns read before it was made", table(nil, "id", "v"), whole, false},
		{"nothing of it", table(nil), "", false},
		{"keys read after it was dropped", table([]string{"id", "v"}), whole, false},
		{"keys read before its column was added", table([]string{"id"}, "id", "v"), whole, false},
		{"keys read before they were dropped", table([]string{"id"}, "id", "v"), narrow, false},
		{"other columns", table([]string{"id", "v"}), keyless, false},
		{"no key at all", table([]string{"id"}), keyless, true},
		{"a key on a column that no view shows", table([]string{"id"}, "row_end"), hidden, true},
	} {
		assert.Equal(t, c.want, tells(c.statement, c.table), c.name)
	}
}
