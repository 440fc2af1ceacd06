package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"duplex/internal/lag"
	"duplex/internal/project"
	"duplex/test/tenant"
)

// TestLag looks at a run from outside: what it says to Prometheus is what was
// written, and status shows the hops.
func TestLag(t *testing.T) {
	w := newTwo(t)
	from := lag.Arrival // where a log tells commits to the second
	if tenant.LogKinds()[0] == tenant.OceanBase {
		from = lag.Commit
	}
	c := launch(t, nil, "run", w.file, "--skip-check", "--metrics", "127.0.0.1:0", "--log-level", "info")
	c.until(t, "are equal")
	_, log := c.text()
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+/metrics`).FindString(log)
	require.NotEmpty(t, url, log)
	_, err := w.says(t, exitFailed, "run", w.file, "--skip-check", "--metrics", url[len("http://"):len(url)-len("/metrics")])
	require.Contains(t, err, "address already in use")

	run(t, w.west, "INSERT INTO inn.room VALUES (11, 'a'), (12, 'b'), (13, 'c')", "UPDATE inn.room SET guest = 'x' WHERE no IN (11, 12)",
		"DELETE FROM inn.room WHERE no = 13")
	run(t, w.east, "INSERT INTO inn.room VALUES (14, 'd'), (16, 'e')")
	w.says(t, exitGood, "barrier", w.file)

	all := scrape(t, url)
	for _, want := range []struct {
		link, op string
		rows     float64
	}{
		{"west>east", "insert", 3}, {"west>east", "update", 2}, {"west>east", "delete", 1},
		{"east>west", "insert", 2}, {"east>west", "update", 0}, {"east>west", "delete", 0},
	} {
		require.InDelta(t, want.rows, only(t, all["duplex_link_rows_total"], want.link, want.op).GetCounter().GetValue(), 0, "%+v", want)
	}
	for _, link := range []string{"west>east", "east>west"} {
		whole := only(t, all["duplex_link_lag_seconds"], link, string(from)).GetHistogram()
		// A heartbeat may come between two numbers of an answer.
		require.GreaterOrEqual(t, float64(whole.GetSampleCount()), only(t, all["duplex_link_transactions_total"], link).GetCounter().GetValue())
		require.Positive(t, whole.GetSampleSum())
		require.Positive(t, only(t, all["duplex_apply_seconds"], link).GetHistogram().GetSampleCount())
		require.Zero(t, only(t, all["duplex_echo_total"], link).GetCounter().GetValue())
		require.Less(t, only(t, all["duplex_link_lag_now_seconds"], link).GetGauge().GetValue(), limit.Seconds())
	}

	var st project.Status
	require.Eventually(t, func() bool { // the figures go along with a heartbeat
		out, _ := w.says(t, exitGood, "status", w.file, "--json")
		require.NoError(t, json.Unmarshal([]byte(out), &st))
		return len(st.Links[0].Hops) == len(lag.Hops()) && len(st.Links[1].Hops) == len(lag.Hops())
	}, limit, 100*time.Millisecond)
	for _, l := range st.Links {
		require.Equal(t, "running", l.State)
		require.Equal(t, from, l.Lag.From)
		require.LessOrEqual(t, *l.P50, *l.P99)
		require.LessOrEqual(t, *l.P99, *l.Max)
	}
	out, _ := w.says(t, exitGood, "status", w.file)
	require.Regexp(t, `lag, last minute +log +decode +queue +wait +apply +whole +transactions\nwest > east +p50 +[\d.]+ ms`, out)
	require.Equal(t, from == lag.Arrival, strings.Contains(out, "The log of west and east tells commit times in whole seconds"), out)
	c.interrupt(t)
	require.Equal(t, exitInterrupted, c.wait(t))
}

func scrape(t *testing.T, url string) map[string]*dto.MetricFamily {
	t.Helper()
	answer, err := http.Get(url)
	require.NoError(t, err)
	defer answer.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	require.NoError(t, err)
	return families
}

// only gives the metric whose labels have all these values.
func only(t *testing.T, f *dto.MetricFamily, values ...string) *dto.Metric {
	t.Helper()
	for _, m := range f.GetMetric() {
		have := map[string]bool{}
		for _, l := range m.GetLabel() {
			have[l.GetValue()] = true
		}
		fits := true
		for _, v := range values {
			fits = fits && have[v]
		}
		if fits {
			return m
		}
	}
	require.Failf(t, "is not there", "%s %v", f.GetName(), values)
	return nil
}
