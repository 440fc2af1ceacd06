package apply

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"duplex/internal/change"
	"duplex/internal/conflict"
	"duplex/internal/schema"
)

// A plan is how rows of one source table are written to one target table. All
// images inside the applier are in the target's column order, its length that
// of target.Columns.
type plan struct {
	target   *change.Table
	gone     bool           // a statement has taken the table away: its rows are void
	from     []int          // per target column: its place in the source's images, -1 if the source lacks it
	fill     []change.Value // per target column: what the source's rows hold in one that it lacks
	same     bool           // the orders agree: images can be used as they are
	write    []int          // target columns that are written: not generated, known to the source
	key      []int          // target columns of the identity
	indexes  []index
	leads    map[int]bool // target columns that some index begins with
	uniques  [][]int      // target columns of the unique keys that are not the identity
	force    string       // makes the server find rows by the identity alone
	name     string       // `db`.`table`
	id       string       // of the table, as keys have it: a name, under which it may have been known before
	insert   string       // INSERT INTO … VALUES
	selected string       // expressions for SELECT, of all target columns
	onDup    string       // ON DUPLICATE KEY UPDATE …
	digest   *digest      // nil: rows have to be looked at
	rule     *conflict.Rule
	unique   bool // rows may be parked
	touches  bool // a row written may concern parked ones
	rank     int  // above that of every table that this one refers to
}

// An index is a set of columns whose values order transactions: a unique key,
// or a foreign key, which reads one.
type index struct {
	tag    uint64 // of the table and columns that it belongs to, the same for a key and those who refer to it
	cols   []int  // target columns; -1: an expression, whose values are unknown here
	prefix []int  // per column: how much of it the key holds, in characters or bytes; 0: all
	read   bool
}

// newPlan fits source to target: by m, or by the names of columns where that is
// nil. It fails with ErrTable if a column of the source has no place in the
// target or rows cannot be told apart.
func newPlan(source *change.Table, target *schema.Table, m *schema.Mapping) (*plan, error) {
	p := &plan{target: target.Change(), same: len(source.Columns) == len(target.Columns)}
	p.name = string(p.target.AppendName(nil))
	p.id = p.name
	p.key = p.target.Key
	for i := range source.Columns {
		if m == nil && target.Column(source.Columns[i].Name) < 0 {
			return nil, fmt.Errorf("%w: column %s of %s does not exist in the target's %s", ErrTable, source.Columns[i].Name, source, target)
		}
	}
	for i := range target.Columns {
		c := &target.Columns[i]
		at, fill, known := sourceOf(source, c, m, i)
		p.from, p.fill = append(p.from, at), append(p.fill, fill)
		p.same = p.same && at == i
		if known && !c.Generated {
			p.write = append(p.write, i)
		}
		if at < 0 && slices.Contains(p.key, i) {
			return nil, fmt.Errorf("%w: key column %s of the target's %s does not exist in the source", ErrTable, c.Name, target)
		}
	}
	if err := p.countable(target); err != nil {
		return nil, err
	}
	p.addIndexes(target)
	p.texts()
	p.digest = newDigest(p, target)
	return p, nil
}

// sourceOf says where the values of a target column come from: its place at the
// source, or -1 and what it holds in all of the source's rows. known is false
// where nothing is known of it.
func sourceOf(source *change.Table, c *schema.Column, m *schema.Mapping, i int) (at int, fill change.Value, known bool) {
	if m != nil {
		return m.Source(i)
	}
	at = slices.IndexFunc(source.Columns, func(s change.Column) bool { return s.Name == c.Name })
	return at, change.Value{}, at >= 0
}

func (p *plan) addIndexes(t *schema.Table) {
	identity := t.Identity()
	p.leads = map[int]bool{}
	for i := range t.Keys {
		k := &t.Keys[i]
		if len(k.Parts) > 0 {
			p.leads[t.Column(k.Parts[0].Column)] = true
		}
		if k.Kind != schema.Primary && k.Kind != schema.Unique {
			continue
		}
		x, _ := uniqueIndex(t, k)
		p.indexes = append(p.indexes, x)
		if k != identity {
			p.uniques = append(p.uniques, x.cols)
		}
	}
	for i := range t.ForeignKeys {
		f := &t.ForeignKeys[i]
		cols := make([]int, len(f.Columns))
		for j, c := range f.Columns {
			cols[j] = t.Column(c)
		}
		x := newIndex(f.RefDatabase, f.RefTable, f.RefColumns, cols, make([]int, len(cols)))
		x.read = true
		p.indexes = append(p.indexes, x)
	}
	if identity != nil {
		p.force = " FORCE INDEX (" + string(change.AppendIdent(nil, identity.Name)) + ")"
	}
}

// newIndex gives a unique key and the foreign keys that refer to it the same
// tag and the same order of values, however their columns are listed.
func newIndex(database, table string, names []string, cols, prefix []int) index {
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(names[a], names[b]) })
	x := index{cols: make([]int, len(cols)), prefix: make([]int, len(cols))}
	text := strings.ToLower(database + "\x00" + table)
	for i, o := range order {
		x.cols[i], x.prefix[i] = cols[o], prefix[o]
		text += "\x00" + strings.ToLower(names[o])
	}
	x.tag = xxhash.Sum64String(text)
	return x
}

