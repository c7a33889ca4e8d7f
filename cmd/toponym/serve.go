package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"

	"toponym/config"
	"toponym/internal/server"
	"toponym/zone"
)

// serve is the command that answers for a cluster.
func serve(ctx context.Context, args []string, env environment) int {
	fs := newFlags("serve", "toponym answers for the tasks of a Mesos cluster.", env.stderr)
	file := fs.String("config", "config.json", "the settings: JSON, YAML or TOML")
	showVersion := fs.Bool("version", false, "print the version")
	verbosity := verbosityFlag(fs)
	glog := defineGlogFlags(fs)
	if status, done := parse(fs, args, env.stderr); done {
		return status
	}
	if *showVersion {
		fmt.Fprintln(env.stdout, version())
		return statusOK
	}

	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	source := server.NewSource(*file, env.vars, hangup)
	c, warnings, err := config.Load(*file, env.vars)
	if err != nil {
		for _, w := range warnings {
			fmt.Fprintln(env.stderr, "warning:", w)
		}
		reportErrors(env, err)
		return statusFailed
	}
	log := newLog(env.stderr, *verbosity, c.LogFormat)
	glog.warn(fs, log)
	for _, w := range warnings {
		log.Warn(w)
	}
	err = runServer(ctx, c, source, log)
	if all := (zone.ZoneFileErrors)(nil); errors.As(err, &all) {
		reportErrors(env, err)
		return statusFailed
	}
	if err != nil {
		log.Error(err)
		return statusFailed
	}
	return statusOK
}

// runServer answers with these settings until ctx ends.
func runServer(ctx context.Context, c *config.Config, source *server.Source, log logrus.Ext1FieldLogger) error {
	sockets, err := server.InheritedSockets()
	if err != nil {
		return err
	}
	o := serverOptions(c, log)
	o.Source = source
	o.Sockets = sockets
	o.NotifyManager = true
	s, err := server.New(o)
	if err != nil {
		return err
	}
	if err := s.Listen(); err != nil {
		return err
	}
	return s.Run(ctx)
}

// serverOptions are those of every server in this program.
func serverOptions(c *config.Config, log logrus.Ext1FieldLogger) server.Options {
	return server.Options{Config: c, Version: version(), URL: projectURL, Log: log, TuneRuntime: true}
}
