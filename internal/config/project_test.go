package config

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMinimalFileGetsTheDefaults(t *testing.T) {
	p := parseGood(t, "minimal.yaml")
	require.Equal(t, "shop", p.Name)
	require.Equal(t, ActiveActive, p.Scenario)
	require.True(t, p.TwoWay())
	require.Equal(t, Site{
		Name: "hangzhou", Address: "127.0.0.1:2883", User: "root@app#obcluster",
		Password: NewSecret("hunter2-hangzhou ${NOT_EXPANDED}"), Changes: "127.0.0.1:2883",
	}, p.Sites[0])
	require.Equal(t, "shanghai", p.Sites[1].Name)
	require.Equal(t, "hunter2-shanghai", p.Sites[1].Password.Reveal())
	require.Equal(t, "10.0.0.2:2883", p.Sites[1].Changes)
	require.Equal(t, "hangzhou", p.SourceSite().Name)
	require.Equal(t, "shanghai", p.TargetSite().Name)
	require.Empty(t, p.DDL)
	require.Equal(t, Conflict{Rule: Rule{Policy: PolicyNewest}}, p.Conflict)
	require.Equal(t, Limits{Memory: 512 << 20}, p.Limits)
	require.Nil(t, p.Tables.Rename)
	require.Nil(t, p.Tables.Where)
}

func TestFullFileGivesWhatItSays(t *testing.T) {
	p := parseGood(t, "full.yaml")
	require.Equal(t, "127.0.0.1:2983", p.Sites[0].Changes)
	require.Equal(t, "key.pem", p.Sites[0].TLS.Key)
	settings := p.Sites[0].TLS.Config()
	require.Len(t, settings.Certificates, 1)
	require.NotNil(t, settings.RootCAs)
	require.Empty(t, settings.ServerName)
	require.Nil(t, p.Sites[1].TLS)

	require.Equal(t, "hangzhou", p.DDL)
	require.Equal(t, []Link{{"hangzhou", "shanghai"}, {"shanghai", "hangzhou"}}, p.Links())
	require.True(t, p.CarriesDDL(p.Links()[0]))
	require.False(t, p.CarriesDDL(p.Links()[1]))
	require.Equal(t, "hangzhou>shanghai", p.Links()[0].String())

	require.Equal(t, Rule{Policy: PolicyDelta, Columns: []string{"qty"}}, p.Rule("shop", "stock"))
	require.Equal(t, Rule{Policy: PolicyNewestByColumn, Columns: []string{"updated_at"}}, p.Rule("shop", "price"))
	require.Equal(t, Rule{Policy: PolicySite, Site: "shanghai"}, p.Rule("shop", "staff"))
	require.Equal(t, Rule{Policy: PolicyNewest}, p.Rule("shop", "orders"))
	require.Equal(t, Limits{BytesPerSecond: 10 << 20, Workers: 8, Memory: 1 << 30}, p.Limits)

	require.True(t, p.Matches("shop", "orders"))
	require.False(t, p.Matches("shop", "tmp_1"))
	require.False(t, p.Matches("mall", "orders"))
}

func TestMigrationRenamesAndFilters(t *testing.T) {
	p := parseGood(t, "migration.yaml")
	require.Equal(t, MigrationScenario, p.Scenario)
	require.False(t, p.TwoWay())
	require.Equal(t, []Link{{"old", "new"}}, p.Links())
	require.Equal(t, "new", p.Sites[0].Name, "file order")
	require.Equal(t, "[fd00::2]:2881", p.Sites[0].Address)
	require.Equal(t, "root@app#new", p.Sites[0].User)
	require.Equal(t, "it's ${HOME} for $5", p.Sites[0].Password.Reveal())
	require.NotNil(t, p.Sites[0].TLS.Config())
	require.Empty(t, p.Sites[1].Password.Reveal())
	require.Equal(t, "db.old.example:2983", p.Sites[1].LogProxy)
	require.Empty(t, p.Sites[1].Changes)
	require.Equal(t, Conflict{}, p.Conflict)
	require.Equal(t, int64(2500), p.Limits.RowsPerSecond)

	for source, target := range map[Table]Table{
		{"shop", "t1"}:     {"mall", "t1"},
		{"shop", "t2"}:     {"shop", "t2"},
		{"odd.db", "a*b"}:  {"shop", "a.b"},
		{"odd.db", "a_xb"}: {"odd.db", "a_xb"},
	} {
		database, table := p.Target(source.Database, source.Name)
		require.Equal(t, target, Table{database, table})
	}
	require.Equal(t, "region = 'x'", p.Where("shop", "orders"))
	require.Equal(t, "qty > 0\nAND deleted = 0\n", p.Where("shop", "items"))
	require.Empty(t, p.Where("shop", "t1"))
}

func TestPrimaryStandbyIsOneWay(t *testing.T) {
	p := parseGood(t, "primary-standby.yaml")
	require.Equal(t, PrimaryStandby, p.Scenario)
	require.Equal(t, []Link{{"b", "a"}}, p.Links())
	require.False(t, p.CarriesDDL(p.Links()[0]))
	require.True(t, p.Matches("crm_1ay", "t"))
	require.False(t, p.Matches("crm_1xy", "t"))
	require.Equal(t, PolicyStop, p.Rule("shop", "orders").Policy)
	require.Equal(t, PolicyOverwrite, p.Rule("shop", "log").Policy)
	require.Equal(t, 0, p.Rank("a"), "by name, not by place in the file")
	require.Equal(t, 1, p.Rank("b"))
	require.Equal(t, -1, p.Rank("c"))
	site, ok := p.Site("a")
	require.True(t, ok)
	require.Equal(t, "localhost:3307", site.Address)
	_, ok = p.Site("c")
	require.False(t, ok)
}

func TestSystemTablesNeverTakePart(t *testing.T) {
	pattern, err := ParsePattern("*.*")
	require.NoError(t, err)
	p := &Project{Tables: Tables{Include: []Pattern{pattern}}}
	require.True(t, p.Matches("shop", "orders"))
	for _, database := range []string{"mysql", "MySQL", "information_schema", "oceanbase", "sys", OwnDatabase} {
		require.False(t, p.Matches(database, "t"), database)
	}
}

func TestDocumentIsReadBackAsTheSameProject(t *testing.T) {
	paths, err := filepath.Glob("testdata/good/*.yaml")
	require.NoError(t, err)
	require.Len(t, paths, 4)
	for _, path := range paths {
		requireSameAgain(t, parseGood(t, filepath.Base(path)), newFiles(t))
	}
}

// requireSameAgain writes p as a document, puts the passwords in and reads it again.
func requireSameAgain(t *testing.T, p *Project, disk files) {
	text, err := json.Marshal(p)
	require.NoError(t, err)
	for _, site := range p.Sites {
		password, err := json.Marshal(escape(site.Password.Reveal()))
		require.NoError(t, err)
		text = []byte(strings.Replace(string(text), `"password":"***"`, `"password":`+string(password), 1))
	}
	again, err := Parse("conf/again.yaml", text, nil, disk.read)
	require.NoError(t, err, "%s", text)
	for i := range p.Sites {
		require.Equal(t, p.Sites[i].TLS == nil, again.Sites[i].TLS == nil)
		if p.Sites[i].TLS != nil {
			p.Sites[i].TLS.config, again.Sites[i].TLS.config = nil, nil
		}
	}
	require.Equal(t, p, again, "%s", text)
}
