package apply

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/conflict"
	"duplex/internal/tenant"
)

// The bounds of one step of a large transaction, and of a pause before a
// transaction is tried again.
const (
	stepRows   = 1000
	stepBytes  = 2 << 20
	carefulAt  = 2 // the attempt from which rows are written one by one, to name the one that fails
	attempts   = 50
	firstPause = 2 * time.Millisecond
	lastPause  = 500 * time.Millisecond
)

// A lane writes groups of transactions, one after the other, over a session
// and into a checkpoint row of its own.
type lane struct {
	*Applier
	no      int
	session *tenant.Session
	applied []change.Range // what this lane's row says it did above the low watermark
	ranges  []change.Range // of record
	writes  uint64
	taken   change.Moment // when the lane took the group in hand
	buffer  []byte        // of the statements last sent
	clash   bool          // the group in hand met a duplicate key
	gaps    bool          // rows of the group that are not there are locked as well
	current *target
	checks  bool // the session looks after foreign keys
	trust   trust
	names   names
	held    int // how often in a row tables were let go of: see endHeld
}

func newLane(a *Applier, no int) *lane {
	l := &lane{Applier: a, no: no}
	// Every lane repeats what earlier runs did, until the low watermark has
	// passed it: no row may be the only one that knows.
	if a.state.Done.Low > a.state.From {
		l.applied = append(l.applied, change.Range{From: a.state.From, To: a.state.Done.Low})
	}
	l.applied = append(l.applied, a.state.Done.Above...)
	return l
}

// open gives the lane its session.
func (l *lane) open(ctx context.Context) error {
	session, err := l.cfg.Target.Session(ctx, tenant.Apply, l.cfg.Origin)
	if err != nil {
		return err
	}
	l.session = session
	if _, err := session.ExecAll(ctx, l.settings()); err != nil {
		return fmt.Errorf("link %s: %w", l.cfg.Link, err)
	}
	return nil
}

func (l *lane) run(ctx context.Context) error {
	if err := l.open(ctx); err != nil {
		return err
	}
	for {
		group, err := l.window.take(ctx)
		if err != nil {
			return err
		}
		l.taken = change.Now()
		if err := l.apply(ctx, group); err != nil {
			return fmt.Errorf("link %s: %w", l.cfg.Link, l.explained(ctx, err))
		}
	}
}

// explained gives err, or what is behind it: the target's application may have
// changed a table, and its reader, at the end of the log, knows.
func (l *lane) explained(ctx context.Context, err error) error {
	if l.site == nil || tenant.Code(err) == 0 || tenant.Classify(err).Passing() {
		return err
	}
	if eerr := l.site.End(ctx); eerr != nil {
		return eerr
	}
	return err
}

// killTimeout bounds the attempt to end a session that broke.
const killTimeout = 3 * time.Second

// close ends the session. One that broke is ended at the server too, as far as
// that can be reached, so that its locks do not outlive it.
func (l *lane) close() {
	if l.session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	if err := l.cfg.Target.End(ctx, l.session); err != nil {
		l.note("end a session", err)
		if l.cfg.Orphan != nil {
			l.cfg.Orphan(l.session)
		}
	}
}

// apply makes a group durable, whatever number of attempts that takes.
func (l *lane) apply(ctx context.Context, group []*node) error {
	pause := firstPause
	l.clash, l.gaps = false, false
	for attempt := 0; ; attempt++ {
		if err := l.brake.wait(ctx); err != nil {
			return err
		}
		err := l.attempt(ctx, group, l.site == nil && attempt >= carefulAt)
		if err == nil {
			l.account(group)
			if l.current.redefined { // what is behind it is of tables that this attempt does not know
				failpoint("ddl-done")
				return ErrRedefined
			}
			l.window.finish(group)
			return nil
		}
		class := tenant.Classify(err)
		if class.Passing() && !class.Undone() || ctx.Err() != nil || attempt == attempts {
			return err // what is durable is read from the checkpoint by the next run
		}
		if rerr := l.current.rollBack(ctx); rerr != nil {
			return errors.Join(err, rerr)
		}
		if errors.Is(err, change.ErrReread) { // a chunk's, and its reader's to mend
			group[0].err = err
			l.window.finish(group)
			return nil
		}
		if errors.Is(err, errGap) {
			l.gaps = true
			continue
		}
		if errors.Is(err, errUnproven) {
			l.count.unproven.Add(1)
			l.trust.broken()
			continue
		}
		if errors.Is(err, errHeld) {
			attempt--
			continue
		}
		again := class.Undone() || errors.Is(err, errOvertaken) || class == tenant.Schema && attempt == 0 ||
			class == tenant.Duplicate && (l.site != nil || attempt <= carefulAt) || class == tenant.Reference && l.site != nil
		if !again {
			return err
		}
		if class == tenant.Busy {
			l.brake.refused()
		}
		l.clash = l.clash || (class == tenant.Duplicate || class == tenant.Reference) && l.site != nil
		if class == tenant.Schema {
			l.forgetPlans()
		}
		if pause, err = l.again(ctx, pause); err != nil {
			return err
		}
	}
}

// again counts a transaction that is tried again, and waits before that. It
// gives how long the wait before the next time is.
func (l *lane) again(ctx context.Context, pause time.Duration) (next time.Duration, err error) {
	l.count.retries.Add(1)
	return min(2*pause, lastPause), sleep(ctx, pause)
}

// rollBack ends the transaction, and takes back what was said of it before its
// commit.
func (t *target) rollBack(ctx context.Context) error {
	if _, err := t.session.ExecAll(ctx, "ROLLBACK; "+t.settings()); err != nil {
		return err
	}
	for _, v := range t.parks {
		t.parked.drop(v)
	}
	t.parks = nil
	return nil
}

