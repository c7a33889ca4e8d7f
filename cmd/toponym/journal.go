package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/sirupsen/logrus"

	"toponym/config"
)

// resolveFormat is the form of log lines that auto stands for: that of the journal if
// standard error leads there (systemd.exec(5), JOURNAL_STREAM), so that fields and
// levels are not lost in text.
func resolveFormat(f config.LogFormat) config.LogFormat {
	if f != config.LogAuto {
		return f
	}
	if ours, err := journal.StderrIsJournalStream(); err == nil && ours && journal.Enabled() {
		return config.LogJournald
	}
	return config.LogText
}

// journalHook sends log lines to the journal. What it does not take is written to a
// writer as text.
type journalHook struct {
	send     func(message string, p journal.Priority, fields map[string]string) error
	fallback io.Writer
	text     logrus.Formatter
}

// Levels implements [logrus.Hook].
func (h *journalHook) Levels() []logrus.Level { return logrus.AllLevels }

// Fire implements [logrus.Hook].
func (h *journalHook) Fire(e *logrus.Entry) error {
	e = bounded(e)
	fields := map[string]string{"SYSLOG_IDENTIFIER": "toponym"}
	for key, value := range e.Data {
		fields[journalKey(key)] = fmt.Sprint(value)
	}
	if h.send(journalMessage(e), journalPriority(e.Level), fields) == nil {
		return nil
	}
	line, err := h.text.Format(e)
	if err == nil {
		_, err = h.fallback.Write(line)
	}
	return err
}

// journalKey is the name of a field in the journal, where names without a prefix may
// mean something to others (systemd.journal-fields(7)).
func journalKey(key string) string { return "TOPONYM_" + strings.ToUpper(key) }

// journalMessage is the message with its fields, as journalctl shows no others.
func journalMessage(e *logrus.Entry) string {
	var b strings.Builder
	b.WriteString(e.Message)
	for _, key := range slices.Sorted(maps.Keys(e.Data)) {
		value := fmt.Sprint(e.Data[key])
		if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r == '"' || r == '=' }) {
			value = strconv.Quote(value)
		}
		b.WriteString(" " + key + "=" + value)
	}
	return b.String()
}

// journalPriority is a level as syslog(3) has it.
func journalPriority(l logrus.Level) journal.Priority {
	switch l {
	case logrus.PanicLevel, logrus.FatalLevel:
		return journal.PriCrit
	case logrus.ErrorLevel:
		return journal.PriErr
	case logrus.WarnLevel:
		return journal.PriWarning
	case logrus.InfoLevel:
		return journal.PriInfo
	}
	return journal.PriDebug
}
