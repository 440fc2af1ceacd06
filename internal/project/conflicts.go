package project

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"duplex/internal/checkpoint"
	"duplex/internal/conflict"
)

// A ConflictRef names one conflict of a project.
type ConflictRef struct {
	Site string // whose tenant has it
	ID   uint64
}

// String is site:id.
func (r ConflictRef) String() string { return r.Site + ":" + strconv.FormatUint(r.ID, 10) }

// A Conflict is a conflict with the site that logged it.
type Conflict struct {
	Site string
	checkpoint.Conflict
}

// Ref is the conflict's name.
func (c *Conflict) Ref() ConflictRef { return ConflictRef{c.Site, c.ID} }

// A ConflictFilter says which conflicts of a project are meant.
type ConflictFilter struct {
	Site string // empty: both
	checkpoint.ConflictFilter
}

// ConflictRef reads a name of the form site:id.
func (s *Sites) ConflictRef(text string) (ConflictRef, error) {
	site, number, ok := strings.Cut(text, ":")
	id, err := strconv.ParseUint(number, 10, 64)
	if !ok || err != nil {
		return ConflictRef{}, fmt.Errorf("conflict %q: not of the form site:number, as %s:1", text, s.Source.Site)
	}
	if !slices.Contains(s.siteNames(), site) {
		return ConflictRef{}, fmt.Errorf("conflict %q: the project's sites are %s", text, strings.Join(s.siteNames(), " and "))
	}
	return ConflictRef{site, id}, nil
}

func (s *Sites) siteNames() []string { return []string{s.Source.Site, s.Target.Site} }

func (s *Sites) conflictLog(site string) *checkpoint.ConflictLog {
	return checkpoint.NewConflictLog(s.Tenant(site), s.Project.Name)
}

// conflictSites gives the sites that f asks for.
func (s *Sites) conflictSites(f ConflictFilter) ([]string, error) {
	if f.Site == "" {
		return s.siteNames(), nil
	}
	if !slices.Contains(s.siteNames(), f.Site) {
		return nil, fmt.Errorf("site %q: the project's sites are %s", f.Site, strings.Join(s.siteNames(), " and "))
	}
	return []string{f.Site}, nil
}

// Conflicts gives what both sites logged, newest first, at most limit of it; 0
// is no limit.
func (s *Sites) Conflicts(ctx context.Context, f ConflictFilter, limit int) ([]Conflict, error) {
	sites, err := s.conflictSites(f)
	if err != nil {
		return nil, err
	}
	out := []Conflict{}
	for _, site := range sites {
		all, err := s.conflictLog(site).List(ctx, f.ConflictFilter, limit)
		if err != nil {
			return nil, err
		}
		for i := range all {
			out = append(out, Conflict{site, all[i]})
		}
	}
	slices.SortStableFunc(out, func(a, b Conflict) int { return b.DecidedAt.Compare(a.DecidedAt) })
	if limit > 0 {
		out = out[:min(limit, len(out))]
	}
	return out, nil
}

// ConflictKinds counts what f means, by kind.
func (s *Sites) ConflictKinds(ctx context.Context, f ConflictFilter) (map[string]uint64, error) {
	sites, err := s.conflictSites(f)
	if err != nil {
		return nil, err
	}
	out := map[string]uint64{}
	for _, site := range sites {
		counts, err := s.conflictLog(site).Kinds(ctx, f.ConflictFilter)
		if err != nil {
			return nil, err
		}
		for kind, n := range counts {
			out[kind] += n
		}
	}
	return out, nil
}

// FindConflicts gives the names of all conflicts that f means, newest first.
func (s *Sites) FindConflicts(ctx context.Context, f ConflictFilter) ([]ConflictRef, error) {
	sites, err := s.conflictSites(f)
	if err != nil {
		return nil, err
	}
	type found struct {
		ConflictRef
		at time.Time
	}
	var all []found
	for _, site := range sites {
		numbers, err := s.conflictLog(site).Find(ctx, f.ConflictFilter)
		if err != nil {
			return nil, err
		}
		for _, n := range numbers {
			all = append(all, found{ConflictRef{site, n.ID}, n.DecidedAt})
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return b.at.Compare(a.at) })
	out := make([]ConflictRef, len(all))
	for i := range all {
		out[i] = all[i].ConflictRef
	}
	return out, nil
}

// Conflict gives one conflict.
func (s *Sites) Conflict(ctx context.Context, ref ConflictRef) (Conflict, error) {
	c, err := s.conflictLog(ref.Site).Get(ctx, ref.ID)
	if err != nil {
		return Conflict{}, fmt.Errorf("conflict %s: %w", ref, err)
	}
	return Conflict{ref.Site, c}, nil
}

// conflictBatch is how many conflicts one statement accepts or deletes.
const conflictBatch = 1000

// AcceptConflicts notes that people agree with decisions, and gives how many
// were not accepted before. progress is told how many of refs are done.
func (s *Sites) AcceptConflicts(ctx context.Context, refs []ConflictRef, progress func(done int)) (accepted int64, err error) {
	done := 0
	for _, site := range s.siteNames() {
		var ids []uint64
		for _, r := range refs {
			if r.Site == site {
				ids = append(ids, r.ID)
			}
		}
		for batch := range slices.Chunk(ids, conflictBatch) {
			n, err := s.conflictLog(site).Accept(ctx, batch)
			if err != nil {
				return accepted, err
			}
			accepted, done = accepted+n, done+len(batch)
			progress(done)
		}
	}
	return accepted, nil
}

// PurgeConflicts deletes what was decided before a time, at one site or, where
// site is empty, at both. progress is told how many are gone.
func (s *Sites) PurgeConflicts(ctx context.Context, site string, before time.Time, progress func(done int64)) (deleted int64, err error) {
	sites, err := s.conflictSites(ConflictFilter{Site: site})
	if err != nil {
		return 0, err
	}
	for _, site := range sites {
		for n := int64(conflictBatch); n == conflictBatch; {
			if n, err = s.conflictLog(site).Purge(ctx, before, conflictBatch); err != nil {
				return deleted, err
			}
			deleted += n
			progress(deleted)
		}
	}
	return deleted, nil
}

// Lost tells which image a decision discarded; nil is no row. ok is false where none was.
func Lost(c *checkpoint.Conflict) (image []byte, ok bool) {
	switch c.Winner {
	case winnerIncoming:
		return c.Local, true
	case winnerLocal:
		return c.Incoming, true
	}
	return nil, false
}

// The winners whose other side lost, as package conflict writes them.
const (
	winnerLocal    = string(conflict.LocalWon)
	winnerIncoming = string(conflict.Incoming)
)
