package pair

import (
	"maps"
	"time"

	"duplex/internal/apply"
	"duplex/internal/binlog"
	"duplex/internal/change"
	"duplex/internal/config"
	"duplex/internal/copy"
	"duplex/internal/lag"
	"duplex/internal/link"
)

// totals are the counts of attempts that are over, and what the last of them
// showed at its end.
type totals struct {
	transactions, rows, bytes, echo uint64
	ops                             [change.Delete + 1]uint64
	decided                         map[apply.Decision]uint64
	last                            LinkStatus
}

// LinkStatus is one direction as it is now.
type LinkStatus struct {
	Link         config.Link
	Transactions uint64 // applied since Run began, in all attempts
	Rows         uint64
	Bytes        uint64
	Echo         uint64                    // transactions of our own sessions that no mark held back; must be 0
	Ops          [change.Delete + 1]uint64 // as apply.Status has them, in all attempts
	Decided      map[apply.Decision]uint64 // the same
	Parked       int                       // rows that wait at the target for a unique value or a parent
	Lag          *lag.Meter                // goes on after this
	Apply        apply.Status
	Queue        link.Status
	Reader       binlog.State
}

// Status is a pair as it is now.
type Status struct {
	Phase   Phase
	Since   time.Time
	Retries int           // attempts that a broken connection ended
	Error   error         // of the last one; nil once the links are steady again
	Copy    copy.Progress // zero before the copy, and where there was nothing to copy
	Links   []LinkStatus  // none before the first attempt has the tenants open
}

// Status may be called from any goroutine. Between attempts, and after Run, the
// links are as the last attempt left them.
func (p *Pair) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{Phase: p.phase, Since: p.since, Retries: p.retries, Error: p.lastErr, Copy: p.copied}
	if a := p.current; a != nil {
		if a.copier != nil {
			s.Copy = a.copier.Progress()
		}
		for _, r := range a.routes {
			s.Links = append(s.Links, r.status(p.links[r.link]))
		}
		return s
	}
	for _, l := range p.cfg.Project.Links() {
		if t, ok := p.links[l]; ok {
			s.Links = append(s.Links, t.last)
		}
	}
	return s
}

// status adds what the route has done to what earlier attempts did.
func (r *route) status(t totals) LinkStatus {
	l := LinkStatus{Link: r.link, Apply: r.applier.Status(), Queue: r.queue.Status(), Reader: r.reader.State()}
	l.Transactions = t.transactions + l.Apply.Transactions
	l.Rows, l.Bytes = t.rows+l.Apply.Rows, t.bytes+l.Apply.Bytes
	l.Echo = t.echo + l.Reader.Unmarked
	l.Ops, l.Decided, l.Lag = t.ops, maps.Clone(t.decided), r.lag
	for op, n := range l.Apply.Ops {
		l.Ops[op] += n
	}
	if l.Decided == nil {
		l.Decided = map[apply.Decision]uint64{}
	}
	for d, n := range l.Apply.Decided {
		l.Decided[d] += n
	}
	if r.parked != nil {
		l.Parked = r.parked.Len()
	}
	return l
}

// keep takes over the counts of an attempt that is over. The pair is locked.
func (p *Pair) keep(a *attempt) {
	if a.copier != nil {
		p.copied = a.copier.Progress()
	}
	for _, r := range a.routes {
		l := r.status(p.links[r.link])
		p.links[r.link] = totals{l.Transactions, l.Rows, l.Bytes, l.Echo, l.Ops, l.Decided, l}
	}
}
