package conflict

import (
	"fmt"

	"duplex/internal/change"
)

// late looks whether an applied write has hit a local one that neither it nor
// the applier knew of. row is nil for a key of which the log shows nothing.
func (o *Observer) late(a *Applied, k KeyNote, row *Row) error {
	s := a.Carried[k.Txn]
	in := Write{Seq: s.Seq, Version: s.Version, Rank: o.cfg.Peer}
	pending := o.due[k.Hash]
	o.touched(k.Hash)
	if !k.Lost {
		o.recent.incoming(k.Hash, row, in.Order())
	}
	if k.Doubt && !k.Silent && row != nil && o.index.Find(row.Key) == nil {
		o.drifted(row, in)
	}
	if o.cfg.Without&WithoutLateCheck != 0 {
		return nil
	}
	if row != nil {
		o.expose(a, k, row.Key)
	} else if pending != nil {
		o.expose(a, k, pending.Key)
	}
	for e := range o.index.each(k.Hash) {
		r := o.cfg.Rules(e.key.Table)
		if row != nil && e.key != row.Key || e.told || e.lost && r.between(&e.write, &in).Policy == NewestByColumn ||
			r.At(s.Version).Policy == Delta && s.Seq != change.NoSeq && !k.Gone { // it was decided at the end of the log
			continue
		}
		l := e.local(r)
		rival := l.Rival(s.Seen)
		if rival == nil {
			continue
		}
		switch {
		case k.Gone:
		case row != nil && (!k.Silent || row.After != nil):
			in.After, in.Fresh = row.After, row.Before == nil
		case row == nil && pending != nil && pending.In.After != nil && !pending.there: // the row stayed as it is
			in.After = pending.In.After
		default: // what is written equals what is there: a write of the same content
			in.After = l.After
		}
		t := &Task{Key: e.key, hash: k.Hash, Local: l.Write, In: in, silent: k.Lost, there: row != nil && !r.equal(row.Before, l.After)}
		if err := o.decideLate(t, e, rival); err != nil {
			return err
		}
	}
	return nil
}

// drifted notes a row that neither log explains.
func (o *Observer) drifted(row *Row, in Write) {
	in.After = change.CloneImage(row.After)
	o.tasks = append(o.tasks, &Task{
		Key: row.Key, hash: row.Key.Hash(), Rule: o.cfg.Rules(row.Key.Table).At(in.Version), Drift: true, In: in,
		Local: Write{Seq: change.NoSeq, After: change.CloneImage(row.Before)},
	})
}

// decideLate decides about a local write, of which rival is what counts.
func (o *Observer) decideLate(t *Task, e *entry, rival *Write) error {
	r := o.cfg.Rules(e.key.Table).between(rival, &t.In)
	t.Rule, t.Local.After, t.In.After = r, change.CloneImage(t.Local.After), change.CloneImage(t.In.After)
	switch {
	case r.Policy == Stop && !t.In.copied():
		return fmt.Errorf("%w: %s was written on both sides", ErrStop, e.key.Table)
	case t.In.copied() || r.Policy != Overwrite && r.Policy != Ignore && r.beats(rival, &t.In):
		t.Restore = true
		o.due[t.hash] = t
	default:
		e.lost = true
		if r.sameContent(&t.Local, &t.In) {
			return nil
		}
		e.told = true
		if t.Stays = t.Local.After != nil && r.Policy != Ignore; t.Stays {
			o.due[t.hash] = t
		}
	}
	o.tasks = append(o.tasks, t)
	return nil
}
