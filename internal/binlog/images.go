package binlog

import (
	"encoding/binary"
	"fmt"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"duplex/internal/change"
)

// images is what a rows event says before its row images.
type images struct {
	bitmaps [2][]byte // the columns that they have; the second is of an update's after images
	full    bool      // they have all
	at      int       // where in the body they begin
}

// lacking says which columns image i has, nil if it lacks none.
func (im *images) lacking(op change.Op, i int) []byte {
	if im.full {
		return nil
	}
	return im.present(op, i)
}

// present says which columns image i has.
func (im *images) present(op change.Op, i int) []byte {
	if op == change.Update {
		return im.bitmaps[i%2]
	}
	return im.bitmaps[0]
}

// imagesOf refuses a rows event whose images leave columns out. It must go
// before the parser, which does not end on images without any column.
// https://dev.mysql.com/doc/dev/mysql-server/latest/classmysql_1_1binlog_1_1event_1_1Rows__event.html
func (t *logTable) imagesOf(e *event, op change.Op) (im images, err error) {
	defer func() {
		if recover() != nil { // a length beyond the end
			err = fmt.Errorf("%s is malformed", e.kind)
		}
	}()
	b := e.body[8:] // table, flags
	switch e.kind {
	case replication.WRITE_ROWS_EVENTv2, replication.UPDATE_ROWS_EVENTv2, replication.DELETE_ROWS_EVENTv2,
		replication.PARTIAL_UPDATE_ROWS_EVENT:
		b = b[max(2, binary.LittleEndian.Uint16(b)):] // extra data, with its length
	}
	columns, _, n := gomysql.LengthEncodedInt(b)
	if columns != uint64(len(t.types)) {
		return im, fmt.Errorf("%s: rows of %d columns after a table map of %d", t, columns, len(t.types))
	}
	b = b[n:]
	size := (len(t.types) + 7) / 8
	count := 1
	if op == change.Update {
		count = 2
	}
	im.full = true
	for i := range count {
		im.bitmaps[i], b = b[:size], b[size:]
		present := 0
		for c := range t.types {
			if im.bitmaps[i][c/8]&(1<<(c%8)) != 0 {
				present++
				continue
			}
			im.full = false
			if t.definition == nil || !t.table.Columns[c].Generated {
				present = -len(t.types)
			}
		}
		if present <= 0 {
			return im, fmt.Errorf("%s: the log has rows without all their columns: a session wrote with binlog_row_image other than FULL", t)
		}
	}
	im.at = len(e.body) - len(b)
	return im, nil
}

// imagesIn gives the row images of an event of a project's table, in their order. The
// list is valid until the next call; the images are the caller's.
func (r *Reader) imagesIn(t *logTable, e *event, op change.Op, im *images) ([][]change.Value, error) {
	t.scannable()
	if list, ok := r.whole.rows(t.columns, e, op, im); ok {
		return list, nil
	}
	rows, err := r.parseRows(t, e, *im)
	if err != nil {
		return nil, err
	}
	if op == change.Update && len(rows.Rows)%2 != 0 {
		return nil, fmt.Errorf("%s: an update without after image", t)
	}
	list := make([][]change.Value, len(rows.Rows))
	for i, row := range rows.Rows {
		list[i] = make([]change.Value, len(row))
		for c, v := range row {
			if list[i][c], err = t.value(c, v); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// scannable finds how the images of t are read without the library.
func (t *logTable) scannable() {
	if t.scanned == t.definition {
		return
	}
	t.scanned = t.definition
	t.keyed = layoutOf(t, t.table.Key)
	all := make([]int, len(t.types))
	for i := range all {
		all[i] = i
	}
	t.columns = layoutOf(t, all)
}

// parseRows has the library decode the rows of t. It is told of the table what
// it knows only until the end of a statement.
func (r *Reader) parseRows(t *logTable, e *event, im images) (*replication.RowsEvent, error) {
	r.parser.SetRowsEventDecodeFunc(func(rows *replication.RowsEvent, body []byte) error {
		rows.Table, rows.ColumnCount = t.logged, uint64(len(t.types))
		rows.ColumnBitmap1, rows.ColumnBitmap2 = im.bitmaps[0], im.bitmaps[1]
		return rows.DecodeData(im.at, body)
	})
	defer r.parser.SetRowsEventDecodeFunc(nil)
	parsed, err := r.parse(e)
	if err != nil {
		return nil, fmt.Errorf("rows of %s: %w", t, err)
	}
	rows, ok := parsed.(*replication.RowsEvent)
	if !ok {
		return nil, fmt.Errorf("rows event is a %T", parsed)
	}
	return rows, nil
}
