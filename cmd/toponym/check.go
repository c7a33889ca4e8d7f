package main

import (
	"context"
	"fmt"

	"toponym/config"
	"toponym/internal/server"
)

// check is the command that reads a file of settings and says what it means.
func check(_ context.Context, args []string, env environment) int {
	fs := newFlags("check", "toponym check reads the settings and says what would be in force.", env.stderr)
	file := fs.String("config", "config.json", "the settings: JSON, YAML or TOML")
	if status, done := parse(fs, args, env.stderr); done {
		return status
	}
	c, warnings, err := config.Load(*file, env.vars, server.ZoneFileCheck)
	for _, w := range warnings {
		fmt.Fprintln(env.stderr, "warning:", w)
	}
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

// reportErrors prints what is wrong with the settings, a line for each error.
func reportErrors(env environment, err error) {
	fmt.Fprintln(env.stderr, "toponym: the settings cannot be used:")
	fmt.Fprintln(env.stderr, err)
}
