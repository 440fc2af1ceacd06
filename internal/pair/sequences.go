package pair

import (
	"context"

	"duplex/internal/apply"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// makeSequences creates the sequences that the target lacks, to go on where those
// of the source are now. Their numbers are in no change stream: where both sites
// are written each needs numbers of its own, and which these are the precheck says.
func (a *attempt) makeSequences(ctx context.Context, source, target *tenant.Tenant, session *tenant.Session) error {
	p := a.cfg.Project
	if p.TwoWay() || source.Kind != tenant.OceanBase || target.Kind != tenant.OceanBase {
		return nil
	}
	all, err := source.Sequences(ctx, p.Matches)
	if err != nil {
		return a.unseen(source, err)
	}
	place := func(database, name string) string {
		database, name = p.Target(database, name)
		return database + "." + name
	}
	wanted := map[string]bool{}
	for i := range all {
		wanted[place(all[i].Database, all[i].Name)] = true
	}
	have, err := target.Sequences(ctx, func(database, name string) bool { return wanted[database+"."+name] })
	if err != nil {
		return a.unseen(target, err)
	}
	for i := range have {
		delete(wanted, have[i].String())
	}
	for i := range all {
		if q := all[i]; wanted[place(q.Database, q.Name)] {
			if err := a.makeSequence(ctx, &q, source, target, session); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeSequence creates one, and its database if no table has done so.
func (a *attempt) makeSequence(ctx context.Context, q *schema.Sequence, source, target *tenant.Tenant, session *tenant.Session) error {
	from, err := source.Databases(ctx)
	if err != nil {
		return err
	}
	to, err := target.Databases(ctx)
	if err != nil {
		return err
	}
	database := databaseOf(from, q.Database)
	q.Database, q.Name = a.cfg.Project.Target(q.Database, q.Name)
	statements := []string{q.CreateSQL()}
	if databaseOf(to, q.Database).Charset == "" {
		database.Name = q.Database
		statements = []string{database.CreateSQL(dialect(target)), statements[0]}
	}
	for _, s := range statements {
		if _, err := session.Exec(ctx, apply.Ours+s); err != nil {
			return siteError(target.Site, "create sequence "+q.String(), err)
		}
	}
	return nil
}

// unseen passes over sequences that our user may not see. No row depends on them,
// and to a tenant that has none the right is of no use.
func (a *attempt) unseen(t *tenant.Tenant, err error) error {
	if code := tenant.Code(err); code != 1044 && code != 1142 && code != 1143 {
		return err
	}
	a.cfg.Log.Warn("sequences are not looked at: our user lacks SELECT on oceanbase.*", "site", t.Site, "error", err)
	return nil
}
