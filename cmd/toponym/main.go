// Command toponym is a DNS server that names the tasks of a Mesos cluster.
//
// This package reads the command line and runs the command it names. The server
// itself is in package internal/server.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// Exit statuses.
const (
	statusOK     = 0
	statusFailed = 1
	statusUsage  = 2
)

// environment is the part of the process that commands may use.
type environment struct {
	vars           []string // as from os.Environ
	stdout, stderr io.Writer
}

// run runs the program with these arguments and returns its exit status.
func run(ctx context.Context, args []string, vars []string, stdout, stderr io.Writer) int {
	env := environment{vars: vars, stdout: stdout, stderr: stderr}
	root := newRoot(env)
	if len(args) > 0 && isCompletion(args[0]) {
		return complete(ctx, root, args, env)
	}
	args = withCommand(args)
	name, rest := args[0], args[1:]
	if !isHelp(name) {
		c := commandOf(root, name)
		if c == nil {
			fmt.Fprintf(stderr, "toponym: %v\n", unknownCommand(root, name))
			return statusUsage
		}
		args = append([]string{name}, twoDashes(rest, c.Flags())...)
	}
	root.SetArgs(args)
	c, err := root.ExecuteContextC(ctx)
	var status exitStatus
	switch {
	case errors.As(err, &status):
		return int(status)
	case err != nil:
		fmt.Fprintf(stderr, "%s: %v\n", c.CommandPath(), err)
		return statusUsage
	}
	return statusOK
}