func (p *plan) texts() {
	var sel, cols, dup []byte
	for i := range p.target.Columns {
		if i > 0 {
			sel = append(sel, ',')
		}
		sel = p.target.Columns[i].AppendSelect(sel)
	}
	for n, i := range p.write {
		if n > 0 {
			cols = append(cols, ',')
		}
		cols = change.AppendIdent(cols, p.target.Columns[i].Name)
		if slices.Contains(p.key, i) {
			continue
		}
		if len(dup) > 0 {
			dup = append(dup, ',')
		}
		dup = change.AppendIdent(dup, p.target.Columns[i].Name)
		dup = append(change.AppendIdent(append(dup, "=VALUES("...), p.target.Columns[i].Name), ')')
	}
	p.selected = string(sel)
	p.insert = "INSERT INTO " + p.name + " (" + string(cols) + ") VALUES "
	p.onDup = " ON DUPLICATE KEY UPDATE " + string(dup)
}

// image brings a source image into the target's column order. A column that
// the source lacks is left out of every comparison and statement.
func (p *plan) image(source []change.Value) []change.Value {
	if source == nil || p.same {
		return source
	}
	out := make([]change.Value, len(p.from))
	for i, at := range p.from {
		if at >= 0 {
			out[i] = source[at]
		} else {
			out[i] = p.fill[i]
		}
	}
	return out
}

// equal compares two images on the columns that are replicated.
func (p *plan) equal(a, b []change.Value) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	for _, i := range p.write {
		if !a[i].Equal(b[i]) {
			return false
		}
	}
	return true
}

// identical is equal in every bit and byte.
func (p *plan) identical(a, b []change.Value) bool {
	for _, i := range p.write {
		if !a[i].Identical(b[i]) {
			return false
		}
	}
	return true
}

// sameKey reports whether two images have the same identity, byte for byte.
func (p *plan) sameKey(a, b []change.Value) bool { return same(p.key, a, b) }

func same(cols []int, a, b []change.Value) bool {
	for _, i := range cols {
		if !a[i].Equal(b[i]) {
			return false
		}
	}
	return true
}

// movesUnique reports whether a unique key other than the identity has another
// value in b than in a.
func (p *plan) movesUnique(a, b []change.Value) bool {
	for _, cols := range p.uniques {
		if slices.Contains(cols, -1) || !same(cols, a, b) {
			return true
		}
	}
	return false
}

// rowKey is the identity of an image as a map key.
func (p *plan) rowKey(image []change.Value) string {
	return change.RowID(p.target.Columns, p.key, image)
}

// A dep is one key value that a transaction writes or refers to.
type dep struct {
	hash uint64
	read bool
}

// deps appends the dependencies of one image. exact is false if a key value has
// no form that can be compared here: then the transaction waits for all before
// it, and all after it wait for it.
func (p *plan) deps(dst []dep, image []change.Value, scratch []byte) (_ []dep, exact bool) {
	exact = true
	if p.keyless() && (len(dst) == 0 || dst[len(dst)-1] != p.whole()) {
		dst = append(dst, p.whole())
	}
	for i := range p.indexes {
		x := &p.indexes[i]
		b := binary.LittleEndian.AppendUint64(scratch[:0], x.tag)
		null := false
		for j, c := range x.cols {
			if c < 0 {
				return dst, false
			}
			if image[c].IsNull() {
				null = true
				break
			}
			v, ok := cut(&p.target.Columns[c], image[c], x.prefix[j])
			if !ok {
				return dst, false
			}
			at := len(b)
			b, ok = p.target.Columns[c].AppendKey(b, v)
			exact = exact && ok
			b = binary.LittleEndian.AppendUint32(b, uint32(len(b)-at))
		}
		if !null {
			dst = append(dst, dep{xxhash.Sum64(b), x.read})
		}
	}
	return dst, exact
}

// cut leaves of v what a key on its first n characters, or bytes, holds. ok is
// false where characters cannot be counted here.
func cut(c *change.Column, v change.Value, n int) (_ change.Value, ok bool) {
	if n == 0 {
		return v, true
	}
	switch {
	case v.Kind != change.Text, c.Charset == "latin1", c.Charset == "ascii":
		v.Bytes = v.Bytes[:min(n, len(v.Bytes))]
		return v, true
	case c.Charset != "utf8mb4" && c.Charset != "utf8" && c.Charset != "utf8mb3":
		return v, false
	}
	at := 0
	for ; n > 0 && at < len(v.Bytes); n-- {
		_, size := utf8.DecodeRune(v.Bytes[at:])
		at += size
	}
	v.Bytes = v.Bytes[:at]
	return v, true
}

// formatKey writes the identity for people: (id=5).
func (p *plan) formatKey(image []change.Value) string {
	key := p.telling()
	parts := make([]string, len(key))
	for n, i := range key {
		parts[n] = p.target.Columns[i].Name + "=" + short(p.target.Columns[i].Format(image[i]))
	}
	return "(" + strings.Join(parts, ", ") + ")"
}
