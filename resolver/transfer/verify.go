package transfer

import (
	"crypto/hmac"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/records"
)

// Verification is what became of the TSIG record of a query. It signs the response
// to it. It is for one goroutine.
type Verification struct {
	// Rcode is that of the response: 0 for a valid signature, else FORMERR or
	// NOTAUTH, and then the query must not be carried out.
	Rcode uint16

	// Packet is the query without its TSIG record, if the signature is valid.
	Packet []byte

	Key *Key // of a valid signature

	record    tsigRecord
	err       uint16 // the TSIG error
	signature signature
	now       time.Time
}

// Verify checks the TSIG record at an offset of a query, its last record. The
// steps are those of RFC 8945, section 5.2, in this order:
//
//  1. The form of the record; else FORMERR, and no TSIG record in the response.
//  2. The key and its algorithm; else BADKEY.
//  3. The MAC; else BADSIG.
//  4. The time; else BADTIME.
//  5. The size of the MAC. Truncated ones are allowed by the RFC, but no secondary
//     needs them: BADTRUNC.
//
// The response is signed from step 4 on (section 5.3.2).
func (s *Server) Verify(packet []byte, at int) *Verification {
	v := verify(s.settings.Load().keys, packet, at, s.now())
	s.counts.countTSIG(v)
	return v
}

func verify(keys map[records.Name]*Key, packet []byte, at int, now time.Time) *Verification {
	v := &Verification{now: now, Rcode: dns.RcodeFormatError}
	var ok bool
	if v.record, ok = parseTSIG(packet, at); !ok {
		return v
	}
	r := &v.record
	v.Rcode, v.err = dns.RcodeNotAuth, dns.RcodeBadKey
	k := keys[r.key]
	if k == nil || k.algorithm.name != r.algorithm {
		return v
	}
	size := k.algorithm.size
	if len(r.mac) > size || len(r.mac) < max(minMAC, size/2) {
		v.Rcode, v.err = dns.RcodeFormatError, 0 // section 5.2.2.1
		return v
	}
	var space [maxMAC]byte
	mac := r.macOf(k, packet, nil, space[:0])
	if !hmac.Equal(mac[:len(r.mac)], r.mac) {
		v.err = dns.RcodeBadSig
		return v
	}
	v.signature.key, v.signature.mac = k, append([]byte(nil), r.mac...)
	switch {
	case !within(r.time, unixTime(now), uint64(r.fudge)):
		v.err = dns.RcodeBadTime
	case len(r.mac) < size:
		v.err = dns.RcodeBadTrunc
	default:
		v.Rcode, v.err, v.Key = dns.RcodeSuccess, 0, k
		v.Packet = append([]byte(nil), packet[:r.start]...)
		v.Packet[11]--
		if v.Packet[11] == 0xFF {
			v.Packet[10]--
		}
	}
	return v
}

// Error is the name of the TSIG error, such as BADKEY, "" for none.
func (v *Verification) Error() string {
	if v.err == 0 {
		return ""
	}
	return tsigErrorName(v.err)
}

// Size is how many bytes of a response Finish needs.
func (v *Verification) Size() int {
	if v.Rcode == dns.RcodeFormatError {
		return 0
	}
	mac := 0
	if v.signature.key != nil {
		mac = v.signature.key.algorithm.size
	}
	return tsigSize(v.record.key, v.record.algorithm, mac)
}

// Finish appends the TSIG record of the response, signed unless the key or the MAC
// of the query was wrong.
func (v *Verification) Finish(msg []byte) []byte {
	if v.Rcode == dns.RcodeFormatError {
		return msg
	}
	now := unixTime(v.now)
	switch {
	case v.signature.key == nil:
		return appendTSIG(msg, v.record.key, v.record.algorithm, now, nil, dnswire.ID(msg), v.err, nil)
	case v.err == dns.RcodeBadTime:
		// The client's time, so that the client can check the MAC; ours says
		// by how much its clock differs.
		ours := timeSigned(now)
		return v.signature.sign(msg, v.record.time, v.err, ours[:])
	}
	return v.signature.sign(msg, now, v.err, nil)
}
