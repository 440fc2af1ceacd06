package pair

import (
	"time"

	"duplex/internal/apply"
	"duplex/internal/binlog"
	"duplex/internal/config"
	"duplex/internal/copy"
	"duplex/internal/link"
)

// totals are the counts of attempts that are over.
type totals struct{ transactions, rows, bytes uint64 }

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
	Links   []LinkStatus  // none while no attempt has the tenants open
}

// Status may be called from any goroutine.
func (p *Pair) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{Phase: p.phase, Since: p.since, Retries: p.retries, Error: p.lastErr}
	a := p.current
	if a == nil {
		return s
	}
	if a.copier != nil {
		s.Copy = a.copier.Progress()
	}
	for _, r := range a.routes {
		t := p.links[r.link]
		l := LinkStatus{Link: r.link, Apply: r.applier.Status(), Queue: r.queue.Status(), Reader: r.reader.State()}
		l.Transactions = t.transactions + l.Apply.Transactions
		l.Rows, l.Bytes = t.rows+l.Apply.Rows, t.bytes+l.Apply.Bytes
		l.Echo = l.Reader.Unmarked
		s.Links = append(s.Links, l)
	}
	return s
}

// addTotals keeps the counts of an attempt that is over. The pair is locked.
func (a *attempt) addTotals(links map[config.Link]totals) {
	for _, r := range a.routes {
		s, t := r.applier.Status(), links[r.link]
		t.transactions += s.Transactions
		t.rows += s.Rows
		t.bytes += s.Bytes
		links[r.link] = t
	}
}
