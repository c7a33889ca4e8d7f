//go:build bench && linux && (amd64 || arm64)

package main

// sysSendmmsg is missing in package syscall's table, which is frozen.
const sysSendmmsg = 307
