package tenant

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVersions checks that the script fetches what the fixture looks for.
func TestVersions(t *testing.T) {
	script, err := os.ReadFile("fetch.sh")
	require.NoError(t, err)
	require.Contains(t, string(script), "\nmysql56="+mysql56Version+"\n")
	require.Contains(t, string(script), "\nseekdb="+seekdbVersion+"\n")
}
