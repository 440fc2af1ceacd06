package kernel_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/apply"
	"duplex/internal/change"
	"duplex/internal/tenant"
)

// A tape is what a source has committed. It can be read again from any place, as
// a log can.
type tape struct {
	folder string

	mu   sync.Mutex
	txns [][]change.Row
	more chan struct{} // closed and made anew when something is added
}

func newTape(t *testing.T) *tape { return &tape{folder: t.TempDir(), more: make(chan struct{})} }

// add commits rows at the source, as it were, and gives their seq.
func (p *tape) add(rows ...change.Row) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.txns = append(p.txns, rows)
	close(p.more)
	p.more = make(chan struct{})
	return uint64(len(p.txns) - 1)
}

// A head reads a tape.
type head struct {
	*tape
	next uint64
}

// from gives a head at a position.
func (p *tape) from(at change.Position) (*head, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(string(at), "at "), 10, 64)
	return &head{tape: p, next: n}, err
}

// Next gives the next transaction, and waits for it.
func (h *head) Next(ctx context.Context) (*change.Txn, error) {
	for {
		h.mu.Lock()
		more := h.more
		var rows []change.Row
		ok := h.next < uint64(len(h.txns))
		if ok {
			rows = h.txns[h.next]
		}
		h.mu.Unlock()
		if ok {
			return h.txn(rows)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-more:
		}
	}
}

func (h *head) txn(rows []change.Row) (*change.Txn, error) {
	txn := &change.Txn{
		Stamp: change.Stamp{Seq: h.next, Version: int64(h.next + 1)}, Position: change.Position(fmt.Sprintf("at %d", h.next+1)),
		ID: fmt.Sprintf("txn-%d", h.next), Rows: change.NewRows(64<<20, h.folder),
	}
	for _, r := range rows {
		if err := txn.Rows.Append(r); err != nil {
			return nil, err
		}
	}
	h.next++
	return txn, nil
}

// A worker keeps a link going as a pair does: what a lost connection or an
// unknown outcome ends begins anew from the checkpoint.
type worker struct {
	*tape
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex
	applier *apply.Applier
	ends    []error // of each run that another followed
	fatal   error   // of the last, if nothing may follow
}

// pauseBetween is what lies between two runs.
const pauseBetween = 20 * time.Millisecond

func work(t *testing.T, link string, open func(ctx context.Context) (*tenant.Tenant, error)) *worker {
	w := &worker{tape: newTape(t), done: make(chan struct{})}
	var ctx context.Context
	ctx, w.stop = context.WithCancel(t.Context())
	log := logger(t)
	go func() {
		defer close(w.done)
		for {
			err := w.run(ctx, open, func(to *tenant.Tenant, start change.Position) (*apply.Applier, error) {
				return apply.New(ctx, apply.Config{
					Target: to, Project: "p", Link: link, Origin: origin, Log: log,
					Place: func(d, n string) (string, string) { return d, n },
				}, start)
			})
			if ctx.Err() != nil {
				return
			}
			if w.note(err); !tenant.Classify(err).Passing() {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(pauseBetween):
			}
		}
	}()
	t.Cleanup(func() { w.stop(); <-w.done })
	return w
}

func (w *worker) run(ctx context.Context, open func(context.Context) (*tenant.Tenant, error), claim func(*tenant.Tenant, change.Position) (*apply.Applier, error)) error {
	to, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = to.Close() }()
	a, err := claim(to, "at 0")
	if err != nil {
		return err
	}
	h, err := w.from(a.Start())
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.applier = a
	w.mu.Unlock()
	return a.Run(ctx, h)
}

func (w *worker) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if tenant.Classify(err).Passing() {
		w.ends = append(w.ends, err)
	} else {
		w.fatal = err
	}
}

// status is that of the current run; nothing before the first.
func (w *worker) status() apply.Status {
	w.mu.Lock()
	a := w.applier
	w.mu.Unlock()
	if a == nil {
		return apply.Status{}
	}
	return a.Status()
}

// ended reports whether a run ended with the class.
func (w *worker) ended(class tenant.Class) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.ends, func(err error) bool { return tenant.Classify(err) == class })
}

// failed waits for the error after which nothing follows.
func (w *worker) failed(t *testing.T) error {
	t.Helper()
	select {
	case <-w.done:
	case <-time.After(time.Minute):
		require.Fail(t, "the link goes on")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fatal
}

// wait waits until seq is applied.
func (w *worker) wait(t *testing.T, seq uint64) {
	t.Helper()
	until(t, "transaction applied", func() bool { return w.status().Low > seq })
	w.mu.Lock()
	defer w.mu.Unlock()
	require.NoError(t, w.fatal)
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 90*time.Second, 10*time.Millisecond, what)
}
