package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"duplex/internal/project"
)

func (a *app) conflictsShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE ID",
		Short: "Show both images of a conflict side by side, and the row as it is now",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return fmt.Errorf("FILE and ID are taken: the project file, and a conflict as the list names it")
		},
		RunE: func(c *cobra.Command, args []string) error {
			return a.polite(c.Context(), func(ctx context.Context) error { return a.showConflict(ctx, args[0], args[1]) })
		},
	}
}

// conflictView is the document of show --json.
type conflictView struct {
	conflictRow
	Now   json.RawMessage `json:"now"`             // the row as it is in the tenant; null: no row
	Error string          `json:"error,omitempty"` // why the row cannot be read now
}

func (a *app) showConflict(ctx context.Context, file, id string) error {
	return a.withSites(ctx, file, func(s *project.Sites) (err error) {
		ref, err := s.ConflictRef(id)
		if err != nil {
			return &exitError{code: exitUsage, err: err}
		}
		c, err := s.Conflict(ctx, ref)
		if err != nil {
			return err
		}
		u := s.Undoer()
		defer u.Close()
		now, problem := u.Row(ctx, &c) // a table that is gone is no reason not to show the images
		view := conflictView{conflictRow: newConflictRow(&c), Now: orNull(now)}
		if problem != nil {
			view.Error = oneLine(problem)
		}
		if a.json {
			return a.document(view)
		}
		a.printf("%s", conflictSheet(&c, now, view.Error))
		return nil
	})
}

// imageWidth is how much of one value the sheet shows.
const imageWidth = 40

func conflictSheet(c *project.Conflict, now []byte, problem string) string {
	var b strings.Builder
	winner := cmp.Or(c.Winner, "-")
	if c.Ambiguous {
		winner += ", ambiguous: the two versions are nearer to each other than the clocks are"
	}
	fmt.Fprintf(&b, "%s  %s  %s\n\n", c.Ref(), plain(c.Table), plain(c.Key))
	facts := [][]string{{"kind", c.Kind}, {"policy", c.Policy}, {"winner", winner}, {"link", c.Link}, {"decided", instant(c.DecidedAt)}}
	if !c.UndoneAt.IsZero() {
		facts = append(facts, []string{"undone", instant(c.UndoneAt)})
	}
	if !c.AcceptedAt.IsZero() {
		facts = append(facts, []string{"accepted", instant(c.AcceptedAt)})
	}
	grid(&b, facts)
	b.WriteString("\n")
	local, incoming := "local", "incoming"
	switch c.Winner {
	case "local":
		local, incoming = "local (kept)", "incoming (lost)"
	case "incoming":
		local, incoming = "local (lost)", "incoming (kept)"
	}
	lines := [][]string{{"", "", local, incoming, "now"},
		{"", "committed", instant(c.LocalCommitted), instant(c.IncomingCommitted), ""},
		{"", "stamp", cmp.Or(c.LocalStamp, "-"), cmp.Or(c.IncomingStamp, "-"), ""}}
	grid(&b, append(lines, sheetRows(fields(c.Local), fields(c.Incoming), fields(now), problem != "")...))
	if problem != "" {
		fmt.Fprintf(&b, "\nthe row as it is now cannot be read: %s\n", problem)
	}
	return b.String()
}

// sheetRows gives a line for each column; * marks those in which the images
// differ.
func sheetRows(local, incoming, now []field, unread bool) [][]string {
	var names []string
	for _, fs := range [][]field{local, incoming, now} {
		for _, f := range fs {
			if !slices.Contains(names, f.name) {
				names = append(names, f.name)
			}
		}
	}
	if local == nil || incoming == nil || now == nil && !unread {
		names = append([]string{""}, names...)
	}
	var lines [][]string
	for _, name := range names {
		line := []string{"", name}
		for _, fs := range [][]field{local, incoming, now} {
			text, ok := named(fs, name)
			switch {
			case name == "" && fs == nil:
				text = "no row"
			case !ok && fs != nil && name != "":
				text = "-"
			}
			line = append(line, shorten(text, imageWidth))
		}
		if unread {
			line[4] = "?"
		}
		if x, _ := named(local, name); local != nil && incoming != nil && name != "" {
			if y, _ := named(incoming, name); x != y {
				line[0] = "*"
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// instant writes a time as finely as the log knows it.
func instant(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.UTC().Format("2006-01-02 15:04:05.999999") + " UTC"
}
