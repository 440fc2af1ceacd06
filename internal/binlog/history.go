package binlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sort"
	"strings"
	"sync"

	"duplex/internal/change"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// A History is what the tables of a site were at each place of its log. The log
// itself may hold no names and no signs, and the catalogue knows only the
// present. A place is the seq of the local transaction there, which is the same
// whenever the log is read. It may be used from any goroutine.
type History struct {
	tenant *tenant.Tenant
	store  Versions // nil: nothing is stored

	mu       sync.Mutex
	tables   map[schema.Name][]*version // each in order of from
	lives    map[string][]*version      // the same by identity, without the ends
	followed map[uint64]uint64          // the peer's statements that are followed here, each with what is from
	fresh    map[uint64]bool            // statements that nobody had read before
}

// Versions is where a history is stored.
type Versions interface {
	Read(ctx context.Context) ([]schema.Placed, error)
	Add(ctx context.Context, all []schema.Placed) error
	Clear(ctx context.Context) error
}

// A version is a table from a place on.
type version struct {
	schema.Placed
	*definition
	id string // see identify; empty: there is no such table from here on
}

// A definition is a table as rows of the log have it.
type definition struct {
	table *change.Table
	uuid  []bool // columns of MariaDB's type UUID
}

func newVersion(from uint64, v schema.Version) *version {
	out := &version{Placed: schema.Placed{From: from, Version: v}}
	if t := v.Table; t != nil {
		out.definition = &definition{table: t.Change(), uuid: make([]bool, len(t.Columns))}
		for i := range t.Columns {
			out.uuid[i] = t.Columns[i].Type == "uuid"
		}
	}
	return out
}

// OpenHistory reads what is stored of a site's tables.
func OpenHistory(ctx context.Context, t *tenant.Tenant, store Versions) (*History, error) {
	h := unstored(t)
	h.store = store
	all, err := store.Read(ctx)
	for _, v := range all {
		h.put(newVersion(v.From, v.Version))
	}
	return h, err
}

// unstored is a history for one reader alone.
func unstored(t *tenant.Tenant) *History {
	return &History{
		tenant: t, tables: map[schema.Name][]*version{}, lives: map[string][]*version{}, followed: map[uint64]uint64{}, fresh: map[uint64]bool{},
	}
}

// beginTries is how often the catalogue is read until it is the same before and
// behind the end of the log.
const beginTries = 10

// Begin takes the end of the log for a link that never ran, with a history of
// the site's tables that begins there.
func Begin(ctx context.Context, t *tenant.Tenant, store Versions, match tenant.Match) (change.Position, *History, error) {
	before, err := t.Tables(ctx, match)
	if err != nil {
		return "", nil, err
	}
	for range beginTries {
		at, err := End(ctx, t)
		if err != nil {
			return "", nil, err
		}
		tables, err := t.Tables(ctx, match)
		if err != nil {
			return "", nil, err
		}
		if !slices.EqualFunc(before, tables, alike) {
			before = tables
			continue
		}
		h := unstored(t)
		h.store = store
		if err := store.Clear(ctx); err != nil {
			return "", nil, err
		}
		all := make([]schema.Version, len(tables))
		for i, x := range tables {
			all[i] = schema.Version{Name: schema.Name{Database: x.Database, Name: x.Name}, Table: x}
		}
		return at, h, h.add(ctx, 0, all)
	}
	return "", nil, fmt.Errorf("site %s: its tables change all the time: begin when nobody changes definitions", t.Site)
}

// alike reports whether a table is the same but for what rows that are inserted
// change of it.
func alike(a, b *schema.Table) bool {
	x, y := *a, *b
	x.NextNumber, y.NextNumber = 0, 0
	return reflect.DeepEqual(&x, &y)
}

// fold gives a name as the server's log has it.
func (h *History) fold(n schema.Name) schema.Name {
	if h.tenant.LowerCase != 0 {
		return schema.Name{Database: strings.ToLower(n.Database), Name: strings.ToLower(n.Name)}
	}
	return n
}

// put takes in a version; mu is held or nobody else has h.
func (h *History) put(v *version) {
	n := h.fold(v.Name)
	if v.Table != nil {
		h.live(v)
	}
	all := h.tables[n]
	i := sort.Search(len(all), func(i int) bool { return all[i].From > v.From })
	h.tables[n] = slices.Insert(all, i, v)
	if v.Carried > 0 {
		h.followed[v.Carried-1] = v.From
	}
}

