package config

import (
	"bytes"
	"encoding/json"
	"strings"
)

// MarshalJSON gives the project as a document with the keys of the project file, in the file's order. Parse reads it and
// gives the same project again, except that each password is "***", which Parse refuses: whoever wants to run the document
// has to put the passwords in.
func (p *Project) MarshalJSON() ([]byte, error) {
	doc := object{{"name", p.Name}, {"scenario", p.Scenario}}
	sites := object{}
	for _, site := range p.Sites {
		sites = append(sites, member{site.Name, site.document()})
	}
	doc = append(doc, member{"sites", sites}, member{"source", p.Source}, member{"tables", p.Tables.document()})
	ddl := p.DDL
	if ddl == "" {
		ddl = noSite
	}
	if p.IgnoreDDL {
		doc = append(doc, member{"ddl", object{{"from", ddl}, {"elsewhere", "ignore"}}})
	} else {
		doc = append(doc, member{"ddl", ddl})
	}
	if p.Conflict.Policy != "" {
		doc = append(doc, member{"conflict", p.Conflict.document()})
	}
	doc = append(doc, member{"limits", object{
		{"rows_per_second", p.Limits.RowsPerSecond},
		{"bytes_per_second", p.Limits.BytesPerSecond},
		{"workers", p.Limits.Workers},
		{"memory", p.Limits.Memory},
	}})
	return json.Marshal(doc)
}

func (s Site) document() object {
	doc := object{{"address", escape(s.Address)}, {"user", escape(s.User)}, {"password", s.Password}}
	if s.Changes != "" && s.Changes != s.Address {
		doc = append(doc, member{"changes", escape(s.Changes)})
	}
	if s.LogProxy != "" {
		doc = append(doc, member{"logproxy", escape(s.LogProxy)})
	}
	if s.TLS != nil {
		files := object{}
		for _, file := range []member{{"ca", s.TLS.CA}, {"cert", s.TLS.Cert}, {"key", s.TLS.Key}} {
			if path := file.value.(string); path != "" {
				files = append(files, member{file.key, escape(path)})
			}
		}
		doc = append(doc, member{"tls", files})
	}
	return doc
}

func (t Tables) document() object {
	texts := func(patterns []Pattern) (list []string) {
		for _, pattern := range patterns {
			list = append(list, escape(pattern.text))
		}
		return list
	}
	doc := object{{"include", texts(t.Include)}}
	if len(t.Exclude) > 0 {
		doc = append(doc, member{"exclude", texts(t.Exclude)})
	}
	if len(t.Rename) > 0 {
		names := map[string]string{}
		for from, to := range t.Rename {
			names[from.String()] = escape(to.String())
		}
		doc = append(doc, member{"rename", names})
	}
	if len(t.Where) > 0 {
		conditions := map[string]string{}
		for table, condition := range t.Where {
			conditions[table.String()] = escape(condition)
		}
		doc = append(doc, member{"where", conditions})
	}
	return doc
}

func (c Conflict) document() object {
	doc := c.Rule.document()
	if len(c.Tables) > 0 {
		rules := map[string]object{}
		for table, rule := range c.Tables {
			rules[table.String()] = rule.document()
		}
		doc = append(doc, member{"tables", rules})
	}
	return doc
}

func (r Rule) document() object {
	doc := object{{"policy", r.Policy}}
	if r.Site != "" {
		doc = append(doc, member{"site", r.Site})
	}
	if len(r.Columns) > 0 {
		columns := make([]string, len(r.Columns))
		for i, column := range r.Columns {
			columns[i] = escape(column)
		}
		doc = append(doc, member{"columns", columns})
	}
	return doc
}

// object is a JSON object that keeps the order of its members.
type object []member

type member struct {
	key   string
	value any
}

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(m.key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// escape writes a text so that expanding it gives it back.
func escape(text string) string { return strings.ReplaceAll(text, "${", "$${") }
