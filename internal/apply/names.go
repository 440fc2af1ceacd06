package apply

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"duplex/internal/change"
)

// A name may be another table's at any moment: the target's application renames
// tables, and its reader tells that later. Who writes by the old name then writes the
// wrong table. The server knows: a prepared statement is prepared anew when a name
// in it has become another table's, and the session counts that. So a name is proved
// once, with the table held by the transaction and the reader at the end of the log;
// from then on the count says whether it has to be proved again. A table that is held
// keeps its name until the transaction ends.

// names is what a session's prepared statements say. It belongs to one lane.
type names struct {
	numbers map[string]int  // of the statements, by the tables' names in SQL
	proved  map[string]bool // the names that are
	anew    string          // how often the server had prepared statements anew by then
}

// claimed is names that a transaction writes by, and what the server says of them.
type claimed struct {
	names []string
	anew  string
}

// appendNames appends to the statements that lock rows, of the tables of plans,
// those that tell whether their names are still theirs. The last one gives a row.
func (t *target) appendNames(dst []byte, plans []*plan) []byte {
	if t.names.numbers == nil {
		t.names.numbers, t.names.proved = map[string]int{}, map[string]bool{}
	}
	for i, p := range plans {
		if i > 0 && plans[i-1] == p { // its rows are locked by several statements
			continue
		}
		t.claimed.names = append(t.claimed.names, p.name)
		number, known := t.names.numbers[p.name]
		if !known {
			number = len(t.names.numbers)
			t.names.numbers[p.name] = number
		}
		if !t.names.proved[p.name] {
			dst = strconv.AppendInt(append(dst, "; PREPARE duplex_"...), int64(number), 10)
			dst = change.AppendString(append(dst, " FROM "...), "DO (SELECT 1 FROM "+p.name+" LIMIT 0)")
		}
		dst = strconv.AppendInt(append(dst, "; EXECUTE duplex_"...), int64(number), 10)
	}
	return append(dst, "; SHOW SESSION STATUS LIKE 'Com_stmt_reprepare'"...)
}

// told takes in the row of appendNames.
func (c *claimed) told(row []driver.Value) error {
	if len(row) != 2 {
		return fmt.Errorf("how often statements were prepared anew: %d columns", len(row))
	}
	c.anew = fmt.Sprintf("%s", row[1])
	return nil
}

// sure makes sure that the names by which rows are locked are their tables'. One
// that is another's ends the attempt: so does the reader, when it comes to that.
func (t *target) sure(ctx context.Context) error {
	unproved := func(name string) bool { return !t.names.proved[name] }
	anew := t.claimed.anew != t.names.anew
	if len(t.claimed.names) == 0 || !anew && !slices.ContainsFunc(t.claimed.names, unproved) {
		return nil
	}
	if err := t.endHeld(ctx); err != nil {
		return err
	}
	if anew { // perhaps of a name that is not held now
		clear(t.names.proved)
	}
	t.names.anew = t.claimed.anew
	for _, name := range t.claimed.names {
		t.names.proved[name] = true
	}
	return nil
}

// heldFor is how long tables are held for the reader at first where the application
// may rename them: a statement that waits for one of several tables has the others,
// and the reader, which looks them up, waits for it. Each time is twice the one before.
const heldFor = time.Second

// errHeld lets go of the tables, and asks for the transaction once more.
var errHeld = errors.New("tables were held for long")

// endHeld waits, with tables held, until the reader is at the end of the log.
func (t *target) endHeld(ctx context.Context) error {
	if !t.cfg.DDL.Renames {
		return t.site.End(ctx)
	}
	short, cancel := context.WithTimeoutCause(ctx, heldFor<<t.held, errHeld)
	defer cancel()
	err := t.site.End(short)
	if err != nil && ctx.Err() == nil && errors.Is(context.Cause(short), errHeld) {
		t.held++
		return errHeld
	}
	t.held = 0
	return err
}
