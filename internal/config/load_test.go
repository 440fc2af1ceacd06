package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLoadReadsRelativeToTheProjectFile(t *testing.T) {
	folder := t.TempDir()
	data, err := os.ReadFile("testdata/good/minimal.yaml")
	require.NoError(t, err)
	data = []byte(strings.Replace(string(data), "/run/secrets/shanghai", "secrets/shanghai", 1))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "secrets"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "secrets", "shanghai"), []byte("b\n"), 0o600))
	path := filepath.Join(folder, "shop.yaml")
	require.NoError(t, os.WriteFile(path, append([]byte("\ufeff"), data...), 0o600))
	t.Setenv("HANGZHOU_PASSWORD", "a")

	p, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, "a", p.Sites[0].Password.Reveal())
	require.Equal(t, "b", p.Sites[1].Password.Reveal())
}

func TestLoadSaysWhatCannotBeRead(t *testing.T) {
	_, err := Load("no/such/shop.yaml")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.EqualError(t, err, "read project file no/such/shop.yaml: no such file or directory")
	_, err = Load(t.TempDir())
	require.Error(t, err)
}

func TestLoadStopsReadingAFileWithoutEnd(t *testing.T) {
	_, err := Load("/dev/zero")
	require.EqualError(t, err, "/dev/zero: larger than 1 MiB")
}

func TestParseWithoutEnvironmentAndFiles(t *testing.T) {
	data, err := os.ReadFile("testdata/good/minimal.yaml")
	require.NoError(t, err)
	_, err = Parse("shop.yaml", data, nil, nil)
	require.EqualError(t, err, "shop.yaml:7:15: sites.hangzhou.password: environment variable HANGZHOU_PASSWORD is not set\n"+
		`shop.yaml:11:20: sites.shanghai.password_file "/run/secrets/shanghai" cannot be read: files cannot be read here`)
	problem, ok := errors.AsType[Problem](err)
	require.True(t, ok)
	require.Equal(t, 7, problem.Line)
}

func TestHostileFilesCostLittle(t *testing.T) {
	t.Parallel()
	const much = maxFile / 4
	fill := func(text string) string { return strings.Repeat(text, much/len(text)) }
	var deep strings.Builder
	for indent := ""; deep.Len()+len(indent) < much; indent += " " {
		deep.WriteString(indent + "a:\n")
	}
	for _, text := range []string{
		fill("["), fill("{"), fill("a: {"), fill("- "), fill("? "), fill("- ? "), fill("a: b\n"), fill("- a\n"),
		fill("a: b # c\n"), fill("# c\n"), fill("\n"), fill("\r"), fill(" "), fill("---\n"), fill("*a "), fill("&a "),
		fill("!a "), fill("<<: a\n"), fill("@"), fill("%"), fill("'"), fill("''' "), fill(","), fill("]"), fill("|\n"),
		fill(":"), fill("a:"), fill("${"), "name: " + fill("${A}"), "a: |\n" + strings.Repeat("\n", maxLines-2),
		"a: >\n" + strings.Repeat(strings.Repeat(" ", 100)+"\n", maxLines-2), "name: " + fill("x"),
		"x" + fill("y") + ": 1", "a: \"" + fill(`\n`) + "\"", deep.String(),
		"tables: {include: [" + strings.Repeat("a.b,", maxTokens/3) + "]}",
		strings.Repeat("k", maxFile) + "x",
	} {
		start := time.Now()
		_, err := Parse("shop.yaml", []byte(text), nil, nil)
		require.Error(t, err)
		require.Less(t, len(err.Error()), 20_000)
		require.Less(t, time.Since(start), 10*time.Second, "%.20q", text)
	}
}

func TestNearestWord(t *testing.T) {
	known := []string{"address", "user", "password", "password_file", "changes", "logproxy", "tls"}
	for word, want := range map[string]string{
		"addrss": "address", "ADDRESS": "address", "usr": "user", "pasword": "password", "passwrod": "password",
		"password-file": "password_file", "passwd": "password", "change": "changes", "log_proxy": "logproxy", "tsl": "tls",
		"host": "", "x": "", strings.Repeat("address", 20): "",
	} {
		require.Equal(t, want, nearest(word, known), word)
	}
}

func TestExpand(t *testing.T) {
	env := func(name string) (string, bool) {
		value, ok := map[string]string{"A": "1", "_b2": "${A}$$", "EMPTY": ""}[name]
		return value, ok
	}
	for text, want := range map[string]string{
		"": "", "plain": "plain", "${A}": "1", "x${A}y${A}": "x1y1", "$A": "$A", "5$": "5$", "$$": "$$", "$${A}": "${A}",
		"$$${A}": "$${A}", "${_b2}": "${A}$$", "a}b": "a}b", "$${": "${",
	} {
		got, err := expand(text, env)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"${", "${A", "${}", "${1}", "${A B}", "${${A}}", "${A:-x}", "${EMPTY}", "${NONE}"} {
		_, err := expand(text, env)
		require.Error(t, err, text)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "100": 100, "100B": 100, "64MiB": 64 << 20, "64 mib": 64 << 20, "1GB": 1e9, "2KiB": 2048, "3tib": 3 << 40,
	} {
		got, err := size(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "-1", "MiB", "1.5GiB", "12M", "1 0", "9223372036854775808", "9000000TiB"} {
		_, err := size(text)
		require.Error(t, err, text)
	}
}
