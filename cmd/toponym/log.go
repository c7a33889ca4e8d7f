package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/sirupsen/logrus"

	"toponym/config"
)

// newLog returns the logger of a process. What it writes is bounded: neither a
// message nor the value of a field is longer than maxLogValue.
func newLog(w io.Writer, verbosity int, format config.LogFormat) *logrus.Logger {
	format = resolveFormat(format)
	log := newLineLog(w, format)
	if format == config.LogJournald {
		log.AddHook(&journalHook{send: journal.Send, fallback: w, text: log.Formatter})
		log.SetOutput(io.Discard)
		log.SetFormatter(silentFormatter{})
	}
	switch {
	case verbosity <= 0:
		log.SetLevel(logrus.InfoLevel)
	case verbosity == 1:
		log.SetLevel(logrus.DebugLevel)
	default:
		log.SetLevel(logrus.TraceLevel)
	}
	return log
}

// newLineLog returns a logger that writes lines: JSON, or text for all other formats.
func newLineLog(w io.Writer, format config.LogFormat) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(w)
	var f logrus.Formatter = &logrus.TextFormatter{FullTimestamp: true, DisableColors: true}
	if format == config.LogJSON {
		f = &logrus.JSONFormatter{}
	}
	log.SetFormatter(boundedFormatter{f})
	return log
}

// silentFormatter is that of a log whose lines go elsewhere.
type silentFormatter struct{}

func (silentFormatter) Format(*logrus.Entry) ([]byte, error) { return nil, nil }

// maxLogValue limits messages and values in bytes: they may quote what masters,
// frameworks and clients have sent.
const maxLogValue = 2048

// boundedFormatter cuts messages and values that are too long, and takes line
// breaks out of messages.
type boundedFormatter struct{ next logrus.Formatter }

func (f boundedFormatter) Format(e *logrus.Entry) ([]byte, error) { return f.next.Format(bounded(e)) }

// bounded is a copy of an entry that is bounded.
func bounded(e *logrus.Entry) *logrus.Entry {
	b := *e
	b.Message = bound(strings.ReplaceAll(e.Message, "\n", "; "))
	b.Data = make(logrus.Fields, len(e.Data))
	for key, value := range e.Data {
		b.Data[key] = boundValue(value)
	}
	return &b
}

// boundValue bounds what is written as text. Numbers and the like are short.
func boundValue(value any) any {
	switch v := value.(type) {
	case string:
		return bound(v)
	case error:
		if text := v.Error(); len(text) > maxLogValue {
			return errors.New(bound(text))
		}
	case []string:
		if text := fmt.Sprint(v); len(text) > maxLogValue {
			return bound(text)
		}
	case fmt.Stringer:
		return bound(v.String())
	}
	return value
}

func bound(s string) string {
	if len(s) <= maxLogValue {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(s[:maxLogValue], ""), len(s))
}
