package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"github.com/spf13/pflag"

	"toponym/config"
)

// Lines may quote what others have sent, of any length.
func TestLogLinesAreBounded(t *testing.T) {
	long := strings.Repeat("é", 1<<20)
	for _, format := range []config.LogFormat{config.LogText, config.LogJSON} {
		var b bytes.Buffer
		newLog(&b, 0, format).WithError(errors.New(long)).WithField("name", long).WithField("many", strings.Split(long, "é")[:9999]).Warn(long)
		if got := b.Len(); got > 6*4*maxLogValue {
			t.Errorf("%s: got a line of %d bytes, want a bounded one", format, got)
		}
		if got := strings.Count(b.String(), "(2097152 bytes)"); got != 3 {
			t.Errorf("%s: got the length named %d times, want 3", format, got)
		}
	}
}

func TestLogEntryIsOneLine(t *testing.T) {
	for _, format := range []config.LogFormat{config.LogText, config.LogJSON} {
		var b bytes.Buffer
		newLog(&b, 0, format).WithField("name", "a\nlevel=error").Warn("a\nb")
		if got := strings.Count(b.String(), "\n"); got != 1 {
			t.Errorf("%s: got %d lines %q, want 1", format, got, b.String())
		}
	}
}

func TestLogFormatJSON(t *testing.T) {
	var b bytes.Buffer
	newLog(&b, 0, config.LogJSON).WithField("serial", 7).WithError(errors.New("timeout")).Info("hello")
	var got struct {
		Msg, Level, Error string
		Serial            int
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil || got.Msg != "hello" || got.Level != "info" || got.Serial != 7 || got.Error != "timeout" {
		t.Errorf("got %s, error %v, want an object with message, level and fields", b.String(), err)
	}
}

// The log names each flag of Mesos-DNS that was given and has no effect.
func TestIgnoredFlagsOfMesosDNSAreLogged(t *testing.T) {
	for args, want := range map[string]string{
		"-logtostderr=true -alsologtostderr": "",
		"-logtostderr=false":                 "-logtostderr",
		"-log_dir=/var/log -vmodule x=2":     "-log_dir -vmodule",
		"-stderrthreshold=INFO":              "-stderrthreshold",
	} {
		fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		glog := defineGlogFlags(fs)
		if err := fs.Parse(twoDashes(strings.Fields(args), fs)); err != nil {
			t.Fatal(err)
		}
		log, hook := test.NewNullLogger()
		glog.warn(fs, log)
		var got []string
		for _, e := range hook.AllEntries() {
			got = append(got, e.Data["flag"].(string))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got lines about %q, want %q", args, got, want)
		}
	}
}

func TestVerbosity(t *testing.T) {
	for verbosity, want := range []string{"info", "info debug", "info debug trace"} {
		var b bytes.Buffer
		log := newLog(&b, verbosity, config.LogText)
		log.Info("info")
		log.Debug("debug")
		log.Trace("trace")
		var got []string
		for line := range strings.Lines(b.String()) {
			_, level, _ := strings.Cut(line, "level=")
			level, _, _ = strings.Cut(level, " ")
			got = append(got, level)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("-v=%d: got levels %q, want %q", verbosity, text, want)
		}
	}
}

func TestJournalGetsFieldsAndLevels(t *testing.T) {
	type sent struct {
		message  string
		priority journal.Priority
		fields   map[string]string
	}
	var got []sent
	var text bytes.Buffer
	down := false
	log := newLineLog(&text, config.LogText)
	log.AddHook(&journalHook{fallback: &text, text: log.Formatter, send: func(message string, p journal.Priority, fields map[string]string) error {
		if down {
			return errors.New("no journal")
		}
		got = append(got, sent{message, p, fields})
		return nil
	}})
	log.SetOutput(io.Discard)
	log.SetLevel(logrus.TraceLevel)
	for level, want := range map[logrus.Level]journal.Priority{
		logrus.ErrorLevel: journal.PriErr, logrus.WarnLevel: journal.PriWarning, logrus.InfoLevel: journal.PriInfo, logrus.DebugLevel: journal.PriDebug, logrus.TraceLevel: journal.PriDebug,
	} {
		got = nil
		log.WithFields(logrus.Fields{"retry_interval": 5, "error": "no \"such\" host\nMESSAGE=forged"}).Log(level, "cannot\nask")
		if len(got) != 1 || got[0].priority != want || got[0].message != `cannot; ask error="no \"such\" host\nMESSAGE=forged" retry_interval=5` {
			t.Fatalf("%v: got %+v, want one message with the priority %d and its fields", level, got, want)
		}
		if f := got[0].fields; len(f) != 3 || f["TOPONYM_RETRY_INTERVAL"] != "5" || f["SYSLOG_IDENTIFIER"] != "toponym" {
			t.Errorf("got fields %q, want the entry's with a prefix", f)
		}
	}
	if text.Len() > 0 {
		t.Errorf("got text %q beside the journal, want none", text.String())
	}
	down = true
	log.Warn("the journal is gone")
	if !strings.Contains(text.String(), `level=warning msg="the journal is gone"`) {
		t.Errorf("got text %q without a journal, want the line", text.String())
	}
}

func TestLogFormatFollowsStandardError(t *testing.T) {
	// The tests' standard error is not the journal.
	if got := resolveFormat(config.LogAuto); got != config.LogText {
		t.Errorf("got %s, want text", got)
	}
	for _, f := range []config.LogFormat{config.LogText, config.LogJSON, config.LogJournald} {
		if got := resolveFormat(f); got != f {
			t.Errorf("got %s for %s, want the same", got, f)
		}
	}
}
