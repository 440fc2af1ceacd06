package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"duplex/internal/change"
	"duplex/internal/config"
	"duplex/internal/pair"
	"duplex/internal/precheck"
	"duplex/internal/project"
	"duplex/internal/verify"
)

// gcPercent lets garbage be two times what is live before it is collected, as
// long as the limit has room: a collection marks the index of unsettled writes
// whole.
const gcPercent = 200

func (a *app) runCommand() *cobra.Command {
	var until, metrics string
	var skip bool
	c := &cobra.Command{
		Use:   "run FILE",
		Short: "Run the project: check, schema, copy, changes, verification; resumes where it was",
		Args:  oneFile,
		RunE: func(c *cobra.Command, args []string) error {
			u := project.Until(until)
			if u != project.Never && u != project.CaughtUp && u != project.Verified {
				return &exitError{code: exitUsage, err: fmt.Errorf("--until %q: not caught-up or verified", until)}
			}
			return a.polite(c.Context(), func(ctx context.Context) error {
				return a.run(ctx, args[0], project.Options{Until: u}, skip, metrics)
			})
		},
	}
	c.Flags().StringVar(&until, "until", "", "end by itself: caught-up (all that was committed is applied) or verified")
	c.Flags().StringVar(&metrics, "metrics", "", "serve metrics for Prometheus at http://`HOST:PORT`/metrics")
	c.Flags().BoolVar(&skip, "skip-check", false, "start without the precheck")
	return c
}

func (a *app) run(ctx context.Context, file string, o project.Options, skip bool, metrics string) error {
	p, err := load(file)
	if err != nil {
		return err
	}
	if !skip {
		if err := a.mustPass(ctx, p); err != nil {
			return err
		}
	}
	// Half of the budget may be queued at once. Without a limit the collector
	// would let garbage grow to as much again, and then some.
	debug.SetMemoryLimit(p.Limits.Memory)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	w := newWatch(a, p)
	defer w.close()
	o.Log = w.log
	r := project.New(p, o)
	if metrics != "" {
		stop, err := serveMetrics(ctx, metrics, p.Name, r.Progress, w.log)
		if err != nil {
			return err
		}
		defer stop()
	}
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	err = w.follow(r, ended, file)
	w.close()
	err = interrupted(ctx, err)
	s := summarize(p, w, r.Progress().Report, err)
	if a.json {
		return errors.Join(a.document(s), err)
	}
	a.printSummary(s)
	return err
}

// mustPass runs the precheck and shows only what somebody should know.
func (a *app) mustPass(ctx context.Context, p *config.Project) error {
	block := newLive(a.err)
	out := a.err
	if block != nil {
		out = block
		defer block.clear()
	}
	lines, done := a.printer(out, p), 0
	checking := func() {
		if block != nil {
			block.show([]string{fmt.Sprintf("%s  checking, %d results", p.Name, done)})
		}
	}
	checking()
	results, err := a.precheck(ctx, p, func(r precheck.Result) {
		if r.Status != precheck.Pass {
			_ = lines.Result(r) // what cannot be printed is in the exit code
		}
		done++
		checking()
	})
	if err == nil && !precheck.Passed(results) {
		err = notPassed(results)
	}
	return err
}

// A summary is what a run says at its end.
type summary struct {
	Name    string         `json:"name"`
	Phase   pair.Phase     `json:"phase"`
	Started time.Time      `json:"started"`
	Ended   time.Time      `json:"ended"`
	Retries int            `json:"retries"`
	Error   string         `json:"error,omitempty"`
	Copy    copySummary    `json:"copy"`
	Links   []linkSummary  `json:"links"`
	Verify  *verify.Report `json:"verify,omitempty"`
}

type copySummary struct {
	Tables    int    `json:"tables"`
	Rows      uint64 `json:"rows"`
	RowsTotal uint64 `json:"rows_total"`
	Bytes     uint64 `json:"bytes"`
}

type linkSummary struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Position string `json:"position"`
	LagMS    int64  `json:"lag_ms"`
	project.Lag
	Transactions uint64 `json:"transactions"`
	Rows         uint64 `json:"rows"`
	Bytes        uint64 `json:"bytes"`
	Echo         uint64 `json:"echo"`
}

func summarize(p *config.Project, w *watch, report *verify.Report, err error) summary {
	last := w.last
	s := summary{
		Name: p.Name, Phase: last.Phase, Started: w.began.UTC(), Ended: time.Now().UTC(), Retries: last.Retries,
		Copy:  copySummary{last.Copy.Tables, last.Copy.Rows, last.Copy.RowsTotal, last.Copy.Bytes},
		Links: linksOf(last), Verify: report,
	}
	if err != nil {
		s.Error = oneLine(err)
	}
	return s
}

func linksOf(s pair.Status) []linkSummary {
	links := []linkSummary{}
	for _, l := range s.Links {
		age, _ := l.Lag.Age(time.Now())
		links = append(links, linkSummary{
			From: l.Link.From, To: l.Link.To, Position: string(l.Apply.Position),
			LagMS: age.Milliseconds(), Lag: project.LagOf(l.Lag.Figures(change.Now())),
			Transactions: l.Transactions, Rows: l.Rows, Bytes: l.Bytes, Echo: l.Echo,
		})
	}
	return links
}

func (a *app) printSummary(s summary) {
	a.printf("%s  %s after %s", s.Name, s.Phase, brief(s.Ended.Sub(s.Started)))
	if s.Retries > 0 {
		a.printf(", connection lost %d times", s.Retries)
	}
	a.printf("\n")
	if s.Copy.Tables > 0 {
		a.printf("  copy  %d tables, %s rows, %s\n", s.Copy.Tables, number(s.Copy.Rows), size(s.Copy.Bytes))
	}
	for _, l := range s.Links {
		a.printf("  %s > %s  %s transactions, %s rows, %s, %s echoed\n", l.From, l.To,
			number(l.Transactions), number(l.Rows), size(l.Bytes), number(l.Echo))
	}
	if s.Error == errInterrupted.Error() {
		a.printf("  all that was acknowledged is kept; the next run goes on from there\n")
	}
}
