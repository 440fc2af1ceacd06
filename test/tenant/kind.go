package tenant

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Kind is a sort of server that can play a tenant.
type Kind string

const (
	// MariaDB is the distribution's MariaDB, with its own GTIDs.
	MariaDB Kind = "mariadb"
	// MySQL56 is MySQL 5.6 with GTIDs, the binary log nearest to the one that
	// OceanBase's Binlog Service serves.
	MySQL56 Kind = "mysql56"
	// SeekDB is the OceanBase kernel on one node. It has no binary log.
	SeekDB Kind = "seekdb"
	// OceanBase is the OceanBase kernel behind a stand-in for the Binlog Service
	// and ODP: one address for SQL and for the change log.
	OceanBase Kind = "oceanbase"
)

// Kinds returns every kind, in the order in which tests run over them.
func Kinds() []Kind { return []Kind{MariaDB, MySQL56, SeekDB} }

// LogKinds returns the kinds that serve a binary log, and so can be a source:
// those that DUPLEX_KINDS names, as in "oceanbase" or "mariadb,oceanbase", and
// without it the two that start fastest.
func LogKinds() []Kind {
	text := os.Getenv("DUPLEX_KINDS")
	if text == "" {
		return []Kind{MariaDB, MySQL56}
	}
	var kinds []Kind
	for k := range strings.SplitSeq(text, ",") {
		kinds = append(kinds, Kind(strings.TrimSpace(k)))
	}
	return kinds
}

var (
	// ErrMissing is returned when the server's program is not on this machine.
	ErrMissing = errors.New("server program not found (make servers fetches it)")
	// ErrRunning is returned by Restart while the server is up.
	ErrRunning = errors.New("server is running")
	// ErrBusy is returned when another process uses the data folder or port.
	ErrBusy = errors.New("in use by another process")
)

// Find returns the path of the kind's server program, or ErrMissing.
func Find(kind Kind) (string, error) {
	e, err := engineOf(kind)
	if err != nil {
		return "", err
	}
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	return e.program(cache)
}

// CacheDir returns the folder that holds servers and prepared data folders.
// It need not exist.
func CacheDir() (string, error) {
	if dir := os.Getenv("DUPLEX_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("cache folder: %w", err)
	}
	return filepath.Join(home, ".cache", "duplex"), nil
}

// engine is what differs between the kinds.
type engine interface {
	// program finds the server's program.
	program(cache string) (string, error)
	// install makes an empty data folder, from which a server starts that
	// lets root in from 127.0.0.1 without a password.
	install(ctx context.Context, program, data string) error
	// secure returns the statements that give root its password and rights.
	secure() []string
	// trim removes from a cleanly stopped data folder what copies must not share.
	trim(data string) error
	// command builds the call that runs the server in the foreground.
	command(program string, at place) *exec.Cmd
}

// place says where a server runs and how.
type place struct {
	dir    string // holds data/ and the logs
	port   int
	opt    Options
	kernel string // host:port of the kernel behind, of kind OceanBase
}

func (p place) data() string { return filepath.Join(p.dir, "data") }

func engineOf(kind Kind) (engine, error) {
	switch kind {
	case MariaDB:
		return mariadb{}, nil
	case MySQL56:
		return mysql56{}, nil
	case SeekDB:
		return seekdb{}, nil
	case OceanBase:
		return oceanbase{}, nil
	}
	return nil, fmt.Errorf("kind of tenant %q: not one of %v", kind, append(Kinds(), OceanBase))
}

// firstProgram returns the first of the paths that is an executable file.
func firstProgram(kind Kind, paths ...string) (string, error) {
	for _, p := range paths {
		if found, err := exec.LookPath(p); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%s: %w", kind, ErrMissing)
}

// removeAll deletes everything that matches the patterns below dir.
func removeAll(dir string, patterns ...string) error {
	for _, pattern := range patterns {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, p := range paths {
			if err := os.RemoveAll(p); err != nil {
				return err
			}
		}
	}
	return nil
}
