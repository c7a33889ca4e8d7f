package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/spf13/cobra"

	"toponym/config"
	"toponym/internal/server"
)

// checkCommand is the command that validates settings and prints all of them,
// defaults included.
func checkCommand(env environment) *cobra.Command {
	c := &cobra.Command{
		Use: "check [FLAGS]", Short: "validate the settings and print all of them",
		Long: "toponym check validates the settings and prints all of them, defaults included. It tries whether snapshots " +
			"can be written to stateDir, and leaves nothing there.",
		Args: noArguments,
	}
	file := configFlag(c.Flags())
	c.RunE = withStatus(func(context.Context, []string) int { return check(*file, env) })
	return c
}

func check(file string, env environment) int {
	var unknown []config.Warning
	c, warnings, err := config.Load(file, env.vars, server.ZoneFileCheck, config.Check{
		Keys: []string{"stateDir"}, Run: func(c *config.Config) (err error) { unknown, err = probeStateDir(c.StateDir); return err },
	})
	warnings = append(warnings, unknown...)
	printWarnings(env, warnings)
	if err != nil {
		reportErrors(env, err)
		return statusFailed
	}
	if err := c.Describe(env.stdout); err != nil {
		fmt.Fprintln(env.stderr, "toponym:", err)
		return statusFailed
	}
	return statusOK
}

// probeStateDir tries whether snapshots can be written. A permission that is missing
// is a warning: the server may run as another user.
func probeStateDir(dir string) ([]config.Warning, error) {
	if dir == "" {
		return nil, nil
	}
	err := server.ProbeStateDir(dir)
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err
	}
	switch {
	case err == nil:
		return nil, nil
	case errors.Is(err, fs.ErrPermission):
		return []config.Warning{{Key: "stateDir", Text: fmt.Sprintf("%q cannot be written by the user who checks: %v", dir, err)}}, nil
	}
	problem := "cannot be created or written: " + err.Error()
	if errors.Is(err, fs.ErrNotExist) { // although directories above are made as well
		problem = "cannot be created: its file system takes no new files or directories"
	}
	return nil, config.Error{Key: "stateDir", Value: strconv.Quote(dir), Problem: problem, Want: "a directory on a disk"}
}

func printWarnings[T any](env environment, warnings []T) {
	for _, w := range warnings {
		fmt.Fprintln(env.stderr, "warning:", w)
	}
}

// reportErrors prints the errors in the settings, one line each.
func reportErrors(env environment, err error) {
	fmt.Fprintln(env.stderr, "toponym: the configuration cannot be used:")
	fmt.Fprintln(env.stderr, err)
}
