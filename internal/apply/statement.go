package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/schema"
)

// Ours begins every statement by which Duplex itself changes a definition, so
// that the links know it in the log.
const Ours = change.OwnMark + " */ "

// DDL says what a link does with statements that change definitions.
type DDL struct {
	// Carries reports whether the link carries a statement of a version; nil: it
	// carries none, and passes over those that take no rows away.
	Carries func(version int64) bool
	// Ignore passes over statements that the other link carries, instead of
	// stopping.
	Ignore  bool
	Source  Catalogue
	Dialect schema.Dialect // of the source
	From    string         // the source's site, for messages
	Match   func(database, table string) bool
	TwoWay  bool // the target is written too

	// Of a target that is written too; nil elsewhere.
	// Now gives a table as the attempt knows it.
	Now func(database, table string) *schema.Table
	// Named gives the name under which the target has the table now that the source's
	// rows are of, of a transaction with a stamp; Toward brings them into its layout.
	Named  func(rows *change.Table, at *change.Stamp) schema.Name
	Toward func(rows *change.Table, at *change.Stamp, now *schema.Table) (m *schema.Mapping, gone bool)
	// Followed reports whether the target's log shows that the link has run a statement.
	Followed func(seq uint64) bool
	// Alike says why two tables of the source are not treated alike by the project;
	// empty: they are.
	Alike func(a, b schema.Name) string
	// Held reports whether the source's site, when it committed a transaction, might
	// still have written rows of another table by a name; nil: it cannot.
	Held    func(n schema.Name, at *change.Stamp) bool
	Renames bool // the target's application gives tables other names, and its server tells
}

// A Catalogue knows what the source's tables were at each place of its log.
type Catalogue interface {
	// At gives what a table is for the transaction seq; nil if there is none.
	At(name schema.Name, seq uint64) *schema.Table
	// Changed gives what the statement seq has made of tables.
	Changed(seq uint64) []schema.Version
}

// statement meets a DDL statement in the log: it is carried, refused or passed
// over, and what was done stands in ddl_log.
func (t *target) statement(ctx context.Context, txn *change.Txn) error {
	t.forgetPlans()
	t.mending.Lock()
	defer t.mending.Unlock()
	if txn.DDL.Ours {
		return t.write(ctx, newBatch(false), true)
	}
	st, err := t.store.Statement(ctx, txn.Stamp.Seq)
	if err != nil {
		return err
	}
	noted := st.State == checkpoint.Done || st.State == checkpoint.Ignored
	st.Seq, st.Text, st.Seen = txn.Stamp.Seq, strings.TrimSpace(txn.DDL.Text), txn.Stamp.Seen
	switch {
	case noted:
	case t.cfg.DDL.Carries == nil:
		err = t.seen(ctx, txn, &st)
	case !t.cfg.DDL.Carries(txn.Stamp.Version):
		err = t.foreign(ctx, txn, &st)
	default:
		err = t.carry(ctx, txn, &st)
	}
	if err != nil {
		return err
	}
	return t.write(ctx, newBatch(false), true)
}

// seen notes a statement where no link carries any. One that takes rows away,
// which no row event shows, stops the link.
func (t *target) seen(ctx context.Context, txn *change.Txn, st *checkpoint.Statement) error {
	if takesRows(schema.Classify(st.Text, txn.DDL.Database).Verb) {
		return t.refuse(ctx, txn, st, "no link of the project carries statements, and this one takes rows away",
			fmt.Sprintf("run the same on site %s and say `duplex ddl done`", t.cfg.Target.Site))
	}
	t.cfg.Log.Warn("statement seen, not carried", "link", t.cfg.Link, "statement", short(st.Text), "transaction", txn.ID)
	t.ignore(st, "no link of the project carries statements")
	return nil
}

