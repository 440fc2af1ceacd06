package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"duplex/internal/lag"
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
	fmt.Fprintln(t, "link\tstate\tbehind by at most\ttransactions\tlast commit\tconflicts\tdrifts\tparked")
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
	printLag(w, st.Links)
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

// printLag writes a table of the last minute: how long each hop took.
func printLag(w io.Writer, links []project.LinkStatus) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head, arrivals := "\nlag, last minute\t", []string{}
	for _, h := range lag.Hops() {
		head += "\t" + h.String()
	}
	for _, l := range links {
		if len(l.Hops) == 0 {
			continue
		}
		if head != "" {
			fmt.Fprintln(t, head+"\ttransactions")
			head = ""
		}
		first, count := l.From+" > "+l.To, l.Hops[len(l.Hops)-1].Transactions
		for _, row := range []struct {
			name string
			of   func(h project.Hop) float64
		}{
			{"p50", func(h project.Hop) float64 { return h.P50 }}, {"p99", func(h project.Hop) float64 { return h.P99 }}, {"max", func(h project.Hop) float64 { return h.Max }},
		} {
			fmt.Fprintf(t, "%s\t%s", first, row.name)
			for _, h := range lag.Hops() {
				fmt.Fprintf(t, "\t%s", hopTime(l.Hops, h, row.of))
			}
			if first != "" {
				fmt.Fprintf(t, "\t%s", number(count))
			}
			fmt.Fprintln(t)
			first = ""
		}
		if l.Lag.From == lag.Arrival {
			arrivals = append(arrivals, l.From)
		}
	}
	t.Flush()
	if len(arrivals) > 0 {
		fmt.Fprintf(w, "The log of %s tells commit times in whole seconds: `log` is of heartbeats alone, and `whole` begins behind it: what is not read yet is not in it.\n", strings.Join(arrivals, " and "))
	}
}

// hopTime is one figure of a hop in milliseconds.
func hopTime(hops []project.Hop, hop lag.Hop, of func(h project.Hop) float64) string {
	for _, h := range hops {
		if h.Hop != hop.String() {
			continue
		}
		if ms := of(h); ms < 10_000 {
			return fmt.Sprintf("%.1f ms", ms)
		}
		return brief(time.Duration(of(h) * float64(time.Millisecond)))
	}
	return "-"
}
