//go:build bench && linux && (amd64 || arm64)

package main

import (
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

// cpuSet is the kernel's cpu_set_t: a bit for each core.
type cpuSet [16]uint64

func coreSet(cores []int) (s cpuSet) {
	for _, c := range cores {
		s[c/64] |= 1 << (c % 64)
	}
	return s
}

func (s cpuSet) cores() (out []int) {
	for i, word := range s {
		for ; word != 0; word &= word - 1 {
			out = append(out, i*64+bits.TrailingZeros64(word))
		}
	}
	return out
}

// affinity returns the cores on which a thread may run; 0 is the calling thread.
func affinity(tid int) (s cpuSet, err error) {
	_, _, e := syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, uintptr(tid), unsafe.Sizeof(s), uintptr(unsafe.Pointer(&s)))
	if e != 0 {
		return s, fmt.Errorf("sched_getaffinity: %w", e)
	}
	return s, nil
}

func setAffinity(tid int, s cpuSet) error {
	_, _, e := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, uintptr(tid), unsafe.Sizeof(s), uintptr(unsafe.Pointer(&s)))
	if e != 0 {
		return fmt.Errorf("sched_setaffinity: %w", e)
	}
	return nil
}

// pinned calls start on a thread that runs on these cores only. A process that
// start creates inherits them, so that a Go program counts only these cores.
func pinned(cores []int, start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := affinity(0)
	if err != nil {
		return err
	}
	if err := setAffinity(0, coreSet(cores)); err != nil {
		return fmt.Errorf("cores %v: %w", cores, err)
	}
	err = start()
	if e := setAffinity(0, before); err == nil {
		err = e
	}
	return err
}

// pinSelf moves all threads of this process to a core. New threads inherit it.
func pinSelf(core int) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			continue
		}
		if err := setAffinity(tid, coreSet([]int{core})); err != nil {
			return err
		}
	}
	return nil
}
