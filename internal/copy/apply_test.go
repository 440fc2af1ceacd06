package copy

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/apply"
	"duplex/internal/change"
	servers "duplex/test/tenant"
)

// quiet is a log without transactions.
type quiet struct{}

func (quiet) Next(ctx context.Context) (*change.Txn, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func (quiet) Mark(context.Context) (change.Watermark, error) { return change.Watermark{}, nil }

// TestApplier copies through the Writer of the product into a target that has
// some of the rows already.
func TestApplier(t *testing.T) {
	eachKind(t, func(t *testing.T, open func(*testing.T) *rig) {
		r := open(t)
		r.chunk = 5000
		tables := keyed(r)
		if r.server.Kind() == servers.SeekDB {
			tables = tables[:6] // what the Writer does depends on no form of a key
		}
		same := fmt.Sprintf("INSERT INTO %s.t_int SELECT * FROM %s.t_int WHERE id %% 7 = 0", r.to, r.from)
		r.exec(same)
		a, err := apply.New(t.Context(), apply.Config{
			Target: r.tenant, Project: testProject, Link: "a>b", Log: slog.New(slog.DiscardHandler),
			Place: func(_, table string) (string, string) { return r.to, table },
		}, "start")
		require.NoError(t, err)
		for i := range tables {
			a.Copying(tables[i].Target())
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx, quiet{}) }()
		c, err := New(Config{Source: r.tenant, Target: r.tenant, Project: testProject, Tables: tables, Writer: a, Watermarks: quiet{}, ChunkBytes: r.chunk})
		require.NoError(t, err)
		err = c.Run(ctx)
		stop()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.NoError(t, err)
		r.equal(tables...)
		require.Equal(t, len(tables), c.Progress().TablesDone)
	})
}
