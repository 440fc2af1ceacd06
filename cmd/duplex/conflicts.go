package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"duplex/internal/project"
)

func (a *app) conflictsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "conflicts",
		Short: "What was decided where both sites wrote a row, and its undoing",
		Long: "Every decision that discarded or overrode a write is a row of duplex.conflict in the tenant where\n" +
			"it was taken. These commands read both tenants, whether or not the project runs.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.conflictsListCommand(), a.conflictsShowCommand(), a.conflictsUndoCommand(), a.conflictsAcceptCommand(), a.conflictsPurgeCommand())
	return c
}

// choice are the flags that say which conflicts are meant.
type choice struct {
	site, table, key, kind, winner string
	since, until                   string
	ambiguous, open                bool
}

func (f *choice) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.site, "site", "", "logged at this site")
	c.Flags().StringVar(&f.table, "table", "", "of this table, as database.table")
	c.Flags().StringVar(&f.key, "key", "", "of the row with this key, as the list prints it")
	c.Flags().StringVar(&f.kind, "kind", "", "insert-insert, update-update, update-delete, delete-update, unique-key, drift, late or undo")
	c.Flags().StringVar(&f.winner, "winner", "", "local or incoming")
	c.Flags().StringVar(&f.since, "since", "", "decided since: 90s, 2h, 7d ago, or a time as 2006-01-02T15:04:05Z")
	c.Flags().StringVar(&f.until, "until", "", "decided before, in the same forms")
	c.Flags().BoolVar(&f.ambiguous, "ambiguous", false, "decided by versions nearer to each other than the clocks are")
}

// empty reports whether no flag was given.
func (f *choice) empty() bool { return *f == choice{} }

// filter reads the flags; what is wrong with them is wrong usage.
func (f *choice) filter() (out project.ConflictFilter, err error) {
	now := time.Now()
	if out.Since, err = moment("--since", f.since, now); err != nil {
		return out, err
	}
	if out.Until, err = moment("--until", f.until, now); err != nil {
		return out, err
	}
	if f.winner != "" && f.winner != "local" && f.winner != "incoming" && f.winner != "both" {
		return out, usage("--winner %q: not local, incoming or both", f.winner)
	}
	out.Site, out.Table, out.Key, out.Kind, out.Winner = f.site, f.table, f.key, f.kind, f.winner
	out.Ambiguous, out.Open = f.ambiguous, f.open
	return out, nil
}

