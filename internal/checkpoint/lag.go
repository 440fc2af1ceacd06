package checkpoint

import (
	"context"
	"fmt"
	"time"

	"duplex/internal/change"
	"duplex/internal/lag"
)

// AppendLag appends the statement that writes the link's figures, a row a hop.
func (s *Store) AppendLag(dst []byte, f lag.Figures) []byte {
	dst = append(dst, "REPLACE INTO `duplex`.`lag` (project, link, hop, transactions, p50_us, p99_us, max_us, counts_from, `at`) VALUES "...)
	for i, h := range lag.Hops() {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = change.AppendString(append(dst, '('), s.project)
		dst = change.AppendString(append(dst, ", "...), s.link)
		x := f.Hops[h]
		dst = fmt.Appendf(dst, ", '%s', %d, %d, %d, %d, '%s', UTC_TIMESTAMP(6))", h, x.Count,
			x.P50.Microseconds(), x.P99.Microseconds(), x.Max.Microseconds(), f.From)
	}
	return dst
}

// Lag reads the link's figures, and when they were written, by the tenant's clock.
// ok is false where none are.
func (s *Store) Lag(ctx context.Context) (f lag.Figures, at time.Time, ok bool, err error) {
	rows, err := s.tenant.DB().QueryContext(ctx, "SELECT hop, transactions, p50_us, p99_us, max_us, counts_from, CAST(`at` AS CHAR) FROM `duplex`.`lag` WHERE "+s.where())
	if missing(err) {
		return f, at, false, nil
	}
	wrap := func(err error) error {
		return fmt.Errorf("site %s: read the lag of link %s: %w", s.tenant.Site, s.link, err)
	}
	if err != nil {
		return f, at, false, wrap(err)
	}
	defer rows.Close()
	for rows.Next() {
		var hop, written string
		var count uint64
		var p50, p99, most int64
		if err := rows.Scan(&hop, &count, &p50, &p99, &most, &f.From, &written); err != nil {
			return f, at, false, wrap(err)
		}
		if at, err = time.Parse(timeForm, written); err != nil {
			return f, at, false, wrap(err)
		}
		for _, h := range lag.Hops() {
			if h.String() == hop {
				us := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
				f.Hops[h], ok = lag.Figure{Count: count, P50: us(p50), P99: us(p99), Max: us(most)}, true
			}
		}
	}
	if err := rows.Err(); err != nil {
		return f, at, false, wrap(err)
	}
	return f, at, ok, nil
}
