package apply

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // tells rows apart that nobody made to look alike; every server has it
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"

	"duplex/internal/change"
	"duplex/internal/conflict"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// Rows are mostly as the source's log has them. So a group is written first
// without looking at them, in one round trip:
//
//	BEGIN; mark, of our epoch only; rows; proof; COMMIT
//
// Each statement that changes or deletes a row adds a digest of what it found to a
// variable of the session, and the proof fails, so that COMMIT is left out, unless that
// comes to the digest of the images before. It says as much as locking, reading and
// comparing would, and the server does not look for each row twice. Who fails it
// begins anew, and looks.

// found is the session's variable that digests are added to.
const found = "@duplex_found"

// errUnproven says that some row was not as the source's log has it, or that the
// link belongs to another run.
var errUnproven = errors.New("a row is not as it was expected")

// subqueryRows is the error that the proof fails with: a subquery of two rows.
const subqueryRows = 1242

// A trust says for how many groups a lane looks first, since one was not as expected.
type trust struct{ looks, next int }

// mostLooks bounds it.
const mostLooks = 64

func (r *trust) broken() {
	r.next = min(2*r.next+1, mostLooks)
	r.looks = r.next
}

func (r *trust) kept() { r.next /= 2 }

// provable reports whether a batch can be written without looking at its rows.
func (t *target) provable(b *batch) bool {
	if t.careful || t.clash || t.gaps || t.spooled || t.checks != t.related() || len(b.tallies) > 0 || t.cfg.Target.Kind == tenant.OceanBase {
		return false
	}
	if t.cfg.DDL.Renames { // a name may be another table's, in which the same rows are not there either
		return false
	}
	if t.trust.looks > 0 {
		t.trust.looks--
		return false
	}
	if t.window.copying() || t.waiting(b) {
		return false
	}
	return !slices.ContainsFunc(b.nets, func(n *net) bool { return !t.provableRow(n) })
}

// provableRow reports whether a row can. One that comes back to what it was is not
// written, so nothing would be proven. Of a table in which rows may be parked one that
// gives a unique value up, or takes one, has to be looked at under its lock.
func (t *target) provableRow(n *net) bool {
	p := n.plan
	if p.digest == nil || !change.Whole(n.before) || !change.Whole(n.after) || n.exact(t.carried) {
		return false
	}
	switch {
	case n.before == nil && n.after == nil:
		return false
	case n.before == nil:
		head, _ := written(p, n.after, "", "")
		return head == "" && (t.site == nil || !p.touches)
	case n.after == nil:
		return len(p.key) == 1 && (t.site == nil || !p.touches)
	}
	if t.site != nil && p.touches && t.parked.Len() > 0 && (t.wants(n.row(), n.before) || t.wants(n.row(), n.after)) {
		return false
	}
	head, _ := written(p, n.after, "", "")
	return head == "" && p.digest.onDup != "" && !p.identical(n.before, n.after) && !p.movesUnique(n.before, n.after) && p.sameKey(n.before, n.after)
}

// prove writes a batch without looking at its rows, and commits. ok is false if it
// cannot be: nothing is sent then.
func (t *target) prove(ctx context.Context, b *batch) (ok bool, err error) {
	if !t.provable(b) {
		return false, nil
	}
	if err := t.lookup(b); err != nil {
		return false, err
	}
	for _, n := range b.nets {
		if n.local != nil {
			return false, nil
		}
	}
	var sum uint64
	for _, n := range b.nets {
		n.plain, n.current, n.final = true, n.before, n.after
		n.out = conflict.Outcome{Wrote: true, After: n.after, Txn: n.lastStep().Txn}
		if n.before != nil {
			sum ^= n.plan.digest.of(n.before)
		}
	}
	t.note(b, len(t.carried) > 1)
	s := t.newScript(ctx)
	s.proof = true
	s.statement(nil, "BEGIN")
	t.mark(s, true)
	s.statement(nil, "SET "+found+" = ROW_COUNT() - 1") // 0: the epoch is ours
	s.rows(b)
	s.statement(nil, "SET "+found+" = IF("+found+" = "+strconv.FormatUint(sum, 10)+", 0, (SELECT 1 UNION ALL SELECT 2))")
	err = t.finish(s, true)
	switch class := tenant.Classify(err); {
	case tenant.Code(err) == subqueryRows, class == tenant.Duplicate, class == tenant.Reference:
		return true, errUnproven
	}
	return true, err
}

// A digest is how the rows of a table are told apart at the server and here.
type digest struct {
	columns  []change.Column
	nullable []int  // columns that may be NULL
	sized    []int  // columns whose values have any length
	sql      string // adds that of the row which a statement is at; never negative
	onDup    string // ON DUPLICATE KEY UPDATE of a plan, with sql; empty: no column can carry it
}

