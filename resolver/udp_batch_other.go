//go:build !linux || !(amd64 || arm64)

package resolver

import (
	"context"
	"net"
	"syscall"
)

// Platforms without batches answer queries singly.

func canBatch(*net.UDPConn) bool { return false }

func listenReusePort(*net.UDPConn, string, int) ([]*net.UDPConn, error) { return nil, nil }

func shareSocket(string, string, syscall.RawConn) error { return nil }

func shareSockets(*net.UDPConn, *net.TCPListener) bool { return false }

func (s *Server) answerBatches(ctx context.Context, udp *net.UDPConn) { s.answerSingly(ctx, udp) }

func forceBufferSizes(*net.UDPConn) {}
