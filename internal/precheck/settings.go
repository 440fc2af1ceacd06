package precheck

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// caseRule fails where a name may not be found again on the other side. In one
// direction names without capitals are the same under every rule.
func caseRule(ctx context.Context, r *run) error {
	a, b := r.source.tenant.LowerCase, r.other.tenant.LowerCase
	if a == b {
		r.pass(nil, "lower_case_table_names %d", a)
		return nil
	}
	tables, err := r.chosen(ctx, r.source)
	if err != nil {
		return err
	}
	var capitals []string
	for _, t := range tables {
		if database, name := r.Project.Target(t.Database, t.Name); strings.ToLower(database+name) != database+name {
			capitals = append(capitals, t.String())
		}
	}
	differ := fmt.Sprintf("lower_case_table_names is %d at %s, %d at %s", a, r.source.Name, b, r.other.Name)
	fix := "give both servers the same lower_case_table_names (set when a server or tenant is created)"
	switch {
	case len(capitals) > 0:
		r.fail(nil, "", fix, "%s, and names have capitals: %s", differ, listed(capitals))
	case r.Project.TwoWay():
		r.fail(nil, "", fix, "%s: two names of one side may be one of the other", differ)
	default:
		r.warn(nil, "", "create no table with capitals in its name", "%s", differ)
	}
	return nil
}

// lasting ends advice to set a variable: OceanBase keeps what was set, others
// read their option file when they start.
func (s *site) lasting() string {
	if s.tenant.Kind == tenant.OceanBase {
		return ""
	}
	return ", in the option file too"
}

// both warns where a variable differs, and reports whether it does.
func (r *run) both(variable, consequence string) bool {
	a, b := r.source.vars[variable], r.other.vars[variable]
	if a == b {
		return false
	}
	r.warn(nil, "", fmt.Sprintf("SET GLOBAL %s = '%s' at %s%s", variable, a, r.other.Name, r.other.lasting()),
		"%s is %s at %s, %s at %s: %s", variable, orNothing(a), r.source.Name, orNothing(b), r.other.Name, consequence)
	return true
}

func charset(ctx context.Context, r *run) error {
	r.both("character_set_server", "new databases differ")
	r.both("collation_server", "new databases differ")
	tables, err := r.chosen(ctx, r.source)
	if err != nil {
		return err
	}
	source, err := r.source.tenant.Databases(ctx)
	if err != nil {
		return err
	}
	target, err := r.other.tenant.Databases(ctx)
	if err != nil {
		return err
	}
	for _, a := range source {
		if !slices.ContainsFunc(tables, func(t *schema.Table) bool { return t.Database == a.Name }) {
			continue
		}
		i := slices.IndexFunc(target, func(b schema.Database) bool { return b.Name == a.Name })
		if i < 0 || target[i].Collation == a.Collation {
			continue
		}
		r.warn(nil, a.Name, fmt.Sprintf("ALTER DATABASE %s CHARACTER SET %s COLLATE %s at %s", schema.Ident(a.Name), a.Charset, a.Collation, r.other.Name),
			"new tables are %s at %s, %s at %s", a.Collation, r.source.Name, target[i].Collation, r.other.Name)
	}
	r.unless(nil, "%s, %s", r.source.vars["character_set_server"], r.source.vars["collation_server"])
	return nil
}

// timeZone compares what NOW() shows. Times of type TIMESTAMP are carried in
// UTC whatever it is.
func timeZone(_ context.Context, r *run) error {
	zone := func(s *site) string {
		if z := s.vars["time_zone"]; z != "SYSTEM" {
			return z
		}
		return "SYSTEM (" + s.vars["system_time_zone"] + ")"
	}
	a, b := zone(r.source), zone(r.other)
	if a != b {
		r.warn(nil, "", "SET GLOBAL time_zone = '+00:00' on both sides, or the zone of your choice, in the option files too",
			"time_zone is %s at %s, %s at %s: NOW() of the two sides differs in DATETIME columns", a, r.source.Name, b, r.other.Name)
		return nil
	}
	r.pass(nil, "%s", a)
	return nil
}

func sqlMode(_ context.Context, r *run) error {
	only := func(a, b *site) []string {
		var out []string
		for _, word := range strings.Split(a.vars["sql_mode"], ",") {
			if word != "" && !slices.Contains(strings.Split(b.vars["sql_mode"], ","), word) {
				out = append(out, word)
			}
		}
		return out
	}
	var parts []string
	for _, s := range r.sites() {
		if words := only(s, r.peer(s)); len(words) > 0 {
			parts = append(parts, strings.Join(words, ", ")+" at "+s.Name+" only")
		}
	}
	if len(parts) > 0 {
		r.warn(nil, "", fmt.Sprintf("SET GLOBAL sql_mode = '%s' at %s%s", r.source.vars["sql_mode"], r.other.Name, r.other.lasting()),
			"a statement may pass on one side and fail on the other: %s", strings.Join(parts, "; "))
		return nil
	}
	r.pass(nil, "%s", orNothing(r.source.vars["sql_mode"]))
	return nil
}

