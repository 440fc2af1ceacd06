package apply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/conflict"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// How a statement is run once, whatever ends in between:
//
//	ddl_log: before, with what tells the tables as they are ─▶ statement ─▶ ddl_log: done, with the checkpoint
//
// A run that finds "before" waits until the connection of the one before it is
// done with its statement, and looks whether the tables are still as they were.
// Where a statement becomes several, each has its "before", which tells its
// number.

// lockWait is how long the connection that runs a statement waits for a lock of
// the table before it lets those go that wait behind it.
const lockWait = 5

// run executes the steps.
func (t *target) run(ctx context.Context, txn *change.Txn, c *schema.Carrying, steps []schema.Step, st *checkpoint.Statement) (err error) {
	session, err := t.cfg.Target.Session(ctx, tenant.Read, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	if err := t.alone(ctx, session); err != nil {
		return err
	}
	if steps[0].Clears && t.site != nil && t.far() {
		return &schema.Refusal{Reason: fmt.Sprintf("of what site %s has written there is too much that site %s does not know yet: run again when it has caught up",
			t.cfg.Target.Site, t.cfg.DDL.From)}
	}
	begun, was := begunAt(st)
	if was != "" && c.Renames() && t.cfg.DDL.Followed != nil { // two tables of other names may be alike
		if err := t.site.End(ctx); err != nil {
			return err
		}
		if t.cfg.DDL.Followed(st.Seq) {
			return t.follows(ctx, c, st)
		}
		begun, was = 0, ""
	}
	for i := begun; i < len(steps); i++ {
		now, err := t.fingerprint(ctx, steps[i:i+1])
		if err != nil {
			return err
		}
		again := was != "" && i == begun
		if again && was != now { // it was run
			if i == len(steps)-1 {
				return t.follows(ctx, c, st)
			}
			continue
		}
		if !again {
			st.Was = strconv.Itoa(i) + ":" + now
		}
		if err := t.runStep(ctx, session, txn, c, &steps[i], st); err != nil {
			return err
		}
	}
	failpoint("ddl-run")
	return nil
}

// begunAt gives which step of a statement an earlier run has begun, and what told
// the tables as they were before it; empty: it was not run, or the server said no.
func begunAt(st *checkpoint.Statement) (step int, was string) {
	number, was, _ := strings.Cut(st.Was, ":")
	step, _ = strconv.Atoi(number) // zero where no step was begun
	if st.State != checkpoint.Before {
		return step, ""
	}
	return step, was
}

// runStep notes that a step is begun, and runs it.
func (t *target) runStep(ctx context.Context, session *tenant.Session, txn *change.Txn, c *schema.Carrying, s *schema.Step, st *checkpoint.Statement) error {
	st.State, st.Reason = checkpoint.Before, ""
	if id := strconv.FormatUint(session.ID, 10) + ","; !strings.HasSuffix(st.Session, ","+id) {
		st.Session += "," + id
	}
	if err := t.store.NoteStatement(ctx, *st); err != nil {
		return err
	}
	failpoint("ddl-before")
	if err := t.step(ctx, session, txn, s, st); err != nil {
		if class := tenant.Classify(err); class.Passing() || class.Undone() {
			return err
		}
		if t.follows(ctx, c, st) != nil || !c.Visible() {
			return &schema.Refusal{Reason: fmt.Sprintf("site %s does not take it: %s", t.cfg.Target.Site, err)}
		}
		t.cfg.Log.Info("the target has it already", "link", t.cfg.Link, "statement", short(st.Text), "error", err)
		return nil
	}
	failpoint("ddl-step")
	return nil
}

// far reports whether more is remembered of what the target's application wrote
// than stays in memory: then it is not looked through.
func (t *target) far() (yes bool) {
	t.site.Observe(func(o *conflict.Observer) { yes = o.Index().Disk() > 0 })
	return yes
}

// alone waits until no connection of an earlier run of the link is at a
// statement, and proves that this run still owns the link.
func (t *target) alone(ctx context.Context, s *tenant.Session) error {
	lock := string(change.AppendString([]byte("SELECT GET_LOCK("), lockName(t.cfg.Project, t.cfg.Link))) + ", 3600)"
	if _, err := s.ExecAll(ctx, lock); err != nil && t.cfg.Target.Kind != tenant.OceanBase {
		return fmt.Errorf("link %s: wait for the statement of an earlier run: %w", t.cfg.Link, err)
	}
	if t.cfg.Target.Kind != tenant.OceanBase {
		if _, err := s.ExecAll(ctx, "SET lock_wait_timeout = "+strconv.Itoa(lockWait)); err != nil {
			return err
		}
	}
	head := t.head
	if err := t.send(ctx); err != nil {
		return err
	}
	t.head = head // the transaction begins anew behind the statement, which some servers hold up while one is open
	_, err := t.session.ExecAll(ctx, "ROLLBACK")
	return err
}

// lockName is short enough for every server.
func lockName(project, link string) string {
	h := sha256.Sum256([]byte(project + "\x00" + link))
	return "duplex-ddl-" + hex.EncodeToString(h[:16])
}

// step runs one statement in the session that its author had.
func (t *target) step(ctx context.Context, s *tenant.Session, txn *change.Txn, step *schema.Step, st *checkpoint.Statement) error {
	var set []string
	if step.Database != "" {
		set = append(set, "USE "+schema.Ident(step.Database))
	}
	if t.cfg.Target.Kind != tenant.OceanBase {
		set = append(set, "SET timestamp = "+strconv.FormatInt(txn.Committed.Unix(), 10))
	}
	if txn.DDL.Mode != "" && t.cfg.DDL.Dialect == schema.Dialect(t.cfg.Target.Kind) {
		set = append(set, "SET sql_mode = "+txn.DDL.Mode)
	}
	if len(set) > 0 {
		if _, err := s.ExecAll(ctx, strings.Join(set, "; ")); err != nil {
			return err
		}
	}
	_, err := s.Exec(ctx, fmt.Sprintf("%s %s %d */ %s", change.OwnMark, t.cfg.Link, st.Seq, step.SQL))
	return err
}

// Marked gives the number of the statement that the link has run with a text.
func Marked(text, link string) (seq uint64, ok bool) {
	rest, ok := strings.CutPrefix(text, change.OwnMark+" "+link+" ")
	if !ok {
		return 0, false
	}
	number, _, _ := strings.Cut(rest, " ")
	seq, err := strconv.ParseUint(number, 10, 64)
	return seq, err == nil
}

// fingerprint tells the definitions that steps are about as they are now.
func (t *target) fingerprint(ctx context.Context, steps []schema.Step) (string, error) {
	h := sha256.New()
	for _, s := range steps {
		for _, n := range s.Tables {
			table, err := t.cfg.Target.Table(ctx, n.Database, n.Name)
			if err != nil && !errors.Is(err, tenant.ErrNoTable) {
				return "", err
			}
			text, err := json.Marshal(table)
			if err != nil {
				return "", err
			}
			h.Write(text)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:24]), nil
}

// follows checks that the target's tables have the columns that the source's
// have after the statement.
func (t *target) follows(ctx context.Context, c *schema.Carrying, st *checkpoint.Statement) error {
	for _, v := range c.Versions {
		if !c.Match(v.Name) || v.Table == nil {
			continue
		}
		n := c.Place(v.Name)
		have, err := t.cfg.Target.Table(ctx, n.Database, n.Name)
		if err != nil && !errors.Is(err, tenant.ErrNoTable) {
			return err
		}
		if have == nil || !schema.SameShape(v.Table, have) {
			return &schema.Refusal{Reason: fmt.Sprintf("%s.%s of site %s is neither what it was before the statement nor what it is after it",
				n.Database, n.Name, t.cfg.Target.Site)}
		}
	}
	return nil
}
