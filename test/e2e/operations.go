package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// A txn is one transaction of a writer. After an error it does nothing more.
type txn struct {
	*writer
	ctx   context.Context //nolint:containedctx // lives for one transaction
	tx    *sql.Tx
	key   Key
	entry Entry
	err   error
}

// exec runs a statement. A value that a unique or foreign key refuses takes the
// statement back, not the transaction.
func (t *txn) exec(query string, args ...any) int64 {
	if t.err != nil {
		return 0
	}
	res, err := t.tx.ExecContext(t.ctx, query, args...)
	switch Code(err) {
	case 1062, 1451, 1452, 1761:
		return 0
	}
	if err != nil {
		t.err = fmt.Errorf("%s: %w", query, err)
		return 0
	}
	n, _ := res.RowsAffected()
	return n
}

// mine picks a key of the side, half of them out of a few. A fresh one is not
// among those that the copy brings: side 1 inserts no other.
func (t *txn) mine(fresh bool) key {
	span := t.Span
	if t.rng.IntN(2) == 0 {
		span = 200
	}
	for {
		k := key(t.rng.IntN(span/2)*2 + t.side)
		if !fresh || t.side == 0 || !k.old() {
			return k
		}
	}
}

// code is a unique value of the side; there are few, so that they move.
func (t *txn) code() any {
	if t.rng.IntN(5) == 0 {
		return nil
	}
	return t.rng.IntN(300)*2 + t.side
}

// work is all but the commit.
func (t *txn) work() {
	t.exec("INSERT INTO mark_first VALUES (?,?,?)", t.key.Side, t.key.Writer, t.key.N)
	ops := []func(*txn){
		(*txn).item, (*txn).item, (*txn).item, (*txn).swap, (*txn).pairs, (*txn).blobkey, (*txn).texts, (*txn).texts,
		(*txn).uniq, (*txn).family, (*txn).family, (*txn).wide, (*txn).back,
	}
	for range 1 + t.rng.IntN(3) {
		ops[t.rng.IntN(len(ops))](t)
	}
	t.entry = Entry{Counter: key(t.rng.IntN(counters)*2 + t.side).id()}
	if t.side == 1 && t.rng.IntN(4) == 0 { // one that is not among the copied
		t.exec("INSERT IGNORE INTO counter VALUES (?, 0)", (key(3)).id())
		t.entry.Counter = key(3).id()
	}
	t.entry.Added = int(t.exec("UPDATE counter SET n = n + 1 WHERE id = ?", t.entry.Counter))
	if t.rng.IntN(60) == 0 {
		t.batch()
	}
	t.exec("INSERT INTO ledger VALUES (?,?,?,?,?,?)",
		t.key.Side, t.key.Writer, t.key.N, t.entry.Counter, t.entry.Added, t.entry.Batch)
	t.exec("INSERT INTO mark_last VALUES (?,?,?)", t.key.N, t.key.Writer, t.key.Side)
}

// batch makes the transaction a large one.
func (t *txn) batch() {
	const rows = 500
	var b strings.Builder
	for i := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "(%d,%d,%d,%d,'row %d')", t.key.Side, t.key.Writer, t.key.N, i, i)
	}
	t.exec("INSERT INTO batch VALUES " + b.String())
	t.entry.Batch = rows
}

func (t *txn) item() {
	id := t.mine(false).id()
	fresh := t.mine(true).id()
	name := t.mine(false).text()
	switch t.rng.IntN(9) {
	case 0:
		t.exec("INSERT INTO item (code, name, qty) VALUES (?,?,?)", t.code(), name, t.rng.IntN(100))
	case 1:
		t.exec("INSERT INTO item VALUES (?,?,?,0) ON DUPLICATE KEY UPDATE qty = qty + 1, name = VALUES(name)", fresh, t.code(), name)
	case 2:
		t.exec("REPLACE INTO item VALUES (?,?,?,?)", fresh, t.code(), name, t.rng.IntN(100))
	case 3:
		t.exec("UPDATE item SET id = ? WHERE id = ?", fresh, id)
	case 4:
		t.exec("UPDATE item SET code = ? WHERE id = ?", t.code(), id)
	case 5:
		t.exec("DELETE FROM item WHERE id = ?", id)
	case 6: // taken back within the transaction
		t.exec("SAVEPOINT s")
		t.exec("UPDATE item SET qty = -1 WHERE id = ?", id)
		t.exec("ROLLBACK TO SAVEPOINT s")
	default:
		t.exec("UPDATE item SET qty = qty + 1, name = ? WHERE id = ?", name, id)
	}
}

