package main

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is set by the build of a release: -ldflags "-X main.release=1.2.3".
var release string

const projectURL = "https://toponym.example/toponym"

// version returns the release, or else the revision that was built.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		for _, s := range buildSettings(info) {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return "devel-" + s.Value[:12]
			}
		}
		return "devel"
	}
	return info.Main.Version
}

func buildSettings(info *debug.BuildInfo) []debug.BuildSetting {
	if info == nil {
		return nil
	}
	return info.Settings
}

// versionCommand is the command that prints the version.
func versionCommand(env environment) *cobra.Command {
	c := &cobra.Command{Use: "version", Short: "print the version", Long: "toponym version prints the version.", Args: noArguments}
	c.RunE = withStatus(func(context.Context, []string) int {
		fmt.Fprintln(env.stdout, version())
		return statusOK
	})
	return c
}