// carriedOf gives the group's source transactions in the words of conflict.
func (l *lane) carriedOf(group []*node) []conflict.Carried {
	out := make([]conflict.Carried, 0, len(group))
	for _, n := range group {
		c := conflict.Carried{Rank: l.cfg.Peer}
		if n.chunk != nil {
			c.Stamp = n.chunk.Stamp()
		} else {
			c.Stamp, c.Committed = n.txn.Stamp, n.txn.Committed.UnixMicro()
		}
		out = append(out, c)
	}
	return out
}

// account counts a durable group and gives back what its rows occupied.
func (l *lane) account(group []*node) {
	l.measure(group, l.taken)
	l.count.groups.Add(1)
	l.count.decided(l.current.conflicts)
	for _, n := range group {
		l.count.rows.Add(uint64(n.rows))
		l.count.bytes.Add(uint64(n.bytes))
		if n.txn == nil {
			continue
		}
		l.count.transactions.Add(1)
		l.note("close a spool", n.txn.Rows.Close())
	}
}

// attempt writes a group in one target transaction.
func (l *lane) attempt(ctx context.Context, group []*node, careful bool) error {
	t := &target{lane: l, careful: careful, clash: l.clash, carried: l.carriedOf(group)}
	l.current = t
	t.begin(l.record(group))
	switch n := group[0]; {
	case n.chunk != nil:
		return t.copy(ctx, n.chunk)
	case n.txn.DDL != nil:
		return t.statement(ctx, n.txn)
	case n.txn.Rows.Spooled():
		return t.steps(ctx, n)
	}
	b := newBatch(false)
	for no, n := range group {
		if n.txn.Beat != nil {
			t.tail = append(t.tail, string(checkpoint.AppendPulse(nil, n.txn.Beat, n.seq)))
			t.tail = append(t.tail, l.lagStatement()...)
			continue
		}
		err := n.txn.Rows.Each(func(row *change.Row) error {
			p, err := l.plan(ctx, row.Table, &n.txn.Stamp)
			if err == nil && !p.gone && !n.passed[p.name] {
				b.add(p, row, origin{no, n.txn.ID})
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	proven, err := t.prove(ctx, b)
	if err != nil {
		return err
	}
	if proven {
		l.count.proven.Add(1)
		l.trust.kept()
		return nil
	}
	return t.write(ctx, b, true)
}

// record is what the lane's checkpoint row says once group is durable.
func (l *lane) record(group []*node) checkpoint.Record {
	low, position := l.window.with(group)
	l.writes++
	r := checkpoint.Record{Lane: l.no, Position: position, Low: low, Write: l.writes, Settled: l.settled()}
	l.ranges = append(l.ranges[:0], l.applied...)
	for _, n := range group {
		if n.chunk != nil {
			r.Carried = append(r.Carried, n.chunk.Stamp())
			r.Version = n.chunk.Low.Version + 1
			continue
		}
		r.Carried = append(r.Carried, n.txn.Stamp)
		r.Version = max(r.Version, n.txn.Stamp.Version)
		r.Committed = n.txn.Committed
		l.ranges = append(l.ranges, change.Range{From: n.seq, To: n.seq + 1})
	}
	set := change.Seqs{Low: low}.WithRanges(l.ranges...)
	if set.Low > low { // a position belongs to low alone: what follows it is kept as ranges
		set.Above = append([]change.Range{{From: low, To: set.Low}}, set.Above...)
	}
	l.applied, r.Applied = set.Above, set.Above
	return r
}

// steps writes a transaction whose rows are in a file, step by step, in one
// target transaction.
func (t *target) steps(ctx context.Context, n *node) error {
	t.spooled = true
	txn := n.txn
	b := newBatch(true)
	err := txn.Rows.Each(func(row *change.Row) error {
		p, err := t.plan(ctx, row.Table, &txn.Stamp)
		if err != nil || p.gone || n.passed[p.name] {
			return err
		}
		b.add(p, row, origin{0, txn.ID})
		if len(b.nets)+len(b.tallies) < stepRows && b.bytes < stepBytes {
			return nil
		}
		err = t.write(ctx, b, false)
		b = newBatch(true)
		return err
	})
	if err != nil {
		return err
	}
	return t.write(ctx, b, true)
}

// settled is from where the target's reader may start again.
func (a *Applier) settled() (s checkpoint.Settled) {
	if a.site != nil {
		a.site.Observe(func(o *conflict.Observer) {
			p := o.Settled()
			s = checkpoint.Settled{Seq: p.Seq, Position: p.Position}
		})
	}
	return s
}

// fenced reads the first row of a transaction.
func (l *lane) fenced(row []driver.Value) error {
	return checkpoint.CheckFence(row, l.state.Epoch)
}

// related reports whether foreign keys are kept.
func (a *Applier) related() bool {
	return a.site != nil && a.relations.foreign && a.relations.kept.Load()
}

// settings brings the lane's session to what it was at first.
func (l *lane) settings() string {
	if l.checks = l.related(); l.checks {
		return tenant.Strict + "; " + checked
	}
	return tenant.Strict + "; " + unchecked
}

// looked lists the nets of a plan that have to be locked. A row that comes and
// goes again is of no interest where nobody else writes.
func (t *target) looked(nets []*net, p *plan) []*net {
	return slices.DeleteFunc(slices.Clone(nets), func(n *net) bool {
		return n.plan != p || t.site == nil && n.before == nil && n.after == nil
	})
}
