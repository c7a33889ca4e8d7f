package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"toponym/config"
	"toponym/internal/server"
)

// serveCommand is the command that answers for a cluster.
func serveCommand(env environment) *cobra.Command {
	c := &cobra.Command{
		Use: "serve [FLAGS]", Short: "answer for a cluster; the default without a command",
		Long: "toponym serve answers for the tasks of a Mesos cluster. The word serve can be omitted.",
		Args: noArguments,
	}
	file := configFlag(c.Flags())
	showVersion := c.Flags().Bool("version", false, "print the version")
	verbosity := verbosityFlag(c.Flags())
	glog := defineGlogFlags(c.Flags())
	c.RunE = withStatus(func(ctx context.Context, _ []string) int {
		if *showVersion {
			fmt.Fprintln(env.stdout, version())
			return statusOK
		}
		return serve(ctx, *file, *verbosity, func(log logrus.FieldLogger) { glog.warn(c.Flags(), log) }, env)
	})
	return c
}

// serve answers for a cluster until ctx ends. It calls started once there is a log.
func serve(ctx context.Context, file string, verbosity int, started func(logrus.FieldLogger), env environment) int {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	source := server.NewSource(file, env.vars, hangup)
	c, warnings, err := config.Load(file, env.vars)
	if err != nil {
		printWarnings(env, warnings)
		reportErrors(env, err)
		return statusFailed
	}
	log := newLog(env.stderr, verbosity, c.LogFormat)
	started(log)
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
	return server.Options{
		Config: c, Version: version(), URL: projectURL, Log: log, TuneRuntime: true,
		NewLogger: func(w io.Writer) logrus.FieldLogger { return newLineLog(w, c.LogFormat) },
	}
}
