package obbinlog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"duplex/internal/schema"
)

// define carries a statement that changes definitions.
//
// A table with a materialized view log refuses most of them. So no transaction
// may begin, those that are open end, the stream is read to its end, the logs of
// the tables go, and behind the statement they are made anew. The statement
// stands in the log at that place.
func (c *relay) define(ctx context.Context, text string, more uint16) (failed bool, err error) {
	r := c.rig
	database, err := c.database()
	if err != nil {
		return false, err
	}
	if err := c.commit(); err != nil {
		return false, err
	}
	limited, cancel := context.WithTimeout(ctx, r.opt.Patience)
	defer cancel()
	select {
	case r.defining <- struct{}{}:
		defer func() { <-r.defining }()
	case <-limited.Done():
		return true, c.client.fail(1205, "HY000", "Lock wait timeout exceeded; another definition is being changed")
	}
	d := &defining{relay: c, database: database, text: text, statement: schema.Classify(text, database)}
	if d.there() {
		return c.part(ctx, text, more)
	}
	if d.alone() {
		if err := r.gate.enter(ctx, c, false); err != nil {
			return false, err
		}
		defer func() { r.gate.exit(c, c.inTrans) }()
	} else {
		if err := r.gate.shut(limited, c); err != nil {
			if ctx.Err() != nil {
				return false, err
			}
			return true, c.client.fail(1205, "HY000", "Lock wait timeout exceeded; transactions are open")
		}
		defer r.gate.release()
		defer r.gate.exit(c, false)
	}
	packets, failed, err := d.run(ctx)
	if err == nil {
		return failed, c.give(packets, more)
	}
	if packets == nil || ctx.Err() != nil {
		return true, err
	}
	r.opt.Log.Error("a definition was changed, and the stream cannot follow", "statement", text, "err", err)
	return true, c.client.fail(1235, "0A000", "the statement was carried out, but the change log cannot follow: %v", err)
}

// database asks for the session's default database.
func (c *relay) database() (string, error) {
	packets, failed, err := c.ask("SELECT COALESCE(DATABASE(), '')")
	if err != nil || failed || len(packets) < 4 {
		return "", errors.Join(err, errFor(failed, "ask for the default database"))
	}
	row := packets[3]
	n, skip := lengthEncoded(row)
	if uint64(len(row)) < uint64(skip)+n {
		return "", errMalformed
	}
	return string(row[skip : uint64(skip)+n]), nil
}

func errFor(failed bool, what string) error {
	if failed {
		return errors.New(what + ": the kernel refuses")
	}
	return nil
}

// commit ends the session's transaction, as the statement itself would.
func (c *relay) commit() error {
	if !c.inTrans {
		return nil
	}
	if _, _, err := c.ask("COMMIT"); err != nil {
		return err
	}
	c.inTrans = false
	c.rig.gate.exit(c, false)
	return nil
}

// A defining is a definition statement that is being carried.
type defining struct {
	*relay
	database, text string
	statement      schema.Statement
}

// alone reports whether the statement needs no log to go.
func (d *defining) alone() bool {
	switch d.statement.Verb {
	case schema.CreateTable: // the kernel copies no table that has a log
		return d.statement.Like == schema.Name{}
	case schema.CreateView, schema.DropView, schema.CreateDatabase, schema.AlterDatabase,
		schema.CreateIndex, schema.DropIndex, schema.Routine, schema.AlterTrigger, schema.Maintenance:
		return true
	}
	return false
}

// there reports whether the statement makes a table that is there: the kernel
// refuses, or does nothing, and the stream need not wait.
func (d *defining) there() bool {
	known := d.rig.stream.known.Load()
	return d.statement.Verb == schema.CreateTable && !d.statement.Select && len(d.statement.Objects) > 0 &&
		known != nil && (*known)[nameOf(d.statement.Objects[0])]
}

// run carries the statement out. packets is the kernel's answer, nil if it was
// not asked.
func (d *defining) run(ctx context.Context) (packets [][]byte, failed bool, err error) {
	s := d.rig.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.statement.Verb == schema.CreateTable && d.statement.Select {
		return [][]byte{refusal("CREATE TABLE … SELECT brings rows that the change log would not have")}, true, nil
	}
	if !d.alone() {
		if _, err := s.poll(ctx); err != nil {
			return nil, false, err
		}
		if err := d.unwatch(ctx); err != nil {
			return nil, false, errors.Join(err, d.rewatch(ctx))
		}
	}
	if err := d.intend(ctx); err != nil {
		return nil, false, errors.Join(err, d.rewatch(ctx))
	}
	if packets, failed, err = d.ask(d.text); err != nil { // the session was killed, for one
		return nil, false, errors.Join(err, s.settle(ctx), d.rewatch(ctx))
	}
	if failed {
		err = s.log.amend(func(st *state) { st.Pending = nil })
	} else {
		err = d.note(ctx)
	}
	return packets, failed, errors.Join(err, d.rewatch(ctx))
}

func refusal(text string) []byte {
	return append([]byte{0xff, 0xd3, 0x04}, "#0A000"+text...)
}

