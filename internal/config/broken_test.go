package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBrokenFilesAreRefusedWithAClearMessage(t *testing.T) {
	paths, err := filepath.Glob("testdata/broken/*.yaml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(paths), 25)
	disk := newFiles(t)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			_, err = Parse("conf/"+filepath.Base(path)[3:], data, environment, disk.read)
			problems, ok := errors.AsType[Errors](err)
			require.True(t, ok, "got %v", err)
			require.NotEmpty(t, problems)
			got := problems.Error() + "\n"
			require.NotContains(t, got, "hunter")
			require.Equal(t, len(problems), strings.Count(got, "\n"), "one line for each problem")

			golden := strings.TrimSuffix(path, ".yaml") + ".want"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}
