package apply

import (
	"context"
	"fmt"
	"strings"

	"duplex/internal/change"
	"duplex/internal/schema"
)

// Ours begins every statement by which Duplex itself changes a definition, so
// that the links know it in the log.
const Ours = "/* duplex */ "

// statement meets a DDL statement in the log. None is carried: it is noted in
// ddl_log, and the link goes on with the tables as they are. A statement that
// takes rows away, which no row event shows, stops the link until somebody has
// run it on the other side as well and says so in ddl_log.
func (t *target) statement(ctx context.Context, txn *change.Txn) error {
	t.forgetPlans()
	text := strings.TrimSpace(txn.DDL.Text)
	if strings.HasPrefix(text, strings.TrimSpace(Ours)) {
		return t.write(ctx, newBatch(false), true)
	}
	seq := txn.Stamp.Seq
	state, err := t.store.Statement(ctx, t.session, seq)
	if err != nil {
		return err
	}
	if takesRows(schema.Classify(text, txn.DDL.Database).Verb) && state != "done" && state != "ignored" {
		if err := t.store.NoteStatement(ctx, t.session, seq, text, "refused"); err != nil {
			return err
		}
		return fmt.Errorf("%w: %q (transaction %s): run the same on site %s, then there: "+
			"UPDATE duplex.ddl_log SET state = 'done' WHERE link = '%s' AND seq = %d, and start again",
			ErrStatement, short(text), txn.ID, t.cfg.Target.Site, t.cfg.Link, seq)
	}
	if state == "" {
		t.cfg.Log.Warn("statement seen, not carried", "link", t.cfg.Link, "statement", short(text), "transaction", txn.ID)
		t.tail = append(t.tail, t.store.StatementNote(seq, text, "ignored"))
	}
	return t.write(ctx, newBatch(false), true)
}

func takesRows(v schema.Verb) bool {
	switch v {
	case schema.Truncate, schema.DropTable, schema.RenameTable, schema.DropDatabase:
		return true
	}
	return false
}
