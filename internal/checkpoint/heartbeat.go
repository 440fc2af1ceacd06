package checkpoint

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// Beat touches the site's own row of duplex.heartbeat in its tenant and gives
// the new count. The row is a local transaction: the site's reader meets it
// behind everything that was committed before, and the link carries it to the
// other site.
func Beat(ctx context.Context, t *tenant.Tenant) (count uint64, err error) {
	tx, err := t.DB().BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("site %s: heartbeat: %w", t.Site, err)
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO `duplex`.`heartbeat` (site, beat, `at`, seq) VALUES (?, 1, UTC_TIMESTAMP(6), 0) "+
		"ON DUPLICATE KEY UPDATE beat = beat + 1, `at` = UTC_TIMESTAMP(6)", t.Site)
	if err == nil {
		err = tx.QueryRowContext(ctx, "SELECT beat FROM `duplex`.`heartbeat` WHERE site = ?", t.Site).Scan(&count)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return 0, errors.Join(fmt.Errorf("site %s: heartbeat: %w", t.Site, err), ignoreDone(tx.Rollback()))
	}
	return count, nil
}

// A Pulse is a site's heartbeat as a tenant holds it: its own, or the other
// site's as the link brought it.
type Pulse struct {
	Count uint64
	At    time.Time // UTC, by the clock of the site that it belongs to
	Seq   uint64    // of the transaction that brought it; 0 at the site itself
}

// ReadPulse reads site's heartbeat in tenant t; ok is false where there is none.
func ReadPulse(ctx context.Context, t *tenant.Tenant, site string) (p Pulse, ok bool, err error) {
	var at string
	err = t.DB().QueryRowContext(ctx, "SELECT beat, CAST(`at` AS CHAR), seq FROM `duplex`.`heartbeat` WHERE site = ?", site).Scan(&p.Count, &at, &p.Seq)
	switch {
	case errors.Is(err, sql.ErrNoRows) || missing(err):
		return Pulse{}, false, nil
	case err == nil:
		p.At, err = time.Parse(timeForm, at)
	}
	if err != nil {
		return Pulse{}, false, fmt.Errorf("site %s: read the heartbeat of %s: %w", t.Site, site, err)
	}
	return p, true, nil
}

// AppendPulse appends the statement that brings the source's heartbeat to this
// tenant, within the transaction that carries the source transaction seq.
func AppendPulse(dst []byte, b *change.Beat, seq uint64) []byte {
	at := change.Column{Kind: change.Datetime}
	dst = change.AppendString(append(dst, "REPLACE INTO `duplex`.`heartbeat` (site, beat, `at`, seq) VALUES ("...), b.Site)
	dst = fmt.Appendf(dst, ", %d, ", b.Count)
	dst = at.AppendLiteral(dst, change.Value{Kind: change.Datetime, Bits: b.At})
	return fmt.Appendf(dst, ", %d)", seq)
}
