package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"duplex/internal/checkpoint"
	"duplex/internal/project"
)

func (a *app) ddlCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "ddl",
		Short: "Statements that change definitions: what became of them, and what is to",
		Long: "The link that the project file's `ddl` names carries statements that change definitions. One that\n" +
			"it cannot carry, or that was run on the other side, stops the link until a person has said\n" +
			"what is to become of it.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	var open bool
	list := &cobra.Command{
		Use: "list FILE", Short: "List the statements that the links have met", Args: oneFile,
		RunE: func(c *cobra.Command, args []string) error {
			return a.polite(c.Context(), func(ctx context.Context) error { return a.ddlList(ctx, args[0], open) })
		},
	}
	list.Flags().BoolVar(&open, "open", false, "only those that stop a link")
	c.AddCommand(list,
		a.ddlSet("done", "Say that the other side has what the statement does", checkpoint.Done),
		a.ddlSet("skip", "Say that nothing follows from the statement on the other side", checkpoint.Ignored))
	return c
}

// ddlSet is the command that says what becomes of a statement.
func (a *app) ddlSet(word, short, state string) *cobra.Command {
	return &cobra.Command{
		Use: word + " FILE LINK SEQ", Short: short,
		Long: short + ". LINK and SEQ are those of `duplex ddl list`.\nThe link goes on with the next run.",
		Args: cobra.ExactArgs(3),
		RunE: func(c *cobra.Command, args []string) error {
			seq, err := strconv.ParseUint(args[2], 10, 64)
			if err != nil {
				return &exitError{code: exitUsage, err: fmt.Errorf("SEQ %q is no number", args[2])}
			}
			return a.polite(c.Context(), func(ctx context.Context) error {
				return a.withSites(ctx, args[0], func(s *project.Sites) error {
					if err := s.SetStatement(ctx, args[1], seq, state); err != nil {
						return err
					}
					a.printf("%s %d: %s\n", args[1], seq, state)
					if a.json {
						return a.document(map[string]any{"link": args[1], "seq": seq, "state": state})
					}
					return nil
				})
			})
		},
	}
}

// statementDocument is a statement for --json.
type statementDocument struct {
	Link      string    `json:"link"`
	Seq       uint64    `json:"seq"`
	State     string    `json:"state"`
	Reason    string    `json:"reason,omitempty"`
	At        time.Time `json:"at"`
	Statement string    `json:"statement"`
}

func (a *app) ddlList(ctx context.Context, file string, open bool) error {
	return a.withSites(ctx, file, func(s *project.Sites) error {
		all, err := s.Statements(ctx)
		if err != nil {
			return err
		}
		docs := []statementDocument{}
		for _, st := range all {
			if open && st.State != checkpoint.Refused && st.State != checkpoint.Before {
				continue
			}
			docs = append(docs, statementDocument{st.Link, st.Seq, st.State, st.Reason, st.At, st.Text})
			a.printf("%s  %s %d  %s  %s\n", st.At.Format(time.DateTime), st.Link, st.Seq, st.State, strings.Join(strings.Fields(st.Text), " "))
			if st.Reason != "" {
				a.printf("    %s\n", st.Reason)
			}
		}
		if a.json {
			return a.document(docs)
		}
		if len(docs) == 0 {
			a.printf("no statements\n")
		}
		return nil
	})
}
