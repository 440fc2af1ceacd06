package apply

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// The bounds of one statement and of one round trip, in bytes. A single row
// may be larger.
const (
	statementBytes = 512 << 10
	scriptBytes    = 4 << 20
)

// A script collects the statements of a transaction and sends them in few
// round trips. Rows of one table and kind join in one statement.
type script struct {
	*target
	ctx  context.Context //nolint:containedctx // lives for one call
	text []byte
	err  error

	proof bool // statements add digests of the rows that they find

	open  string // the statement that rows join now: its head
	close string // what ends it
	since int    // where it began
}

// newScript begins one in the memory that the lane's last one had.
func (t *target) newScript(ctx context.Context) *script {
	return &script{target: t, ctx: ctx, text: t.buffer[:0]}
}

// statement adds a statement of its own. of is the row it is about, for errors.
func (s *script) statement(of *net, text string) {
	if text == "" {
		return
	}
	s.end()
	if len(s.text)+len(text) > s.packet() {
		s.flush(of, len(text))
	}
	if len(s.text) > 0 {
		s.text = append(s.text, "; "...)
	}
	s.text = append(s.text, text...)
	s.step(of)
}

// join adds one row to a statement of the form head row, row, … end.
func (s *script) join(of *net, head, end string, row func(dst []byte) []byte) {
	at := len(s.text)
	if s.open != head || s.close != end || at-s.since > statementBytes {
		s.end()
		at = len(s.text)
		s.begin(head, end)
	} else {
		s.text = append(s.text, ',')
	}
	from := len(s.text)
	s.text = row(s.text)
	if len(s.text)+len(end) > s.packet() {
		s.alone(of, at, from)
	}
	s.step(of)
}

// begin opens a statement that rows join.
func (s *script) begin(head, end string) {
	if len(s.text) > 0 {
		s.text = append(s.text, "; "...)
	}
	s.since = len(s.text)
	s.text = append(s.text, head...)
	s.open, s.close = head, end
}

// alone sends what stood before at, and begins anew with the row from from on,
// which did not fit any more.
func (s *script) alone(of *net, at, from int) {
	row := bytes.Clone(s.text[from:])
	head, end := s.open, s.close
	if s.text = s.text[:at]; s.since >= at {
		s.open = "" // its statement is not begun
	}
	s.flush(of, len(head)+len(row)+len(end))
	s.begin(head, end)
	s.text = append(s.text, row...)
}

// packetRoom is what a packet holds beside the statements.
const packetRoom = 1 << 10

// packet is how long a script may get: the server takes no longer packet.
func (s *script) packet() int { return int(s.cfg.Target.Packet) - packetRoom }

// flush makes room for a statement of n bytes.
func (s *script) flush(of *net, n int) {
	switch {
	case s.err != nil:
		s.text = s.text[:0]
	case n > s.packet():
		s.err = s.tooLarge(of, n)
	default:
		s.err = s.send()
	}
}

// tooLarge names the row that no packet can carry.
func (s *script) tooLarge(of *net, n int) error {
	what := "a row of Duplex's own tables"
	if of != nil {
		what = fmt.Sprintf("%s %s of transaction %s", of.plan.target, of.plan.formatKey(of.image()), of.txn)
	}
	return fmt.Errorf("%w: %s takes %d bytes as SQL, max_allowed_packet of site %s is %d", ErrTooLarge, what, n, s.cfg.Target.Site, s.cfg.Target.Packet)
}

// step sends what has grown too long, or, when rows go one by one, each row.
func (s *script) step(of *net) {
	if len(s.text) < scriptBytes && !s.careful {
		return
	}
	s.end()
	if s.err == nil {
		s.err = s.duplicate(of, s.send())
	}
}

// end finishes the open statement.
func (s *script) end() {
	if s.open != "" {
		s.text = append(s.text, s.close...)
		s.open = ""
	}
}

// commit adds what ends the transaction.
func (s *script) commit() {
	for _, text := range append(s.tail[:len(s.tail):len(s.tail)], "COMMIT") {
		s.statement(nil, text)
	}
}

// send runs what was collected.
func (s *script) send() error {
	s.end()
	if s.err != nil || len(s.text) == 0 {
		return s.err
	}
	_, err := s.session.ExecAll(s.ctx, string(s.text))
	s.text = s.text[:0]
	if cap(s.text) <= scriptBytes {
		s.buffer = s.text
	}
	return err
}

// rows adds what has to be written: first what leaves or gives a unique value
// up, then what stays, then what comes. So no unique key is held twice at any
// moment, and a parent is there before its children and gone after them.
func (s *script) rows(b *batch) {
	plans := slices.Clone(b.plans)
	slices.SortStableFunc(plans, func(x, y *plan) int { return x.rank - y.rank })
	for _, p := range slices.Backward(plans) {
		for _, n := range b.nets {
			if n.plan == p && n.current != nil && (n.final == nil || s.rewritten(n)) {
				s.remove(p, n)
			}
		}
	}
	for _, p := range plans {
		for _, n := range b.nets {
			if n.plan == p && n.current != nil && n.final != nil && !s.rewritten(n) && !p.identical(n.current, n.final) {
				s.update(p, n)
			}
		}
		for _, n := range b.nets {
			if n.plan == p && n.final != nil && (n.current == nil || s.rewritten(n)) {
				s.insert(p, n.final, n)
			}
		}
	}
}