// leastPacket is how much we put into one packet, and more.
const leastPacket = 16 << 20

func packet(_ context.Context, r *run, s *site) error {
	n := s.number("max_allowed_packet", leastPacket)
	if n < leastPacket {
		r.fail(s, "", "SET GLOBAL max_allowed_packet = 67108864"+s.lasting(), "max_allowed_packet is %d KiB: at least 16 MiB are needed", n>>10)
		return nil
	}
	r.pass(s, "max_allowed_packet %d MiB", n>>20)
	return nil
}

// samePacket warns where a value of one side may be too large for the other.
func samePacket(_ context.Context, r *run) error {
	for _, s := range r.sites() {
		from := r.peer(s)
		a, b := from.number("max_allowed_packet", leastPacket), s.number("max_allowed_packet", leastPacket)
		if s.target && b < a && b >= leastPacket {
			r.warn(s, "", fmt.Sprintf("SET GLOBAL max_allowed_packet = %d at %s%s", a, s.Name, s.lasting()),
				"max_allowed_packet is %d MiB, %d MiB at %s: a value of %s may be too large here", b>>20, a>>20, from.Name, from.Name)
		}
	}
	return nil
}

// memory says whether a link can hold itself back before an OceanBase tenant has
// to. Without that it still does when the tenant refuses writes.
func memory(ctx context.Context, r *run, s *site) error {
	if !s.target || s.tenant.Kind != tenant.OceanBase {
		return nil
	}
	m, ok, err := s.tenant.Memstore(ctx)
	switch {
	case err != nil:
		return err
	case !ok:
		r.warn(s, "", "GRANT SELECT ON oceanbase.GV$OB_MEMSTORE TO our user",
			"the memory for writes cannot be seen: a link slows down only when the tenant refuses its writes")
	case m.Used >= m.Limit/2:
		r.warn(s, "", "give the tenant more memory, or wait until it has written out what it holds",
			"the memory for writes is %d %% full: a link will be slow", 100*m.Used/max(1, m.Limit))
	default:
		r.pass(s, "room for writes, and it can be watched")
	}
	return nil
}

// Connections that a run takes beside its workers, and its workers where the
// project file names no number.
const (
	otherConnections = 8
	defaultWorkers   = 16
)

func connections(ctx context.Context, r *run, s *site) error {
	limit := s.number("max_connections", 0)
	if limit == 0 {
		return nil
	}
	used, err := s.status(ctx, "Threads_connected")
	if err != nil {
		return err
	}
	need := otherConnections + uint64(defaultWorkers)
	if n := r.Project.Limits.Workers; n > 0 {
		need = otherConnections + uint64(n)
	}
	if free := limit - min(used, limit); free < need {
		r.warn(s, "", fmt.Sprintf("SET GLOBAL max_connections = %d%s", limit+2*need, s.lasting()),
			"%d of %d connections are free, and a run takes up to %d", free, limit, need)
		return nil
	}
	r.pass(s, "at least %d free", need)
	return nil
}

// status is a counter of the server, 0 where it has none.
func (s *site) status(ctx context.Context, name string) (uint64, error) {
	var value string
	err := s.tenant.DB().QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE '"+name+"'").Scan(new(string), &value)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, _ := strconv.ParseUint(value, 10, 64)
	return n, nil
}

func xa(ctx context.Context, r *run, s *site) error {
	if !s.source || s.tenant.Kind == tenant.OceanBase {
		return nil
	}
	n, err := s.status(ctx, "Com_xa_prepare")
	if err != nil {
		return err
	}
	if n > 0 {
		r.warn(s, "", "keep XA transactions away from the project's tables",
			"%s prepared since the server's start: a link stops at one that changes tables of the project", plural(int(n), "XA transaction"))
		return nil
	}
	r.pass(s, "no XA transaction since the server's start")
	return nil
}

// Bounds of the clock check: how often each clock is read, and by how much the
// two may differ.
const (
	clockOffset = time.Second
)

// clock measures how far the sites' clocks are apart: each beside our own, in
// the shortest of several round trips.
func clock(ctx context.Context, r *run) error {
	a, doubtA, err := r.source.tenant.Offset(ctx)
	if err != nil {
		return err
	}
	b, doubtB, err := r.other.tenant.Offset(ctx)
	if err != nil {
		return err
	}
	apart, doubt := b-a, doubtA+doubtB
	ahead := r.other.Name
	if apart < 0 {
		apart, ahead = -apart, r.source.Name
	}
	measured := fmt.Sprintf("%d ms (± %d ms)", apart.Milliseconds(), doubt.Milliseconds()+1)
	if apart-doubt > clockOffset {
		text := "lag and times in reports are wrong by it"
		if r.Project.TwoWay() {
			text += ", and of two conflicting writes the one at " + ahead + " wins more often than it should"
		}
		r.warn(nil, "", "let NTP or chrony set both clocks", "the clock of %s is ahead by %s: %s", ahead, measured, text)
		return nil
	}
	r.pass(nil, "%s apart", measured)
	return nil
}
