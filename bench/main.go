// Command bench measures Duplex beside what does the same work on the same
// machine in the same run: native replication for catching up with a backlog and
// for changes that come at a given rate, mydumper with myloader, and mariadb-dump,
// for a full copy, go-mysql for decoding, and Duplex itself without its conflict
// engine, without delay or with fewer tables. What it prints are ratios with their
// spread; a figure of one competitor alone says more about the machine than about
// the program.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"duplex/test/tenant"
)

// options are the flags of every command.
type options struct {
	runs    int
	txns    int
	rows    int
	kind    string
	work    []string
	json    string
	profile string
	other   string
	only    string
	rate    int
	size    int
	dir     string
	keep    bool
}

// A judge is one benchmark: the contests that it holds.
type judge struct {
	name, short string
	contests    func(o *options) ([]contest, error)
}

// judges is every benchmark, in the order in which `all` goes through them.
func judges() []judge {
	return []judge{
		{"catchup", "work off a backlog: duplex, native replication single-threaded and parallel", catchup},
		{"copy", "copy a table with a secondary index: duplex, mydumper + myloader, mariadb-dump", fullCopy},
		{"decode", "decode a log on one core: the reader's code and go-mysql", decode},
		{"scale", "how catching up grows with rows, tables, width and round-trip time: duplex beside itself", scale},
		{"oceanbase", "copy, catch up and steady lag on OceanBase's kernel, beside what plain writers get out of it; a tenth of --rows and --txns", oceanbase},
		{"memory", "memory of duplex: steady with 50 tables, catching up, and with one large transaction", memory},
		{"app", "how long an application at the target waits while changes come in: by duplex and by native replication", app},
		{"steady", "transactions at a given rate: the lag of duplex and of native replication", steady},
		{"engine", "work off a backlog both ways, without a conflict: duplex with and without the conflict engine", engine},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var o options
	root := &cobra.Command{
		Use:           "bench",
		Short:         "Measure duplex beside its peers, in one run, as ratios",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return run(c.Context(), &o, judges()) },
	}
	f := root.PersistentFlags()
	f.IntVar(&o.runs, "runs", 5, "how often each competitor is measured; they take turns")
	f.IntVar(&o.txns, "txns", 100_000, "transactions of a backlog")
	f.IntVar(&o.rows, "rows", 1_000_000, "rows of the table")
	f.StringVar(&o.kind, "kind", string(tenant.MariaDB), "kind of server: mariadb or mysql56")
	f.StringSliceVar(&o.work, "work", []string{"update", "oltp", "hot"}, "backlogs of catchup and engine: "+workNames())
	f.IntVar(&o.rate, "rate", 0, "transactions/s of a written site in app and steady-half; 0: half of what duplex catches up with")
	f.IntVar(&o.size, "size", 256, "MiB of the large transaction of memory")
	f.StringVar(&o.only, "only", "", "hold only the contests whose names contain this, as rtt of scale")
	f.StringVar(&o.json, "json", "", "file for the result as JSON, - is standard output; otherwise below bench/results")
	f.StringVar(&o.profile, "profile", "", "folder for CPU and allocation profiles of duplex")
	f.StringVar(&o.other, "other", "", "another build of duplex, to be measured beside this one")
	f.StringVar(&o.dir, "dir", "", "folder for the servers' data; otherwise a temporary one")
	f.BoolVar(&o.keep, "keep", false, "keep the servers' data")
	root.CompletionOptions.HiddenDefaultCmd = true
	for _, j := range judges() {
		root.AddCommand(&cobra.Command{
			Use: j.name, Short: j.short, Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return run(c.Context(), &o, []judge{j}) },
		})
	}
	root.AddCommand(&cobra.Command{
		Use: "all", Short: "all of them", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return run(c.Context(), &o, judges()) },
	})
	return root
}

func (o *options) check() error {
	switch {
	case o.runs < 1 || o.txns < 1 || o.rows < 1000 || o.size < 1 || o.rate < 0:
		return errors.New("--runs, --txns and --size are at least 1, --rows at least 1000, and --rate is not negative")
	case !slices.Contains(tenant.LogKinds(), tenant.Kind(o.kind)):
		return fmt.Errorf("--kind %q: not one of %v", o.kind, tenant.LogKinds())
	}
	return nil
}

// run holds the contests of the judges, one after the other, and says at the
// end of each what came out.
func run(ctx context.Context, o *options, list []judge) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	var contests []contest
	for _, j := range list {
		c, err := j.contests(o)
		if err != nil {
			return err
		}
		contests = append(contests, slices.DeleteFunc(c, func(c contest) bool { return !strings.Contains(c.name, o.only) })...)
	}
	if len(contests) == 0 {
		return fmt.Errorf("--only %q: no such contest", o.only)
	}
	report := &report{Machine: describeMachine(ctx), Runs: o.runs, LoadBefore: loadAverage()}
	for _, c := range contests {
		result, err := hold(ctx, o, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		report.Results = append(report.Results, result)
		if o.json != "-" {
			result.print(os.Stdout)
		}
	}
	report.LoadAfter = loadAverage()
	if o.json != "-" {
		report.print(os.Stdout)
	}
	return report.save(o.json)
}
