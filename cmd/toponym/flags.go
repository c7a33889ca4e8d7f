package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"

	"github.com/sirupsen/logrus"
)

// newFlags returns a set of flags that reports errors instead of ending the
// process. Flags are written with one dash or two.
func newFlags(command, about string, w io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet("toponym "+command, flag.ContinueOnError)
	fs.SetOutput(w)
	fs.Usage = func() {
		fmt.Fprintf(w, "%s\n\nFlags:\n", about)
		fs.PrintDefaults()
	}
	return fs
}

// parse reads the flags. If done is true, the command ends with this status.
func parse(fs *flag.FlagSet, args []string, stderr io.Writer) (status int, done bool) {
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return statusOK, true
		}
		return statusUsage, true
	}
	if fs.NArg() > 0 {
		fmt.Fprintf(stderr, "%s: unexpected argument %q\n", fs.Name(), fs.Arg(0))
		return statusUsage, true
	}
	return statusOK, false
}

// configFlag is -config, which unit files for Mesos-DNS set.
func configFlag(fs *flag.FlagSet) *string {
	return fs.String("config", "config.json", "configuration `FILE`: JSON, YAML or TOML")
}

// verbosityFlag is -v, which unit files for Mesos-DNS set.
func verbosityFlag(fs *flag.FlagSet) *int {
	return fs.Int("v", 0, "log level: 0 for events that matter, 1 for every change of the zone too, 2 for every changed name too")
}

// glogFlags are the flags of the logging library of Mesos-DNS, which its unit
// files set. All are accepted.
type glogFlags struct {
	toStderr bool
	ignored  []string // names
}

func defineGlogFlags(fs *flag.FlagSet) *glogFlags {
	f := &glogFlags{ignored: []string{"log_dir", "stderrthreshold", "vmodule", "log_backtrace_at"}}
	fs.BoolVar(&f.toStderr, "logtostderr", true, "accepted for unit files of Mesos-DNS; logs always go to standard error")
	fs.Bool("alsologtostderr", true, "same as -logtostderr")
	for _, name := range f.ignored {
		fs.String(name, "", "accepted for unit files of Mesos-DNS, and ignored with a warning")
	}
	return f
}

// warn logs which of the given flags have no effect.
func (f *glogFlags) warn(fs *flag.FlagSet, log logrus.FieldLogger) {
	fs.Visit(func(given *flag.Flag) {
		if slices.Contains(f.ignored, given.Name) || given.Name == "logtostderr" && !f.toStderr {
			log.WithFields(logrus.Fields{"flag": "-" + given.Name, "value": given.Value.String()}).
				Warn("ignoring a flag of Mesos-DNS: logs go to standard error, and -v sets how much is logged")
		}
	})
}
