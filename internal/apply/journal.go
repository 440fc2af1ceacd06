package apply

import (
	"fmt"
	"time"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/conflict"
)

// log notes a decision for the conflict table: it is written with the
// transaction.
func (t *target) log(p *plan, d *conflict.Decision) {
	c := checkpoint.Conflict{
		Table: p.target.String(), Kind: string(d.Verdict.Kind), Policy: string(d.Policy),
		Winner: string(d.Verdict.Winner), Ambiguous: d.Verdict.Ambiguous,
		Incoming: change.AppendJSON(nil, p.target.Columns, d.In.After), IncomingStamp: stampText(&d.In), IncomingCommitted: committedAt(&d.In),
	}
	local := d.Local.After
	if d.Verdict.Kind == conflict.Drift {
		if d.Found != nil {
			local = d.Found
		}
	} else {
		c.LocalStamp, c.LocalCommitted = stampText(&d.Local), committedAt(&d.Local)
	}
	c.Local = change.AppendJSON(nil, p.target.Columns, local)
	c.Key = p.plainKey(p.keyImage(d.Key.ID))
	t.conflicts = append(t.conflicts, c)
}

// stampText is seq/version for people; empty where there is no stamp.
func stampText(w *conflict.Write) string {
	if w.Seq == change.NoSeq || w.Seq == 0 && w.Version == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", w.Seq, w.Version)
}

func committedAt(w *conflict.Write) time.Time {
	if w.Committed == 0 {
		return time.Time{}
	}
	return time.UnixMicro(w.Committed)
}

// plainKey writes the identity for people and for filters: id=5.
func (p *plan) plainKey(image []change.Value) string {
	var b []byte
	for n, i := range p.telling() {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(append(b, p.target.Columns[i].Name...), '=')
		b = append(b, p.target.Columns[i].Format(image[i])...)
	}
	return string(b)
}
