package pair

import (
	"time"

	"duplex/internal/apply"
	"duplex/internal/binlog"
	"duplex/internal/config"
	"duplex/internal/copy"
	"duplex/internal/link"
)

// totals are the counts of attempts that are over, and what the last of them
// showed at its end.
type totals struct {
	transactions, rows, bytes, echo uint64
	last                            LinkStatus
}

// LinkStatus is one direction as it is now.
type LinkStatus struct {
	Link         config.Link
	Transactions uint64 // applied since Run began, in all attempts
	Rows         uint64
	Bytes        uint64
	Echo         uint64 // transactions of our own sessions that no mark held back; must be 0
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
	return l
}

// keep takes over the counts of an attempt that is over. The pair is locked.
func (p *Pair) keep(a *attempt) {
	if a.copier != nil {
		p.copied = a.copier.Progress()
	}
	for _, r := range a.routes {
		l := r.status(p.links[r.link])
		p.links[r.link] = totals{l.Transactions, l.Rows, l.Bytes, l.Echo, l}
	}
}
