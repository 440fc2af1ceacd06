package binlog

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// OceanBase keeps a long TEXT, BLOB, JSON or GEOMETRY beside its row, and logs
// it only when it is written. What the log does not have the Binlog Service
// shows as NULL, in images that claim to have all columns: the old value, and
// that of a column which an UPDATE left as it was. So a NULL of such a column
// says nothing in a before image. In an after image it is true where the before
// image has a value; where that is NULL as well, the tenant is asked.

// Errors of a read at a time that is beyond undo_retention, or before the table
// got its present definition.
const (
	snapshotLost  = 4138
	otherSnapshot = 1412
)

// beside finds the columns whose long values are kept beside the row.
func (r *Reader) beside(t *logTable) []int {
	if !r.oceanbase {
		return nil
	}
	if !t.looked {
		t.looked = true
		for i, k := range t.types {
			switch k {
			case gomysql.MYSQL_TYPE_BLOB, gomysql.MYSQL_TYPE_JSON, gomysql.MYSQL_TYPE_GEOMETRY, gomysql.MYSQL_TYPE_VECTOR:
				t.beside = append(t.beside, i)
			}
		}
	}
	return t.beside
}

// complete says of image i of an event what is not known, and finds what may not
// be.
func (r *Reader) complete(ctx context.Context, t *logTable, op change.Op, list [][]change.Value, i int) error {
	var ask []int
	image := list[i]
	for _, c := range r.beside(t) {
		switch {
		case !image[c].IsNull():
		case before(op, i):
			image[c] = change.Value{Kind: change.Unknown}
		case op == change.Update && (list[i-1][c].IsNull() || list[i-1][c].Kind == change.Unknown):
			ask = append(ask, c)
		}
	}
	if len(ask) == 0 {
		return nil
	}
	found, err := r.ask(ctx, t, image, ask)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%s: column %s, of which the log does not have the value: %w", t, t.table.Columns[ask[0]].Name, err)
	}
	for n, c := range ask { // a row that is gone was deleted, or got another key, after this; nobody needs the value then
		if found != nil {
			image[c] = found[n]
		}
	}
	r.mu.Lock()
	r.counts.Asked++
	r.mu.Unlock()
	return nil
}

// askTenant reads columns of the row with image's identity as the transaction
// left them: at the time of its commit, or now if there is no reading at that time. What a
// later transaction wrote is then seen too early, and comes again by the log.
func (r *Reader) askTenant(ctx context.Context, t *logTable, image []change.Value, columns []int) ([]change.Value, error) {
	if len(t.table.Key) == 0 {
		return nil, errors.New("the table has no key by which the tenant could be asked (declare the column NOT NULL, or give the table a primary key)")
	}
	if r.group.commit > 0 {
		// The log has microseconds, a snapshot nanoseconds: all of that microsecond.
		at := " AS OF SNAPSHOT " + strconv.FormatInt(r.group.commit*1000+999, 10)
		found, err := r.readRow(ctx, t, image, columns, at)
		if code := tenant.Code(err); code != snapshotLost && code != otherSnapshot {
			return found, err
		}
	}
	return r.readRow(ctx, t, image, columns, "")
}

// readRow reads columns of one row; nil: there is none.
func (r *Reader) readRow(ctx context.Context, t *logTable, image []change.Value, columns []int, at string) ([]change.Value, error) {
	text := []byte("SELECT ")
	for n, c := range columns {
		if n > 0 {
			text = append(text, ", "...)
		}
		text = t.table.Columns[c].AppendSelect(text)
	}
	text = append(t.table.AppendName(append(text, " FROM "...)), at...)
	for n, c := range t.table.Key {
		word := " AND "
		if n == 0 {
			word = " WHERE "
		}
		column := &t.table.Columns[c]
		text = append(change.AppendIdent(append(text, word...), column.Name), " = "...)
		text = column.AppendKeyLiteral(text, image[c])
	}
	session, err := r.asking(ctx)
	if err != nil {
		return nil, err
	}
	var found []change.Value
	err = session.Each(ctx, string(text), func(_ int, row []driver.Value) error {
		values := make([]change.Value, len(columns))
		for n, c := range columns {
			v, err := t.table.Columns[c].ParseColumn(row[n])
			if err != nil {
				return err
			}
			values[n] = v.Clone()
		}
		found = values
		return nil
	})
	if err != nil && tenant.Code(err) == 0 { // whether the session can still be used is not known
		r.mu.Lock()
		r.session = nil
		r.mu.Unlock()
		err = errors.Join(err, session.Discard())
	}
	return found, err
}

// asking gives the session on which the tenant is asked.
func (r *Reader) asking(ctx context.Context) (*tenant.Session, error) {
	r.mu.Lock()
	session := r.session
	r.mu.Unlock()
	if session != nil {
		return session, nil
	}
	session, err := r.cfg.Tenant.Session(ctx, tenant.Read, 0)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return nil, errors.Join(r.err, session.Discard())
	}
	r.session = session
	return session, nil
}
