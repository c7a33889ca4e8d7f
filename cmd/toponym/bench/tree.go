//go:build bench && linux && (amd64 || arm64)

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// processes has all processes of the machine at some time.
type processes map[int]procStat

func readProcesses() (processes, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	all := processes{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue // it has exited
		}
		s, err := parseStat(string(text))
		if err != nil {
			return nil, fmt.Errorf("process %d: %w", pid, err)
		}
		all[pid] = s
	}
	return all, nil
}

// tree returns a process and its descendants: NSD answers in child processes.
func (all processes) tree(root int) []int {
	if _, ok := all[root]; !ok {
		return nil
	}
	out := []int{root}
	for i := 0; i < len(out); i++ {
		for pid, s := range all {
			if s.parent == out[i] {
				out = append(out, pid)
			}
		}
	}
	return out
}

// cpu returns the CPU time of a tree since its start, with a resolution of 10 ms per
// process.
func (all processes) cpu(root int) (sum time.Duration) {
	for _, pid := range all.tree(root) {
		sum += all[pid].cpu
	}
	return sum
}

// memory returns the current memory of a tree.
func (all processes) memory(root int) (sum memory, err error) {
	for _, pid := range all.tree(root) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if pid != root && (errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH)) {
			continue // NSD replaces its child processes after a transfer
		}
		if err != nil {
			return sum, err
		}
		m, err := parseRollup(string(text))
		if err != nil {
			return sum, fmt.Errorf("process %d: %w", pid, err)
		}
		sum.RSS += m.RSS
		sum.PSS += m.PSS
	}
	return sum, nil
}

// readCores returns how long each core has been busy since the start of the machine.
func readCores() (map[int]time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return nil, err
	}
	return parseCores(string(text))
}
