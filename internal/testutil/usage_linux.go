package testutil

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// CPUSeconds returns the user and system time of this process so far. It panics
// if the system does not tell: a benchmark must not report 0 instead.
func CPUSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(fmt.Sprintf("reading the CPU time: %v", err))
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// PeakMB returns the largest resident memory of this process so far, in 10^6
// bytes. It reads VmHWM (proc(5)), because a child inherits the maximum that
// getrusage reports from its parent.
func PeakMB() (float64, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if kb, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(kb, "kB")), 64)
			return n * 1024 / 1e6, err
		}
	}
	return 0, fmt.Errorf("%s has no VmHWM", f.Name())
}
