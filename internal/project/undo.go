package project

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

var (
	// ErrUndone says that the losing image was put back before.
	ErrUndone = errors.New("undone already")
	// ErrNothingLost says that a decision discarded no image.
	ErrNothingLost = errors.New("nothing was lost by it")
	// ErrNoKey says that a row cannot be told apart from others.
	ErrNoKey = errors.New("the row cannot be found")
)

// An Undone is what an undo did to a row.
type Undone struct {
	Conflict Conflict
	Action   string // insert, update, delete, or none: the row was as it was to become
	Was      []byte // change.AppendJSON of the row before; nil: there was none
	Back     []byte // the image that was put back; nil: no row
}

// An Undoer puts losing images back, each in a transaction that is like one of
// the site's application: both links treat it as one. One goroutine uses it.
type Undoer struct {
	sites    *Sites
	sessions map[string]*tenant.Session
	tables   map[string]*undoTable // by site and table
}

// Undoer begins a series of undos. Close ends it.
func (s *Sites) Undoer() *Undoer {
	return &Undoer{sites: s, sessions: map[string]*tenant.Session{}, tables: map[string]*undoTable{}}
}

// Close ends the connections.
func (u *Undoer) Close() error {
	var errs []error
	for _, s := range u.sessions {
		errs = append(errs, s.Close())
	}
	clear(u.sessions)
	return errors.Join(errs...)
}

// undoAttempts is how often a transaction that lost a lock is tried.
const undoAttempts = 3

// Undo puts the losing image of a conflict back in place of what is in the
// table now, notes that, and logs the undo as a conflict of kind
// checkpoint.Undo. A dry one changes and locks nothing and says what would be
// done. After an error the row is as it was.
func (u *Undoer) Undo(ctx context.Context, ref ConflictRef, dry bool) (done Undone, err error) {
	for range undoAttempts {
		if done, err = u.try(ctx, ref, dry); !tenant.Classify(err).Undone() {
			break
		}
	}
	if err != nil {
		return done, fmt.Errorf("undo %s: %w", ref, err)
	}
	return done, nil
}

func (u *Undoer) try(ctx context.Context, ref ConflictRef, dry bool) (Undone, error) {
	s, err := u.session(ctx, ref.Site)
	if err != nil {
		return Undone{}, err
	}
	done, err := u.transact(ctx, s, ref, dry)
	end := "COMMIT"
	if dry || err != nil {
		end = "ROLLBACK"
	}
	if _, failed := s.Exec(ctx, end); failed != nil {
		err = errors.Join(err, failed)
		err = errors.Join(err, s.Discard()) // the server rolls back what is open
		delete(u.sessions, ref.Site)
	}
	return done, err
}

// An undo is refused where it breaks what an application could not break
// either: values that do not fit, foreign keys.
const undoSetup = tenant.Strict + "; SET foreign_key_checks = 1"

func (u *Undoer) session(ctx context.Context, site string) (*tenant.Session, error) {
	if s := u.sessions[site]; s != nil {
		return s, nil
	}
	s, err := u.sites.Tenant(site).Session(ctx, tenant.Read, 0)
	if err != nil {
		return nil, err
	}
	if _, err := s.ExecAll(ctx, undoSetup); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	u.sessions[site] = s
	return s, nil
}

// transact does the work between BEGIN and the end of the transaction.
func (u *Undoer) transact(ctx context.Context, s *tenant.Session, ref ConflictRef, dry bool) (done Undone, err error) {
	if _, err := s.Exec(ctx, "BEGIN"); err != nil {
		return done, err
	}
	log := u.sites.conflictLog(ref.Site)
	read := log.Lock
	if dry {
		read = func(ctx context.Context, _ *tenant.Session, id uint64) (checkpoint.Conflict, error) {
			return log.Get(ctx, id)
		}
	}
	c, err := read(ctx, s, ref.ID)
	if err != nil {
		return done, err
	}
	done.Conflict = Conflict{ref.Site, c}
	back, ok := Lost(&c)
	switch {
	case !c.UndoneAt.IsZero():
		return done, fmt.Errorf("%w, at %s", ErrUndone, c.UndoneAt.Format(time.DateTime))
	case !ok:
		return done, ErrNothingLost
	}
	if c.Table, err = u.named(ctx, ref.Site, &c); err != nil {
		return done, err
	}
	t, err := u.table(ctx, ref.Site, c.Table)
	if err != nil {
		return done, err
	}
	row, err := t.plan(&c, back)
	if err != nil {
		return done, err
	}
	if row.now, err = t.read(ctx, s, row.key, !dry); err != nil {
		return done, err
	}
	done.Was, done.Back = change.AppendJSON(nil, t.Columns, row.now), back
	var write string
	if done.Action, write = t.write(row); dry {
		return done, nil
	}
	c.Local, c.Incoming = done.Was, back
	return done, u.put(ctx, s, &c, write)
}

