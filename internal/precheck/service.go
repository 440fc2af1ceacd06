package precheck

import (
	"fmt"
	"strings"

	"duplex/internal/schema"
)

// What OceanBase's Binlog Service does not log as it is.

// widest is how many bytes of a VARCHAR its log can name.
const widest = 1<<16 - 1

// unlogged names the columns whose values the service cuts, and those of which
// some versions log another value.
func unlogged(t *schema.Table) (cut, mistaken []string) {
	for i := range t.Columns {
		c := &t.Columns[i]
		typ := schema.ParseType(c.Type, t.Dialect)
		switch typ.Name {
		case "varchar", "varbinary":
			if len(typ.Args) == 1 && typ.Args[0]*characterBytes(c.Charset) > widest {
				cut = append(cut, fmt.Sprintf("column %s is a %s, and the Binlog Service cuts values of more than %d bytes", c.Name, c.Type, widest))
			}
		case "enum", "set":
			if a, b, ok := begins(typ.Labels, typ.Name == "set"); ok {
				mistaken = append(mistaken, fmt.Sprintf("column %s: label '%s' is the beginning of '%s', and some versions of the Binlog Service log the one for the other", c.Name, a, b))
			}
		}
	}
	return cut, mistaken
}

// characterBytes is the most that a character takes in a character set; empty
// is of bytes.
func characterBytes(charset string) int {
	switch charset {
	case "", "binary", "latin1", "ascii":
		return 1
	case "gbk", "ucs2":
		return 2
	case "utf8", "utf8mb3":
		return 3
	}
	return 4
}

// begins finds a label that another one begins with: one behind it, or any.
func begins(labels []string, anywhere bool) (short, long string, ok bool) {
	for i, a := range labels {
		for j, b := range labels {
			if (j > i || anywhere && j != i) && strings.HasPrefix(b, a) {
				return a, b, true
			}
		}
	}
	return "", "", false
}