// note writes the statement into the log, behind what was committed before.
func (d *defining) note(ctx context.Context) error {
	s := d.rig.stream
	if _, err := s.poll(ctx); err != nil {
		return err
	}
	if d.rig.Faults.takeOmit() {
		return s.log.amend(func(st *state) { st.Pending = nil })
	}
	return s.statement(s.log.state.SCN, d.database, strings.TrimSpace(d.text))
}

func nameOf(n schema.Name) string { return strings.ToLower(n.Database + "." + n.Name) }

// concerned gives the names of the tables whose definition the statement may
// change or copies, as they are known before it.
func (d *defining) concerned() []string {
	var names []string
	for name, t := range d.rig.stream.tables {
		for _, o := range append(d.statement.Objects, d.statement.Like) {
			if nameOf(o) == name || o.Name == "" && strings.EqualFold(o.Database, t.database) {
				names = append(names, name)
			}
		}
	}
	return names
}

// unwatch drops the logs of the tables that the statement is about.
func (d *defining) unwatch(ctx context.Context) error {
	s := d.rig.stream
	for _, name := range d.concerned() {
		t := s.tables[name]
		if err := unwatch(ctx, s.db, t.database, t.name); err != nil {
			return fmt.Errorf("drop the log of %s: %w", t, err)
		}
		t.created = 0
	}
	return nil
}

// rewatch makes the logs that are missing of the tables that the statement is
// about, by their names before and after it.
func (d *defining) rewatch(ctx context.Context) error {
	s := d.rig.stream
	switch d.statement.Verb {
	case schema.CreateTable, schema.DropTable, schema.AlterTable, schema.RenameTable, schema.Truncate, schema.DropDatabase:
	case schema.Recycle:
		return s.watchAll(ctx)
	default: // no table is another one now
		return nil
	}
	names := map[string][2]string{}
	for _, name := range d.concerned() {
		t := s.tables[name]
		names[name] = [2]string{t.database, t.name}
	}
	for _, o := range d.statement.Objects {
		if o.Name != "" {
			names[nameOf(o)] = [2]string{o.Database, o.Name}
		}
	}
	for _, r := range d.statement.Renames {
		names[nameOf(r.To)] = [2]string{r.To.Database, r.To.Name}
	}
	for name, n := range names {
		if t := s.tables[name]; t != nil && t.created != 0 {
			continue
		}
		if err := s.watch(ctx, n[0], n[1]); err != nil {
			return err
		}
	}
	return s.saveTables()
}

// watch makes the log of one table, if there is such a table.
func (s *stream) watch(ctx context.Context, database, name string) error {
	key := strings.ToLower(database + "." + name)
	delete(s.tables, key)
	t, err := define(ctx, s.db, database, name)
	if t == nil || err != nil {
		return err
	}
	if !t.unread {
		if err := t.watch(ctx, s.db); err != nil {
			return err
		}
	}
	s.take(key, t)
	return nil
}

// take adds a table under the next number.
func (s *stream) take(key string, t *table) {
	s.ids++
	t.id = s.ids
	s.tables[key] = t
}

// saveTables keeps from when on the logs tell.
func (s *stream) saveTables() error {
	created, known := map[string]uint64{}, map[string]bool{}
	for name, t := range s.tables {
		created[name], known[name] = t.created, true
	}
	s.known.Store(&known)
	return s.log.amend(func(st *state) { st.Created = created })
}

// watchAll makes the logs that are missing, and makes anew those of which it is
// not known from when on they tell.
func (s *stream) watchAll(ctx context.Context) error {
	tables, logs, err := list(ctx, s.db, "")
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, n := range tables {
		if systemDatabase(n[0]) || internalTable(n[1]) {
			continue
		}
		key := strings.ToLower(n[0] + "." + n[1])
		there[key] = true
		if s.tables[key] != nil {
			continue
		}
		created, known := s.log.state.Created[key]
		if logs[n[0]+"."+n[1]] && known {
			t, err := define(ctx, s.db, n[0], n[1])
			if err != nil {
				return err
			}
			t.created = created
			s.take(key, t)
			continue
		}
		if logs[n[0]+"."+n[1]] {
			if err := unwatch(ctx, s.db, n[0], n[1]); err != nil {
				return err
			}
		}
		if err := s.watch(ctx, n[0], n[1]); err != nil {
			return err
		}
	}
	for key := range s.tables {
		if !there[key] {
			delete(s.tables, key)
		}
	}
	return s.saveTables()
}

// tend keeps the logs small: what has been read of them is of no use. Nothing
// may commit meanwhile, since the kernel purges up to the present. mu is held.
func (s *stream) tend(ctx context.Context, g *gate) error {
	if s.rows < purgeRows {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := g.pause(limited); err != nil {
		s.rows /= 2 // a statement runs for long: later
		return nil
	}
	defer g.release()
	if _, err := s.poll(ctx); err != nil {
		return err
	}
	for _, t := range s.tables {
		if t.rows == 0 {
			continue
		}
		if _, err := s.db.ExecContext(ctx, fmt.Sprintf("CALL dbms_mview.purge_log('%s.%s')", t.database, t.name)); err != nil {
			return fmt.Errorf("purge the log of %s: %w", t, err)
		}
		t.rows = 0
	}
	s.rows = 0
	return nil
}

// purgeRows is how many rows the logs may have.
const purgeRows = 100_000
