package change

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Rows is the row changes of a transaction in log order. Up to its budget it
// keeps them in memory; beyond that all go to a file, and every pass reads
// them from there. One goroutine fills it, after that it may be read by one at
// a time.
type Rows struct {
	budget int64
	dir    string
	mem    []Row
	first  [4]Row // of mem, while there are no more
	count  int
	size   int64 // bytes in memory

	file   *os.File
	w      *bufio.Writer
	tables []*Table
	number map[*Table]int
	buf    []byte
}

// NewRows makes an empty list. budget is the bytes that may stay in memory;
// dir is where the file goes beyond that ("" is the system's place). The file
// has no name from the start, so that nothing is left behind by a kill.
func NewRows(budget int64, dir string) *Rows { return &Rows{budget: budget, dir: dir} }

// Len is the number of rows.
func (r *Rows) Len() int { return r.count }

// Size is the memory that the rows occupy now, in bytes.
func (r *Rows) Size() int64 { return r.size }

// Spooled reports whether the rows are in a file.
func (r *Rows) Spooled() bool { return r.file != nil }

// Append adds row at the end and keeps its images: the caller does not reuse
// them.
func (r *Rows) Append(row Row) error {
	r.count++
	if r.file != nil {
		return r.write(&row)
	}
	if r.mem == nil {
		r.mem = r.first[:0]
	}
	r.mem = append(r.mem, row)
	r.size += row.Size()
	if r.size <= r.budget {
		return nil
	}
	return r.spool()
}

func (r *Rows) spool() error {
	f, err := os.CreateTemp(r.dir, "duplex-spool-*")
	if err != nil {
		return fmt.Errorf("spool of a large transaction: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return errors.Join(fmt.Errorf("spool of a large transaction: %w", err), f.Close())
	}
	r.file, r.w, r.number = f, bufio.NewWriterSize(f, 1<<20), map[*Table]int{}
	for i := range r.mem {
		if err := r.write(&r.mem[i]); err != nil {
			return err
		}
	}
	r.mem, r.size = nil, 0
	return nil
}

// write appends one row to the file: table number, op, images, each with a
// length so that a short file is noticed.
func (r *Rows) write(row *Row) error {
	n, ok := r.number[row.Table]
	if !ok {
		n = len(r.tables)
		r.number[row.Table] = n
		r.tables = append(r.tables, row.Table)
	}
	b := append(r.buf[:0], byte(row.Op))
	b = binary.AppendUvarint(b, uint64(n))
	b = AppendImage(AppendImage(b, row.Before), row.After)
	r.buf = b
	if _, err := r.w.Write(binary.AppendUvarint(nil, uint64(len(b)))); err != nil {
		return fmt.Errorf("spool of a large transaction: %w", err)
	}
	if _, err := r.w.Write(b); err != nil {
		return fmt.Errorf("spool of a large transaction: %w", err)
	}
	return nil
}

// Each calls fn for each row in order and stops at its first error. A row that
// comes from the file is valid until fn returns; one from memory stays valid.
func (r *Rows) Each(fn func(*Row) error) error {
	if r.file == nil {
		for i := range r.mem {
			if err := fn(&r.mem[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if err := r.w.Flush(); err != nil {
		return fmt.Errorf("spool of a large transaction: %w", err)
	}
	in := bufio.NewReaderSize(io.NewSectionReader(r.file, 0, 1<<62), 1<<20)
	var buf []byte
	for range r.count {
		n, err := binary.ReadUvarint(in)
		if err == nil {
			if uint64(cap(buf)) < n {
				buf = make([]byte, n)
			}
			buf = buf[:n]
			_, err = io.ReadFull(in, buf)
		}
		if err != nil {
			return fmt.Errorf("read the spool of a large transaction: %w", err)
		}
		row, err := r.decode(buf)
		if err == nil {
			err = fn(&row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var errSpool = errors.New("spool of a large transaction is damaged")

func (r *Rows) decode(b []byte) (Row, error) {
	if len(b) == 0 {
		return Row{}, errSpool
	}
	row := Row{Op: Op(b[0])}
	n, k := binary.Uvarint(b[1:])
	if k <= 0 || n >= uint64(len(r.tables)) {
		return Row{}, errSpool
	}
	row.Table = r.tables[n]
	b = b[1+k:]
	var err error
	if row.Before, b, err = ParseImage(b); err != nil {
		return Row{}, err
	}
	row.After, _, err = ParseImage(b)
	return row, err
}

// Close gives the file back. It may be called more than once.
func (r *Rows) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// AppendImage appends a row image in a form that ParseImage reads.
func AppendImage(dst []byte, image []Value) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(image)))
	for _, v := range image {
		dst = append(dst, byte(v.Kind))
		switch v.Kind {
		case Null, Unknown:
		case Decimal, Text, Binary, Fixed, JSON, Geometry:
			dst = append(binary.AppendUvarint(dst, uint64(len(v.Bytes))), v.Bytes...)
		default:
			dst = binary.AppendUvarint(dst, v.Bits)
		}
	}
	return dst
}

// ParseImage reads an image and returns what follows it. Its values point into
// b. An image of no values is nil.
func ParseImage(b []byte) (image []Value, rest []byte, err error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)) {
		return nil, nil, errSpool
	}
	if b = b[k:]; n == 0 {
		return nil, b, nil
	}
	image = make([]Value, n)
	for i := range image {
		if len(b) == 0 {
			return nil, nil, errSpool
		}
		v := &image[i]
		v.Kind, b = Kind(b[0]), b[1:]
		if v.Kind == Null || v.Kind == Unknown {
			continue
		}
		if v.Kind > Unknown {
			return nil, nil, errSpool
		}
		x, k := binary.Uvarint(b)
		if k <= 0 {
			return nil, nil, errSpool
		}
		b = b[k:]
		switch v.Kind {
		case Decimal, Text, Binary, Fixed, JSON, Geometry:
			if x > uint64(len(b)) {
				return nil, nil, errSpool
			}
			v.Bytes, b = b[:x:x], b[x:]
		default:
			v.Bits = x
		}
	}
	return image, b, nil
}
