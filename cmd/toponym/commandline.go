package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"toponym/internal/nearest"
)

func init() {
	cobra.EnableCommandSorting = false // the help begins with what is needed first
}

// newRoot returns the program with all of its commands.
func newRoot(env environment) *cobra.Command {
	root := &cobra.Command{
		Use:   "toponym [COMMAND] [FLAGS]",
		Short: "a DNS server that names the tasks of a Mesos cluster",
		Long: "toponym is a DNS server that names the tasks of a Mesos cluster. Without a command it answers for a cluster, " +
			"with the flags of toponym-serve(1). Flags are written with one dash or two.",
		SilenceErrors: true, SilenceUsage: true, // run prints errors
		DisableAutoGenTag: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.AddCommand(
		serveCommand(env),
		checkCommand(env),
		demoCommand(env),
		previewCommand(env),
		compareCommand(env),
		lookupCommand(env),
		statusCommand(env),
		explainCommand(env),
		watchCommand(env),
		topCommand(env),
		secondaryCommand(env),
		haproxyCommand(env),
		versionCommand(env),
		completionCommand(env),
		manCommand(env),
	)
	root.SetHelpCommand(helpCommand(env))
	root.InitDefaultHelpCmd()
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	root.SetHelpFunc(func(c *cobra.Command, _ []string) {
		if !c.HasParent() {
			printUsage(env.stdout, c)
			return
		}
		printHelp(env.stderr, c)
	})
	root.SetFlagErrorFunc(flagError)
	for _, c := range append(root.Commands(), root) {
		c.DisableFlagsInUseLine = true
		c.Flags().Bool("help", false, "print the help")
		c.Flags().Lookup("help").Hidden = true // every command has it
	}
	return root
}

// exitStatus is how a command has failed, once it has printed why.
type exitStatus int

func (s exitStatus) Error() string { return "exit status " + strconv.Itoa(int(s)) }

// withStatus makes a function that returns an exit status one that cobra runs.
func withStatus(f func(ctx context.Context, args []string) int) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		if status := f(c.Context(), args); status != statusOK {
			return exitStatus(status)
		}
		return nil
	}
}

// noArguments is for commands that take flags alone.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		if c.Flags().Lookup("config") != nil && isSettingsFile(args[0]) {
			return fmt.Errorf("unexpected argument %q; did you mean -config %s?", args[0], args[0])
		}
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	return nil
}

// isSettingsFile reports whether a word looks like the name of a file of settings.
func isSettingsFile(word string) bool {
	return strings.Contains(word, "/") || slices.Contains([]string{".json", ".yaml", ".yml", ".toml"}, strings.ToLower(filepath.Ext(word)))
}

// withCommand adds the command that may be omitted.
func withCommand(args []string) []string {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") && !isHelp(args[0]) {
		return append([]string{"serve"}, args...)
	}
	return args
}

func isHelp(arg string) bool { return slices.Contains([]string{"-h", "--h", "-help", "--help"}, arg) }

// commandOf returns the command of a name, or nil.
func commandOf(root *cobra.Command, name string) *cobra.Command {
	for _, c := range root.Commands() {
		if c.Name() == name {
			return c
		}
	}
	return nil
}

// twoDashes writes all flags among arguments with two dashes. With one dash, as in
// unit files of Mesos-DNS, pflag would take each letter for a flag.
func twoDashes(args []string, flags *pflag.FlagSet) []string {
	list := make([]string, 0, len(args))
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(list, args[i:]...)
		}
		if len(arg) < 2 || arg[0] != '-' {
			list = append(list, arg)
			continue
		}
		written := strings.TrimPrefix(arg[1:], "-")
		if written == "h" {
			written = "help"
		}
		list = append(list, "--"+written)
		name, _, hasValue := strings.Cut(written, "=")
		if f := flags.Lookup(name); f != nil && f.NoOptDefVal == "" && !hasValue && i+1 < len(args) {
			i++ // the value, which may begin with a dash
			list = append(list, args[i])
		}
	}
	return list
}

// unknownCommand is the error for a command that there is not.
func unknownCommand(root *cobra.Command, word string) error {
	var names []string
	for _, c := range root.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	if isSettingsFile(word) {
		return fmt.Errorf("unknown command %q; did you mean -config %s?", word, word)
	}
	if guess := nearest.Word(word, names, min(2, len(word)/2)); guess != "" {
		return fmt.Errorf("unknown command %q; did you mean %q?", word, guess)
	}
	return fmt.Errorf(`unknown command %q; "toponym help" lists the commands`, word)
}

