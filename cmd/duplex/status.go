package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"duplex/internal/project"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status FILE",
		Short: "Show phase, links and lag; reads the tenants, whether or not anything runs",
		Args:  oneFile,
		RunE: func(c *cobra.Command, args []string) error {
			return a.polite(c.Context(), func(ctx context.Context) error { return a.status(ctx, args[0]) })
		},
	}
}

func (a *app) status(ctx context.Context, file string) error {
	return a.withSites(ctx, file, func(s *project.Sites) error {
		st, err := s.Status(ctx)
		if err != nil {
			return err
		}
		if a.json {
			return a.document(st)
		}
		printStatus(a.out, st)
		return nil
	})
}

// withSites opens both tenants of a project for work.
func (a *app) withSites(ctx context.Context, file string, work func(s *project.Sites) error) error {
	p, err := load(file)
	if err != nil {
		return err
	}
	s, err := project.OpenSites(ctx, p, a.log)
	if err != nil {
		return err
	}
	defer s.Close()
	return work(s)
}

func printStatus(w io.Writer, st project.Status) {
	fmt.Fprintf(w, "%s  %s  %s, %s", st.Name, st.Scenario, st.Phase, st.State)
	if !st.Since.IsZero() {
		fmt.Fprintf(w, ", last heartbeat %s", st.Since.UTC().Format(time.DateTime))
	}
	fmt.Fprint(w, "\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "site\tserver\tclock")
	for _, s := range st.Sites {
		fmt.Fprintf(t, "%s\t%s\t%+d ms\n", s.Name, s.Server, s.OffsetMS)
	}
	fmt.Fprintln(t)
	fmt.Fprintln(t, "link\tstate\tlag at most\ttransactions\tlast commit\tconflicts\tdrifts\tparked")
	for _, l := range st.Links {
		lag, committed := "-", "-"
		if l.State == "running" {
			lag = (time.Duration(l.LagMS) * time.Millisecond).String()
		}
		if !l.Committed.IsZero() {
			committed = l.Committed.UTC().Format(time.DateTime)
		}
		fmt.Fprintf(t, "%s > %s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.From, l.To, l.State, lag, number(l.Transactions), committed,
			number(l.Conflicts), number(l.Drifts), number(l.Parked))
	}
	t.Flush()
	fmt.Fprintln(w)
	for _, l := range st.Links {
		if l.Position != "" {
			fmt.Fprintf(w, "%s stands at %s\n", l.From, l.Position)
		}
		if l.Statement != "" {
			fmt.Fprintf(w, "%s > %s: statement %s\n", l.From, l.To, l.Statement)
		}
	}
	if c := st.Copy; c.Tables > 0 {
		fmt.Fprintf(w, "copy: %d of %d tables complete, %s rows, %s\n", c.TablesDone, c.Tables, number(c.Rows), size(c.Bytes))
	}
}
