package apply

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"duplex/internal/change"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// How a TRUNCATE is followed where the target's application writes the table too:
// as a deletion of each row that is there, in one target transaction, so that each
// is decided. What the application inserts meanwhile the late check finds, since
// the mark names the table.

// empties takes all rows out of a table of the target, as the transaction in hand
// has done at the source. A refusal says why that cannot be told row by row.
func (t *target) empties(ctx context.Context, n schema.Name) (err error) {
	id := t.relations.of(n.Database, n.Name)
	p, err := t.own(ctx, id)
	switch {
	case errors.Is(err, ErrTable):
		return &schema.Refusal{Reason: err.Error()}
	case err != nil:
		return err
	case !p.rule.Empties(t.carried[0].Stamp.Version):
		return &schema.Refusal{Reason: fmt.Sprintf("both sites are written, and the rule of %s.%s is %s, by which a row is not simply taken away: DELETE the rows instead",
			n.Database, n.Name, p.rule.At(t.carried[0].Stamp.Version).Policy)}
	case len(t.relations.tables[id].children) > 0:
		return &schema.Refusal{Reason: fmt.Sprintf("both sites are written, and other rows refer to those of %s.%s: DELETE the rows instead", n.Database, n.Name)}
	}
	t.spooled, t.emptied = true, p
	t.notes.Emptied = []string{id}
	if err := t.site.End(ctx); err != nil { // fewer rows go and come back
		return err
	}
	failpoint("ddl-before")
	b := newBatch(true)
	for _, key := range t.parked.Of(id) {
		if b, err = t.takes(ctx, b, p.keyImage(key.ID)); err != nil {
			return err
		}
	}
	session, err := t.cfg.Target.Session(ctx, tenant.Read, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	if t.cfg.Target.Kind != tenant.OceanBase { // rows are taken as slowly as they are deleted
		if _, err := session.ExecAll(ctx, "SET net_write_timeout = 3600"); err != nil {
			return err
		}
	}
	err = session.Each(ctx, p.keys(), func(_ int, row []driver.Value) error {
		image := make([]change.Value, len(p.target.Columns))
		for i, c := range p.key {
			if image[c], err = p.target.Columns[c].ParseColumn(row[i]); err != nil {
				return fmt.Errorf("read %s: %w", p.target, err)
			}
		}
		b, err = t.takes(ctx, b, image)
		return err
	})
	if err != nil {
		return err
	}
	failpoint("ddl-step")
	err = t.write(ctx, b, false)
	failpoint("ddl-run")
	return err
}

// keys is a SELECT of the identity of all rows.
func (p *plan) keys() string {
	out := []byte("SELECT ")
	for i, c := range p.key {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = p.target.Columns[c].AppendSelect(out)
	}
	return string(out) + " FROM " + p.name
}

// takes adds a row that goes to the batch, and writes that if it is full. It gives
// the batch for the next one.
func (t *target) takes(ctx context.Context, b *batch, key []change.Value) (*batch, error) {
	b.add(t.emptied, &change.Row{Op: change.Delete, Before: key}, origin{0, "of a statement"})
	if len(b.nets) < stepRows && b.bytes < stepBytes {
		return b, nil
	}
	return newBatch(true), t.write(ctx, b, false)
}
