package sim

import "encoding/binary"

// Info returns the MasterInfo of the master in JSON, which is what its node in
// ZooKeeper contains.
func (m *Master) Info() []byte {
	e := newEncoder(nil)
	e.masterInfo(m.id)
	return e.buf
}

// masterInfo writes what a master tells others of itself: in the operator API,
// and in ZooKeeper. ip is the address's bytes read as a little-endian number,
// which is of no use on other machines; readers take the address.
func (e *encoder) masterInfo(id identity) {
	addr := id.addr.Addr()
	e.open('{')
	e.openKey("address", '{')
	e.stringField("hostname", id.hostname)
	e.stringField("ip", addr.String())
	e.intField("port", int(id.addr.Port()))
	e.close('}')
	e.typesField("capabilities", masterCapabilities)
	e.stringField("hostname", id.hostname)
	e.stringField("id", id.uuid)
	if addr.Is4() {
		b := addr.As4()
		e.intField("ip", int(binary.LittleEndian.Uint32(b[:])))
	} else {
		e.intField("ip", 0)
	}
	e.stringField("pid", id.pid())
	e.intField("port", int(id.addr.Port()))
	e.stringField("version", mesosVersion)
	e.close('}')
}