// rewritten reports whether a row is taken out and put in again: its unique
// values move, perhaps to or from another row of the same batch, or its key is
// written in other letters.
func (s *script) rewritten(n *net) bool {
	return n.current != nil && n.final != nil && !n.plan.extra() &&
		(n.plan.movesUnique(n.current, n.final) || !n.plan.sameKey(n.current, n.final))
}

func (s *script) remove(p *plan, n *net) {
	if len(p.key) == 1 {
		c := &p.target.Columns[p.key[0]]
		head := "DELETE FROM " + p.name + " WHERE " + string(change.AppendIdent(nil, c.Name)) + " IN ("
		end := ")"
		if s.proof {
			end = ") AND " + p.digest.sql + ">=0"
		}
		s.join(n, head, end, func(dst []byte) []byte { return c.AppendKeyLiteral(dst, n.current[p.key[0]]) })
		return
	}
	s.statement(n, string(p.appendWhere([]byte("DELETE FROM "+p.name+" WHERE "), n.current)))
}

func (s *script) update(p *plan, n *net) {
	if p.extra() { // columns of the target's own must keep their values
		head, end := written(p, n.final, "", "")
		s.statement(n, string(append(p.appendUpdate([]byte(head), n), end...)))
		return
	}
	onDup := p.onDup
	if s.proof {
		onDup = p.digest.onDup
	}
	head, end := written(p, n.final, p.insert, onDup)
	s.join(n, head, end, func(dst []byte) []byte { return p.appendRow(dst, n.final) })
}

func (s *script) insert(p *plan, image []change.Value, n *net) {
	head, end := written(p, image, p.insert, "")
	s.join(n, head, end, func(dst []byte) []byte { return p.appendRow(dst, image) })
}

// checked and unchecked say whether the server looks after foreign keys: it does
// where rows are written as they come, and does not where we have.
const (
	checked   = "SET foreign_key_checks = 1"
	unchecked = "SET foreign_key_checks = 0"
)

// written gives head and end of the statement that writes an image. A lane's
// session is strict: a value that does not fit stops the link. It is lenient if
// it has an ENUM's empty label, which is the number 0, or if the table has
// columns that are computed, perhaps with a warning.
func written(p *plan, image []change.Value, head, end string) (string, string) {
	for i := range image {
		if p.target.Columns[i].Generated || image[i].Kind == change.Enum && image[i].Bits == 0 {
			return tenant.Lenient + "; " + head, end + "; " + tenant.Strict
		}
	}
	return head, end
}

// extra reports whether the target has columns that the source lacks.
func (p *plan) extra() bool {
	for i, at := range p.from {
		if at < 0 && !p.target.Columns[i].Generated && !slices.Contains(p.write, i) {
			return true
		}
	}
	return false
}

// appendRow appends (v1,v2,…) of the written columns.
func (p *plan) appendRow(dst []byte, image []change.Value) []byte {
	dst = append(dst, '(')
	for n, i := range p.write {
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = p.target.Columns[i].AppendLiteral(dst, image[i])
	}
	return append(dst, ')')
}

// appendWhere appends the condition that finds a row by its identity.
func (p *plan) appendWhere(dst []byte, image []change.Value) []byte {
	for n, i := range p.key {
		if n > 0 {
			dst = append(dst, " AND "...)
		}
		c := &p.target.Columns[i]
		dst = append(change.AppendIdent(dst, c.Name), '=')
		dst = c.AppendKeyLiteral(dst, image[i])
	}
	return dst
}

// appendUpdate appends an UPDATE of the columns that the source has.
func (p *plan) appendUpdate(dst []byte, n *net) []byte {
	dst = append(append(append(dst, "UPDATE "...), p.name...), " SET "...)
	for k, i := range p.write {
		if k > 0 {
			dst = append(dst, ',')
		}
		c := &p.target.Columns[i]
		dst = append(change.AppendIdent(dst, c.Name), '=')
		dst = c.AppendLiteral(dst, n.final[i])
	}
	return p.appendWhere(append(dst, " WHERE "...), n.current)
}

// appendLock appends the SELECT that locks the rows of nets.
func (p *plan) appendLock(dst []byte, nets []*net) []byte {
	dst = append(append(append(dst, "SELECT "...), p.selected...), " FROM "...)
	dst = append(append(append(dst, p.name...), p.force...), " WHERE "...)
	if len(p.key) == 1 {
		c := &p.target.Columns[p.key[0]]
		dst = append(change.AppendIdent(dst, c.Name), " IN ("...)
		for i, n := range nets {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = c.AppendKeyLiteral(dst, n.image()[p.key[0]])
		}
		return append(dst, ") FOR UPDATE"...)
	}
	for i, n := range nets { // not (a,b) IN (…): old servers scan the table for it
		if i > 0 {
			dst = append(dst, " OR "...)
		}
		dst = append(p.appendWhere(append(dst, '('), n.image()), ')')
	}
	return append(dst, " FOR UPDATE"...)
}
