package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print what was built",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := version()
			if a.json {
				return a.document(v)
			}
			a.printf("duplex %s %s\n", v.Version, v.Go)
			return nil
		},
	}
}

// build is the answer of `version`.
type build struct {
	Version string `json:"version"`
	Go      string `json:"go"`
}

func version() build {
	b := build{Version: "development", Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		b.Version = info.Main.Version
	}
	return b
}
