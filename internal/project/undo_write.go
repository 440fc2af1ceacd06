package project

import (
	"duplex/internal/change"
	"duplex/internal/tenant"
)

// The actions of an undo.
const (
	undoNone   = "none"
	undoInsert = "insert"
	undoUpdate = "update"
	undoDelete = "delete"
)

// write gives what makes a row what it is to become, and the statements that do
// it; none where it is that already. Columns that the image does not know keep
// their values, or take their default.
func (t *undoTable) write(r undoRow) (action, text string) {
	switch {
	case r.back == nil && r.now == nil:
		return undoNone, ""
	case r.back == nil:
		return undoDelete, string(t.where([]byte("DELETE FROM "+t.name), r.now))
	case r.now == nil:
		return undoInsert, t.fitting(r, string(t.insert(r)))
	}
	set := t.update(r)
	if set == nil {
		return undoNone, ""
	}
	return undoUpdate, t.fitting(r, string(set))
}

// writes reports whether an undo writes column i.
func (t *undoTable) writes(r undoRow, i int) bool { return r.known[i] && !t.Columns[i].Generated }

func (t *undoTable) insert(r undoRow) []byte {
	head, tail := []byte("INSERT INTO "+t.name+" ("), []byte(") VALUES (")
	comma := false
	for i := range t.Columns {
		if !t.writes(r, i) {
			continue
		}
		if comma {
			head, tail = append(head, ','), append(tail, ',')
		}
		comma = true
		head = change.AppendIdent(head, t.Columns[i].Name)
		tail = t.Columns[i].AppendLiteral(tail, r.back[i])
	}
	return append(append(head, tail...), ')')
}

// update gives nil where no column changes. It writes all columns, so that one
// that the server touches by itself gets the image's value.
func (t *undoTable) update(r undoRow) []byte {
	dst := []byte("UPDATE " + t.name + " SET ")
	comma, changes := false, false
	for i := range t.Columns {
		if !t.writes(r, i) {
			continue
		}
		if comma {
			dst = append(dst, ',')
		}
		comma = true
		changes = changes || !r.back[i].Identical(r.now[i])
		dst = append(change.AppendIdent(dst, t.Columns[i].Name), '=')
		dst = t.Columns[i].AppendLiteral(dst, r.back[i])
	}
	if !changes {
		return nil
	}
	return t.where(dst, r.now)
}

// fitting wraps a statement that writes what a strict server refuses though a
// table holds it: an ENUM's empty label, a computed column with a warning.
func (t *undoTable) fitting(r undoRow, text string) string {
	for i := range t.Columns {
		if c := &t.Columns[i]; c.Generated || c.Kind == change.Enum && r.back[i].Kind == change.Enum && r.back[i].Bits == 0 {
			return tenant.Lenient + "; " + text + "; " + tenant.Strict
		}
	}
	return text
}