// swap lets two rows change their unique values.
func (t *txn) swap() {
	if t.err != nil {
		return
	}
	id, code := t.coded()
	if len(id) < 2 {
		return
	}
	if t.rng.IntN(2) == 0 {
		t.exec("UPDATE item SET code = NULL WHERE id = ?", id[0])
		t.exec("UPDATE item SET code = ? WHERE id = ?", code[0], id[1])
		t.exec("UPDATE item SET code = ? WHERE id = ?", code[1], id[0])
		return
	}
	t.exec("DELETE FROM item WHERE id = ?", id[0])
	t.exec("UPDATE item SET code = ? WHERE id = ?", code[0], id[1])
	fresh := t.mine(true)
	t.exec("INSERT INTO item VALUES (?,?,'swapped',0)", fresh.id(), code[1])
}

// coded locks up to two rows that have a unique value.
func (t *txn) coded() (id, code []int) {
	rows, err := t.tx.QueryContext(t.ctx, "SELECT id, code FROM item WHERE code IN (?,?,?,?) ORDER BY id LIMIT 2 FOR UPDATE",
		t.code(), t.code(), t.code(), t.code())
	if err != nil {
		t.err = err
		return nil, nil
	}
	defer rows.Close()
	for rows.Next() {
		var i, c int
		if t.err = rows.Scan(&i, &c); t.err != nil {
			return nil, nil
		}
		id, code = append(id, i), append(code, c)
	}
	if t.err = rows.Err(); t.err != nil {
		return nil, nil
	}
	return id, code
}

func (t *txn) pairs() {
	k, fresh := t.mine(false), t.mine(true)
	switch t.rng.IntN(6) {
	case 0:
		t.exec("INSERT INTO pairs VALUES (?,?,'new') ON DUPLICATE KEY UPDATE note = CONCAT(LEFT(note, 50), '+')", fresh.short(), int(fresh))
	case 1:
		t.exec("REPLACE INTO pairs VALUES (?,?,'replaced')", strings.ToUpper(fresh.short()), int(fresh))
	case 2:
		t.exec("UPDATE pairs SET k = ? WHERE k = ? AND n = ?", strings.ToUpper(k.short()), k.variantShort(), int(k))
	case 3:
		t.exec("UPDATE pairs SET k = ?, n = ? WHERE k = ? AND n = ?", fresh.short(), int(fresh), k.short(), int(k))
	case 4:
		t.exec("DELETE FROM pairs WHERE k = ? AND n BETWEEN ? AND ? AND n % 2 = ?", k.short(), int(k), int(k)+40, t.side)
	default:
		t.exec("UPDATE pairs SET note = ? WHERE k = ? AND n = ?", fmt.Sprint(t.key), k.short(), int(k))
	}
}

func (k key) variantShort() string { return strings.ToLower(k.short()) }

func (t *txn) blobkey() {
	k, fresh := t.mine(false), t.mine(true)
	switch t.rng.IntN(5) {
	case 0:
		t.exec("REPLACE INTO blobkey VALUES (?,?)", fresh.binary(), k.binary())
	case 1:
		t.exec("UPDATE blobkey SET k = ? WHERE k = ?", fresh.binary(), k.binary())
	case 2:
		t.exec("DELETE FROM blobkey WHERE k = ?", k.binary())
	default:
		t.exec("UPDATE blobkey SET v = ? WHERE k = ?", fmt.Append([]byte{0, 0xfe}, t.key), k.binary())
	}
}

