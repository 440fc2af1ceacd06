package change

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"
)

// A TxnCodec turns transactions into bytes that wait in a file of this process,
// and back. It keeps what bytes cannot hold: tables, whose address tells
// definitions apart, and rows that have a file of their own. One goroutine may
// append while another one parses. The zero TxnCodec is ready.
type TxnCodec struct {
	number map[*Table]int // of the goroutine that appends
	buf    []byte         // the same

	mu     sync.Mutex
	tables []*Table         // grows at its end only
	files  map[uint64]*Rows // in bytes that nobody has parsed yet
	filed  uint64           // the number of the next one in files
}

// errTxn says that bytes are no transaction of the codec.
var errTxn = errors.New("transaction in the spool is damaged")

// What follows in the bytes of a transaction.
const (
	hasDDL = 1 << iota
	hasBeat
	hasFile // the number of rows in files, in place of the rows
	hasOurs // of a DDL
	isCoarse
)

// Append appends t. The rows belong to the codec from here on, unless there is
// an error.
func (c *TxnCodec) Append(dst []byte, t *Txn) ([]byte, error) {
	what := len(dst)
	dst = append(dst, 0)
	dst = binary.AppendUvarint(dst, t.Stamp.Seq)
	dst = binary.AppendVarint(dst, t.Stamp.Version)
	dst = appendSeqs(dst, t.Stamp.Seen)
	dst = appendText(dst, t.Position)
	dst = appendText(dst, t.ID)
	at, err := t.Committed.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("commit time of transaction %s: %w", t.ID, err)
	}
	dst = appendText(dst, at)
	dst = binary.AppendVarint(binary.AppendVarint(dst, int64(t.Read)), int64(t.Queued))
	if t.Coarse {
		dst[what] |= isCoarse
	}
	if t.DDL != nil {
		dst[what] |= hasDDL
		dst = appendText(appendText(appendText(dst, t.DDL.Database), t.DDL.Text), t.DDL.Mode)
		if t.DDL.Ours {
			dst[what] |= hasOurs
		}
	}
	if t.Beat != nil {
		dst[what] |= hasBeat
		dst = appendText(dst, t.Beat.Site)
		dst = binary.AppendUvarint(binary.AppendUvarint(dst, t.Beat.Count), t.Beat.At)
	}
	if t.Rows.Spooled() {
		dst[what] |= hasFile
		return binary.AppendUvarint(dst, c.keep(t.Rows)), nil
	}
	dst = binary.AppendUvarint(dst, uint64(len(t.Rows.mem)))
	for i := range t.Rows.mem {
		dst = c.appendRow(dst, &t.Rows.mem[i])
	}
	return dst, nil
}

func appendText[T ~string | ~[]byte](dst []byte, s T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// appendRow appends a row as Rows has it in its file.
func (c *TxnCodec) appendRow(dst []byte, row *Row) []byte {
	n, ok := c.number[row.Table]
	if !ok {
		if c.number == nil {
			c.number = map[*Table]int{}
		}
		n = len(c.number)
		c.number[row.Table] = n
		c.mu.Lock()
		c.tables = append(c.tables, row.Table)
		c.mu.Unlock()
	}
	b := append(c.buf[:0], byte(row.Op))
	b = binary.AppendUvarint(b, uint64(n))
	b = AppendImage(AppendImage(b, row.Before), row.After)
	if c.buf = b; cap(b) > 1<<20 { // a large row's room is not kept for the small ones
		c.buf = nil
	}
	return appendText(dst, b)
}

func (c *TxnCodec) keep(r *Rows) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files == nil {
		c.files = map[uint64]*Rows{}
	}
	c.files[c.filed] = r
	c.filed++
	return c.filed - 1
}

// Parse reads what Append wrote for one transaction. The row images point into
// b, which is the transaction's from here on. Rows in memory are complete: they
// have no budget that would send them to a file.
func (c *TxnCodec) Parse(b []byte) (*Txn, error) {
	if len(b) == 0 {
		return nil, errTxn
	}
	what, d := b[0], &decoder{raw: b[1:]}
	t := &Txn{Stamp: Stamp{Seq: d.uvarint(), Version: d.varint(), Seen: d.seqs()}}
	t.Position, t.ID = Position(d.text()), string(d.text())
	if err := t.Committed.UnmarshalBinary(d.text()); err != nil {
		return nil, errTxn
	}
	t.Read, t.Queued, t.Coarse = Moment(d.varint()), Moment(d.varint()), what&isCoarse != 0
	if what&hasDDL != 0 {
		t.DDL = &DDL{Database: string(d.text()), Text: string(d.text()), Mode: string(d.text()), Ours: what&hasOurs != 0}
	}
	if what&hasBeat != 0 {
		t.Beat = &Beat{Site: string(d.text()), Count: d.uvarint(), At: d.uvarint()}
	}
	n := d.uvarint()
	if what&hasFile == 0 {
		t.Rows = c.rows(d, n)
	}
	if d.err != nil || len(d.raw) > 0 || what >= isCoarse<<1 {
		return nil, errTxn
	}
	if what&hasFile != 0 {
		if t.Rows = c.give(n); t.Rows == nil {
			return nil, errTxn
		}
	}
	return t, nil
}

// rowBytes is what a row takes at least: its length, op, table, two images.
const rowBytes = 5

func (c *TxnCodec) rows(d *decoder, n uint64) *Rows {
	rows := NewRows(math.MaxInt64, "")
	if n == 0 {
		return rows
	}
	if n > uint64(len(d.raw)/rowBytes) {
		d.err = errTxn
		return nil
	}
	c.mu.Lock()
	file := Rows{tables: c.tables}
	c.mu.Unlock()
	rows.mem = make([]Row, n)
	rows.count = len(rows.mem)
	for i := range rows.mem {
		row, err := file.decode(d.text())
		if err != nil {
			d.err = err
			return nil
		}
		rows.mem[i] = row
		rows.size += row.Size()
	}
	return rows
}

func (c *TxnCodec) give(n uint64) *Rows {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.files[n]
	delete(c.files, n)
	return r
}

// Close closes the files of rows that nobody has parsed.
func (c *TxnCodec) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, r := range c.files {
		errs = append(errs, r.Close())
	}
	c.files = nil
	return errors.Join(errs...)
}

// text reads bytes that their length precedes.
func (d *decoder) text() []byte {
	n := d.uvarint()
	if n > uint64(len(d.raw)) {
		d.err, d.raw = errTxn, nil
		return nil
	}
	b := d.raw[:n:n]
	d.raw = d.raw[n:]
	return b
}

// Rest gives back the memory that filling a file took, so that many large
// transactions can wait, and says how many bytes the file has: 0 for rows in
// memory. Append may go on after it.
func (r *Rows) Rest() (int64, error) {
	if r.file == nil {
		return 0, nil
	}
	if err := r.w.Flush(); err != nil {
		return 0, fmt.Errorf("spool of a large transaction: %w", err)
	}
	const page = 4096
	r.w, r.buf = bufio.NewWriterSize(r.file, page), nil
	st, err := r.file.Stat()
	if err != nil {
		return 0, fmt.Errorf("spool of a large transaction: %w", err)
	}
	return st.Size(), nil
}