// foreign meets a statement on the link that carries none.
func (t *target) foreign(ctx context.Context, txn *change.Txn, st *checkpoint.Statement) error {
	const why = "statements are carried from the other site only"
	switch schema.Classify(st.Text, txn.DDL.Database).Verb {
	case schema.CreateView, schema.DropView, schema.AlterTrigger:
		t.ignore(st, why+"; no row depends on it")
		return nil
	}
	if t.cfg.DDL.Ignore {
		t.cfg.Log.Warn("statement of the site that carries none, ignored", "link", t.cfg.Link, "statement", short(st.Text), "transaction", txn.ID)
		t.ignore(st, why)
		return nil
	}
	return t.refuse(ctx, txn, st, why, fmt.Sprintf("take it back on site %s and say `duplex ddl skip`, or run the same on site %s and say `duplex ddl done`",
		t.cfg.DDL.From, t.cfg.Target.Site))
}

// ignore notes a statement together with the transaction.
func (t *target) ignore(st *checkpoint.Statement, why string) {
	st.State, st.Reason = checkpoint.Ignored, why
	t.tail = append(t.tail, string(t.store.AppendStatement(nil, *st)))
}

// refuse stops the link at a statement.
func (t *target) refuse(ctx context.Context, txn *change.Txn, st *checkpoint.Statement, why, remedy string) error {
	st.State, st.Reason = checkpoint.Refused, why
	if err := t.store.NoteStatement(ctx, *st); err != nil {
		return err
	}
	return fmt.Errorf("%w: %q, run on site %s (transaction %s): %s: %s (link %s, seq %d)",
		ErrStatement, short(st.Text), t.cfg.DDL.From, txn.ID, why, remedy, t.cfg.Link, st.Seq)
}

func takesRows(v schema.Verb) bool {
	switch v {
	case schema.Truncate, schema.DropTable, schema.RenameTable, schema.DropDatabase:
		return true
	}
	return false
}

// carry runs at the target what follows from a statement.
func (t *target) carry(ctx context.Context, txn *change.Txn, st *checkpoint.Statement) error {
	c := schema.Carrying{
		Text: st.Text, Database: txn.DDL.Database, From: t.cfg.DDL.Dialect, To: schema.Dialect(t.cfg.Target.Kind),
		Versions: t.cfg.DDL.Source.Changed(st.Seq), Before: func(n schema.Name) *schema.Table { return t.cfg.DDL.Source.At(n, st.Seq) },
		Match: func(n schema.Name) bool { return t.cfg.DDL.Match(n.Database, n.Name) },
		Place: func(n schema.Name) schema.Name {
			d, name := t.cfg.Place(n.Database, n.Name)
			return schema.Name{Database: d, Name: name}
		},
		TwoWay: t.cfg.DDL.TwoWay, Alike: t.cfg.DDL.Alike,
	}
	if t.cfg.DDL.Held != nil {
		c.Held = func(n schema.Name) bool { return t.cfg.DDL.Held(n, &txn.Stamp) }
	}
	remedy := fmt.Sprintf("run on site %s what brings its tables to the same, and say `duplex ddl done`, or `duplex ddl skip` where nothing is to follow",
		t.cfg.Target.Site)
	steps, err := c.Steps()
	if r, ok := errors.AsType[*schema.Refusal](err); ok {
		return t.refuse(ctx, txn, st, r.Reason, remedy)
	}
	if err != nil || len(steps) == 0 {
		return err
	}
	if t.window.copying() && c.Renames() {
		return t.refuse(ctx, txn, st, "a table gets another name while tables are being copied", remedy)
	}
	if steps[0].Empties {
		err = t.empties(ctx, steps[0].Tables[0])
	} else {
		err = t.run(ctx, txn, &c, steps, st)
	}
	if r, ok := errors.AsType[*schema.Refusal](err); ok {
		return t.refuse(ctx, txn, st, r.Reason, remedy)
	}
	if err != nil {
		return err
	}
	st.State, st.Reason = checkpoint.Done, ""
	t.tail = append(t.tail, string(t.store.AppendStatement(nil, *st)))
	t.redefined = t.cfg.DDL.TwoWay && c.Redefines()
	t.cfg.Log.Info("statement carried", "link", t.cfg.Link, "statement", short(st.Text), "transaction", txn.ID)
	return nil
}
