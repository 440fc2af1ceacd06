package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"duplex/internal/config"
	"duplex/internal/precheck"
)

func (a *app) checkCommand() *cobra.Command {
	var fixes bool
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Say whether both tenants are fit for the project, and what to do where they are not",
		Args:  oneFile,
		RunE: func(c *cobra.Command, args []string) error {
			check := a.check
			if fixes && !a.json { // the document has the statements anyway
				check = a.fixSQL
			}
			return a.polite(c.Context(), func(ctx context.Context) error { return check(ctx, args[0]) })
		},
	}
	c.Flags().BoolVar(&fixes, "fix-sql", false, "print only the statements that mend what was found, for either site")
	return c
}

// fixSQL prints, site by site, what to run where a check knows the statements.
// It runs none of them.
func (a *app) fixSQL(ctx context.Context, file string) error {
	p, err := load(file)
	if err != nil {
		return err
	}
	results, err := a.precheck(ctx, p, nil)
	if err != nil {
		return err
	}
	site := ""
	for _, q := range precheck.Fixes(results, p.SourceSite().Name, p.TargetSite().Name) {
		if q.Site != site {
			site = q.Site
			if _, err := fmt.Fprintf(a.out, "-- at %s\n", site); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(a.out, "%s;\n", q.SQL); err != nil {
			return err
		}
	}
	if !precheck.Passed(results) {
		return notPassed(results)
	}
	return nil
}

func (a *app) check(ctx context.Context, file string) error {
	p, err := load(file)
	if err != nil {
		return err
	}
	lines := a.printer(a.out, p)
	results, err := a.precheck(ctx, p, func(r precheck.Result) {
		if !a.json {
			_ = lines.Result(r) // what cannot be printed is in the exit code
		}
	})
	if err != nil {
		return err
	}
	passed := precheck.Passed(results)
	if a.json {
		if err := a.document(struct {
			Passed  bool              `json:"passed"`
			Results []precheck.Result `json:"results"`
		}{passed, results}); err != nil {
			return err
		}
	} else if err := lines.Summary(); err != nil {
		return err
	}
	if !passed {
		return notPassed(results)
	}
	return nil
}

func (a *app) printer(w io.Writer, p *config.Project) *precheck.Printer {
	return precheck.NewPrinter(w, p.SourceSite().Name, p.TargetSite().Name)
}

func (a *app) precheck(ctx context.Context, p *config.Project, each func(precheck.Result)) ([]precheck.Result, error) {
	return precheck.Run(ctx, precheck.Config{Project: p, Log: a.log}, each)
}

// notPassed counts what keeps a project from starting.
func notPassed(results []precheck.Result) error {
	n := 0
	for _, r := range results {
		if r.Status == precheck.Fail {
			n++
		}
	}
	return fmt.Errorf("%w (%d of %d)", errCheck, n, len(results))
}