func usage(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// moment reads a point in time: how long before now, or itself. "" is the zero
// time.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	var days int
	if n, err := fmt.Sscanf(text, "%dd", &days); n == 1 && err == nil && text == fmt.Sprintf("%dd", days) && days >= 0 {
		return now.AddDate(0, 0, -days), nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, form := range []string{time.RFC3339Nano, time.DateTime, time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, usage("%s %q: neither a time before now, as 90s, 2h or 7d, nor a moment, as 2006-01-02T15:04:05Z", flag, text)
}

// fileAndIDs is the argument check of a command that takes FILE and ids.
func fileAndIDs(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("FILE is missing: name the project file")
	}
	return nil
}

// chosen gives the conflicts that ids name, or else those that the flags mean:
// of these only what is open and, where lost is set, what can be undone.
func (f *choice) chosen(ctx context.Context, s *project.Sites, ids []string, lost bool) ([]project.ConflictRef, error) {
	switch {
	case len(ids) > 0 && !f.empty():
		return nil, usage("conflicts are named by their ids or by flags, not by both")
	case len(ids) == 0 && f.empty():
		return nil, usage("no conflict is named: give its id, as %s:1, or flags such as --table or --since", s.Source.Site)
	}
	if len(ids) == 0 {
		filter, err := f.filter()
		if err != nil {
			return nil, err
		}
		filter.Open, filter.Lost = true, lost
		return s.FindConflicts(ctx, filter)
	}
	refs := make([]project.ConflictRef, len(ids))
	for i, id := range ids {
		var err error
		if refs[i], err = s.ConflictRef(id); err != nil {
			return nil, &exitError{code: exitUsage, err: err}
		}
	}
	return refs, nil
}

func (a *app) conflictsAcceptCommand() *cobra.Command {
	var f choice
	c := &cobra.Command{
		Use:   "accept FILE [ID…]",
		Short: "Note that a decision is right: it leaves the lists of what is open",
		Args:  fileAndIDs,
		RunE: func(c *cobra.Command, args []string) error {
			return a.polite(c.Context(), func(ctx context.Context) error { return a.acceptConflicts(ctx, args, &f) })
		},
	}
	f.flags(c)
	return c
}

func (a *app) acceptConflicts(ctx context.Context, args []string, f *choice) error {
	return a.withSites(ctx, args[0], func(s *project.Sites) error {
		refs, err := f.chosen(ctx, s, args[1:], false)
		if err != nil {
			return err
		}
		p := a.newProgress("accept", len(refs))
		defer p.close()
		n, err := s.AcceptConflicts(ctx, refs, p.at)
		if err != nil {
			return err
		}
		if a.json {
			return a.document(map[string]any{"named": len(refs), "accepted": n})
		}
		p.close()
		a.printf("%s accepted\n", count(int(n), "conflict"))
		return nil
	})
}

func (a *app) conflictsPurgeCommand() *cobra.Command {
	var before, site string
	c := &cobra.Command{
		Use:   "purge FILE --before TIME",
		Short: "Delete what was decided long ago",
		Args:  oneFile,
		RunE: func(c *cobra.Command, args []string) error {
			return a.polite(c.Context(), func(ctx context.Context) error { return a.purgeConflicts(ctx, args[0], site, before) })
		},
	}
	c.Flags().StringVar(&before, "before", "", "decided before: 30d ago, or a time as 2006-01-02T15:04:05Z")
	c.Flags().StringVar(&site, "site", "", "only at this site")
	return c
}

func (a *app) purgeConflicts(ctx context.Context, file, site, before string) error {
	at, err := moment("--before", before, time.Now())
	if err != nil {
		return err
	}
	if at.IsZero() {
		return usage("--before is missing: say how old a conflict must be, as 30d")
	}
	return a.withSites(ctx, file, func(s *project.Sites) error {
		p := a.newProgress("purge", 0)
		defer p.close()
		n, err := s.PurgeConflicts(ctx, site, at, func(done int64) { p.at(int(done)) })
		if err != nil {
			return err
		}
		if a.json {
			return a.document(map[string]any{"before": at.UTC(), "deleted": n})
		}
		p.close()
		a.printf("%s deleted\n", count(int(n), "conflict"))
		return nil
	})
}

// A progress says on standard error how far long work is.
type progress struct {
	what  string
	total int // 0: not known
	out   io.Writer
	block *live
	said  time.Time
}

func (a *app) newProgress(what string, total int) *progress {
	return &progress{what: what, total: total, out: a.err, block: newLive(a.err), said: time.Now()}
}

// at says that done is done, where it is time to say so.
func (p *progress) at(done int) {
	every := lineEvery
	if p.block != nil {
		every = paintEvery
	}
	if time.Since(p.said) < every {
		return
	}
	p.said = time.Now()
	text := p.what + "  " + number(done)
	if p.total > 0 {
		text += " of " + number(p.total)
	}
	if p.block == nil {
		fmt.Fprintln(p.out, text)
		return
	}
	if p.total > 0 {
		text = p.what + "  " + bar(uint64(done), uint64(p.total)) + "  " + number(done) + " of " + number(p.total)
	}
	p.block.show([]string{text})
}

// close takes away what a terminal shows; it may be called twice.
func (p *progress) close() {
	if p.block != nil {
		p.block.clear()
		p.block = nil
	}
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return number(n) + " " + noun + "s"
}
