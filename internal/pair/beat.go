package pair

import (
	"context"
	"time"

	"duplex/internal/binlog"
	"duplex/internal/checkpoint"
)

// beatEvery is how often each source is touched, so that a quiet link shows
// that it is alive and its position moves on.
const beatEvery = time.Second

// clockEvery is after how many of these the source's clock is compared with ours.
const clockEvery = 60

func (a *attempt) beat(ctx context.Context, r *route) error {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		if n%clockEvery == 0 {
			offset, _, err := r.from.Offset(ctx)
			if err != nil {
				return err
			}
			r.lag.Clock(offset)
		}
		if _, err := checkpoint.Beat(ctx, r.from); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// end returns when the reader has read all that the source had committed before
// the call: it writes a heartbeat, and waits for that.
func (r *route) end(ctx context.Context) (count uint64, s binlog.State, err error) {
	if count, err = checkpoint.Beat(ctx, r.from); err == nil {
		s, err = r.reader.WaitBeat(ctx, count)
	}
	return count, s, err
}
