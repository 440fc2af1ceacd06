package copy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"duplex/internal/change"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// A Writer writes chunks, several at once.
type Writer interface {
	// Copy returns when the chunk is durable. change.ErrReread asks for the
	// same range once more, read after a new low watermark.
	Copy(ctx context.Context, c *change.Chunk) error
	// WaitLow waits until every source transaction below seq is in the target.
	WaitLow(ctx context.Context, seq uint64) error
	// Copied says that all chunks of the target table are written.
	Copied(database, table string)
	// Hold is for a table without a key: what writes it from high on waits until
	// Copied. change.ErrReread says that something wrote it between the two marks.
	Hold(database, table string, low, high uint64) error
}

// Watermarks tells where the source's log ends.
type Watermarks interface {
	// Mark waits until the source's reader has reached the end of its log as
	// it was at the call, and says where that is. Calls come side by side.
	Mark(ctx context.Context) (change.Watermark, error)
}

// The defaults of Config.
const (
	DefaultWorkers    = 4
	DefaultChunkBytes = 1 << 20
)

// tablesAtOnce is how many tables are read side by side, and ahead how many
// chunks of one table may be read and not yet durable. Together with
// ChunkBytes they bound the memory of a copy.
const (
	tablesAtOnce = 2
	ahead        = 6
)

// Config says what is copied.
type Config struct {
	Source, Target *tenant.Tenant
	Project        string
	Tables         []Table
	Writer         Writer
	Watermarks     Watermarks
	Mutual         bool  // the target writes as well: rows of the source may wait aside in its table parked
	Workers        int   // chunks written side by side; 0: DefaultWorkers
	ChunkBytes     int64 // row data of one chunk; 0: DefaultChunkBytes. A single row may be larger.
	RowsPerSecond  int64 // 0: no limit
	BytesPerSecond int64 // of row data; 0: no limit
	Log            *slog.Logger
}

// A Table is a table to be copied. It exists on both sides.
type Table struct {
	Source         *schema.Table
	TargetDatabase string // empty: as in the source
	TargetName     string // empty: as in the source
	Where          string // SQL condition on the source's columns; empty: all rows
}

// Target gives the table's name in the target.
func (t *Table) Target() (database, name string) {
	database, name = t.TargetDatabase, t.TargetName
	if database == "" {
		database = t.Source.Database
	}
	if name == "" {
		name = t.Source.Name
	}
	return database, name
}

// ErrTable says that a table cannot be copied.
var ErrTable = errors.New("table cannot be copied")

// A Copier copies once: after Run has returned it is spent.
type Copier struct {
	cfg     Config
	tables  []*table
	marks   marks
	moments moments
	pace    pace
}

// New checks what is to be copied. It asks no tenant.
func New(cfg Config) (*Copier, error) {
	switch {
	case cfg.Source == nil || cfg.Target == nil:
		return nil, errors.New("copy: Source and Target are needed")
	case cfg.Writer == nil || cfg.Watermarks == nil:
		return nil, errors.New("copy: Writer and Watermarks are needed")
	case cfg.Project == "":
		return nil, errors.New("copy: Project is needed")
	case cfg.Workers < 0 || cfg.ChunkBytes < 0 || cfg.RowsPerSecond < 0 || cfg.BytesPerSecond < 0:
		return nil, errors.New("copy: Workers, ChunkBytes, RowsPerSecond and BytesPerSecond may not be negative")
	}
	if cfg.Workers == 0 {
		cfg.Workers = DefaultWorkers
	}
	if cfg.ChunkBytes == 0 {
		cfg.ChunkBytes = DefaultChunkBytes
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := &Copier{cfg: cfg, marks: marks{source: cfg.Watermarks}, pace: pace{rows: cfg.RowsPerSecond, bytes: cfg.BytesPerSecond}}
	c.moments = moments{source: cfg.Source, marks: &c.marks}
	seen := map[string]bool{}
	for _, spec := range cfg.Tables {
		t, err := newTable(cfg.Source, spec, cfg.ChunkBytes)
		if err == nil && cfg.Mutual {
			err = t.mutual()
			t.ranges.aside = newAside(cfg.Project, t.source)
		}
		if err != nil {
			return nil, err
		}
		if seen[t.name] {
			return nil, fmt.Errorf("copy: %w: %s is the target of two tables", ErrTable, t.name)
		}
		seen[t.name] = true
		c.tables = append(c.tables, t)
	}
	return c, nil
}

// Run copies what is missing and returns when all of it is durable, or with
// the first error. It may be followed by a Run of another Copier, which goes on
// from what is durable.
func (c *Copier) Run(ctx context.Context) error {
	open, err := c.resume(ctx)
	if err != nil || len(open) == 0 {
		return err
	}
	if err := c.estimate(ctx); err != nil {
		return err
	}
	if err := c.marks.take(ctx); err != nil {
		return err
	}
	whole := func(t *table) bool { return t.whole }
	if keyed := slices.DeleteFunc(slices.Clone(open), whole); len(keyed) > 0 {
		if err := c.chunks(ctx, keyed); err != nil {
			return err
		}
	}
	for _, t := range open { // what they hold up while they are copied the others do not wait for
		if t.whole {
			if err := c.copyWhole(ctx, t); err != nil {
				return fmt.Errorf("copy of %s: %w", t.name, err)
			}
		}
	}
	return nil
}

// chunks copies the tables whose rows have an order.
func (c *Copier) chunks(ctx context.Context, open []*table) error {
	jobs := make(chan *job)
	queue := make(chan *table, len(open))
	for _, t := range open {
		queue <- t
	}
	close(queue)
	g, ctx := errgroup.WithContext(ctx)
	var readers sync.WaitGroup
	for range min(tablesAtOnce, len(open)) {
		readers.Add(1)
		g.Go(func() error {
			defer readers.Done()
			return c.read(ctx, queue, jobs)
		})
	}
	g.Go(func() error {
		readers.Wait()
		close(jobs)
		return nil
	})
	for range c.cfg.Workers {
		g.Go(func() error { return c.work(ctx, jobs) })
	}
	return g.Wait()
}

// resume finds out what is missing and gives the tables that are not complete.
func (c *Copier) resume(ctx context.Context) ([]*table, error) {
	saved, err := load(ctx, c.cfg.Target, c.cfg.Project)
	if err != nil {
		return nil, err
	}
	var open []*table
	for _, t := range c.tables {
		s := saved[t.name]
		if s == nil {
			s = &record{}
		}
		t.rows.Store(s.rows)
		t.bytes.Store(s.bytes)
		t.chunks = s.chunks
		if s.complete {
			t.done.Store(true)
			c.cfg.Writer.Copied(t.database, t.target)
			continue
		}
		if !t.whole {
			if err := t.plan(s); err != nil {
				return nil, err
			}
		}
		if s.chunks > 0 && !t.whole {
			c.cfg.Log.Info("copy goes on", "table", t.name, "rows", s.rows)
		}
		open = append(open, t)
	}
	return open, nil
}
