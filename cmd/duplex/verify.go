package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"duplex/internal/project"
	"duplex/internal/verify"
)

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify FILE",
		Short: "Compare both sides now, also while they are written",
		Args:  oneFile,
		RunE: func(c *cobra.Command, args []string) error {
			return a.polite(c.Context(), func(ctx context.Context) error { return a.verify(ctx, args[0]) })
		},
	}
}

func (a *app) verify(ctx context.Context, file string) error {
	return a.withSites(ctx, file, func(s *project.Sites) error {
		barrier, err := a.barrierOf(ctx, s)
		if err != nil {
			return err
		}
		c, err := s.Checker(ctx, barrier)
		if err != nil {
			return err
		}
		report, err := a.compare(ctx, c)
		if err != nil {
			return err
		}
		if a.json {
			err = a.document(report)
		} else {
			err = report.Print(a.out)
		}
		if err == nil && !report.Equal {
			err = project.ErrDiffers
		}
		return err
	})
}

// barrierOf gives what makes each side have all that the other had committed,
// or nil where nothing carries changes.
func (a *app) barrierOf(ctx context.Context, s *project.Sites) (func(context.Context) error, error) {
	barrier := func(ctx context.Context) error {
		_, err := pass(ctx, s)
		return err
	}
	err := barrier(ctx)
	if errors.Is(err, project.ErrNotRunning) {
		fmt.Fprintln(a.err, "nothing carries changes between the sites now: compared as they are, without a barrier")
		return nil, nil
	}
	return barrier, err
}

// compare runs a comparison and shows how far it is.
func (a *app) compare(ctx context.Context, c *verify.Checker) (*verify.Report, error) {
	type result struct {
		report *verify.Report
		err    error
	}
	ended := make(chan result, 1)
	go func() {
		report, err := c.Run(ctx)
		ended <- result{report, err}
	}()
	block := newLive(a.err)
	every := lineEvery
	if block != nil {
		every = paintEvery
		defer block.clear()
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case r := <-ended:
			return r.report, r.err
		case <-tick.C:
		}
		if text := verifying(c.Progress()); block != nil {
			block.show([]string{"verify  " + text})
		} else {
			fmt.Fprintln(a.err, "verify  "+text)
		}
	}
}

// verifying says in a line how far a comparison is.
func verifying(p verify.Progress) string {
	text := fmt.Sprintf("%d of %d tables, %s rows compared", p.TablesDone, p.Tables, number(p.Rows))
	if p.Differences > 0 {
		text += fmt.Sprintf(", %s differ", number(p.Differences))
	}
	return text
}
