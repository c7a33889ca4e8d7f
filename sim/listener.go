package sim

import "net"

// Listener returns a listener for the HTTP server of a Master. Its connections do not
// send the response 100 to Expect: 100-continue that net/http writes, because Mesos
// does not respond to it.
func Listener(l net.Listener) net.Listener { return quietListener{l} }

type quietListener struct{ net.Listener }

func (l quietListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return quietConn{c}, nil
}

type quietConn struct{ net.Conn }

func (c quietConn) Write(b []byte) (int, error) {
	if string(b) == "HTTP/1.1 100 Continue\r\n\r\n" {
		return len(b), nil
	}
	return c.Conn.Write(b)
}
