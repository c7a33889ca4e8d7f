package scenario

import (
	"bytes"
	_ "embed"
	"fmt"
)

//go:embed demo.yaml
var demo []byte

// Demo returns the scenario that the documentation shows. Its addresses are
// documented, so they do not change, except those of the app /shop/cart.
func Demo() *Scenario {
	s, err := Read(bytes.NewReader(demo))
	if err != nil {
		panic(fmt.Sprintf("the scenario of the demo: %v", err)) // the tests read it
	}
	return s
}

// NewDemo makes a simulation of Demo.
func NewDemo(o Options) *Simulation {
	s, err := New(Demo(), o)
	if err != nil {
		panic(fmt.Sprintf("the scenario of the demo: %v", err)) // see Demo
	}
	return s
}