// put writes the row, the note in the conflict c and the undo's own row.
func (u *Undoer) put(ctx context.Context, s *tenant.Session, c *checkpoint.Conflict, write string) error {
	if write != "" {
		if _, err := s.ExecAll(ctx, write); err != nil {
			if tenant.Code(err) == 0 { // not the server's word: there may be none to talk to
				return err
			}
			_, again := s.ExecAll(ctx, tenant.Strict)
			return errors.Join(err, again)
		}
	}
	undo := checkpoint.Conflict{Table: c.Table, Key: c.Key, Kind: checkpoint.Undo, Policy: c.Policy, Winner: winnerIncoming, Local: c.Local, Incoming: c.Incoming}
	store := checkpoint.New(nil, c.Project, c.Link)
	_, err := s.ExecAll(ctx, checkpoint.SetUndone(c.ID)+"; "+string(store.AppendConflict(nil, &undo)))
	return err
}

// Row gives the row of a conflict as it is now; nil: there is none.
func (u *Undoer) Row(ctx context.Context, c *Conflict) ([]byte, error) {
	s, err := u.session(ctx, c.Site)
	if err != nil {
		return nil, err
	}
	name, err := u.named(ctx, c.Site, &c.Conflict)
	if err != nil {
		return nil, err
	}
	t, err := u.table(ctx, c.Site, name)
	if err != nil {
		return nil, err
	}
	lost, _ := Lost(&c.Conflict) // of a unique key's conflict the other image is another row
	row, err := t.plan(&c.Conflict, lost)
	if err != nil {
		return nil, err
	}
	now, err := t.read(ctx, s, row.key, false)
	return change.AppendJSON(nil, t.Columns, now), err
}

// An undoTable is a table as it is now.
type undoTable struct {
	*change.Table
	name     string // quoted
	selected string
}

// named gives the name that the table of a conflict has now: it may have got another
// one, and another table its own.
func (u *Undoer) named(ctx context.Context, site string, c *checkpoint.Conflict) (string, error) {
	later, err := checkpoint.NewHistory(u.sites.Tenant(site), c.Project).Since(ctx, c.DecidedAt)
	if err != nil {
		return "", err
	}
	database, table, _ := strings.Cut(c.Table, ".")
	now, ok := schema.Follow(schema.Name{Database: database, Name: table}, later)
	if !ok {
		return "", fmt.Errorf("%w: %s was dropped since the conflict was decided, and its rows with it", tenant.ErrNoTable, c.Table)
	}
	return now.Database + "." + now.Name, nil
}

func (u *Undoer) table(ctx context.Context, site, name string) (*undoTable, error) {
	if t := u.tables[site+" "+name]; t != nil {
		return t, nil
	}
	database, table, _ := strings.Cut(name, ".")
	def, err := u.sites.Tenant(site).Table(ctx, database, table)
	if err != nil {
		return nil, err
	}
	t := &undoTable{Table: def.Change()}
	if len(t.Key) == 0 {
		return nil, fmt.Errorf("%w: %s has neither a primary key nor a unique key of NOT NULL columns", ErrNoKey, name)
	}
	t.name = string(t.AppendName(nil))
	var sel []byte
	for i := range t.Columns {
		if i > 0 {
			sel = append(sel, ',')
		}
		sel = t.Columns[i].AppendSelect(sel)
	}
	t.selected = string(sel)
	u.tables[site+" "+name] = t
	return t, nil
}

// An undoRow is one row: where it is, how it is and how it is to become.
type undoRow struct {
	key   []change.Value // an image with the key's columns
	now   []change.Value // nil: no row
	back  []change.Value // nil: no row
	known []bool         // the columns that back has; the others are younger
}

// plan reads what is to be put back, and its key; where no row is put back, the
// other image has it.
func (t *undoTable) plan(c *checkpoint.Conflict, back []byte) (r undoRow, err error) {
	if r.back, r.known, err = change.ParseJSONKnown(t.Columns, back); err != nil {
		return r, err
	}
	for _, raw := range [][]byte{back, c.Local, c.Incoming} {
		if len(raw) == 0 {
			continue
		}
		var known []bool
		if r.key, known, err = change.ParseJSONKnown(t.Columns, raw); err != nil {
			return r, err
		}
		for _, i := range t.Key {
			if !known[i] {
				return r, fmt.Errorf("%w: the image lacks column %s, now part of the key", ErrNoKey, t.Columns[i].Name)
			}
		}
		return r, nil
	}
	return r, fmt.Errorf("%w: the conflict has no image", ErrNoKey)
}

// read gives the row of a key, locked if lock is set; nil: there is none.
func (t *undoTable) read(ctx context.Context, s *tenant.Session, key []change.Value, lock bool) (row []change.Value, err error) {
	q := t.where([]byte("SELECT "+t.selected+" FROM "+t.name), key)
	if lock {
		q = append(q, " FOR UPDATE"...)
	}
	err = s.Each(ctx, string(q), func(_ int, fields []driver.Value) error {
		image := make([]change.Value, len(fields))
		for i := range fields {
			if image[i], err = t.Columns[i].ParseColumn(fields[i]); err != nil {
				return fmt.Errorf("read %s: %w", t, err)
			}
		}
		row = change.CloneImage(image)
		return nil
	})
	return row, err
}

func (t *undoTable) where(dst []byte, key []change.Value) []byte {
	for n, i := range t.Key {
		if n == 0 {
			dst = append(dst, " WHERE "...)
		} else {
			dst = append(dst, " AND "...)
		}
		dst = append(change.AppendIdent(dst, t.Columns[i].Name), '=')
		dst = t.Columns[i].AppendKeyLiteral(dst, key[i])
	}
	return dst
}
