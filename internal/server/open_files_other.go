//go:build !unix

package server

import "math"

func openFilesLimit() uint64 { return math.MaxInt32 }
