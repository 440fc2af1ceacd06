package tenant

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRelease(t *testing.T) {
	for _, c := range []struct {
		text string
		want Release
	}{
		{"10.11.19-MariaDB-0+deb12u1-log", Release{10, 11}}, {"5.6.24-log", Release{5, 6}}, {"4.2.5.1", Release{4, 2}}, {"", Release{}},
	} {
		require.Equal(t, c.want, releaseOf(c.text), c.text)
	}
	require.True(t, Release{4, 2}.Before(4, 3))
	require.True(t, Release{4, 2}.AtLeast(4, 2))
	require.False(t, Release{4, 2}.Before(3, 9))
	require.False(t, Release{}.Before(9, 9), "what is not known is nothing")
	require.False(t, Release{}.AtLeast(0, 0))
}

// TestServer: what version() and version_comment of a server say, and how that
// is shown.
func TestServer(t *testing.T) {
	for _, c := range []struct {
		tenant Tenant
		want   string
	}{
		{Tenant{Kind: MariaDB, Version: "10.11.19-MariaDB"}, "MariaDB 10.11.19-MariaDB"},
		{Tenant{Kind: MySQL, Version: "5.6.24-log"}, "MySQL 5.6.24-log"},
		{Tenant{Kind: OceanBase, OB: &OB{
			Edition: edition("5.7.25-OceanBase_CE-v4.2.5.1 OceanBase_CE 4.2.5.1 (r1)"), Kernel: "4.2.5.1", Name: "shop", Role: "PRIMARY", Via: ODP,
		}}, "OceanBase_CE 4.2.5.1, tenant shop (PRIMARY), through ODP"},
		{Tenant{Kind: OceanBase, Version: "5.7.25-OceanBase-v4.0.0.0", OB: &OB{Edition: edition("5.7.25-OceanBase-v4.0.0.0"), Via: Observer}},
			"OceanBase 5.7.25-OceanBase-v4.0.0.0, tenant of a hidden name"},
	} {
		require.Equal(t, c.want, c.tenant.Server())
	}
	require.True(t, (&OB{Role: "STANDBY"}).Standby())
}

// TestSetup: what a version does not have is not set, and what is for writers is
// not set for readers.
func TestSetup(t *testing.T) {
	all := Tenant{OB: &OB{variables: map[string]bool{"ob_query_timeout": true, "ob_trx_idle_timeout": true}}}
	require.Equal(t, []string{"SET ob_query_timeout = 3600000000", "SET ob_trx_idle_timeout = 120000000"}, all.setup(Apply))
	require.Equal(t, []string{"SET ob_query_timeout = 3600000000"}, all.setup(Read))
	all.Config.QueryTime = 2 * time.Second
	require.Equal(t, []string{"SET ob_query_timeout = 2000000"}, all.setup(Read))
}