// flagError puts an error of pflag in the words of package flag, with one dash as in
// all texts.
func flagError(c *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
		number  *strconv.NumError
	)
	switch {
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		err = fmt.Errorf("flag provided but not defined: -%s", name)
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if guess := nearest.Word(name, names, min(2, len(name)/2)); guess != "" {
			return fmt.Errorf("%w; did you mean -%s?", err, guess)
		}
	case errors.As(err, &missing):
		err = fmt.Errorf("flag needs an argument: -%s", missing.GetSpecifiedName())
	case errors.As(err, &invalid):
		cause := errors.Unwrap(invalid)
		if errors.As(err, &number) {
			cause = numberError(number.Err, invalid.GetFlag().Value.Type())
		}
		err = fmt.Errorf("invalid value %q for flag -%s: %w", invalid.GetValue(), invalid.GetFlag().Name, cause)
	}
	return fmt.Errorf("%w; \"toponym help %s\" describes the flags", err, c.Name())
}

// numberError says what a flag of a type wants where package strconv only says that
// the syntax is invalid.
func numberError(err error, flagType string) error {
	switch {
	case !errors.Is(err, strconv.ErrSyntax):
		return err
	case flagType == "bool":
		return errors.New("want true or false")
	case strings.HasPrefix(flagType, "float"):
		return errors.New("want a number")
	}
	return errors.New("want a whole number")
}

// helpCommand is the command that describes the program, or one of its commands.
func helpCommand(env environment) *cobra.Command {
	c := &cobra.Command{
		Use:   "help [COMMAND]",
		Short: `print this text; "toponym help COMMAND" describes a command and its flags`,
		Long:  "toponym help describes the program; toponym help COMMAND describes a command and its flags.",
		Args:  cobra.MaximumNArgs(1),
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
			for _, other := range c.Root().Commands() {
				if len(args) == 0 && !other.Hidden {
					names = append(names, cobra.CompletionWithDesc(other.Name(), other.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		root := c.Root()
		if len(args) == 0 || args[0] == c.Name() {
			printUsage(env.stdout, root)
			return nil
		}
		other := commandOf(root, args[0])
		if other == nil {
			return unknownCommand(root, args[0])
		}
		printHelp(env.stdout, other)
		return nil
	}
	return c
}

// printUsage prints what the program can do.
func printUsage(w io.Writer, root *cobra.Command) {
	fmt.Fprint(w, `toponym is a DNS server that names the tasks of a Mesos cluster.

Usage:
  toponym [-config FILE] [-v=0|1|2]     answer for a cluster
  toponym COMMAND [FLAGS]

Commands:
`)
	for _, c := range root.Commands() {
		if !c.Hidden {
			fmt.Fprintf(w, "  %-10s  %s\n", c.Name(), c.Short)
		}
	}
	fmt.Fprint(w, `
Flags without a command:
  -config FILE   settings in JSON (the file of Mesos-DNS), YAML or TOML; config.json by default
  -v N           log level: 0 for events that matter, 1 for every change of the zone too, 2 for every changed name too
  -version       print the version

"toponym help serve" describes all flags. Environment variables such as TOPONYM_REFRESHSECONDS override settings.
`)
}

// printHelp describes a command.
func printHelp(w io.Writer, c *cobra.Command) {
	fmt.Fprintf(w, "%s\n\nUsage:\n  %s\n", c.Long, c.UseLine())
	if c.Example != "" {
		fmt.Fprintf(w, "\nExamples:\n%s\n", c.Example)
	}
	title := "\nFlags:\n"
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		fmt.Fprint(w, title, strings.TrimRight("  -"+f.Name+" "+value, " "), "\n        ", usage, defaultText(f), "\n")
		title = ""
	})
}

// defaultText is the default of a flag, if it says anything.
func defaultText(f *pflag.Flag) string {
	switch {
	case slices.Contains([]string{"", "0", "0s", "false"}, f.DefValue):
		return ""
	case f.Value.Type() == "string":
		return fmt.Sprintf(" (default %q)", f.DefValue)
	}
	return fmt.Sprintf(" (default %s)", f.DefValue)
}
