package config

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A named pipe without a writer, or whose writer writes nothing, must not hold up
// a reload, nor the end of the process.
func TestPipeDoesNotHoldUpLoading(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "config.json")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip("no named pipes here:", err)
	}
	_, _, err := Load(fifo, nil)
	if want := "it is a pipe to which nothing is written"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("without a writer: got %v, want %s", err, want)
	}

	writer, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	_, err = readPatiently(fifo, 100, time.Millisecond)
	if want := "it is a pipe whose writer has not ended within 1ms"; err == nil || err.Error() != want {
		t.Errorf("with a writer that writes nothing: got %v, want %s", err, want)
	}
}

// A shell passes <(command) as a pipe.
func TestLoadReadsPipe(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "config.json")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip("no named pipes here:", err)
	}
	// What is written stays there while another reader has the pipe open, so it does not
	// matter which comes first, the writer's end or the reader.
	keeper, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer keeper.Close()
	writer, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(20 * time.Millisecond) // the reader is likely to wait by then, but need not
		_, _ = writer.WriteString(`{"masters": ["10.0.0.1:5050"]}`)
		_ = writer.Close()
	}()
	c, _, err := Load(fifo, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(c.Masters); got != 1 {
		t.Errorf("got %d masters, want 1", got)
	}
}
