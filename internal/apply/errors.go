package apply

import (
	"errors"
	"fmt"
	"strings"

	"duplex/internal/change"
)

// ErrMismatch says that a row in the target is not what the source's log says
// it was. It always comes wrapped in a *Mismatch.
var ErrMismatch = errors.New("row differs from the before image")

// ErrStatement says that the log holds a statement that changes definitions and
// is not carried, and that nobody has said what is to become of it.
var ErrStatement = errors.New("statement is not carried")

// ErrRedefined ends a run behind a statement that has changed the target's
// tables: all that is remembered of them is to be read anew.
var ErrRedefined = errors.New("the target's tables are others now")

// ErrTable says that a table of the source has no fitting table in the target.
var ErrTable = errors.New("table does not fit")

// ErrTooLarge says that a row does not fit into the largest packet that the
// target takes.
var ErrTooLarge = errors.New("row does not fit")

// A Mismatch is the row that stopped a link.
type Mismatch struct {
	Table    *change.Table // the target's
	Key      string        // for people
	Op       change.Op
	Txn      string // the log's name of the source transaction
	Expected []change.Value
	Found    []change.Value // nil: no such row
	Cause    error          // a duplicate key or the table's policy
}

// Error names the row, the first column that differs and both its values.
func (m *Mismatch) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s %s from transaction %s: %v", m.Op, m.Table, m.Key, m.Txn, ErrMismatch)
	switch {
	case m.Found == nil && m.Expected == nil: // the cause says it
	case m.Found == nil:
		b.WriteString(": the target has no such row")
	case m.Expected == nil:
		b.WriteString(": the target has such a row already")
	default:
		for i := range m.Table.Columns {
			c := &m.Table.Columns[i]
			if !c.Generated && i < len(m.Expected) && !m.Expected[i].Equal(m.Found[i]) {
				fmt.Fprintf(&b, ": column %s is %s, expected %s", c.Name, short(c.Format(m.Found[i])), short(c.Format(m.Expected[i])))
				break
			}
		}
	}
	if m.Cause != nil {
		fmt.Fprintf(&b, ": %v", m.Cause)
	}
	return b.String()
}

// Unwrap makes errors.Is find ErrMismatch.
func (m *Mismatch) Unwrap() []error { return []error{ErrMismatch, m.Cause} }

// short cuts what is too long for a message.
func short(s string) string {
	if len(s) > 120 {
		return s[:100] + fmt.Sprintf("… (%d characters)", len(s))
	}
	return s
}
