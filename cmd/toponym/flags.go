package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/sirupsen/logrus"
)

// flags is a set of flags that reports what is wrong instead of ending the
// process. Flags are written with one dash or two.
func flags(name, about string, w io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet("toponym "+name, flag.ContinueOnError)
	fs.SetOutput(w)
	fs.Usage = func() {
		fmt.Fprintf(w, "%s\n\nFlags:\n", about)
		fs.PrintDefaults()
	}
	return fs
}

// parse reads the flags. When the command is over with that, done says so.
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

// verbosity is the flag -v, which Mesos-DNS's unit files set.
func verbosity(fs *flag.FlagSet) *int {
	return fs.Int("v", 0, "how much is logged: 0 what an operator must know, 1 more, 2 all")
}

// newLog returns the logger of a process.
func newLog(w io.Writer, verbose int) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(w)
	log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, DisableColors: true})
	switch {
	case verbose <= 0:
		log.SetLevel(logrus.InfoLevel)
	case verbose == 1:
		log.SetLevel(logrus.DebugLevel)
	default:
		log.SetLevel(logrus.TraceLevel)
	}
	return log
}
