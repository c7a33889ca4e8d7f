//go:build bench && linux && (amd64 || arm64)

package main

import "syscall"

const sysSendmmsg = syscall.SYS_SENDMMSG
