package main

import (
	"context"
	"fmt"

	"toponym/config"
	"toponym/internal/server"
)

// check is the command that validates settings and prints all of them, defaults
// included.
func check(_ context.Context, args []string, env environment) int {
	fs := newFlags("check", "toponym check validates the settings and prints all of them, defaults included.", env.stderr)
	file := configFlag(fs)
	if status, done := parse(fs, args, env.stderr); done {
		return status
	}
	c, warnings, err := config.Load(*file, env.vars, server.ZoneFileCheck)
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
