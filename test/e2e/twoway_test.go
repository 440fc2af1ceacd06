package e2e_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/test/e2e"
	"duplex/test/tenant"
)

// TestTwoWay: both sides are written before, while and after the one is copied
// to the other; then every table is equal, and both logs show each transaction
// once at home, once and whole on the other side, and never again.
// DUPLEX_SECONDS lengthens the time after the copy.
func TestTwoWay(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	for _, kinds := range e2e.Pairs() {
		t.Run(fmt.Sprintf("%s-%s", kinds[0], kinds[1]), func(t *testing.T) { testTwoWay(t, kinds) })
	}
}

func testTwoWay(t *testing.T, kinds [2]tenant.Kind) {
	w := e2e.NewWorkload(kinds, 50*time.Millisecond)
	p := e2e.NewPair(t, program, kinds, w, 12000, func(s *tenant.Server) string { return s.Addr() })
	run := p.Started(t)
	e2e.WaitFor(t, run, "tables", 4*time.Minute, p.Made)
	require.NoError(t, w.Start(1, p.Servers[1]))
	began := time.Now()
	e2e.WaitFor(t, run, "incremental", 4*time.Minute, func(ctx context.Context) bool {
		var status struct{ Phase string }
		require.NoError(t, p.Program.JSON(ctx, &status, "status"))
		return status.Phase == "incremental"
	})
	t.Logf("copy %v", time.Since(began).Round(time.Millisecond))
	select {
	case <-run.Done():
	case <-time.After(time.Duration(e2e.Number(t, "DUPLEX_SECONDS", 4)) * time.Second):
	}
	require.NoError(t, w.Stop())
	p.Settle(t, run)
	require.NoError(t, run.Interrupt())
	p.Prove(t)
}
