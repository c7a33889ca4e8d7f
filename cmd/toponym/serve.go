package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"

	"toponym/config"
	"toponym/internal/server"
)

// serve is the command that answers for a cluster.
func serve(ctx context.Context, args []string, env environment) int {
	fs := newFlags("serve", "toponym serve answers for the tasks of a Mesos cluster. The word serve can be omitted.", env.stderr)
	file := configFlag(fs)
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
		printWarnings(env, warnings)
		reportErrors(env, err)
		return statusFailed
	}
	log := newLog(env.stderr, *verbosity, c.LogFormat)
	glog.warn(fs, log)
	for _, w := range warnings {
		log.WithField("setting", w.Key).Warn(w.Text)
	}
	sockets, err := server.InheritedSockets()
	if err != nil {
		log.WithError(err).Error("the sockets of the service manager cannot be used")
		return statusFailed
	}
	o := serverOptions(c, log)
	o.Source, o.Sockets, o.NotifyManager = source, sockets, true
	s, err := server.New(o)
	if err != nil {
		reportErrors(env, err)
		return statusFailed
	}
	if err := s.Listen(); err != nil {
		log.Error(err)
		return statusFailed
	}
	if err := s.Run(ctx); err != nil {
		log.Error(err)
		return statusFailed
	}
	return statusOK
}

// serverOptions are those of every server in this program.
func serverOptions(c *config.Config, log logrus.Ext1FieldLogger) server.Options {
	return server.Options{Config: c, Version: version(), URL: projectURL, Log: log, TuneRuntime: true}
}
