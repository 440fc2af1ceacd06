package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"duplex/internal/config"
)

// app is one call of the program: what it reads, where it writes, and the flags
// that every command has.
type app struct {
	in       io.Reader
	out, err io.Writer

	json  bool
	level string
	log   *slog.Logger

	begun    bool // the arguments were right, a command has taken over
	answered bool // the document of --json is out
}

// start runs the command that args name and gives the exit code.
func start(args []string, a *app) int {
	root := a.root()
	root.SetArgs(args)
	return a.finish(root.Execute())
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "duplex",
		Short: "Keep two tenants equal while both take writes",
		Long: "duplex keeps two OceanBase or MySQL-protocol tenants equal while both take writes.\n\n" +
			"A project file names the two; `duplex check FILE` says whether they are fit for it,\n" +
			"`duplex run FILE` does the work, and `duplex demo` shows it on two tenants of its own.",
		Args:              cobra.NoArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.begin() },
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.CompletionOptions.HiddenDefaultCmd = true
	flags := root.PersistentFlags()
	flags.BoolVar(&a.json, "json", false, "print one JSON document on standard output")
	flags.StringVar(&a.level, "log-level", "warn", "what goes to the log on standard error: debug, info, warn or error")
	root.AddCommand(a.demoCommand(), a.checkCommand(), a.runCommand(), a.statusCommand(), a.verifyCommand(),
		a.barrierCommand(), a.conflictsCommand(), a.ddlCommand(), a.cleanCommand(), a.versionCommand())
	return root
}

// begin comes between reading the arguments and the command.
func (a *app) begin() error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.level)); err != nil {
		return fmt.Errorf("--log-level %q: not debug, info, warn or error", a.level)
	}
	a.log = logger(a.err, level)
	a.begun = true
	return nil
}

func logger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// oneFile is the argument of a command that takes a project file.
func oneFile(_ *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return fmt.Errorf("FILE is missing: name the project file")
	case 1:
		return nil
	}
	return fmt.Errorf("one FILE is taken, %d are named: %s", len(args), strings.Join(args, " "))
}

// load reads a project file; what is wrong with it is wrong usage.
func load(path string) (*config.Project, error) {
	p, err := config.Load(path)
	if err != nil {
		return nil, &exitError{code: exitUsage, err: err}
	}
	return p, nil
}

// document prints the answer of --json.
func (a *app) document(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	a.answered = true
	return e.Encode(v)
}

// printf writes to standard output for people, which with --json is silent.
func (a *app) printf(format string, args ...any) {
	if !a.json {
		fmt.Fprintf(a.out, format, args...)
	}
}

// terminal gives the terminal behind w, or nil.
func terminal(w io.Writer) *os.File {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return f
}
