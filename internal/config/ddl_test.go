package config

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDDL(t *testing.T) {
	const file = "name: shop\nscenario: active-active\nsource: west\ntables: {include: [\"shop.*\"]}\nsites:\n" +
		"  west: {address: \"127.0.0.1:1\", user: u, password: p}\n  east: {address: \"127.0.0.1:2\", user: u, password: p}\nddl: "
	for _, c := range []struct {
		text, site string
		ignore     bool
		problem    string
	}{
		{text: "west", site: "west"},
		{text: "none"},
		{text: "{from: east, elsewhere: ignore}", site: "east", ignore: true},
		{text: "{from: east, elsewhere: refuse}", site: "east"},
		{text: "{from: east}", site: "east"},
		{text: "{elsewhere: ignore}", problem: "from is missing"},
		{text: "{from: east, elsewhere: ignroe}", problem: "ignore"},
		{text: "{from: south}", problem: "is not one of the sites"},
		{text: "{from: east, to: west}", problem: "to"},
	} {
		p, err := Parse("p.yaml", []byte(file+c.text+"\n"), func(string) (string, bool) { return "", false }, nil)
		if c.problem != "" {
			require.ErrorContains(t, err, c.problem, c.text)
			continue
		}
		require.NoError(t, err, c.text)
		require.Equal(t, c.site, p.DDL, c.text)
		require.Equal(t, c.ignore, p.IgnoreDDL, c.text)
		doc, err := json.Marshal(p)
		require.NoError(t, err)
		require.Equal(t, c.ignore, strings.Contains(string(doc), `"elsewhere":"ignore"`), string(doc))
	}
}

// Tables of schema change tools are set aside where statements are carried.
func TestAside(t *testing.T) {
	all, err := ParsePattern("shop.*")
	require.NoError(t, err)
	p := &Project{DDL: "west", Tables: Tables{Include: []Pattern{all}}}
	for name, aside := range map[string]bool{"t": false, "_t_gho": true, "_t_ghc": true, "_t_del": true, "_t_new": true, "_t_old": true,
		"_t_osc_new_": true, "t_new": false, "_new": false, "_gho": false} {
		require.Equal(t, aside, p.Aside("shop", name), name)
		require.Equal(t, !aside, p.Carries("shop", name), name)
	}
	require.False(t, p.Aside("other", "_t_gho"))
	p.DDL = ""
	require.False(t, p.Aside("shop", "_t_gho"))
}
