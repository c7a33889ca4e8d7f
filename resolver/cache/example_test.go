package cache_test

import (
	"fmt"
	"time"

	"github.com/miekg/dns"

	"toponym/resolver/cache"
)

// A response is kept, and answers the next question for the same name.
func Example() {
	c := cache.New(cache.Options{Entries: 1000, Bytes: 1 << 20})
	reader := cache.Reader{MaxTTL: time.Hour}

	// The response of an upstream server.
	m := new(dns.Msg).SetQuestion("www.example.", dns.TypeA)
	m.Response, m.Compress = true, true
	www, _ := dns.NewRR("www.example. 300 IN A 192.0.2.1")
	other, _ := dns.NewRR("bank.example. 300 IN A 192.0.2.66")
	m.Answer = []dns.RR{www, other}
	response, _ := m.Pack()

	name := []byte("\x03www\x07example\x00")
	key := cache.AppendKey(name, dns.TypeA, dns.ClassINET, false, false)
	entry, err := reader.Read(response, key)
	if err != nil {
		fmt.Println(err)
		return
	}
	c.Put(key, entry)

	// The answer is written behind the question of a client.
	query, _ := new(dns.Msg).SetQuestion("WWW.example.", dns.TypeA).Pack()
	buf := make([]byte, dns.MaxMsgSize)
	copy(buf, query)
	found := c.Get(key)
	written := found.Entry.Write(buf, len(query), 512, found.Age)
	fmt.Println("records:", written.Counts, "truncated:", written.Truncated)

	buf[7] = byte(written.Counts[0]) // ANCOUNT
	var answer dns.Msg
	if err := answer.Unpack(buf[:written.End]); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.Answer[0])
	// Output:
	// records: [1 0 0] truncated: false
	// WWW.example.	300	IN	A	192.0.2.1
}
