package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"duplex/internal/checkpoint"
	"duplex/internal/config"
	"duplex/internal/project"
	"duplex/internal/tenant"
)

// errRuns says that something carries changes for the project now.
var errRuns = errors.New("the project is running: stop it first, or take away its tables under it with --force")

func (a *app) cleanCommand() *cobra.Command {
	var yes, force bool
	c := &cobra.Command{
		Use:   "clean FILE",
		Short: "Take our own database out of both tenants",
		Long: "Drops database duplex in both tenants. The tables of the project stay as they are; what is\n" +
			"lost is where each link stood, so the next run begins anew.",
		Args: oneFile,
		RunE: func(c *cobra.Command, args []string) error {
			return a.polite(c.Context(), func(ctx context.Context) error { return a.clean(ctx, args[0], yes, force) })
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&force, "force", false, "also while the project runs")
	return c
}

func (a *app) clean(ctx context.Context, file string, yes, force bool) error {
	return a.withSites(ctx, file, func(s *project.Sites) error {
		st, err := s.Status(ctx)
		switch {
		case force:
		case err != nil:
			return err
		case st.State == "running":
			return errRuns
		}
		if !yes && !a.ask(ctx, "drop database %s on %s (%s) and %s (%s)?", config.OwnDatabase,
			s.Source.Site, s.Source.Config.Address, s.Target.Site, s.Target.Config.Address) {
			return errors.New("nothing was dropped: answer y, or call it with --yes")
		}
		var sites []string
		for _, t := range []*tenant.Tenant{s.Source, s.Target} {
			if err := checkpoint.Drop(ctx, t); err != nil {
				return err
			}
			sites = append(sites, t.Site)
			a.printf("%s: database %s dropped\n", t.Site, config.OwnDatabase)
		}
		if a.json {
			return a.document(map[string]any{"dropped": config.OwnDatabase, "sites": sites})
		}
		return nil
	})
}

// ask puts a question on standard error and takes y for an answer. Anything
// else, the end of the input and ^C are a no.
func (a *app) ask(ctx context.Context, format string, args ...any) bool {
	fmt.Fprintf(a.err, format+" [y/N] ", args...)
	answer := make(chan string, 1)
	go func() { // stays behind with a terminal that never answers; the program is about to end then
		line, _ := bufio.NewReader(a.in).ReadString('\n')
		answer <- line
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(a.err)
		return false
	case line := <-answer:
		line = strings.ToLower(strings.TrimSpace(line))
		return line == "y" || line == "yes"
	}
}
