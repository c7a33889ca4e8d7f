package tap

import (
	"strconv"

	"github.com/miekg/dns"
)

// RcodeName is the name of a response code as metrics and logs have it, such as
// "NXDOMAIN".
func RcodeName(rcode uint16) string {
	if rcode == dns.RcodeBadVers {
		return "BADVERS" // the library's name is BADSIG, which has the same number
	}
	if name, ok := dns.RcodeToString[int(rcode)]; ok {
		return name
	}
	return strconv.Itoa(int(rcode))
}
