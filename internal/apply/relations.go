package apply

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"duplex/internal/change"
	"duplex/internal/conflict"
	"duplex/internal/schema"
)

// Relations knows which rows of a site's tables stand in each other's way: by
// unique keys besides the identity, and by foreign keys.
type Relations struct {
	tables  map[string]*relation // by identity
	ids     map[string]string    // identities by the tables' names in SQL
	foreign bool
	kept    atomic.Bool // foreign keys are
}

// A relation is one table's.
type relation struct {
	table    *change.Table
	id       string
	uniques  []index     // a row claims its value in each
	needs    []reference // a row needs its value in each
	needed   []index     // the columns of needs
	gives    []index     // by its value in each other rows refer to it
	children []reference // of other tables, and of this one, that refer to it
	rank     int         // above that of every table that it refers to, as far as there is an order
}

// A reference is one foreign key: columns of the child, and those of the parent
// that they refer to, in one order.
type reference struct {
	child, parent *relation
	columns       index // of the child, with the tag of what they refer to
	refers        index // of the parent
}

// NewRelations reads the keys of a site's tables. identity tells a table as keys
// do; nil: by its name. A foreign key to a table that is none of them is the business
// of whoever writes that one.
func NewRelations(tables []*schema.Table, identity func(database, table string) string) *Relations {
	r := &Relations{tables: map[string]*relation{}, ids: map[string]string{}}
	for _, t := range tables {
		c := t.Change()
		name := string(c.AppendName(nil))
		id := name
		if identity != nil {
			id = identity(t.Database, t.Name)
		}
		r.ids[name], r.tables[id] = id, &relation{table: c, id: id, uniques: uniquesOf(t)}
	}
	for _, t := range tables {
		for i := range t.ForeignKeys {
			r.relate(t, &t.ForeignKeys[i])
		}
	}
	for range r.tables { // the longest way has no more steps
		for _, t := range r.tables {
			for i := range t.needs {
				t.rank = min(max(t.rank, t.needs[i].parent.rank+1), len(r.tables))
			}
		}
	}
	return r
}

// of tells a table as keys do.
func (r *Relations) of(database, table string) string {
	return r.identity(string((&change.Table{Database: database, Name: table}).AppendName(nil)))
}

// identity is of for a name in SQL.
func (r *Relations) identity(name string) string {
	if r != nil && r.ids[name] != "" {
		return r.ids[name]
	}
	return name
}

// relate takes in a foreign key of t.
func (r *Relations) relate(t *schema.Table, f *schema.ForeignKey) {
	child, parent := r.tables[r.of(t.Database, t.Name)], r.tables[r.of(f.RefDatabase, f.RefTable)]
	if parent == nil {
		return
	}
	places := func(table *change.Table, names []string) []int {
		out := make([]int, len(names))
		for i, n := range names {
			out[i] = slices.IndexFunc(table.Columns, func(c change.Column) bool { return strings.EqualFold(c.Name, n) })
		}
		return out
	}
	whole := make([]int, len(f.Columns))
	x := reference{
		child: child, parent: parent,
		columns: newIndex(f.RefDatabase, f.RefTable, f.RefColumns, places(child.table, f.Columns), whole),
		refers:  newIndex(f.RefDatabase, f.RefTable, f.RefColumns, places(parent.table, f.RefColumns), whole),
	}
	x.columns.read, x.refers.read = true, true
	if slices.Contains(x.columns.cols, -1) || slices.Contains(x.refers.cols, -1) {
		return
	}
	r.foreign = true
	child.needs, child.needed = append(child.needs, x), append(child.needed, x.columns)
	parent.children = append(parent.children, x)
	if !slices.ContainsFunc(parent.gives, func(g index) bool { return g.tag == x.refers.tag }) {
		parent.gives = append(parent.gives, x.refers)
	}
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
		if t.parks() {
			return true
		}
	}
	return false
}

// Keep says that from now on foreign keys are kept: not while rows come by a
// copy, children perhaps before their parents. Root mends what that leaves.
func (r *Relations) Keep() { r.kept.Store(true) }

// Foreign reports whether rows refer to each other.
func (r *Relations) Foreign() bool { return r.foreign }

// Unique reports whether rows of the table may be parked.
func (r *Relations) Unique(table string) bool {
	t := r.tables[table]
	return t != nil && t.parks()
}

func (t *relation) parks() bool { return len(t.uniques)+len(t.needs) > 0 }

// touches reports whether writing the table may concern parked rows.
func (t *relation) touches() bool { return t.parks() || len(t.gives) > 0 }

// Claims gives the unique values that a row holds.
func (r *Relations) Claims(key conflict.Key, row []change.Value) []conflict.Claim {
	return r.values(key, row, func(t *relation) []index { return t.uniques })
}

// Gives gives the values by which other rows may refer to a row.
func (r *Relations) Gives(key conflict.Key, row []change.Value) []conflict.Claim {
	return r.values(key, row, func(t *relation) []index { return t.gives })
}

// Needs gives the values of parents that a row refers to.
func (r *Relations) Needs(key conflict.Key, row []change.Value) []conflict.Claim {
	return r.values(key, row, func(t *relation) []index { return t.needed })
}

// waits is by what a parked row is found: what it may wait for, and what may
// wait for it.
func (r *Relations) waits(key conflict.Key, row []change.Value) []conflict.Claim {
	out := append(r.Claims(key, row), r.Needs(key, row)...)
	for _, v := range r.Gives(key, row) {
		out = append(out, givenBy(v))
	}
	return out
}

// givenBy is v as the parked rows that give it are found.
func givenBy(v conflict.Claim) conflict.Claim { return "<" + v }

func (r *Relations) values(key conflict.Key, row []change.Value, of func(*relation) []index) []conflict.Claim {
	t := r.tables[key.Table]
	if t == nil || row == nil {
		return nil
	}
	var out []conflict.Claim
	for _, x := range of(t) {
		if c, ok := t.claim(&x, row); ok {
			out = append(out, c)
		}
	}
	return out
}

// claim gives what a row holds in one index; ok is false for NULL.
func (t *relation) claim(x *index, row []change.Value) (_ conflict.Claim, ok bool) {
	var buf [96]byte
	b := binary.LittleEndian.AppendUint64(buf[:0], x.tag)
	if x.read { // what is referred to is no unique value that is disputed
		b = append(b, '>')
	}
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

// appendHolder appends the condition that finds the rows of t whose value in x
// is values, in the order of x.
func (t *relation) appendHolder(dst []byte, x *index, values []change.Value) []byte {
	for j, i := range x.cols {
		if j > 0 {
			dst = append(dst, " AND "...)
		}
		c := &t.table.Columns[i]
		v := values[j]
		if n := x.prefix[j]; n > 0 {
			v, _ = cut(c, v, n)
			dst = change.AppendIdent(append(dst, "LEFT("...), c.Name)
			dst = append(strconv.AppendInt(append(dst, ", "...), int64(n), 10), ") = "...)
		} else {
			dst = append(change.AppendIdent(dst, c.Name), '=')
		}
		dst = c.AppendKeyLiteral(dst, v)
	}
	return dst
}
