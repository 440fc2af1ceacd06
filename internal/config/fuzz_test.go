package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParse holds whatever a file may be against what every answer must keep to: no panic, one-line problems in order, no
// password in them, and a project that its own document gives again.
func FuzzParse(f *testing.F) {
	for _, folder := range []string{"good", "broken"} {
		paths, err := filepath.Glob("testdata/" + folder + "/*.yaml")
		require.NoError(f, err)
		require.NotEmpty(f, paths)
		for _, path := range paths {
			data, err := os.ReadFile(path)
			require.NoError(f, err)
			f.Add(data)
		}
	}
	disk := newFiles(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse("conf/fuzz.yaml", data, environment, disk.read)
		if err == nil {
			requireSameAgain(t, p, disk)
			return
		}
		require.Nil(t, p)
		problems, ok := errors.AsType[Errors](err)
		require.True(t, ok)
		require.NotEmpty(t, problems)
		for i, problem := range problems {
			require.NotContains(t, problem.Error(), "\n")
			require.NotContains(t, problem.Message+problem.Hint, "hunter2-")
			require.True(t, strings.HasPrefix(problem.Error(), "conf/fuzz.yaml:"))
			require.False(t, i > 0 && problem.Line > 0 && problem.Line < problems[i-1].Line)
		}
	})
}
