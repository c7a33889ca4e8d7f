package main

import (
	"fmt"
	"slices"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// output is the flag -o: the form in which a command prints.
type output string

// The forms of output.
const (
	outputText output = "text"
	outputJSON output = "json"
	outputHTML output = "html" // of few commands
)

// outputFlag is -o, which needs a short form to be completed. The help says what is printed in JSON.
func outputFlag(c *cobra.Command, o *output, json string) {
	*o = outputText
	c.Flags().VarP(formatFlag{o, []output{outputText, outputJSON}}, "o", "o", "`FORM` of the output: text, or json for "+json)
	// The error would be that there is no such flag.
	_ = c.RegisterFlagCompletionFunc("o", cobra.FixedCompletions([]cobra.Completion{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

// formatFlag is the value of -o, which is one of some forms.
type formatFlag struct {
	form  *output
	known []output
}

// String implements pflag.Value.
func (f formatFlag) String() string {
	if f.form == nil { // pflag makes an empty value to find out the default
		return ""
	}
	return string(*f.form)
}

// Type implements pflag.Value.
func (f formatFlag) Type() string { return "string" }

// Set implements pflag.Value.
func (f formatFlag) Set(s string) error {
	if !slices.Contains(f.known, output(s)) {
		if len(f.known) == 2 {
			return fmt.Errorf("%q is neither %s nor %s", s, f.known[0], f.known[1])
		}
		return fmt.Errorf("%q is none of %v", s, f.known)
	}
	*f.form = output(s)
	return nil
}

// configFlag is -config, which unit files for Mesos-DNS set.
func configFlag(fs *pflag.FlagSet) *string {
	return fs.String("config", "config.json", configUsage)
}

const configUsage = "configuration `FILE`: JSON, YAML or TOML"

// verbosityFlag is -v, which unit files for Mesos-DNS set.
func verbosityFlag(fs *pflag.FlagSet) *int {
	return fs.IntP("v", "v", 0, "log level: 0 for events that matter, 1 for every change of the zone too, 2 for every changed name too")
}

// glogFlags are the flags of the logging library of Mesos-DNS, which its unit
// files set. All are accepted.
type glogFlags struct {
	toStderr bool
	ignored  []string // names
}

func defineGlogFlags(fs *pflag.FlagSet) *glogFlags {
	f := &glogFlags{ignored: []string{"log_dir", "stderrthreshold", "vmodule", "log_backtrace_at"}}
	fs.BoolVar(&f.toStderr, "logtostderr", true, "accepted for unit files of Mesos-DNS; logs always go to standard error")
	fs.Bool("alsologtostderr", true, "same as -logtostderr")
	for _, name := range f.ignored {
		fs.String(name, "", "accepted for unit files of Mesos-DNS, and ignored with a warning")
	}
	return f
}

// warn logs which of the given flags have no effect.
func (f *glogFlags) warn(fs *pflag.FlagSet, log logrus.FieldLogger) {
	fs.Visit(func(given *pflag.Flag) {
		if slices.Contains(f.ignored, given.Name) || given.Name == "logtostderr" && !f.toStderr {
			log.WithFields(logrus.Fields{"flag": "-" + given.Name, "value": given.Value.String()}).
				Warn("ignoring a flag of Mesos-DNS: logs go to standard error, and -v sets how much is logged")
		}
	})
}
