package metrics_test

import (
	"net/http/httptest"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duplex/internal/apply"
	"duplex/internal/change"
	"duplex/internal/config"
	"duplex/internal/lag"
	"duplex/internal/metrics"
	"duplex/internal/pair"
	"duplex/internal/project"
	"duplex/internal/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scrape gives what Prometheus would read.
func scrape(t *testing.T, p project.Progress) map[string]*dto.MetricFamily {
	t.Helper()
	answer := httptest.NewRecorder()
	metrics.Handler("shop", func() project.Progress { return p }).ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(t, 200, answer.Code, answer.Body)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	require.NoError(t, err)
	return families
}

func labels(m *dto.Metric) map[string]string {
	out := map[string]string{}
	for _, l := range m.GetLabel() {
		out[l.GetName()] = l.GetValue()
	}
	return out
}

// value gives a number of the link a>b, or of the project, with those labels.
func value(t *testing.T, f *dto.MetricFamily, want map[string]string) float64 {
	t.Helper()
	for _, m := range f.GetMetric() {
		have, fits := labels(m), true
		require.Equal(t, "shop", have["project"])
		for k, v := range want {
			fits = fits && have[k] == v
		}
		if fits {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	require.Failf(t, "is not there", "%s %v", f.GetName(), want)
	return 0
}

func TestNumbers(t *testing.T) {
	l := pair.LinkStatus{
		Link: config.Link{From: "a", To: "b"}, Transactions: 3, Bytes: 1000, Echo: 0, Parked: 2, Lag: lag.NewMeter(),
		Ops:     [...]uint64{change.Insert: 7, change.Update: 5, change.Delete: 4},
		Decided: map[apply.Decision]uint64{{Kind: "update-update", Policy: "newest", Winner: "local"}: 6, {Kind: "drift", Policy: "newest", Winner: "incoming"}: 1},
	}
	l.Queue.Bytes, l.Queue.Spooled, l.Apply.Held = 10, 200, 3000
	now := change.Now() + change.Moment(time.Hour) // the stamps are not negative
	before := func(d time.Duration) change.Moment { return now - change.Moment(d) }
	l.Lag.Add(&lag.Trip{
		Txn: &change.Txn{Committed: time.Now().Add(-time.Minute), Read: before(3 * time.Second), Queued: before(2 * time.Second)},
		At:  time.Now(), Fetched: before(2 * time.Second), Taken: before(time.Second), Done: now,
	})
	p := project.Progress{Pair: pair.Status{Phase: pair.Incremental, Links: []pair.LinkStatus{l}}, Verify: &verify.Progress{Rows: 11, Differences: 12}}
	p.Pair.Copy.Rows = 13
	all := scrape(t, p)

	link := func(more ...string) map[string]string {
		out := map[string]string{"link": "a>b"}
		for i := 0; i < len(more); i += 2 {
			out[more[i]] = more[i+1]
		}
		return out
	}
	for _, tc := range []struct {
		name   string
		labels map[string]string
		want   float64
	}{
		{"duplex_link_transactions_total", link(), 3},
		{"duplex_link_rows_total", link("op", "insert"), 7},
		{"duplex_link_rows_total", link("op", "update"), 5},
		{"duplex_link_rows_total", link("op", "delete"), 4},
		{"duplex_link_bytes_total", link(), 1000},
		{"duplex_link_queue_bytes", link(), 3210},
		{"duplex_conflicts_total", link("kind", "update-update", "policy", "newest", "winner", "local"), 6},
		{"duplex_conflicts_total", link("kind", "drift"), 1},
		{"duplex_echo_total", link(), 0},
		{"duplex_parked_rows", link(), 2},
		{"duplex_copy_rows_total", nil, 13},
		{"duplex_verify_rows_total", nil, 11},
		{"duplex_differences", nil, 12},
		{"duplex_project_state", map[string]string{"state": "incremental"}, 1},
	} {
		require.InDelta(t, tc.want, value(t, all[tc.name], tc.labels), 0, "%s %v", tc.name, tc.labels)
	}
	whole := all["duplex_link_lag_seconds"]
	require.Equal(t, dto.MetricType_HISTOGRAM, whole.GetType())
	h := whole.GetMetric()[0]
	require.Equal(t, link("project", "shop", "counts_from", "commit"), labels(h))
	require.EqualValues(t, 1, h.GetHistogram().GetSampleCount())
	require.InDelta(t, 60, h.GetHistogram().GetSampleSum(), 1)
	require.Len(t, all["duplex_link_hop_seconds"].GetMetric(), 5)
	require.InEpsilon(t, 1, value(t, all["duplex_link_lag_recent_seconds"], link("hop", "apply", "quantile", "0.99")), 0.01)
	require.Equal(t, dto.MetricType_HISTOGRAM, all["duplex_apply_seconds"].GetType())
	require.NotContains(t, all, "duplex_link_lag_now_seconds", "no heartbeat has come")
	require.Contains(t, all, "process_resident_memory_bytes")
}

// TestBeforeTheFirstAttempt has nothing to tell of links.
func TestBeforeTheFirstAttempt(t *testing.T) {
	all := scrape(t, project.Progress{Pair: pair.Status{Phase: pair.Connecting}})
	require.InDelta(t, 1, value(t, all["duplex_project_state"], map[string]string{"state": string(pair.Connecting)}), 0)
	require.NotContains(t, all, "duplex_link_transactions_total")
	require.NotContains(t, all, "duplex_differences")
}
