package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"duplex/internal/apply"
	"duplex/internal/binlog"
	"duplex/internal/checkpoint"
	"duplex/internal/config"
	"duplex/internal/pair"
	"duplex/internal/project"
	"duplex/internal/tenant"
)

// The exit codes.
const (
	exitGood        = 0
	exitFailed      = 1
	exitUsage       = 2   // wrong usage or wrong file
	exitDiffers     = 3   // the data differ or a check did not pass
	exitRefused     = 4   // by a fence or for want of a right
	exitInterrupted = 130 // everything that was acknowledged is kept
)

var (
	// errInterrupted is why a context ended after ^C.
	errInterrupted = errors.New("interrupted")
	// errCheck says that a check of the precheck did not pass.
	errCheck = errors.New("a check did not pass")
)

// An exitError is an error whose exit code is known where it happened.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// noRight are the error numbers by which servers refuse for want of a right.
func noRight(code uint16) bool {
	switch code {
	case 1044, 1095, 1142, 1143, 1227, 1370:
		return true
	}
	return false
}

// exitCode gives the exit code of what a command returned.
func (a *app) exitCode(err error) int {
	known, isKnown := errors.AsType[*exitError](err)
	switch {
	case err == nil:
		return exitGood
	case !a.begun:
		return exitUsage
	case isKnown:
		return known.code
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.Is(err, project.ErrDiffers), errors.Is(err, errCheck):
		return exitDiffers
	case errors.Is(err, checkpoint.ErrFenced), noRight(tenant.Code(err)):
		return exitRefused
	}
	return exitFailed
}

// hints say what to do about an error that has a name.
func hints() []struct {
	err  error
	text string
} {
	return []struct {
		err  error
		text string
	}{
		{checkpoint.ErrFenced, "leave it to the newer run, or stop that one and start again"},
		{binlog.ErrPositionLost, "`duplex clean FILE`, empty the target's tables and run again: it copies anew"},
		{apply.ErrMismatch, "see `duplex verify FILE`; make the row equal on both sides, then run again"},
		{apply.ErrTooLarge, "raise max_allowed_packet at that site (SET GLOBAL), then run again"},
		{apply.ErrStatement, "see `duplex ddl list FILE`, and \"Statements that change definitions\" in docs/operations.md"},
		{apply.ErrTable, "see `duplex check FILE` for what differs"},
		{pair.ErrSchema, "make the target's table like the source's, or drop it there, then run again"},
		{pair.ErrRules, "see \"Changing a policy\" in docs/operations.md"},
		{project.ErrNotRunning, "start `duplex run FILE` and keep it running"},
		{tenant.ErrMode, "use a tenant in MySQL mode"},
		{tenant.ErrUnset, "let the proxy keep session variables, or connect to an observer"},
	}
}

// hint gives what to do next, or "".
func hint(err error) string {
	for _, h := range hints() {
		if errors.Is(err, h.err) {
			return h.text
		}
	}
	switch code := tenant.Code(err); {
	case code == 1045 || code == 1698:
		return "look at user and password of the site in the project file"
	case noRight(code):
		return "`duplex check FILE` names the GRANT that gives the right"
	}
	switch tenant.Classify(err) {
	case tenant.Reconnect:
		return "is the server up, and is the address in the project file right? `duplex check FILE` tells"
	case tenant.Busy:
		return "the tenant lacks memory or disk: give it more, or lower `limits` in the project file"
	}
	return ""
}

// finish prints what a command returned and gives the exit code.
func (a *app) finish(err error) int {
	code := a.exitCode(err)
	if err == nil {
		return code
	}
	text, advice := oneLine(err), ""
	switch {
	case !a.begun:
		advice = "`duplex --help` shows the commands and flags"
	case code != exitUsage:
		advice = hint(err)
	}
	if a.json && !a.answered {
		problems, _ := errors.AsType[config.Errors](err)
		_ = a.document(problem{Error: text, Hint: advice, Problems: problems})
	}
	fmt.Fprintf(a.err, "duplex: %s\n", text)
	if advice != "" {
		fmt.Fprintf(a.err, "        %s\n", advice)
	}
	return code
}

// A problem is the document of a command that has no other answer to give.
type problem struct {
	Error    string        `json:"error"`
	Hint     string        `json:"hint,omitempty"`
	Problems config.Errors `json:"problems,omitempty"`
}

// oneLine gives an error as one line; the problems of a file have a line each.
func oneLine(err error) string {
	if problems, ok := errors.AsType[config.Errors](err); ok {
		return problems.Error()
	}
	var lines []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) { // from data: a terminal would obey it
			return '·'
		}
		return r
	}, strings.Join(lines, "; "))
}

// interrupted gives errInterrupted where ctx ended by ^C, else err.
func interrupted(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errInterrupted) {
		return errInterrupted
	}
	return err
}
