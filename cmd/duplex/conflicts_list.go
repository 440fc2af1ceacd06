package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"duplex/internal/project"
)

func (a *app) conflictsListCommand() *cobra.Command {
	var f choice
	var limit int
	c := &cobra.Command{
		Use:   "list FILE",
		Short: "List what was decided on both sites, newest first",
		Args:  oneFile,
		RunE: func(c *cobra.Command, args []string) error {
			return a.polite(c.Context(), func(ctx context.Context) error { return a.listConflicts(ctx, args[0], &f, limit) })
		},
	}
	f.flags(c)
	c.Flags().BoolVar(&f.open, "open", false, "neither undone nor accepted, and no undo")
	c.Flags().IntVar(&limit, "limit", 50, "how many are listed; 0 is all")
	return c
}

// conflictList is the document of list --json.
type conflictList struct {
	Conflicts []conflictRow     `json:"conflicts"`
	Total     uint64            `json:"total"` // that the flags mean, listed or not
	Kinds     map[string]uint64 `json:"kinds"` // the same by kind
}

// conflictRow is a row of duplex.conflict as a document.
type conflictRow struct {
	ID                string          `json:"id"` // site:number, as the commands take it
	Site              string          `json:"site"`
	Project           string          `json:"project"`
	Link              string          `json:"link"`
	Table             string          `json:"table_name"`
	Key               string          `json:"row_key"`
	Kind              string          `json:"kind"`
	Policy            string          `json:"policy"`
	Winner            string          `json:"winner"`
	Ambiguous         bool            `json:"ambiguous"`
	Local             json.RawMessage `json:"local_image"` // null: no row
	Incoming          json.RawMessage `json:"incoming_image"`
	LocalStamp        string          `json:"local_stamp"`
	IncomingStamp     string          `json:"incoming_stamp"`
	LocalCommitted    *time.Time      `json:"local_committed_at"`
	IncomingCommitted *time.Time      `json:"incoming_committed_at"`
	DecidedAt         time.Time       `json:"decided_at"`
	UndoneAt          *time.Time      `json:"undone_at"`
	AcceptedAt        *time.Time      `json:"accepted_at"`
}

func newConflictRow(c *project.Conflict) conflictRow {
	return conflictRow{
		ID: c.Ref().String(), Site: c.Site, Project: c.Project, Link: c.Link, Table: c.Table, Key: c.Key,
		Kind: c.Kind, Policy: c.Policy, Winner: c.Winner, Ambiguous: c.Ambiguous,
		Local: orNull(c.Local), Incoming: orNull(c.Incoming), LocalStamp: c.LocalStamp, IncomingStamp: c.IncomingStamp,
		LocalCommitted: orNil(c.LocalCommitted), IncomingCommitted: orNil(c.IncomingCommitted),
		DecidedAt: c.DecidedAt, UndoneAt: orNil(c.UndoneAt), AcceptedAt: orNil(c.AcceptedAt),
	}
}

func orNull(image []byte) json.RawMessage {
	if len(image) == 0 {
		return json.RawMessage("null")
	}
	return image
}

func orNil(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

func (a *app) listConflicts(ctx context.Context, file string, f *choice, limit int) error {
	filter, err := f.filter()
	if err != nil {
		return err
	}
	if limit < 0 {
		return usage("--limit %d: less than 0", limit)
	}
	return a.withSites(ctx, file, func(s *project.Sites) error {
		list, err := s.Conflicts(ctx, filter, limit)
		if err != nil {
			return err
		}
		kinds, err := s.ConflictKinds(ctx, filter)
		if err != nil {
			return err
		}
		doc := conflictList{Conflicts: make([]conflictRow, len(list)), Kinds: kinds}
		for _, n := range kinds {
			doc.Total += n
		}
		if a.json {
			for i := range list {
				doc.Conflicts[i] = newConflictRow(&list[i])
			}
			return a.document(doc)
		}
		a.printf("%s", conflictTable(list, &doc))
		return nil
	})
}

// How much of a row's key and of a difference the list shows.
const (
	keyWidth        = 32
	differenceWidth = 72
)

func conflictTable(list []project.Conflict, doc *conflictList) string {
	if doc.Total == 0 {
		return "no conflicts\n"
	}
	lines := [][]string{{"decided (UTC)", "id", "table", "key", "kind", "policy", "winner", "lost → kept", ""}}
	for i := range list {
		c := &list[i]
		lines = append(lines, []string{
			c.DecidedAt.UTC().Format(time.DateTime), c.Ref().String(), plain(c.Table), shorten(plain(c.Key), keyWidth),
			c.Kind, c.Policy, cmp.Or(c.Winner, "-"), shorten(decided(c), differenceWidth), remarks(c),
		})
	}
	var b strings.Builder
	grid(&b, lines)
	fmt.Fprintf(&b, "\n%s", count(int(doc.Total), "conflict"))
	if n := len(list); uint64(n) < doc.Total {
		fmt.Fprintf(&b, ", the newest %s listed", number(n))
	}
	names := slices.SortedFunc(maps.Keys(doc.Kinds), func(x, y string) int {
		return cmp.Or(cmp.Compare(doc.Kinds[y], doc.Kinds[x]), strings.Compare(x, y))
	})
	for i, kind := range names {
		b.WriteString([]string{": ", ", "}[min(i, 1)] + number(doc.Kinds[kind]) + " " + kind)
	}
	b.WriteString("\n")
	return b.String()
}

// decided says what a decision did to the row, the lost image first.
func decided(c *project.Conflict) string {
	if lost, ok := project.Lost(&c.Conflict); ok && c.Winner == "local" {
		return difference(lost, c.Local)
	}
	return difference(c.Local, c.Incoming)
}

// remarks is what else is to be known of a conflict.
func remarks(c *project.Conflict) string {
	var words []string
	if c.Ambiguous {
		words = append(words, "ambiguous")
	}
	if !c.UndoneAt.IsZero() {
		words = append(words, "undone")
	}
	if !c.AcceptedAt.IsZero() {
		words = append(words, "accepted")
	}
	return strings.Join(words, ", ")
}
