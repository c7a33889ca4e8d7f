package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"

	"toponym/config"
	"toponym/records"
	"toponym/sim"
	"toponym/state"
	"toponym/state/master"
	"toponym/zone"
)

func heapNow() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / 1e6
}

func TestZZMem(t *testing.T) {
	for _, n := range []int{10_000, 100_000} {
		for _, mode := range []string{"compat", "noviews", "views"} {
			c := config.Defaults()
			switch mode {
			case "compat":
				c.ViewDomains, c.SRVScope, c.IPSources = nil, "compat", []string{"netinfo", "mesos", "host"}
			case "noviews":
				c.ViewDomains = nil
			}
			ro, _ := recordsOptions(c)
			zo, _ := zoneOptions(c, ro)
			zo.Origins = append(zo.Origins, ro.Views...)
			h0 := heapNow()
			var cl *state.Cluster
			var d state.Delta
			func() {
				var b bytes.Buffer
				sim.WriteState(&b, sim.Spec{Tasks: n})
				s, err := master.Decode(&b)
				if err != nil {
					t.Fatal(err)
				}
				cl = state.NewCluster()
				d = cl.Apply(state.Event{Snapshot: s})
			}()
			h1 := heapNow()
			t0 := time.Now()
			if os.Getenv("PROF") == mode && n == 100_000 {
				f, _ := os.Create("/tmp/vw/cpu.prof")
				pprof.StartCPUProfile(f)
			}
			set := records.NewSet(ro)
			set.Update(cl, d)
			tb := time.Since(t0)
			h2 := heapNow()
			t0 = time.Now()
			z := zone.Compile(set, zo, 1)
			tc := time.Since(t0)
			pprof.StopCPUProfile()
			h3 := heapNow()
			if os.Getenv("PROF") == mode && n == 100_000 {
				f, _ := os.Create("/tmp/vw/heap.prof")
				pprof.WriteHeapProfile(f)
				f.Close()
			}
			fmt.Printf("%7d %-8s cluster %6.1f set %6.1f zone %6.1f MB; build %v compile %v; names %d %+v\n", n, mode, h1-h0, h2-h1, h3-h2, tb, tc, set.Len(), z.Counts())
			runtime.KeepAlive(cl)
			runtime.KeepAlive(set)
			runtime.KeepAlive(z)
		}
	}
}