// newDigest makes the digest of a plan's table; nil: the server writes values of
// some column otherwise than we do, or does not let all of them be written.
func newDigest(p *plan, t *schema.Table) *digest {
	if p.keyless() || len(p.write) < len(t.Columns) {
		return nil
	}
	d := &digest{}
	var collations []string
	for i := range t.Columns {
		c := &t.Columns[i]
		switch c.Kind {
		case change.Int, change.Uint, change.Decimal, change.Date, change.Datetime, change.Timestamp, change.Time, change.Year,
			change.Enum, change.Set, change.Bit:
		case change.Text, change.Binary:
			d.sized = append(d.sized, i)
			collations = append(collations, c.Charset+" "+c.Collation)
		default:
			return nil
		}
		if strings.Contains(c.Type, "zerofill") {
			return nil
		}
		if c.Nullable {
			d.nullable = append(d.nullable, i)
		}
		d.columns = append(d.columns, c.Column)
	}
	slices.Sort(collations)
	d.sql = d.text(len(slices.Compact(collations)) <= 1)
	d.onDup = d.carriedBy(p)
	return d
}

// text is the SQL of a digest. What is NULL and how long each value is stands before
// the values, so that no two rows have the same text. Texts of more than one collation
// are taken as bytes.
func (d *digest) text(plain bool) string {
	parts := []string{"'|'"}
	for _, i := range d.nullable {
		parts = append(parts, "ISNULL("+d.name(i)+")")
	}
	for _, i := range d.sized {
		parts = append(parts, "LENGTH("+d.name(i)+")")
	}
	for i := range d.columns {
		c := &d.columns[i]
		switch {
		case c.Kind == change.Year:
			parts = append(parts, d.name(i)+"+0")
		case c.Kind == change.Text && (!plain || !strings.HasPrefix(c.Charset, "utf8")):
			parts = append(parts, "CAST("+d.name(i)+" AS BINARY)")
		default:
			parts = append(parts, string(c.AppendSelect(nil)))
		}
	}
	return "(" + found + ":=" + found + "^CAST(CONV(LEFT(MD5(CONCAT_WS(" + strings.Join(parts, ",") + ")),16),16,10) AS UNSIGNED))"
}

// carriedBy lets the first column whose value stays what it is under IF carry the
// digest: it is assigned before any other.
func (d *digest) carriedBy(p *plan) string {
	for i := range d.columns {
		switch d.columns[i].Kind {
		case change.Enum, change.Set, change.Bit, change.Year:
			continue
		}
		if slices.Contains(p.key, i) {
			continue
		}
		v := "VALUES(" + d.name(i) + ")"
		own := d.name(i) + "=" + v
		head := " ON DUPLICATE KEY UPDATE "
		rest := strings.TrimPrefix(strings.Replace(","+strings.TrimPrefix(p.onDup, head), ","+own, "", 1), ",")
		sql := head + d.name(i) + "=IF(" + d.sql + ">=0," + v + "," + v + ")"
		if rest != "" {
			sql += "," + rest
		}
		return sql
	}
	return ""
}

func (d *digest) name(i int) string { return string(change.AppendIdent(nil, d.columns[i].Name)) }

// of gives the digest of an image.
func (d *digest) of(image []change.Value) uint64 {
	b := make([]byte, 0, 512)
	for _, i := range d.nullable {
		if image[i].IsNull() {
			b = append(b, "1|"...)
		} else {
			b = append(b, "0|"...)
		}
	}
	for _, i := range d.sized {
		if !image[i].IsNull() {
			b = append(strconv.AppendInt(b, int64(len(image[i].Bytes)), 10), '|')
		}
	}
	for i := range d.columns {
		if !image[i].IsNull() {
			b = append(appendAsServer(b, &d.columns[i], image[i]), '|')
		}
	}
	h := md5.Sum(b[:max(0, len(b)-1)]) //nolint:gosec // as above
	return binary.BigEndian.Uint64(h[:])
}

// appendAsServer writes a value as the server does between texts.
func appendAsServer(dst []byte, c *change.Column, v change.Value) []byte {
	switch v.Kind {
	case change.Text, change.Binary:
		return append(dst, v.Bytes...)
	case change.Datetime, change.Timestamp, change.Time: // with all digits of the column
		at := len(dst)
		dst = bytes.TrimSuffix(c.AppendLiteral(dst, v), []byte("'"))
		dst = append(dst[:at], dst[at+1:]...)
		if c.Scale == 0 {
			return dst
		}
		if dot := bytes.IndexByte(dst[at:], '.'); dot >= 0 {
			return dst[:at+dot+1+c.Scale]
		}
		return append(append(dst, '.'), "000000"[:c.Scale]...)
	case change.Date:
		at := len(dst)
		dst = bytes.TrimSuffix(c.AppendLiteral(dst, v), []byte("'"))
		return append(dst[:at], dst[at+1:]...)
	default:
		return c.AppendLiteral(dst, v)
	}
}