// add makes versions durable, and then known.
func (h *History) add(ctx context.Context, from uint64, all []schema.Version) error {
	if h.store != nil && len(all) > 0 {
		placed := make([]schema.Placed, len(all))
		for i, v := range all {
			placed[i] = schema.Placed{From: from, Version: v}
		}
		if err := h.store.Add(ctx, placed); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range all {
		h.put(newVersion(from, v))
	}
	return nil
}

// at gives what a table is for the transaction seq; nil: nothing is known of it.
func (h *History) at(name schema.Name, seq uint64) *version {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.tables[h.fold(name)]
	for _, v := range slices.Backward(all) {
		if v.From <= seq {
			return v
		}
	}
	return nil
}

// At gives what a table is for the local transaction seq; nil if there is none.
func (h *History) At(name schema.Name, seq uint64) *schema.Table {
	if v := h.at(name, seq); v != nil {
		return v.Table
	}
	return nil
}

// Changed gives what the statement seq has made of tables.
func (h *History) Changed(seq uint64) []schema.Version {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []schema.Version
	for _, all := range h.tables {
		for _, v := range all {
			if v.From == seq+1 {
				out = append(out, v.Version)
			}
		}
	}
	slices.SortFunc(out, func(a, b schema.Version) int {
		return strings.Compare(a.Name.Database+"."+a.Name.Name, b.Name.Database+"."+b.Name.Name)
	})
	return out
}

// catalogue gives a table as it is now; nil if there is none.
func (h *History) catalogue(ctx context.Context, n schema.Name) (*schema.Table, error) {
	t, err := h.tenant.Table(ctx, n.Database, n.Name)
	if errors.Is(err, tenant.ErrNoTable) {
		return nil, nil
	}
	return t, err
}

// learn takes in the statement seq. What it makes of tables is read from its
// text; the catalogue, which may be ahead, gives the details where it agrees,
// and is all there is where the text does not tell. carried is the peer's statement
// that it follows; nil: it is this site's own.
func (h *History) learn(ctx context.Context, seq uint64, text, database string, carried *Carried) error {
	if len(h.Changed(seq)) > 0 { // it was read before
		return nil
	}
	h.mu.Lock()
	h.fresh[seq] = true
	h.mu.Unlock()
	inherit, err := h.inherits(ctx, text, database)
	if err != nil {
		return err
	}
	before := func(n schema.Name) *schema.Table { return h.At(n, seq) }
	versions, err := schema.Evolve(text, database, before, inherit, schema.Dialect(h.tenant.Kind))
	if err != nil {
		versions, err = h.catalogued(ctx, text, database, seq)
	} else {
		versions = schema.Referring(versions, h.present(seq))
		err = h.detail(ctx, versions)
	}
	if err != nil {
		return err
	}
	for i := range versions {
		if carried != nil {
			versions[i].Carried = carried.Seq + 1
		}
	}
	return h.add(ctx, seq+1, versions)
}

// detail completes versions by the catalogue where that is not ahead: it has the
// same rows and, if the text tells them, the same keys.
func (h *History) detail(ctx context.Context, versions []schema.Version) error {
	for i := range versions {
		v := &versions[i]
		if v.Table == nil {
			continue
		}
		now, err := h.catalogue(ctx, v.Name)
		if err != nil {
			return err
		}
		if now != nil && schema.SameRows(now, v.Table) && (v.Vague || schema.SameKeys(now, v.Table)) {
			v.Table, v.Vague = now, false
		}
	}
	return nil
}

// inherits says what new tables inherit from their databases.
func (h *History) inherits(ctx context.Context, text, database string) (func(string) schema.Database, error) {
	s := schema.Classify(text, database)
	if s.Verb != schema.CreateTable || s.Like.Name != "" {
		return func(n string) schema.Database { return schema.Database{Name: n} }, nil
	}
	all, err := h.tenant.Databases(ctx)
	return func(n string) schema.Database {
		for _, d := range all {
			if strings.EqualFold(d.Name, n) {
				return d
			}
		}
		return schema.Database{Name: n}
	}, err
}

// present gives all tables as they are for the transaction seq.
func (h *History) present(seq uint64) []*schema.Table {
	h.mu.Lock()
	names := slices.Collect(maps.Keys(h.tables))
	h.mu.Unlock()
	var out []*schema.Table
	for _, n := range names {
		if t := h.At(n, seq); t != nil {
			out = append(out, t)
		}
	}
	return out
}

// catalogued takes the tables of a statement as they are now.
func (h *History) catalogued(ctx context.Context, text, database string, seq uint64) ([]schema.Version, error) {
	s := schema.Classify(text, database)
	names := slices.Clone(s.Objects)
	for _, r := range s.Renames {
		names = append(names, r.To)
	}
	var out []schema.Version
	for _, n := range names {
		if n.Name == "" || slices.ContainsFunc(out, func(v schema.Version) bool { return v.Name == n }) {
			continue
		}
		v, err := h.read(ctx, n, seq)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// read takes one table as it is now, for what follows seq.
func (h *History) read(ctx context.Context, n schema.Name, seq uint64) (schema.Version, error) {
	now, err := h.catalogue(ctx, n)
	v := schema.Version{Name: n, Table: now}
	if old := h.At(n, seq); err == nil && old != nil && now != nil {
		v.Was, v.Origin = n, make([]string, len(now.Columns))
		for i := range now.Columns {
			if old.Column(now.Columns[i].Name) >= 0 {
				v.Origin[i] = now.Columns[i].Name
			}
		}
	}
	return v, err
}

// definition finds what rows of t at seq are. Where the history does not fit,
// as after a statement that the log does not show, the catalogue may.
func (h *History) definition(ctx context.Context, t *logTable, seq uint64) (*definition, error) {
	name := schema.Name{Database: t.database, Name: t.name}
	known := h.at(name, seq)
	var misfit error
	if known != nil && known.definition != nil {
		if misfit = t.fits(known.table); misfit == nil {
			return known.definition, nil
		}
	}
	v, err := h.read(ctx, name, seq)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("definition of %s, of which the log has rows: %w", t, err)
	}
	if v.Table == nil {
		return nil, fmt.Errorf("%w: %s has rows in the log, and neither the history nor the catalogue knows it: %w", errDefinition, t, tenant.ErrNoTable)
	}
	if err := t.fits(v.Table.Change()); err != nil {
		if misfit != nil {
			return nil, fmt.Errorf("%w: neither the definition that is known for this place fits (%w) nor the present one (%w)", errDefinition, misfit, err)
		}
		return nil, fmt.Errorf("%w: %w", errDefinition, err)
	}
	from := seq
	if known == nil { // it has always been so, as far as anybody knows
		from = 0
	}
	if err := h.add(ctx, from, []schema.Version{v}); err != nil {
		return nil, err
	}
	return h.at(name, seq).definition, nil
}
