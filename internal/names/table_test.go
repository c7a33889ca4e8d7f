package names

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// A table agrees with a map, whatever is interned, held and released; names keep
// their ids while they are held, and two names never have one id.
func TestTableAgreesWithAMap(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		table := NewTable(r.IntN(3) * 100)
		held, ids := map[string]int{}, map[string]ID{}
		name := func() string { return fmt.Sprintf("n%d", r.IntN(50<<r.IntN(5))) }
		for range 5000 {
			switch n := name(); r.IntN(5) {
			case 0, 1:
				id := table.Intern([]byte(n))
				if was, ok := ids[n]; ok && was != id {
					t.Fatalf("seed %d: got id %d for %s, want %d as before", seed, id, n, was)
				}
				ids[n] = id
				table.Hold(id)
				held[n]++
			case 2, 3:
				if held[n] > 0 {
					table.Release(ids[n])
					held[n]--
				}
			case 4:
				table.Intern([]byte(n))
				if r.IntN(20) > 0 {
					continue
				}
				table.Sweep()
				for n := range ids {
					if held[n] == 0 {
						delete(ids, n)
						delete(held, n)
					}
				}
				if table.Len() != len(ids) {
					t.Fatalf("seed %d: got %d names after a sweep, want %d", seed, table.Len(), len(ids))
				}
				owner := map[ID]string{}
				for n, id := range ids {
					if other, taken := owner[id]; taken {
						t.Fatalf("seed %d: got id %d for both %s and %s", seed, id, n, other)
					}
					owner[id] = n
				}
			}
		}
		for n, want := range ids {
			if id, ok := table.Find([]byte(n)); !ok || id != want || table.Name(id) != n {
				t.Errorf("seed %d: got id %d, %v for %s, want %d", seed, id, ok, n, want)
			}
		}
		if _, ok := table.Find([]byte("other")); ok {
			t.Errorf("seed %d: got an id for a name that was never interned", seed)
		}
	}
}

// Names that come and go do not make the index grow.
func TestIndexStaysSmall(t *testing.T) {
	table := NewTable(0)
	for i := range 200_000 {
		table.Intern([]byte(fmt.Sprint(i)))
		if i%10 == 0 {
			table.Sweep()
		}
	}
	if slots := len(table.Index().slots); slots > 4*minSlots {
		t.Errorf("got %d slots, want at most %d", slots, 4*minSlots)
	}
}

// No new name waits until an index has all others.
func TestIndexGrowsInSteps(t *testing.T) {
	table := NewTable(0)
	most := 0
	for i := range 200_000 {
		table.Hold(table.Intern([]byte(fmt.Sprint(i))))
		if table.index.room() < 1 {
			t.Fatalf("got no room after %d names in %d slots", i+1, len(table.index.slots))
		}
		if table.next != nil {
			most = max(most, int(table.step))
		}
	}
	if table.Settle(); table.next != nil {
		t.Error("got an index that is not complete, want only one")
	}
	for i := range 200_000 {
		if id, ok := table.Find([]byte(fmt.Sprint(i))); !ok || id != ID(i) {
			t.Fatalf("got id %d, %v for name %d, want its number", id, ok, i)
		}
	}
	if most != renewStep {
		t.Errorf("got at most %d names added to the next index with a new one, want %d", most, renewStep)
	}
}

// Readers find names that stay while others come and go, in the index that they
// have.
func TestReadersFindWhatStays(t *testing.T) {
	table := NewTable(0)
	const staying = 100
	var ids [staying]ID
	for i := range staying {
		ids[i] = table.Intern([]byte(fmt.Sprint("stays", i)))
		table.Hold(ids[i])
	}
	var index atomic.Pointer[Index]
	index.Store(table.Index())
	var ended atomic.Bool
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for i := 0; !ended.Load(); i++ {
				n := i % staying
				search := index.Load().Search([]byte(fmt.Sprint("stays", n)))
				for {
					id, ok := search.Next()
					if !ok {
						t.Errorf("name %d is not found", n)
						return
					}
					if id == ids[n] {
						break
					}
				}
			}
		})
	}
	for i := range 20_000 {
		table.Intern([]byte(fmt.Sprint("goes", i)))
		if i%(1+i/1000*7) == 0 {
			table.Sweep()
		}
		index.Store(table.Index())
	}
	ended.Store(true)
	readers.Wait()
}