// texts writes the tables with string keys; a key may change in case alone.
func (t *txn) texts() {
	table, of := "exact", func(k key) string { return k.text() }
	if t.rng.IntN(2) == 0 {
		table, of = "loose", func(k key) string { return k.variant(t.rng) }
	}
	k, fresh := t.mine(false), t.mine(true)
	switch t.rng.IntN(6) {
	case 0:
		t.exec("INSERT INTO "+table+" VALUES (?,?,0) ON DUPLICATE KEY UPDATE n = n + 1", of(fresh), "ins")
	case 1:
		t.exec("REPLACE INTO "+table+" VALUES (?,?,7)", of(fresh), "rep")
	case 2:
		t.exec("UPDATE "+table+" SET k = ? WHERE k = ?", of(fresh), of(k))
	case 3:
		t.exec("UPDATE loose SET k = ? WHERE k = ?", k.variant(t.rng), k.variant(t.rng))
	case 4:
		t.exec("DELETE FROM "+table+" WHERE k = ?", of(k))
	default:
		t.exec("UPDATE "+table+" SET n = n + 1, v = ? WHERE k = ?", strings.Repeat("é漢", t.rng.IntN(30)), of(k))
	}
}

func (t *txn) uniq() {
	k, fresh := t.mine(false), t.mine(true)
	name := func(k key) string { return fmt.Sprint("u", int(k)/10) }
	switch t.rng.IntN(4) {
	case 0:
		t.exec("REPLACE INTO uniq VALUES (?,?,?)", strings.ToUpper(name(fresh)), int(fresh)%10, t.key.N)
	case 1:
		t.exec("UPDATE uniq SET k = ?, s = ? WHERE k = ? AND s = ?", name(fresh), int(fresh)%10, name(k), int(k)%10)
	case 2:
		t.exec("DELETE FROM uniq WHERE k = ? AND s = ?", name(k), int(k)%10)
	default:
		t.exec("UPDATE uniq SET v = v + 1 WHERE k = ? AND s = ?", name(k), int(k)%10)
	}
}

// family writes parents and children. The foreign key may not be there yet on
// side 1, so the order is kept here: a parent is locked before a child comes,
// and goes only after its children.
func (t *txn) family() {
	parent, child := t.mine(true), t.mine(true)
	switch t.rng.IntN(6) {
	case 0, 1:
		t.exec("INSERT INTO parent VALUES (?,?)", parent.id(), parent.text())
		t.exec("INSERT INTO child SELECT ?, id, 0 FROM parent WHERE id = ? FOR UPDATE", child.id(), parent.id())
	case 2:
		t.exec("INSERT INTO child SELECT ?, id, 0 FROM parent WHERE id = ? FOR UPDATE", child.id(), parent.id())
	case 3:
		t.exec("UPDATE parent SET name = 'going' WHERE id = ?", parent.id())
		t.exec("DELETE FROM child WHERE parent = ? AND id % 2 = ?", parent.id(), child.id()%2)
		t.exec("DELETE FROM parent WHERE id = ?", parent.id())
	case 4:
		t.exec("DELETE FROM child WHERE id = ?", t.mine(false).id())
	default:
		t.exec("UPDATE child SET v = v + 1 WHERE id = ?", t.mine(false).id())
	}
}

func (t *txn) wide() {
	args := wideValues(t.rng)
	switch t.rng.IntN(4) {
	case 0:
		t.exec("REPLACE INTO wide VALUES (?"+strings.Repeat(",?", len(args))+")", append([]any{t.mine(true).id()}, args...)...)
	case 1:
		t.exec("DELETE FROM wide WHERE id = ?", t.mine(false).id())
	default:
		t.exec("UPDATE wide SET t=?,b=?,d=?,f=?,g=?,at=?,ts=?,e=?,s=?,y=?,bits=?,c=?,m=? WHERE id=?", append(args, t.mine(false).id())...)
	}
}

// back moves values of a few rows to and fro, so that they are soon again what
// they were, also within one transaction.
func (t *txn) back() {
	id := t.mine(false).id()
	t.exec("UPDATE item SET name = IF(name = 'here', 'there', 'here') WHERE id = ?", id)
	if t.rng.IntN(3) == 0 {
		t.exec("UPDATE item SET name = IF(name = 'here', 'there', 'here') WHERE id = ?", id)
	}
}
