package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// longFlag is the beginning of a flag on a page, which other texts have with one dash,
// and the short form of a flag with one letter, which is the same then.
var longFlag = regexp.MustCompile(`(\\fB-\w\\fP, )?\\fB--`)

// manCommand is the command that writes manual pages, for packages.
func manCommand(env environment) *cobra.Command {
	c := &cobra.Command{
		Use:    "man DIRECTORY",
		Short:  "write a manual page for each command",
		Long:   "toponym man DIRECTORY writes a manual page for each command. The environment variable SOURCE_DATE_EPOCH sets the date in them.",
		Hidden: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("want the directory to write to")
			}
			return nil
		},
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := writeManPages(c.Root(), args[0], env.vars); err != nil {
			fmt.Fprintln(env.stderr, "toponym man:", err)
			return exitStatus(statusFailed)
		}
		return nil
	}
	return c
}

// writeManPages writes the pages of the program and its commands to a directory,
// which is made if it is not there.
func writeManPages(root *cobra.Command, dir string, vars []string) error {
	date := time.Now()
	for _, v := range vars {
		if text, ok := strings.CutPrefix(v, "SOURCE_DATE_EPOCH="); ok {
			seconds, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return fmt.Errorf("SOURCE_DATE_EPOCH=%s is not a number of seconds", text)
			}
			date = time.Unix(seconds, 0).UTC()
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, c := range append(root.Commands(), root) {
		if !c.IsAvailableCommand() {
			continue
		}
		var page bytes.Buffer
		h := &doc.GenManHeader{Section: "1", Date: &date, Source: "toponym " + version(), Manual: "Toponym"}
		if err := doc.GenMan(c, h, &page); err != nil {
			return err
		}
		name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
		text := longFlag.ReplaceAllString(page.String(), `\fB-`)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
