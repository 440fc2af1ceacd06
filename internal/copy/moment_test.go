package copy

import (
	"context"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	servers "duplex/test/tenant"
)

// meanwhile writes the source after the first chunk of a copy.
type meanwhile struct {
	*fakeWriter
	do func()
}

func (w *meanwhile) Copy(ctx context.Context, c *change.Chunk) error {
	if w.do != nil {
		w.do()
		w.do = nil
	}
	return w.fakeWriter.Copy(ctx, c)
}

// TestMoment copies a table of OceanBase's as it was at one moment, which the
// server no longer gives for a table that is younger.
func TestMoment(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	server := servers.For(t, servers.SeekDB, servers.WithPool(64, 128))
	r := newRig(t, server)
	r.chunk = 1
	old := r.table("old", "id int PRIMARY KEY, v int", "(1, 0)", "(2, 0)", "(3, 0)")
	at, err := r.tenant.Moment(t.Context())
	require.NoError(t, err)
	require.Regexp(t, "^ AS OF SNAPSHOT [0-9]+$", at)
	young := r.table("young", "id int PRIMARY KEY, v int", "(1, 0)")

	first := &moment{at: at, low: change.Watermark{Seq: 1}, high: change.Watermark{Seq: 2}, took: time.Now().Add(time.Hour)}
	w := &meanwhile{fakeWriter: &fakeWriter{rig: r}}
	w.do = func() { r.exec("UPDATE " + r.from + ".old SET v = 1") }
	c := r.copier(w, old)
	c.moments.last = first
	require.NoError(t, c.Run(t.Context()))
	var sum, rows int
	require.NoError(t, r.tenant.DB().QueryRowContext(t.Context(), "SELECT SUM(v), COUNT(*) FROM "+r.to+".old").Scan(&sum, &rows))
	require.Equal(t, []int{0, 3}, []int{sum, rows}, "as it was")
	require.Same(t, first, c.moments.last)

	c = r.copier(&fakeWriter{rig: r}, young)
	c.moments.last = first
	require.NoError(t, c.Run(t.Context()))
	require.NoError(t, r.tenant.DB().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+r.to+".young").Scan(&rows))
	require.Equal(t, 1, rows)
	require.NotSame(t, first, c.moments.last, "the table was not there then")
}

// A moment that could not be taken, as when the source goes away while its log is
// waited for, is an error, and no moment that was lost.
func TestMomentNotTaken(t *testing.T) {
	var m moments
	for _, number := range []uint16{4138, 1412, 1146} {
		require.False(t, m.lost(&job{}, &mysql.MySQLError{Number: number}))
		require.Equal(t, number == 1412, m.lost(&job{moment: &moment{}}, &mysql.MySQLError{Number: number}), "of a server that keeps no states")
		require.True(t, m.lost(&job{moment: &moment{at: " AS OF SNAPSHOT 1"}}, &mysql.MySQLError{Number: number}))
	}
}
