package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFormat(t *testing.T) {
	require.Equal(t, "1,234,567", number(1234567))
	require.Equal(t, "4.3 MiB", size(int64(4_500_000)))
	require.Equal(t, "12 B", size(uint64(12)))
	require.Equal(t, "4ms", brief(4*time.Millisecond+300*time.Microsecond))
	require.Equal(t, "1.5s", brief(1532*time.Millisecond))
	require.Equal(t, "1m12s", brief(72*time.Second+300*time.Millisecond))
	require.Equal(t, "0% ░░░░░░░░░░░░░░░░░░░░░░░░░░░░", bar(0, 0))
	require.Equal(t, "50% ██████████████░░░░░░░░░░░░░░", bar(5, 10))
	require.Equal(t, "100% ████████████████████████████", bar(11, 10))
}

// TestCut wants lines that fit, whatever is in them.
func TestCut(t *testing.T) {
	for _, c := range []struct {
		line, want string
		columns    int
	}{
		{"short", "short", 5},
		{"longer", "long", 4},
		{"李娜 orders", "李娜", 4},
		{"李娜 orders", "李", 3},
		{"\x1b[1mbold\x1b[0m text", "\x1b[1mbol\x1b[0m", 3},
		{"\x1b[1mbold\x1b[0m", "\x1b[1mbold\x1b[0m", 4},
	} {
		require.Equal(t, c.want, cut(c.line, c.columns), "%q", c.line)
	}
	require.Equal(t, 4, printed("\x1b[1m李娜\x1b[0m"))
	require.Positive(t, printed("a \x1b[ that is no colour: it has no end"))
}

func TestRate(t *testing.T) {
	var r rate
	require.Zero(t, r.perSecond())
	at := time.Unix(0, 0)
	for i := range uint64(20) {
		r.add(at, i*100)
		at = at.Add(500 * time.Millisecond)
	}
	require.Equal(t, uint64(200), r.perSecond())
	r.add(at, 0) // a counter that began anew
	require.Zero(t, r.perSecond())
}
