// Package metrics shows a run to Prometheus. It keeps nothing: each scrape asks the
// run.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"duplex/internal/change"
	"duplex/internal/lag"
	"duplex/internal/pair"
	"duplex/internal/project"
)

// Handler serves the metrics of a project's run, and those of this process.
func Handler(name string, progress func() project.Progress) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(New(name, progress), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}

// A Collector gives the metrics of a project's run.
type Collector struct {
	name     string
	progress func() project.Progress
}

// New makes a Collector; progress may be called at any time.
func New(name string, progress func() project.Progress) *Collector {
	return &Collector{name, progress}
}

// A metric is a family of numbers, of one kind and with the same labels. The first
// label is the project.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func family(kind prometheus.ValueType, name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("duplex_"+name, help, append([]string{"project"}, labels...), nil), kind}
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

var (
	linkLag = family(0, "link_lag_seconds", "Time from a transaction's commit at the source, or from its arrival where the log has commit times in whole seconds, to its commit at the target.", "link", "counts_from")
	linkHop = family(0, "link_hop_seconds", "The same by part of the way. From logs with commit times in whole seconds, log is of heartbeats alone.", "link", "hop")
	linkNow = family(gauge, "link_lag_now_seconds", "Age of the newest heartbeat of the source that is in the target; grows by up to a second, and while the link stands.", "link")
	recent  = family(gauge, "link_lag_recent_seconds", "Of the last minute: quantile 1 is the longest. Hop whole is what link_lag_seconds is.", "link", "hop", "quantile")
	groups  = family(0, "apply_seconds", "Time that a target transaction takes, of one or more source transactions or of a chunk of the copy.", "link")

	transactions = family(counter, "link_transactions_total", "Source transactions applied, heartbeats among them.", "link")
	rows         = family(counter, "link_rows_total", "Rows of applied source transactions.", "link", "op")
	bytes        = family(counter, "link_bytes_total", "Bytes of rows applied, those of the copy among them.", "link")
	queued       = family(gauge, "link_queue_bytes", "Bytes of transactions that were read and are not applied, in memory and on disk.", "link")
	conflicts    = family(counter, "conflicts_total", "Rows of the conflict log written by this run.", "link", "kind", "policy", "winner")
	echo         = family(counter, "echo_total", "Transactions of our own that were taken for an application's: must be 0.", "link")
	parked       = family(gauge, "parked_rows", "Rows that wait at the link's target for a unique value or a parent.", "link")

	copied      = family(counter, "copy_rows_total", "Rows of the full copy that are in the target, by earlier runs too.")
	verified    = family(counter, "verify_rows_total", "Rows compared by the newest verification.")
	differences = family(gauge, "differences", "Differences that the newest verification has confirmed.")
	state       = family(gauge, "project_state", "1 for the phase that the project is in.", "state")
)

// Describe names nothing beforehand: which links there are a scrape says.
func (c *Collector) Describe(chan<- *prometheus.Desc) {}

// Collect asks the run.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	p := c.progress()
	out := output{c.name, to}
	out.number(state, 1, string(p.Pair.Phase))
	out.number(copied, float64(p.Pair.Copy.Rows))
	if p.Verify != nil {
		out.number(verified, float64(p.Verify.Rows))
		out.number(differences, float64(p.Verify.Differences))
	}
	for i := range p.Pair.Links {
		out.link(&p.Pair.Links[i])
	}
}

// An output is one scrape.
type output struct {
	project string
	to      chan<- prometheus.Metric
}

func (o output) number(m metric, value float64, labels ...string) {
	o.to <- prometheus.MustNewConstMetric(m.desc, m.kind, value, append([]string{o.project}, labels...)...)
}

func (o output) histogram(m metric, t *lag.Total, labels ...string) {
	buckets := map[float64]uint64{}
	for bound, n := range t.Below() {
		buckets[bound.Seconds()] = n
	}
	o.to <- prometheus.MustNewConstHistogram(m.desc, t.Count, t.Sum.Seconds(), buckets, append([]string{o.project}, labels...)...)
}

func (o output) link(l *pair.LinkStatus) {
	name := l.Link.String()
	o.number(transactions, float64(l.Transactions), name)
	for _, op := range []change.Op{change.Insert, change.Update, change.Delete} {
		o.number(rows, float64(l.Ops[op]), name, op.String())
	}
	o.number(bytes, float64(l.Bytes), name)
	o.number(queued, float64(l.Queue.Bytes+l.Queue.Spooled+l.Apply.Held), name)
	o.number(echo, float64(l.Echo), name)
	o.number(parked, float64(l.Parked), name)
	for d, n := range l.Decided {
		o.number(conflicts, float64(n), name, d.Kind, d.Policy, d.Winner)
	}
	totals := l.Lag.Totals()
	for _, h := range lag.Hops() {
		if t := &totals.Hops[h]; h != lag.Whole {
			o.histogram(linkHop, t, name, h.String())
		} else if totals.From != "" {
			o.histogram(linkLag, t, name, string(totals.From))
		}
	}
	o.histogram(groups, &totals.Groups, name)
	figures := l.Lag.Figures(change.Now())
	for _, h := range lag.Hops() {
		if f := figures.Hops[h]; f.Count > 0 {
			o.number(recent, f.P50.Seconds(), name, h.String(), "0.5")
			o.number(recent, f.P99.Seconds(), name, h.String(), "0.99")
			o.number(recent, f.Max.Seconds(), name, h.String(), "1")
		}
	}
	if age, ok := l.Lag.Age(time.Now()); ok {
		o.number(linkNow, age.Seconds(), name)
	}
}
