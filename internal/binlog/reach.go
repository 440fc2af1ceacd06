package binlog

import (
	"context"
	"fmt"
	"time"

	"duplex/internal/tenant"
)

// reachLimit is how long a server may need to own up to a transaction that it
// has sent already: it counts one as executed a moment after its dump has it.
const reachLimit = 2 * time.Second

// checkReach makes sure that the server has the transactions before c. One that
// lost the end of its log, or was set up anew, would give our numbers to other
// transactions, or wait for ours to come; of the servers only MySQL 5.7 and
// later say so.
func checkReach(ctx context.Context, t *tenant.Tenant, c *cursor) error {
	for begin := time.Now(); ; {
		missing, err := c.missing(ctx, t)
		if err != nil || missing == "" {
			return err
		}
		if time.Since(begin) > reachLimit {
			return fmt.Errorf("%w: the server's log has no %s: it lost transactions that it had given out, or was set up anew",
				ErrPositionLost, missing)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// missing names what of c the server does not have.
func (c *cursor) missing(ctx context.Context, t *tenant.Tenant) (string, error) {
	switch {
	case c.mode == byGTID && t.Kind == tenant.MySQL:
		var lost string
		set := string(c.gtids.append(nil))
		err := t.DB().QueryRowContext(ctx, "SELECT GTID_SUBTRACT(?, @@global.gtid_executed)", set).Scan(&lost)
		return lost, err
	case c.mode == byMaria:
		var text string
		if err := t.DB().QueryRowContext(ctx, "SELECT @@gtid_binlog_state").Scan(&text); err != nil {
			return "", err
		}
		state, err := parseMariaState(text)
		if err != nil {
			return "", err
		}
		for _, g := range c.maria {
			if state[[2]uint32{g.domain, g.server}] < g.seq {
				return string(g.append(nil)), nil
			}
		}
	}
	return "", nil
}
