package obbinlog

import (
	"context"
	"database/sql/driver"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
)

// TestGate: while definitions change nothing begins that writes, what is open
// ends first, and who only reads gets through.
func TestGate(t *testing.T) {
	g, writer, reader, owner := newGate(), &relay{}, &relay{}, &relay{}
	ctx := t.Context()
	require.NoError(t, g.enter(ctx, writer, false)) // BEGIN
	g.exit(writer, true)
	g.mu.Lock()
	g.closed = true // as shut does
	g.mu.Unlock()
	require.NoError(t, g.enter(ctx, reader, true)) // SELECT, without autocommit
	g.exit(reader, true)
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, g.enter(short, reader, false), context.DeadlineExceeded, "a transaction that began late writes nothing")
	require.NoError(t, g.enter(ctx, writer, false))
	g.exit(writer, true)
	g.release()
	shut := make(chan error, 1)
	go func() { shut <- g.shut(ctx, owner) }()
	require.NoError(t, g.enter(ctx, reader, true))
	g.exit(reader, false)
	require.NoError(t, g.enter(ctx, writer, false))
	require.Empty(t, shut)
	g.exit(writer, false) // COMMIT
	require.NoError(t, <-shut)

	entered := make(chan error, 1)
	go func() { entered <- g.enter(ctx, writer, false) }()
	g.release()
	require.NoError(t, <-entered)
	require.NoError(t, g.enter(ctx, reader, false))
	g.exit(reader, true)
	g.exit(writer, false)

	require.NoError(t, g.pause(ctx)) // transactions stay open, and commit nothing
	short, cancel = context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, g.enter(short, reader, true), context.DeadlineExceeded)
	require.ErrorIs(t, g.pause(ctx), errBusyGate)
	g.release()
	g.leave(reader)
	require.NoError(t, g.shut(ctx, owner))
	g.release()
}

func TestStatements(t *testing.T) {
	require.Equal(t, []string{"SELECT 'a;\\';''b'", " /* ; */ SET @a = \";\" ", " x # ;\n y -- ;\n"},
		statements("SELECT 'a;\\';''b'; /* ; */ SET @a = \";\" ;; x # ;\n y -- ;\n;"))
	for text, want := range map[string]concern{
		"SELECT 1": kernels, "show master status": service, "/* a */ SHOW  BINARY LOGS;": service, "SHOW TABLES": kernels,
		"create table t (a int)": structure, "CREATE TEMPORARY TABLE t (a int)": kernels, "(ALTER TABLE t ADD a int)": structure,
		"PURGE BINARY LOGS TO 'x'": service, "PURGE TABLE t": structure, "CREATE USER a": kernels, "DROP DATABASE d": structure,
		"SHOW BINLOG EVENTS IN 'mysql-bin.000001' FROM 4 LIMIT 1, 2": service, "-- a\nTRUNCATE t": structure,
	} {
		require.Equal(t, want, special(text), text)
	}
}

// TestDown: for a kernel that is down a rig waits; one that refuses is another matter.
func TestDown(t *testing.T) {
	for _, err := range []error{
		mysql.ErrInvalidConn, driver.ErrBadConn, fmt.Errorf("poll: %w", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}),
	} {
		require.True(t, down(err), err)
	}
	for _, err := range []error{&mysql.MySQLError{Number: 1210}, errMalformed, context.DeadlineExceeded} {
		require.False(t, down(err), err)
	}
}
