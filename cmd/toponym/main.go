// Command toponym is a DNS server that names the tasks of a Mesos cluster.
//
// This package reads the command line and runs the command it names. The server
// itself is in package internal/server.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"toponym/internal/nearest"
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

// command is a command of the program: the first word on the command line.
type command struct {
	name    string
	summary string
	run     func(ctx context.Context, args []string, env environment) int
}

// environment is the part of the process that commands may use.
type environment struct {
	vars           []string // as from os.Environ
	stdout, stderr io.Writer
}

func commands() []command {
	return []command{
		{"serve", "answer for a cluster; the default without a command", serve},
		{"check", "validate the settings and print all of them", check},
		{"demo", "answer for a simulated cluster, without any set-up", demo},
		{"preview", "show the names that a Marathon app would get", preview},
		{"explain", "show which tasks the records of a name come from, on a running server", explain},
		{"watch", "print the changes of records as they happen, on a running server", watch},
		{"secondary", "print a configuration for a DNS server that carries copies of the zones", writeSecondary},
		{"haproxy", "keep a configuration of HAProxy up to date", haproxy},
		{"version", "print the version", func(_ context.Context, _ []string, env environment) int {
			fmt.Fprintln(env.stdout, version())
			return statusOK
		}},
	}
}

// run runs the program with these arguments and returns its exit status.
func run(ctx context.Context, args []string, vars []string, stdout, stderr io.Writer) int {
	env := environment{vars: vars, stdout: stdout, stderr: stderr}
	if len(args) > 0 {
		switch args[0] {
		case "help", "-h", "-help", "--help":
			if len(args) == 1 || args[1] == "help" || strings.HasPrefix(args[1], "-") {
				usage(stdout)
				return statusOK
			}
			args = []string{args[1], "-help"} // as in "help check"
			env.stderr = stdout               // where flags print their help
		}
		for _, c := range commands() {
			if c.name == args[0] {
				return c.run(ctx, args[1:], env)
			}
		}
		if args[0] == "" || args[0][0] != '-' {
			fmt.Fprintf(stderr, "toponym: unknown command %q%s\n", args[0], suggestion(args[0]))
			return statusUsage
		}
	}
	return serve(ctx, args, env)
}

// suggestion returns the end of the error for an unknown command.
func suggestion(word string) string {
	names := []string{"help"}
	for _, c := range commands() {
		names = append(names, c.name)
	}
	if guess := nearest.Word(word, names, 2); guess != "" {
		return fmt.Sprintf("; did you mean %q?", guess)
	}
	return `; "toponym help" lists the commands`
}

func usage(w io.Writer) {
	fmt.Fprint(w, `toponym is a DNS server that names the tasks of a Mesos cluster.

Usage:
  toponym [-config FILE] [-v=0|1|2]     answer for a cluster
  toponym COMMAND [FLAGS]

Commands:
`)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-9s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, `  help      print this text; "toponym help COMMAND" describes a command and its flags

Flags without a command:
  -config FILE   settings in JSON (the file of Mesos-DNS), YAML or TOML; config.json by default
  -v N           log level: 0 for events that matter, 1 for every change of the zone too, 2 for every changed name too
  -version       print the version

"toponym help serve" describes all flags. Environment variables such as TOPONYM_REFRESHSECONDS override settings.
`)
}
