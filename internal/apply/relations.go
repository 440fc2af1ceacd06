package apply

import (
	"encoding/binary"
	"strconv"
	"strings"

	"duplex/internal/change"
	"duplex/internal/conflict"
	"duplex/internal/schema"
)

// Relations knows which rows of a site's tables stand in each other's way: the
// unique keys besides the identity.
type Relations struct{ tables map[string]*relation }

// A relation is one table's.
type relation struct {
	table   *change.Table
	uniques []index
}

// NewRelations reads the keys of a site's tables.
func NewRelations(tables []*schema.Table) *Relations {
	r := &Relations{tables: map[string]*relation{}}
	for _, t := range tables {
		c := t.Change()
		r.tables[string(c.AppendName(nil))] = &relation{table: c, uniques: uniquesOf(t)}
	}
	return r
}

// uniquesOf gives the keys by which a row may be kept out of its table: every
// unique key but the identity, and that too where different bytes may be the
// same key to the server.
func uniquesOf(t *schema.Table) []index {
	identity := t.Identity()
	var out []index
	for i := range t.Keys {
		k := &t.Keys[i]
		if k.Kind != schema.Primary && k.Kind != schema.Unique || k == identity && !folds(t, k) {
			continue
		}
		if x, ok := uniqueIndex(t, k); ok {
			out = append(out, x)
		}
	}
	return out
}

// folds reports whether the server holds different texts of the key for equal.
func folds(t *schema.Table, k *schema.Key) bool {
	for _, p := range k.Parts {
		if i := t.Column(p.Column); i >= 0 && t.Columns[i].Kind == change.Text && !strings.HasSuffix(t.Columns[i].Collation, "_bin") {
			return true
		}
	}
	return false
}

// uniqueIndex gives the columns of a key; ok is false for one on an expression,
// whose values are not known here.
func uniqueIndex(t *schema.Table, k *schema.Key) (x index, ok bool) {
	names, cols, prefix := make([]string, len(k.Parts)), make([]int, len(k.Parts)), make([]int, len(k.Parts))
	ok = true
	for j, part := range k.Parts {
		names[j], prefix[j] = part.Column+part.Expression, part.Prefix
		cols[j] = t.Column(part.Column)
		ok = ok && cols[j] >= 0
	}
	return newIndex(t.Database, t.Name, names, cols, prefix), ok
}

// Any reports whether rows of any table may be parked.
func (r *Relations) Any() bool {
	for _, t := range r.tables {
		if len(t.uniques) > 0 {
			return true
		}
	}
	return false
}

// Unique reports whether rows of the table may be parked.
func (r *Relations) Unique(table string) bool {
	t := r.tables[table]
	return t != nil && len(t.uniques) > 0
}

// Claims gives the unique values that a row holds.
func (r *Relations) Claims(key conflict.Key, row []change.Value) []conflict.Claim {
	t := r.tables[key.Table]
	if t == nil || row == nil {
		return nil
	}
	var out []conflict.Claim
	for i := range t.uniques {
		if c, ok := t.claim(&t.uniques[i], row); ok {
			out = append(out, c)
		}
	}
	return out
}

// claim gives what a row holds in one index; ok is false for NULL.
func (t *relation) claim(x *index, row []change.Value) (_ conflict.Claim, ok bool) {
	var buf [96]byte
	b := binary.LittleEndian.AppendUint64(buf[:0], x.tag)
	for j, c := range x.cols {
		if c >= len(row) || row[c].IsNull() {
			return "", false
		}
		v, counted := cut(&t.table.Columns[c], row[c], x.prefix[j])
		at := len(b)
		folded, exact := t.table.Columns[c].AppendKey(b, v)
		if b = folded; !exact || !counted { // the bytes alone are compared
			b = change.AppendImage(b, []change.Value{v})
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(len(b)-at))
	}
	return conflict.Claim(b), true
}

// appendHolder appends the condition that finds who holds what row holds in x.
func (t *relation) appendHolder(dst []byte, x *index, row []change.Value) []byte {
	for j, i := range x.cols {
		if j > 0 {
			dst = append(dst, " AND "...)
		}
		c := &t.table.Columns[i]
		if n := x.prefix[j]; n > 0 {
			v, _ := cut(c, row[i], n)
			dst = change.AppendIdent(append(dst, "LEFT("...), c.Name)
			dst = strconv.AppendInt(append(dst, ", "...), int64(n), 10)
			dst = c.AppendKeyLiteral(append(dst, ") = "...), v)
			continue
		}
		dst = append(change.AppendIdent(dst, c.Name), '=')
		dst = c.AppendKeyLiteral(dst, row[i])
	}
	return dst
}
