package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"duplex/internal/project"
	"duplex/internal/tenant"
)

// patience is how long a link may be silent before it counts as not running:
// a run touches each site every second.
const patience = 3 * time.Second

func (a *app) barrierCommand() *cobra.Command {
	var tokens bool
	c := &cobra.Command{
		Use:   "barrier FILE",
		Short: "Wait until each side has applied all that the other had committed",
		Long: "Waits until each side has applied all that the other had committed when it was called.\n\n" +
			"--token prints a token for each link. Where SELECT MAX(low) FROM duplex.checkpoint WHERE\n" +
			"link = '...' is above its seq, all that was committed before is there.",
		Args: oneFile,
		RunE: func(c *cobra.Command, args []string) error {
			return a.polite(c.Context(), func(ctx context.Context) error { return a.barrier(ctx, args[0], tokens) })
		},
	}
	c.Flags().BoolVar(&tokens, "token", false, "print each link's token: heartbeat and seq")
	return c
}

func (a *app) barrier(ctx context.Context, file string, show bool) error {
	return a.withSites(ctx, file, func(s *project.Sites) error {
		began := time.Now()
		tokens, err := pass(ctx, s)
		if err != nil {
			return err
		}
		took := time.Since(began)
		if a.json {
			return a.document(struct {
				Passed bool            `json:"passed"`
				TookMS int64           `json:"took_ms"`
				Tokens []project.Token `json:"tokens"`
			}{true, took.Milliseconds(), tokens})
		}
		if !show {
			a.printf("passed after %s: each side has what the other had committed\n", took.Round(time.Millisecond))
			return nil
		}
		for _, t := range tokens {
			a.printf("%s beat=%d seq=%d\n", t.Name, t.Beat, t.Seq)
		}
		return nil
	})
}

// pass waits for the barrier. A project that never ran is one that does not
// run: our own tables are missing.
func pass(ctx context.Context, s *project.Sites) ([]project.Token, error) {
	tokens, err := s.Barrier(ctx, patience)
	if tenant.Classify(err) == tenant.Schema || tenant.Code(err) == noDatabase {
		return nil, fmt.Errorf("project %s: %w: it never ran", s.Project.Name, project.ErrNotRunning)
	}
	return tokens, err
}

// noDatabase is the error number of a tenant without database duplex.
const noDatabase = 1049
