package binlog

import (
	"bytes"
	"compress/zlib"
	"io"

	"github.com/go-mysql-org/go-mysql/replication"
)

// An unpacker finds the row images of events, also in those that MariaDB compressed.
// It belongs to one goroutine.
type unpacker struct {
	from bytes.Reader
	zlib io.ReadCloser
	to   bytes.Buffer
}

// packed reports whether MariaDB compressed the event.
func (e *event) packed() bool {
	switch e.kind {
	case replication.MARIADB_WRITE_ROWS_COMPRESSED_EVENT_V1, replication.MARIADB_UPDATE_ROWS_COMPRESSED_EVENT_V1,
		replication.MARIADB_DELETE_ROWS_COMPRESSED_EVENT_V1:
		return true
	}
	return false
}

// images gives the bytes of an event's row images; those of a compressed one are
// valid until the next call. It is false for what is not read here: partial
// updates, whose after images have another form, and what is malformed.
func (u *unpacker) images(e *event, im *images) ([]byte, bool) {
	b := e.body[im.at:]
	if e.packed() {
		return u.unpack(b)
	}
	return b, e.kind != replication.PARTIAL_UPDATE_ROWS_EVENT
}

// unpack undoes MariaDB's compression of an event: a byte with the method and
// the size of the length, the length, a zlib stream (sql/log_event.cc).
func (u *unpacker) unpack(b []byte) ([]byte, bool) {
	if len(b) == 0 || b[0]&0xf0 != 0x80 || int(b[0]&7) >= len(b) {
		return nil, false
	}
	size := int64(0)
	for _, x := range b[1 : 1+b[0]&7] { // the highest first
		size = size<<8 | int64(x)
	}
	u.from.Reset(b[1+b[0]&7:])
	var err error
	if u.zlib == nil {
		u.zlib, err = zlib.NewReader(&u.from)
	} else {
		err = u.zlib.(zlib.Resetter).Reset(&u.from, nil)
	}
	if err != nil {
		u.zlib = nil
		return nil, false
	}
	u.to.Reset()
	if _, err := io.CopyN(&u.to, u.zlib, size); err != nil {
		return nil, false
	}
	return u.to.Bytes(), true
}
