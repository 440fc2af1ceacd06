package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNothingThatPrintsAProjectShowsAPassword(t *testing.T) {
	p := parseGood(t, "full.yaml")
	require.Contains(t, p.Sites[0].Password.Reveal(), "hunter2")
	require.Contains(t, p.Sites[1].Password.Reveal(), "hunter2")

	hidden := struct{ inner Site }{p.Sites[0]}
	var printed []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t"} {
		for _, value := range []any{
			p, *p, p.Sites, p.Sites[0], &p.Sites[0], p.Sites[0].Password, &p.Sites[0].Password, hidden, &hidden,
		} {
			printed = append(printed, fmt.Sprintf(verb, value))
		}
	}
	for _, value := range []any{p, *p, p.Sites[0], p.Sites[0].Password, map[string]any{"site": p.Sites[0]}} {
		encoded, err := json.Marshal(value)
		require.NoError(t, err)
		printed = append(printed, string(encoded))
	}
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("read", "project", p, "site", p.Sites[0], "password", p.Sites[0].Password)
	}
	printed = append(printed, log.String())

	for _, text := range printed {
		require.NotContains(t, text, "hunter")
		require.NotContains(t, text, fmt.Sprintf("%x", "hunter"))
		require.NotContains(t, text, fmt.Sprintf("%X", "hunter"))
	}
}

func TestSecret(t *testing.T) {
	secret := NewSecret("x")
	require.Equal(t, "x", secret.Reveal())
	require.Equal(t, "***", secret.String())
	require.Equal(t, "***", fmt.Sprintf("%#v", secret))
	require.Equal(t, "***", secret.LogValue().String())
	require.Empty(t, Secret{}.Reveal())
	require.Equal(t, "***", fmt.Sprint(Secret{}))
}
