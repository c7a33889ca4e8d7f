package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"toponym/config"
	"toponym/internal/managedfile"
)

const haproxyAbout = `toponym haproxy -group GROUPS writes a configuration of HAProxy for the apps that have a label HAPROXY_GROUP
with one of these groups, and keeps it up to date: it asks a running server, checks a new configuration, replaces the file
and reloads HAProxy. Without -out it prints the configuration and ends.`

// commandTimeout is how long the commands of -check and -reload may run.
const commandTimeout = time.Minute

// haproxyCommand is the command that keeps a configuration of HAProxy up to date.
func haproxyCommand(env environment) *cobra.Command {
	c := &cobra.Command{
		Use: "haproxy -group GROUPS [FLAGS]", Short: "keep a configuration of HAProxy up to date", Long: haproxyAbout,
		Args: noArguments,
	}
	fs := c.Flags()
	f := follower{file: managedfile.File{Timeout: commandTimeout}}
	serverFlag(fs, &f.server)
	fs.StringVar(&f.tokenFile, "token-file", "", tokenFileUsage)
	group := fs.String("group", "", "`GROUPS` of the load balancer, separated by commas; * is all")
	dns := fs.String("dns", "", "`ADDRESS` at which HAProxy asks the server for DNS; the default is the one where the server listens")
	http := fs.String("http", "", "`ADDRESSES` for HTTP, separated by commas, or none (default *:80)")
	https := fs.String("https", "", "`ADDRESSES` for HTTPS if there are certificates, or none (default *:443)")
	stats := fs.String("stats", "", "`ADDRESSES` for HAProxy's statistics, or none (default 127.0.0.1:9090)")
	certs := fs.String("certs", "", "`FILE` or directory with certificates and their keys")
	fs.StringVar(&f.headFile, "head", "", "`FILE` with the sections global and defaults, instead of those of the server")
	fs.StringVar(&f.file.Path, "out", "", "`FILE` to keep up to date")
	fs.StringVar(&f.file.Check, "check", "haproxy -c -f", "`COMMAND` that checks a file, to which its path is added; empty: nothing is checked")
	fs.StringVar(&f.file.Reload, "reload", "", "`COMMAND` that reloads HAProxy")
	fs.StringVar(&f.stateFile, "state", "", "`FILE` to which the addresses of servers are written before a reload, so that HAProxy has them at once")
	fs.StringVar(&f.socket, "socket", "/run/haproxy/admin.sock", "`SOCKET` of HAProxy, from which -state is read")
	fs.DurationVar(&f.interval, "interval", time.Second, "least time between two looks at the server, which answers when something has changed")
	fs.DurationVar(&f.pause, "pause", 5*time.Second, "least time between two reloads")
	once := fs.Bool("once", false, "end when the file is up to date")
	format := fs.String("log-format", string(config.LogText), "form of log lines: text or json")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := f.checkFlags(fs, *group, *format); err != nil {
			return err
		}
		f.query = url.Values{"group": {*group}}
		for name, value := range map[string]string{"dns": *dns, "http": *http, "https": *https, "stats": *stats, "certs": *certs, "state": f.stateFile} {
			if value != "" {
				f.query.Set(name, value)
			}
		}
		if f.headFile != "" {
			f.query.Set("head", "none")
		}
		f.log = newLog(env.stderr, 0, config.LogFormat(*format)).WithFields(logrus.Fields{})
		return withStatus(func(ctx context.Context, _ []string) int { return f.follow(ctx, *once, env) })(c, nil)
	}
	return c
}

// follow does what the flags ask for, and returns the exit status.
func (f *follower) follow(ctx context.Context, once bool, env environment) int {
	if f.file.Path == "" {
		content, err := f.fetch(ctx)
		if err != nil {
			fmt.Fprintln(env.stderr, "toponym haproxy:", err)
			return statusFailed
		}
		_, _ = env.stdout.Write(content)
		return statusOK
	}
	f.log = f.log.WithField("file", f.file.Path)
	if once {
		if err := f.once(ctx); err != nil {
			f.logError(err)
			return statusFailed
		}
		return statusOK
	}
	f.run(ctx)
	return statusOK
}

// checkFlags checks flags, and makes paths absolute that HAProxy reads.
func (f *follower) checkFlags(fs *pflag.FlagSet, group, format string) error {
	base, err := apiURL(f.server)
	switch {
	case group == "":
		return errors.New("-group is missing: want the groups of the load balancer, such as external, or * for all")
	case err != nil:
		return err
	case f.interval < 100*time.Millisecond:
		return fmt.Errorf("-interval: %v is too short: want at least 100ms", f.interval)
	case f.pause < 0:
		return fmt.Errorf("-pause: %v is negative", f.pause)
	case format != string(config.LogText) && format != string(config.LogJSON):
		return fmt.Errorf("-log-format: %q is unknown: want text or json", format)
	}
	if f.file.Path == "" {
		var useless string
		fs.Visit(func(given *pflag.Flag) {
			switch given.Name {
			case "reload", "check", "once", "interval", "pause", "socket":
				useless = given.Name
			}
		})
		if useless != "" {
			return fmt.Errorf("-%s has no effect without -out", useless)
		}
	}
	f.url = base.JoinPath("v1", "sd", "haproxy")
	if f.stateFile != "" {
		f.stateFile, err = filepath.Abs(f.stateFile)
	}
	return err
}
