package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"duplex/internal/project"
)

// errUndo says that some conflicts of a batch could not be undone.
var errUndo = errors.New("not all was undone")

func (a *app) conflictsUndoCommand() *cobra.Command {
	var f choice
	var dry bool
	c := &cobra.Command{
		Use:   "undo FILE [ID…]",
		Short: "Put the losing image back, as a new write that both sites get",
		Long: "Puts the losing image of each conflict back at the site that logged it, in a transaction of its own.\n" +
			"It is a new write like one of the application: the link carries it to the other site, and it can\n" +
			"meet a write there like any other. With flags instead of ids everything open that they mean is\n" +
			"undone, the newest first. Nothing is asked; --dry-run shows what would be done.",
		Args: fileAndIDs,
		RunE: func(c *cobra.Command, args []string) error {
			return a.polite(c.Context(), func(ctx context.Context) error { return a.undoConflicts(ctx, args, &f, dry) })
		},
	}
	f.flags(c)
	c.Flags().BoolVar(&dry, "dry-run", false, "show what would be done, do nothing")
	return c
}

// undoReport is the document of undo --json.
type undoReport struct {
	DryRun  bool         `json:"dry_run"`
	Undone  int          `json:"undone"` // that would be, of a dry run
	Failed  int          `json:"failed"`
	Results []undoResult `json:"results"`
}

type undoResult struct {
	ID     string          `json:"id"`
	Table  string          `json:"table_name,omitempty"`
	Key    string          `json:"row_key,omitempty"`
	Action string          `json:"action,omitempty"` // insert, update, delete, none
	Was    json.RawMessage `json:"was,omitempty"`    // null: no row
	Back   json.RawMessage `json:"back,omitempty"`
	Error  string          `json:"error,omitempty"`
}

func (a *app) undoConflicts(ctx context.Context, args []string, f *choice, dry bool) error {
	return a.withSites(ctx, args[0], func(s *project.Sites) error {
		refs, err := f.chosen(ctx, s, args[1:], true)
		if err != nil {
			return err
		}
		report := undoReport{DryRun: dry, Results: []undoResult{}}
		err = a.undoAll(ctx, s, refs, &report)
		if a.json {
			if e := a.document(report); e != nil {
				return e
			}
		} else {
			a.printf("%s", report.verdict(len(refs)))
		}
		if err == nil && report.Failed > 0 {
			err = fmt.Errorf("%w: %d of %s failed", errUndo, report.Failed, count(len(refs), "conflict"))
		}
		return err
	})
}

// undoAll goes on after what fails for one conflict, and ends with what ended
// the work.
func (a *app) undoAll(ctx context.Context, s *project.Sites, refs []project.ConflictRef, report *undoReport) error {
	u := s.Undoer()
	defer u.Close()
	p := a.newProgress("undo", len(refs))
	defer p.close()
	out := a.out
	if p.block != nil && terminal(a.out) != nil {
		out = p.block
	}
	for i, ref := range refs {
		done, err := u.Undo(ctx, ref, report.DryRun)
		if err != nil && ctx.Err() != nil {
			return err
		}
		result := undoResult{ID: ref.String(), Table: done.Conflict.Table, Key: done.Conflict.Key, Action: done.Action}
		if err != nil {
			report.Failed++
			result.Error, result.Action = oneLine(err), ""
		} else {
			report.Undone++
			result.Was, result.Back = orNull(done.Was), orNull(done.Back)
		}
		if a.json {
			report.Results = append(report.Results, result)
		} else {
			fmt.Fprintln(out, undoLine(&done, ref, err))
		}
		p.at(i + 1)
	}
	return nil
}

func undoLine(done *project.Undone, ref project.ConflictRef, err error) string {
	if err != nil {
		return fmt.Sprintf("✗ %s", oneLine(err))
	}
	text := shorten(difference(done.Was, done.Back), differenceWidth)
	if done.Action == "none" {
		text = "is so already"
	}
	return fmt.Sprintf("✓ %s  %s %s  %s", ref, plain(done.Conflict.Table), shorten(plain(done.Conflict.Key), keyWidth), text)
}

func (r *undoReport) verdict(named int) string {
	switch {
	case named == 0:
		return "no open conflict is meant\n"
	case r.DryRun:
		return fmt.Sprintf("\n%s would be undone, %d would fail; nothing was changed\n", number(r.Undone), r.Failed)
	}
	return fmt.Sprintf("\n%s undone, %d failed\n", number(r.Undone), r.Failed)
}
