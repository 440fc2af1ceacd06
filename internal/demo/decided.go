package demo

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/conflict"
	"duplex/internal/project"
	"duplex/internal/schema"
	"duplex/internal/verify"
)

// Decided is what one site's tenant has logged of conflicts.
type Decided struct {
	Total     uint64
	Kinds     map[string]uint64
	Ambiguous uint64 // decided by versions that are nearer than the clocks
	Parked    uint64 // rows that wait now for a unique value
}

// decisions is what both sites have logged, and the newest of it.
type decisions struct {
	sites [2]Decided
	last  *project.Conflict
}

const tellEvery = time.Second

// tell keeps up with the conflict logs until ctx ends.
func (d *demo) tell(ctx context.Context, sites *project.Sites) error {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		if err := d.look(ctx, sites); err != nil {
			return quiet(ctx, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look reads the conflict logs.
func (d *demo) look(ctx context.Context, sites *project.Sites) error {
	var now decisions
	for i, s := range d.cfg.Sites {
		log := checkpoint.NewConflictLog(sites.Tenant(s.Name), d.cfg.Project.Name)
		one := &now.sites[i]
		var err error
		if one.Kinds, err = log.Kinds(ctx, checkpoint.ConflictFilter{}); err != nil {
			return err
		}
		for _, n := range one.Kinds {
			one.Total += n
		}
		ambiguous, err := log.Kinds(ctx, checkpoint.ConflictFilter{Ambiguous: true})
		if err != nil {
			return err
		}
		for _, n := range ambiguous {
			one.Ambiguous += n
		}
		if one.Parked, err = log.Parked(ctx); err != nil {
			return err
		}
	}
	last, err := sites.Conflicts(ctx, project.ConflictFilter{}, 1)
	if err != nil {
		return err
	}
	if len(last) > 0 {
		now.last = &last[0]
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.decided = now
	return nil
}

// waiting compares the parked rows of both sides and tells what differs; nobody
// writes any more.
func (d *demo) waiting(ctx context.Context, sites *project.Sites) ([]string, error) {
	tables, err := sites.Source.Tables(ctx, d.cfg.Project.Matches)
	if err != nil {
		return nil, err
	}
	var parked [2]map[conflict.Key][]change.Value
	for i, s := range d.cfg.Sites {
		rows, err := checkpoint.New(sites.Tenant(s.Name), d.cfg.Project.Name, "").Parked(ctx)
		if err != nil {
			return nil, err
		}
		parked[i] = map[conflict.Key][]change.Value{}
		for _, r := range rows {
			parked[i][r.Key] = r.Row
		}
	}
	var out []string
	for i, s := range d.cfg.Sites {
		for key, row := range parked[i] {
			other, ok := parked[1-i][key]
			if ok && bytes.Equal(change.AppendImage(nil, row), change.AppendImage(nil, other)) {
				continue
			}
			name := strings.ReplaceAll(key.Table, "`", "")
			out = append(out, fmt.Sprintf("%s: parked at %s, not the same at the other side: %s", name, s.Name, told(tables, key.Table, row)))
		}
	}
	slices.Sort(out)
	return out, nil
}

// told writes a row for people.
func told(tables []*schema.Table, name string, row []change.Value) string {
	var parts []string
	for _, t := range tables {
		if string(t.Change().AppendName(nil)) != name || len(t.Columns) != len(row) {
			continue
		}
		for i := range row {
			parts = append(parts, t.Columns[i].Name+"="+t.Columns[i].Format(row[i]))
		}
	}
	return strings.Join(parts, ", ")
}

// The bounds of what is told of rows that differ.
const (
	toldRows      = 10
	toldConflicts = 20 // of each row
)

// history gives what was decided about rows that differ.
func history(ctx context.Context, sites *project.Sites, r *verify.Report) ([]project.Conflict, error) {
	var out []project.Conflict
	for _, row := range r.Differences[:min(len(r.Differences), toldRows)] {
		key := strings.ReplaceAll(row.Key, ", ", ",")
		all, err := sites.Conflicts(ctx, project.ConflictFilter{ConflictFilter: checkpoint.ConflictFilter{Table: row.Table, Key: key}}, toldConflicts)
		if err != nil {
			return nil, err
		}
		out = append(out, all...)
	}
	return out, nil
}
