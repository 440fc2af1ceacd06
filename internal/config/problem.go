package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxProblems is how many problems of one file are reported.
const maxProblems = 50

// Problem is one thing that is wrong with a project file.
type Problem struct {
	// File is the name under which the file was read.
	File string `json:"file"`
	// Line counts from 1; 0 when the problem belongs to no line.
	Line int `json:"line"`
	// Column counts characters from 1; 0 when the problem belongs to no line.
	Column int `json:"column"`
	// Message says what is wrong, without a line break. It never holds a password.
	Message string `json:"message"`
	// Hint says what to write instead; empty when there is nothing better to say.
	Hint string `json:"hint,omitempty"`
}

// Error gives the problem as one line: "shop.yaml:7:3: message; hint".
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": " + p.Message)
	if p.Hint != "" {
		b.WriteString("; " + p.Hint)
	}
	return b.String()
}

// Errors are the problems of one file, sorted by line and column; never empty when returned as an error.
type Errors []Problem

// Error gives each problem on a line of its own.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the problems one by one.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, p := range e {
		errs[i] = p
	}
	return errs
}

// ordered gives the problems by place and cuts a list that nobody would read to its end.
func (e Errors) ordered() Errors {
	slices.SortStableFunc(e, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if len(e) <= maxProblems {
		return e
	}
	more := Problem{File: e[0].File, Message: fmt.Sprintf("%d more problems", len(e)-maxProblems)}
	return append(slices.Clone(e[:maxProblems]), more)
}
