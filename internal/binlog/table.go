package binlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"duplex/internal/change"
)

// A use is what the reader wants of a table's rows.
type use uint8

const (
	unwanted use = iota
	project      // its rows are given out
	marks        // duplex.checkpoint
	beats        // duplex.heartbeat
	aside        // duplex.parked: rows of the project's tables that wait there
)

// A logTable is what a TABLE_MAP event says of a table, and the definition
// that goes with it.
type logTable struct {
	database, name string
	identity       string // as keys have it; empty until it is needed
	use            use
	types          []byte                     // of each column in the log; ENUM and SET by their real type
	compressed     []bool                     // columns whose values MariaDB compressed; nil: none
	names          []string                   // of the columns, where the server logs them (binlog_row_metadata=FULL)
	body           []byte                     // of the event, to know it again
	logged         *replication.TableMapEvent // what the parser has to know; of unwanted tables nil
	beside         []int                      // columns of which the images may lack the value, once
	looked         bool                       // for them
	json           *layout                    // of the row images, to find JSON columns; nil and plain: there are none
	plain          bool

	*definition             // nil until a row needs it
	keyed       *layout     // of the row images, to find the identity; nil: it is not read here
	columns     *layout     // to find all columns; nil: not all are
	scanned     *definition // for which these two are
}

func (t *logTable) String() string { return t.database + "." + t.name }

var errTableMap = errors.New("TABLE_MAP event is malformed")

// tableID reads the number with which events of a transaction name a table.
func tableID(body []byte) (uint64, error) {
	if len(body) < 8 {
		return 0, errShortEvent
	}
	return uint64(binary.LittleEndian.Uint32(body)) | uint64(binary.LittleEndian.Uint16(body[4:]))<<32, nil
}

// parseTableMap reads a TABLE_MAP event,
// https://dev.mysql.com/doc/dev/mysql-server/latest/classmysql_1_1binlog_1_1event_1_1Table__map__event.html
// Types of compressed columns are replaced in body by those of plain ones:
// their values are laid out alike, and the row parser knows only the latter.
func parseTableMap(body []byte) (t *logTable, err error) {
	defer func() {
		if recover() != nil { // a length beyond the end
			t, err = nil, errTableMap
		}
	}()
	b := body[8:]
	take := func(n int) []byte {
		p := b[:n:n]
		b = b[n:]
		return p
	}
	number := func() int {
		v, _, n := gomysql.LengthEncodedInt(b)
		b = b[n:]
		return int(v)
	}
	t = &logTable{}
	t.database = string(take(int(take(1)[0])))
	take(1)
	t.name = string(take(int(take(1)[0])))
	take(1)
	n := number()
	types := take(n)
	meta := take(number())
	take((n + 7) / 8) // which may be NULL
	t.setTypes(types, meta)
	for len(b) > 0 { // optional fields: type, length, value
		kind := take(1)[0]
		value := take(number())
		if kind == replication.TABLE_MAP_OPT_META_COLUMN_NAME {
			for len(value) > 0 {
				end := 1 + int(value[0])
				t.names = append(t.names, string(value[1:end]))
				value = value[end:]
			}
		}
	}
	return t, nil
}

// MariaDB's types of compressed columns, sql/field.h.
const (
	typeBlobCompressed    = 140
	typeVarcharCompressed = 141
)

func (t *logTable) setTypes(types, meta []byte) {
	t.types = bytes.Clone(types)
	for i, k := range types {
		switch k {
		case typeBlobCompressed, typeVarcharCompressed:
			if t.compressed == nil {
				t.compressed = make([]bool, len(types))
			}
			t.compressed[i] = true
			types[i] = gomysql.MYSQL_TYPE_BLOB
			if k == typeVarcharCompressed {
				types[i] = gomysql.MYSQL_TYPE_VARCHAR
			}
			t.types[i] = types[i]
		case gomysql.MYSQL_TYPE_STRING:
			if real := meta[0]; real == gomysql.MYSQL_TYPE_ENUM || real == gomysql.MYSQL_TYPE_SET {
				t.types[i] = real
			}
		}
		meta = meta[metaSize(types[i]):]
	}
}

// metaSize is how many bytes a type has in the metadata of a TABLE_MAP event.
func metaSize(kind byte) int {
	switch kind {
	case gomysql.MYSQL_TYPE_STRING, gomysql.MYSQL_TYPE_NEWDECIMAL, gomysql.MYSQL_TYPE_VAR_STRING,
		gomysql.MYSQL_TYPE_VARCHAR, gomysql.MYSQL_TYPE_BIT:
		return 2
	case gomysql.MYSQL_TYPE_BLOB, gomysql.MYSQL_TYPE_DOUBLE, gomysql.MYSQL_TYPE_FLOAT, gomysql.MYSQL_TYPE_GEOMETRY,
		gomysql.MYSQL_TYPE_VECTOR, gomysql.MYSQL_TYPE_JSON, gomysql.MYSQL_TYPE_TIME2, gomysql.MYSQL_TYPE_DATETIME2,
		gomysql.MYSQL_TYPE_TIMESTAMP2:
		return 1
	}
	return 0
}

// useOf says what the rows of a table are for.
func (r *Reader) useOf(database, table string) use {
	if strings.EqualFold(database, change.Database) {
		switch strings.ToLower(table) {
		case "checkpoint":
			return marks
		case "heartbeat":
			return beats
		case "parked":
			if r.cfg.Conflicts != nil {
				return aside
			}
		}
		return unwanted
	}
	if r.cfg.Match(database, table) {
		return project
	}
	return unwanted
}

// define finds the definition that the rows of t have here.
func (r *Reader) define(ctx context.Context, t *logTable) error {
	if t.definition != nil {
		return nil
	}
	d, err := r.history.definition(ctx, t, r.place())
	if err != nil {
		return err
	}
	t.definition = d
	return nil
}

// place is the seq by which definitions go here: of the local transaction that
// is read, or that would follow.
func (r *Reader) place() uint64 {
	seq := r.observer.Next()
	if r.group.ddl != nil && r.at.parts == 0 { // rows behind a CREATE TABLE in the same group
		seq++
	}
	return seq
}

// forget drops the definitions of a table, or of all of a database, or all.
func (r *Reader) forget(database, table string) {
	match := func(d, n string) bool {
		return (database == "" || strings.EqualFold(d, database)) && (table == "" || strings.EqualFold(n, table))
	}
	clear(r.names)
	clear(r.layouts)
	for _, t := range r.tables {
		if match(t.database, t.name) {
			t.definition, t.identity = nil, ""
		}
	}
}

// fits checks that the rows of the log can be rows of d.
func (t *logTable) fits(d *change.Table) error {
	if len(t.types) != len(d.Columns) {
		return fmt.Errorf("%s has %d columns, its rows in the log have %d: its definition changed since",
			t, len(d.Columns), len(t.types))
	}
	for i := range d.Columns {
		c := &d.Columns[i]
		if len(t.names) == len(d.Columns) && !strings.EqualFold(t.names[i], c.Name) {
			return fmt.Errorf("%s: column %d is %s, in the log it is %s: the table's definition changed since",
				t, i+1, c.Name, t.names[i])
		}
		if err := fits(c, t.types[i]); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
	}
	return nil
}
