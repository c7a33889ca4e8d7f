package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"toponym/config"
	"toponym/internal/server"
)

// checkCommand is the command that validates settings and prints all of them,
// defaults included.
func checkCommand(env environment) *cobra.Command {
	c := &cobra.Command{
		Use: "check [FLAGS]", Short: "validate the settings and print all of them",
		Long: "toponym check validates the settings and prints all of them, defaults included.",
		Args: noArguments,
	}
	file := configFlag(c.Flags())
	c.RunE = withStatus(func(context.Context, []string) int { return check(*file, env) })
	return c
}

func check(file string, env environment) int {
	c, warnings, err := config.Load(file, env.vars, server.ZoneFileCheck)
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
