package precheck

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"duplex/internal/binlog"
	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/config"
	"duplex/internal/tenant"
)

// stream opens the change stream at its end and waits until something comes: a
// transaction, or the server's word that it has no more.
func stream(ctx context.Context, r *run, s *site) error {
	if !s.logs() {
		if s.source {
			r.skip(s, "there is no log to read")
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.Wait)
	defer cancel()
	reader, err := r.open(ctx, s, s.tenant, probeName(r.Project.Name))
	if err != nil {
		r.fail(s, "", streamFix(s, err), "no change stream reachable at %s: %s", s.Changes, plain(err))
		return nil
	}
	defer func() { _ = reader.Close() }()
	const step = 100 * time.Millisecond
	for st := reader.State(); st.Idle.IsZero() && st.Committed.IsZero(); st = reader.State() {
		if ctx.Err() != nil {
			r.fail(s, "", "look at the server's log and at what is between here and there", "the change stream at %s was opened, but not even a heartbeat came within %s", s.Changes, r.Wait)
			return nil
		}
		some, stop := context.WithTimeout(ctx, step)
		txn, err := reader.Next(some)
		stop()
		switch {
		case err == nil:
			if err := txn.Rows.Close(); err != nil {
				return err
			}
		case !errors.Is(err, context.DeadlineExceeded):
			r.fail(s, "", streamFix(s, err), "the change stream at %s broke off: %s", s.Changes, plain(err))
			return nil
		}
	}
	s.readable = true
	r.pass(s, "read at %s", s.Changes)
	return nil
}

// open reads the site's log from its end on, as a project of that name would
// that has no table.
func (r *run) open(ctx context.Context, s *site, t *tenant.Tenant, project string) (*binlog.Reader, error) {
	end, err := binlog.End(ctx, t)
	if err != nil {
		return nil, err
	}
	return binlog.Open(ctx, binlog.Config{
		Tenant: t, Changes: s.Changes, Site: t.Site, Project: project, Inbound: r.probeLink(s), Log: r.Log,
		Match: func(string, string) bool { return false },
	}, end)
}

// probeName makes a name for a probe of a project or a site: one that no
// project file can give, and that no other probe has, so that probes and
// running projects do not take each other's rows for their own.
func probeName(of string) string {
	return "probe~" + of[:min(len(of), 45)] + "~" + rand.Text()[:12]
}

func (r *run) probeLink(s *site) string {
	return config.Link{From: r.peer(s).Name, To: s.Name}.String()
}

// loopProbe writes two transactions into our own tables, one with the mark of
// an applied transaction and one without, and expects the log's reader to take
// each for what it is. Without that, changes would go round in circles, or not
// at all.
func loopProbe(ctx context.Context, r *run, s *site) error {
	switch {
	case !s.source:
		return nil
	case !s.readable:
		r.skip(s, "the change stream cannot be read")
		return nil
	case s.partial:
		r.skip(s, "the log does not hold whole rows")
		return nil
	}
	if err := checkpoint.Create(ctx, s.tenant); err != nil {
		return err
	}
	alias := *s.tenant // the same connections under a site name of the probe's own
	alias.Site = probeName(s.Name)
	p := &probe{run: r, site: s, tenant: &alias, project: probeName(r.Project.Name)}
	err := p.do(ctx)
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Wait)
	defer cancel()
	return errors.Join(err, p.clean(after))
}

// The counts of the probe's heartbeats: the second adds one to the first.
const (
	markedBeat   = 1
	unmarkedBeat = 2
)

// A probe is the loop probe of one site.
type probe struct {
	*run
	site    *site
	tenant  *tenant.Tenant // of the probe's site name
	project string
}

func (p *probe) do(ctx context.Context) error {
	store := checkpoint.New(p.tenant, p.project, p.probeLink(p.site))
	claimed, err := store.Claim(ctx, 1, "")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, p.Wait)
	defer cancel()
	reader, err := p.open(ctx, p.site, p.tenant, p.project)
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }()
	if err := p.writeMarked(ctx, store, claimed.Epoch); err != nil {
		return err
	}
	if _, err := checkpoint.Beat(ctx, p.tenant); err != nil {
		return err
	}
	return p.watch(ctx, reader)
}

// writeMarked writes what an applier would: the mark, and a row.
func (p *probe) writeMarked(ctx context.Context, store *checkpoint.Store, epoch uint64) (err error) {
	session, err := p.tenant.Session(ctx, tenant.Apply, probeOrigin)
	if err != nil && tenant.Code(err) != 0 { // the check "rights" says what is missing
		session, err = p.tenant.Session(ctx, tenant.Apply, 0)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	now := time.Now().UTC()
	at := change.PackDatetime(now.Year(), int(now.Month()), now.Day(), now.Hour(), now.Minute(), now.Second(), now.Nanosecond()/1000)
	text := append([]byte("BEGIN; "), store.AppendUpdate(nil, epoch, checkpoint.Record{Committed: now})...)
	text = checkpoint.AppendPulse(append(text, "; "...), &change.Beat{Site: p.tenant.Site, Count: markedBeat, At: at}, 0)
	_, err = session.ExecAll(ctx, string(append(text, "; COMMIT"...)))
	return err
}

// watch reads until the unmarked transaction comes.
func (p *probe) watch(ctx context.Context, reader *binlog.Reader) error {
	filtered := "see that `changes:` of site " + p.site.Name + " serves this server's log, and that nothing leaves database duplex out of it"
	for {
		txn, err := reader.Next(ctx)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			p.fail(p.site, "", filtered, "the unmarked probe did not come out of the log within %s: changes would not be carried", p.Wait)
			return nil
		case err != nil:
			return err
		}
		if err := txn.Rows.Close(); err != nil {
			return err
		}
		switch {
		case txn.Beat == nil:
		case txn.Beat.Count == markedBeat:
			p.fail(p.site, "", filtered, "the marked probe came out of the log as a local transaction: changes would go round for ever")
			return nil
		case txn.Beat.Count == unmarkedBeat && reader.State().Applied == 0:
			p.fail(p.site, "", filtered, "the marked probe did not come out of the log: what is applied would not be known again")
			return nil
		case txn.Beat.Count == unmarkedBeat && reader.State().Unsigned > 0:
			p.warn(p.site, "", "see that nothing between here and the tenant takes ob_org_cluster_id off the session",
				"the marked probe has no origin id in the log: what is applied is known by its mark alone")
			return nil
		case txn.Beat.Count == unmarkedBeat:
			p.pass(p.site, "a marked transaction is known as applied, an unmarked one as local")
			return nil
		}
	}
}

// clean takes the probe's rows away.
func (p *probe) clean(ctx context.Context) error {
	for _, q := range []string{
		"DELETE FROM `duplex`.`checkpoint` WHERE project = " + string(change.AppendString(nil, p.project)),
		"DELETE FROM `duplex`.`heartbeat` WHERE site = " + string(change.AppendString(nil, p.tenant.Site)),
	} {
		if _, err := p.tenant.DB().ExecContext(ctx, q); err != nil {
			return fmt.Errorf("site %s: take the probe's rows away: %w", p.site.Name, err)
		}
	}
	return nil
}
