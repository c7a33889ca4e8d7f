package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
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
	var unknown, own []config.Warning
	c, warnings, err := config.Load(file, env.vars, server.ZoneFileCheck, config.Check{
		Keys: []string{"stateDir"}, Run: func(c *config.Config) (err error) { unknown, err = probeStateDir(c.StateDir); return err },
	}, config.Check{
		Keys: []string{"dnson", "listener", "port", "resolvers", "zoneResolvers"}, Run: func(c *config.Config) error { own = ownUpstreams(c); return nil },
	})
	warnings = slices.Concat(warnings, unknown, own)
	printWarnings(env, warnings)
	if err != nil {
		reportErrors(env, err)
		return statusFailed
	}
	if err := c.Describe(env.stdout); err != nil {
		fmt.Fprintln(env.stderr, "toponym:", err)
		return statusFailed
	}
	fmt.Fprintln(env.stderr, "the configuration can be used")
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

// ownUpstreams warns of upstream servers that are this server, which it ignores. Only a
// running server knows all of its addresses.
func ownUpstreams(c *config.Config) (warnings []config.Warning) {
	isOwn := func(u config.Upstream) bool {
		return c.DNSOn && !u.TLS && slices.ContainsFunc(c.Listener, func(l config.Listen) bool {
			addr := u.AddrPort.Addr()
			local := l.Addr.IsUnspecified() && addr.IsLoopback() && (l.Addr.Is6() || addr.Is4())
			return cmp.Or(l.Port, c.Port) == u.AddrPort.Port() && (l.Addr == addr || local)
		})
	}
	warn := func(key string, list []config.Upstream) {
		for _, u := range list {
			if isOwn(u) {
				warnings = append(warnings, config.Warning{Key: key, Text: fmt.Sprintf("%v is this server itself and will be ignored", u)})
			}
		}
	}
	warn("resolvers", c.Resolvers)
	for _, zone := range slices.Sorted(maps.Keys(c.ZoneResolvers)) {
		warn(fmt.Sprintf("zoneResolvers[%q]", zone), c.ZoneResolvers[zone])
	}
	return warnings
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
