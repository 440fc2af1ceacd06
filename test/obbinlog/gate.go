package obbinlog

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A gate holds back commands while the rig changes what the stream is made of.
// A transaction begins with a command that finds the gate open; one that has
// begun gets through until it ends. Commands that only read always get through:
// an open transaction may wait for whoever sends them.
type gate struct {
	mu      sync.Mutex
	changed chan struct{} // closed, and made anew, with each change
	closed  bool          // no new transactions
	paused  bool          // no commands at all
	running map[*relay]bool
	open    map[*relay]bool // transactions between two commands
	late    map[*relay]bool // those that began by reading while the gate was shut
	written chan struct{}   // holds one: a command has ended that may have committed
}

func newGate() *gate {
	return &gate{changed: make(chan struct{}), running: map[*relay]bool{}, open: map[*relay]bool{}, late: map[*relay]bool{}, written: make(chan struct{}, 1)}
}

// tell wakes who waits; mu is held.
func (g *gate) tell() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// until waits for ready, which is asked with mu held, and leaves mu held unless
// ctx ends.
func (g *gate) until(ctx context.Context, ready func() bool) error {
	g.mu.Lock()
	for !ready() {
		changed := g.changed
		g.mu.Unlock()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
		g.mu.Lock()
	}
	return nil
}

// enter waits until a command of c may go to the kernel.
func (g *gate) enter(ctx context.Context, c *relay, reads bool) error {
	err := g.until(ctx, func() bool { return reads && !g.open[c] || !g.paused && (!g.closed || g.open[c]) })
	if err != nil {
		return err
	}
	if g.closed && !g.open[c] {
		g.late[c] = true
	} else if !reads || g.open[c] {
		g.running[c] = true
	}
	g.mu.Unlock()
	return nil
}

// exit says that the command has been answered, and whether c is in a
// transaction now.
func (g *gate) exit(c *relay, inTrans bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	wrote := g.running[c]
	delete(g.running, c)
	switch {
	case inTrans && (g.late[c] || g.closed && !g.open[c] && !wrote):
		g.late[c] = true
	case inTrans:
		g.open[c] = true
	default:
		delete(g.open, c)
		delete(g.late, c)
	}
	if wrote && !inTrans {
		select {
		case g.written <- struct{}{}:
		default:
		}
	}
	if g.closed || g.paused {
		g.tell()
	}
}

// leave forgets a connection that has ended, and its transaction with it.
func (g *gate) leave(c *relay) { g.exit(c, false) }

// shut keeps new transactions out and waits until those that are open have
// ended; c's own does not count. One of them may wait for something that a new
// one does, so in between new ones get through for a moment. The caller calls
// release in the end, unless shut fails.
func (g *gate) shut(ctx context.Context, c *relay) error {
	const moment = 200 * time.Millisecond
	for window := moment; ; window *= 2 {
		if err := g.until(ctx, func() bool { return !g.closed && !g.paused }); err != nil {
			return err
		}
		g.closed = true
		g.mu.Unlock()
		limited, cancel := context.WithTimeout(ctx, window)
		err := g.until(limited, func() bool { return g.quiet(c) })
		cancel()
		if err == nil {
			g.mu.Unlock()
			return nil
		}
		g.release()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(moment):
		}
	}
}

// quiet reports whether nothing is open or runs but c; mu is held.
func (g *gate) quiet(c *relay) bool {
	for o := range g.open {
		if o != c {
			return false
		}
	}
	return len(g.running) == 0 || len(g.running) == 1 && g.running[c]
}

var errBusyGate = errors.New("the gate is shut")

// pause holds every command back and waits until none runs: nothing commits.
// Transactions stay open meanwhile.
func (g *gate) pause(ctx context.Context) error {
	g.mu.Lock()
	if g.closed || g.paused {
		g.mu.Unlock()
		return errBusyGate
	}
	g.paused = true
	g.mu.Unlock()
	if err := g.until(ctx, func() bool { return len(g.running) == 0 }); err != nil {
		g.release()
		return err
	}
	g.mu.Unlock()
	return nil
}

// release opens the gate.
func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed, g.paused = false, false
	for c := range g.late {
		g.open[c] = true
	}
	clear(g.late)
	g.tell()
}
