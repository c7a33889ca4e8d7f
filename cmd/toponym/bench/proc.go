//go:build bench && linux && (amd64 || arm64)

package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc: USER_HZ is 100 on every Linux.
const tick = 10 * time.Millisecond

// procStat has some fields of /proc/PID/stat (proc(5)).
type procStat struct {
	parent int
	cpu    time.Duration // user and system time, including that of children that were waited for
}

// parseStat reads /proc/PID/stat. The program name may contain spaces and
// parentheses, so fields are counted from the last closing parenthesis.
func parseStat(text string) (s procStat, err error) {
	end := strings.LastIndexByte(text, ')')
	if end < 0 {
		return s, fmt.Errorf("no program name in %.40q", text)
	}
	f := strings.Fields(text[end+1:])
	const state, utime, cstime = 3, 14, 17 // as proc(5) numbers them
	if len(f) <= cstime-state {
		return s, fmt.Errorf("%d fields in %.40q", len(f), text)
	}
	if s.parent, err = strconv.Atoi(f[1]); err != nil {
		return s, err
	}
	for _, v := range f[utime-state : cstime-state+1] {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return s, err
		}
		s.cpu += time.Duration(n) * tick
	}
	return s, nil
}

// parseCores reads /proc/stat and returns how long each core was busy, including
// time taken by the hypervisor.
func parseCores(text string) (map[int]time.Duration, error) {
	busy := map[int]time.Duration{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 9 || !strings.HasPrefix(f[0], "cpu") || f[0] == "cpu" {
			continue
		}
		core, err := strconv.Atoi(f[0][len("cpu"):])
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		// user nice system idle iowait irq softirq steal; guest times are
		// part of user and nice.
		for i, v := range f[1:9] {
			const idle, iowait = 3, 4
			if i == idle || i == iowait {
				continue
			}
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
			busy[core] += time.Duration(n) * tick
		}
	}
	if len(busy) == 0 {
		return nil, fmt.Errorf("no cores in %.40q", text)
	}
	return busy, nil
}

// memory is the memory of a program, in bytes.
type memory struct {
	RSS int64
	PSS int64 // a page shared by n processes counts 1/n, so that sums are correct
}

// parseRollup reads /proc/PID/smaps_rollup.
func parseRollup(text string) (m memory, err error) {
	seen := 0
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 || f[2] != "kB" {
			continue
		}
		var to *int64
		switch f[0] {
		case "Rss:":
			to = &m.RSS
		case "Pss:":
			to = &m.PSS
		default:
			continue
		}
		n, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			return m, fmt.Errorf("%q: %w", line, err)
		}
		*to = n << 10
		seen++
	}
	if seen != 2 {
		return m, fmt.Errorf("no Rss and Pss in %.40q", text)
	}
	return m, nil
}
