package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"strings"
)

// sites reads both sites. It gives those whose names are right, even when something else about them is wrong.
func (r *reader) sites(f field) []Site {
	entries, ok := r.entries(f)
	if !ok {
		return nil
	}
	if len(entries) != 2 {
		at := f.at
		if len(entries) > 2 {
			at = entries[2].at
		}
		r.problem(at, "", "sites must be exactly two, not %d", len(entries))
	}
	var sites []Site
	for _, entry := range entries {
		site := r.site(entry)
		switch {
		case entry.name == noSite:
			r.problem(entry.at, "", "a site cannot be called %q, which means no site", noSite)
		case !goodName(entry.name, 32):
			r.problem(entry.at, "", "site name %s is not 1 to 32 letters, digits, '-' and '_' that begin with a letter or digit",
				quoted(entry.name))
		default:
			sites = append(sites, site)
		}
	}
	if len(sites) == 2 && sites[0].Address != "" && sites[0].User != "" &&
		strings.EqualFold(sites[0].Address, sites[1].Address) && sites[0].User == sites[1].User {
		r.problem(entries[1].at, "", "sites %s and %s are the same tenant: same address, same user", sites[0].Name, sites[1].Name)
	}
	return sites
}

func (r *reader) site(f field) Site {
	site := Site{Name: f.name}
	fields, ok := r.keys(f, "address", "user", "password", "password_file", "changes", "logproxy", "tls")
	if !ok {
		return site
	}
	if f, ok := r.required(f, fields, "address"); ok {
		site.Address = r.address(f)
	}
	if f, ok := r.required(f, fields, "user"); ok {
		site.User, _ = r.text(f)
	}
	site.Password = r.password(f, fields)
	changes, hasChanges := fields["changes"]
	logproxy, hasLogProxy := fields["logproxy"]
	if hasChanges && hasLogProxy {
		r.problem(logproxy.at, "", "%s has both changes and logproxy; the changes come from one of them", f.path)
	}
	site.Changes = site.Address
	if hasChanges {
		site.Changes = r.address(changes)
	}
	if hasLogProxy {
		site.Changes, site.LogProxy = "", r.address(logproxy)
	}
	if f, ok := fields["tls"]; ok {
		site.TLS = r.tls(f)
	}
	return site
}

// password reads the password from where the file says. Nothing it reports holds any of it.
func (r *reader) password(site field, fields map[string]field) Secret {
	given, hasText := fields["password"]
	file, hasFile := fields["password_file"]
	switch {
	case hasText && hasFile:
		r.problem(file.at, "", "%s has both password and password_file", site.path)
	case hasText:
		text, _ := r.anyText(given)
		if text == mask {
			r.problem(given.content(), "", "%s is the mask that is printed in place of a password", given.path)
		}
		return NewSecret(text)
	case hasFile:
		path, ok := r.text(file)
		if !ok {
			return Secret{}
		}
		data, ok := r.read(file, path)
		if !ok {
			return Secret{}
		}
		text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
		switch {
		case text == "":
			r.problem(file.content(), "", "%s %s is empty", file.path, file.shown())
		case strings.ContainsAny(text, "\n\x00"):
			r.problem(file.content(), "", "%s %s holds more than one line of text", file.path, file.shown())
		}
		return NewSecret(text)
	default:
		r.problem(site.at, `write password: "" for a user that has none`, "%s has neither password nor password_file", site.path)
	}
	return Secret{}
}

// address reads a host:port.
func (r *reader) address(f field) string {
	text, ok := r.text(f)
	if !ok {
		return ""
	}
	if strings.Contains(text, "@") {
		r.problem(f.content(), "user and password have their own keys", "%s must be host:port alone", f.label())
		return ""
	}
	host, port, err := net.SplitHostPort(text)
	number, numberErr := strconv.ParseUint(port, 10, 16)
	odd := func(c rune) bool { return c <= ' ' || strings.ContainsRune("/\\\"'`,;?#", c) }
	switch {
	case err != nil || host == "" || strings.ContainsFunc(host, odd):
		r.problem(f.content(), "for example 10.0.0.2:2883", "%s %s is not host:port", f.label(), f.shown())
		return ""
	case numberErr != nil || number == 0:
		r.problem(f.content(), "", "%s %s has no port from 1 to 65535", f.label(), f.shown())
		return ""
	}
	return text
}

// tls reads the settings together with the files they name.
func (r *reader) tls(f field) *TLS {
	settings := &TLS{config: &tls.Config{MinVersion: tls.VersionTLS12}}
	if emptyKeys(f) {
		return settings
	}
	fields, ok := r.keys(f, "ca", "cert", "key")
	if !ok {
		return nil
	}
	contents := map[string][]byte{}
	for _, to := range []struct {
		name string
		path *string
	}{{"ca", &settings.CA}, {"cert", &settings.Cert}, {"key", &settings.Key}} {
		f, ok := fields[to.name]
		if !ok {
			continue
		}
		if *to.path, ok = r.text(f); ok {
			if data, ok := r.read(f, *to.path); ok {
				contents[to.name] = data
			}
		}
	}
	if ca, ok := contents["ca"]; ok {
		settings.config.RootCAs = x509.NewCertPool()
		if !settings.config.RootCAs.AppendCertsFromPEM(ca) {
			r.problem(fields["ca"].content(), "", "%s %s holds no PEM certificate", fields["ca"].path, fields["ca"].shown())
		}
	}
	cert, hasCert := fields["cert"]
	_, hasKey := fields["key"]
	if hasCert != hasKey {
		r.problem(f.at, "", "%s needs cert and key together", f.path)
	} else if contents["cert"] != nil && contents["key"] != nil {
		pair, err := tls.X509KeyPair(contents["cert"], contents["key"])
		if err != nil {
			r.problem(cert.content(), "", "%s and key are not a PEM certificate and its key", cert.path)
		}
		settings.config.Certificates = []tls.Certificate{pair}
	}
	return settings
}

// read gives the content of a file that the project file names, relative to the project file's folder.
func (r *reader) read(f field, path string) ([]byte, bool) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(r.file), path)
	}
	data, err := []byte(nil), errors.New("files cannot be read here")
	if r.readFile != nil {
		data, err = r.readFile(path)
	}
	if err == nil && len(data) > maxFile {
		err = errors.New("it is larger than 1 MiB")
	}
	if err != nil {
		r.problem(f.content(), "", "%s %s cannot be read: %v", f.path, f.shown(), plainCause(err))
		return nil, false
	}
	return data, true
}
