package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// shells are those that completion is generated for.
var shells = map[string]func(root *cobra.Command, w io.Writer) error{
	"bash": func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
	"zsh":  func(root *cobra.Command, w io.Writer) error { return root.GenZshCompletion(w) },
	"fish": func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
}

// completionCommand is the command that prints what a shell needs to complete
// commands, flags and values.
func completionCommand(env environment) *cobra.Command {
	c := &cobra.Command{
		Use:   "completion SHELL",
		Short: "print a script that completes commands and flags in bash, zsh or fish",
		Long: "toponym completion SHELL prints a script for bash, zsh or fish, which completes commands, flags and their values. " +
			"The one for bash needs the package bash-completion.",
		Example: `  toponym completion bash > /etc/bash_completion.d/toponym
  toponym completion zsh > /usr/local/share/zsh/site-functions/_toponym
  toponym completion fish > /etc/fish/completions/toponym.fish`,
		ValidArgs: []cobra.Completion{"bash", "zsh", "fish"},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || shells[args[0]] == nil {
				return fmt.Errorf("want one of bash, zsh, fish")
			}
			return nil
		},
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := shells[args[0]](c.Root(), env.stdout); err != nil {
			fmt.Fprintln(env.stderr, "toponym completion:", err)
			return exitStatus(statusFailed)
		}
		return nil
	}
	return c
}

// isCompletion reports whether a command is the one with which the scripts ask for
// completions.
func isCompletion(name string) bool {
	return name == cobra.ShellCompRequestCmd || name == cobra.ShellCompNoDescRequestCmd
}

// complete answers a script. Flags are completed with the dashes that were typed,
// one or two.
func complete(ctx context.Context, root *cobra.Command, args []string, env environment) int {
	line := append([]string(nil), args[1:]...)
	oneDash := false
	if n := len(line); n > 0 {
		last := line[n-1]
		if oneDash = strings.HasPrefix(last, "-") && !strings.HasPrefix(last, "--"); oneDash {
			last = "-" + last
		}
		before := line[:n-1]
		if n > 1 || strings.HasPrefix(last, "-") {
			before = withCommand(before)
		}
		if len(before) > 0 {
			if c := commandOf(root, before[0]); c != nil {
				before = append(before[:1:1], twoDashes(before[1:], c.Flags())...)
			}
		}
		line = append(before[:len(before):len(before)], last)
	}
	var answer bytes.Buffer
	root.SetOut(&answer)
	root.SetArgs(append([]string{args[0]}, line...))
	err := root.ExecuteContext(ctx)
	for text := range strings.Lines(answer.String()) {
		if strings.HasPrefix(text, "--") {
			text = strings.ReplaceAll(text, "`", "") // around the names of values
			if oneDash {
				text = text[1:]
			}
		}
		fmt.Fprint(env.stdout, text)
	}
	if err != nil {
		return statusFailed
	}
	return statusOK
}
