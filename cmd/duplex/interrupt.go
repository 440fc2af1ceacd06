package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// interruptible gives contexts that ^C ends one after the other, the first one
// first; each is also ended by the end of the one behind it, and all by stop.
// One more ^C ends the program where it stands.
func (a *app) interruptible(ctx context.Context, n int) (levels []context.Context, stop func()) {
	levels = make([]context.Context, n)
	ends := make([]context.CancelCauseFunc, n)
	for i := n - 1; i >= 0; i-- {
		ctx, ends[i] = context.WithCancelCause(ctx)
		levels[i] = ctx
	}
	signals := make(chan os.Signal, n+1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for level := 0; ; level++ {
			select {
			case <-done:
				return
			case <-signals:
			}
			if level == n {
				fmt.Fprint(a.err, showCursor)
				os.Exit(exitInterrupted)
			}
			ends[level](errInterrupted)
		}
	}()
	return levels, func() {
		signal.Stop(signals)
		close(done)
		<-gone
		for _, end := range ends {
			end(nil)
		}
	}
}

// polite runs work with a context that the first ^C ends.
func (a *app) polite(ctx context.Context, work func(ctx context.Context) error) error {
	levels, stop := a.interruptible(ctx, 1)
	defer stop()
	return interrupted(levels[0], work(levels[0]))
}
