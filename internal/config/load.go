package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"
)

// The bounds of a file. They are far above what a project needs and keep hostile input from costing more than a moment.
const (
	maxFile   = 1 << 20 // bytes
	maxLines  = 10_000
	maxTokens = 40_000
	maxDepth  = 16 // of brackets, or of dashes in a row
)

// Load reads the project file at path with the environment of the process. Paths in the file are relative to its folder.
// A file that is not right gives Errors; a file that cannot be read gives the cause.
func Load(path string) (*Project, error) {
	data, err := readBounded(path)
	if err != nil {
		return nil, fmt.Errorf("read project file %s: %w", path, plainCause(err))
	}
	return Parse(path, data, os.LookupEnv, readBounded)
}

// Parse reads a project file from memory. name is used in messages and as the place that paths in the file are relative
// to. env looks up the variables of ${NAME}, readFile reads password and TLS files; either may be nil, and then nothing is
// set or can be read. A file that is not right gives Errors.
func Parse(name string, data []byte, env func(string) (string, bool), readFile func(string) ([]byte, error)) (*Project, error) {
	r := &reader{file: name, env: env, readFile: readFile}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	var project *Project
	if r.bounded(data) {
		if root, ok := r.parse(data); ok {
			project = r.project(root)
		}
	}
	if len(r.problems) > 0 {
		return nil, r.problems.ordered()
	}
	return project, nil
}

// bounded refuses bytes that are too many, or not text, before anything costly looks at them.
func (r *reader) bounded(data []byte) bool {
	if len(data) > maxFile {
		r.problem(position{}, "", "larger than 1 MiB")
		return false
	}
	at := position{1, 1}
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		switch {
		case c == utf8.RuneError && size == 1:
			r.problem(at, "save the file as UTF-8", "not UTF-8 text")
			return false
		case c < ' ' && c != '\n' && c != '\r' && c != '\t', c == 0x7f:
			r.problem(at, "", "control character %U", c)
			return false
		}
		i += size
		at.column++
		if c == '\n' || c == '\r' && (i == len(data) || data[i] != '\n') {
			at = position{at.line + 1, 1}
		}
		if at.line > maxLines {
			r.problem(at, "", "more than %d lines", maxLines)
			return false
		}
	}
	return true
}

// readBounded reads a file of at most maxFile bytes, and one more, by which the reader of the bytes sees that there is more.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// plainCause takes the operation and the path from a file error, for messages that name the path already.
func plainCause(err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return path.Err
	}
	return err
}
