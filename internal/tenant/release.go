package tenant

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
)

// A Release is the number of a server's version, of OceanBase the kernel's. The
// zero Release is one that could not be read.
type Release struct{ Major, Minor int }

var releaseNumber = regexp.MustCompile(`(\d+)\.(\d+)`)

func releaseOf(text string) Release {
	m := releaseNumber.FindStringSubmatch(text)
	if m == nil {
		return Release{}
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	return Release{major, minor}
}

// Before reports whether r is known and older than major.minor.
func (r Release) Before(major, minor int) bool {
	return r != Release{} && (r.Major < major || r.Major == major && r.Minor < minor)
}

// AtLeast reports whether r is known and major.minor or newer.
func (r Release) AtLeast(major, minor int) bool { return r != Release{} && !r.Before(major, minor) }

// Server is the server's kind and version for people, and of an OceanBase tenant
// its name, role, and what answers for it.
func (t *Tenant) Server() string {
	switch {
	case t.Kind == MariaDB:
		return "MariaDB " + t.Version
	case t.OB == nil:
		return "MySQL " + t.Version
	}
	text := fmt.Sprintf("%s %s, tenant %s", t.OB.Edition, cmp.Or(t.OB.Kernel, t.Version), cmp.Or(t.OB.Name, "of a hidden name"))
	if t.OB.Role != "" {
		text += " (" + t.OB.Role + ")"
	}
	if t.OB.Via == ODP {
		text += ", through " + string(ODP)
	}
	return text
}
