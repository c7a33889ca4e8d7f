package compare

import (
	"errors"
	"io"
	"slices"
	"strings"
)

// AXFR is an answer of /v1/axfr.
type AXFR struct {
	Domain         string // without a dot at the end
	Mname          string // of the SOA record
	RefreshSeconds int    // between two polls of the master
	Records        Records
	// Listed is how many names and data the answer has.
	Listed int
}

var errNotAXFR = errors.New("this is no answer of /v1/axfr")

// ReadAXFR reads an answer of /v1/axfr, or a copy of one in a file.
func ReadAXFR(r io.Reader, limits Limits) (*AXFR, error) {
	p := &axfrParser{scanner: newScanner(r, limits), axfr: &AXFR{Records: Records{}}}
	if err := p.document(p.top, errNotAXFR); err != nil {
		return nil, err
	}
	if !p.hasRecords {
		return nil, errNotAXFR
	}
	p.axfr.Listed = p.counted
	for k, data := range p.axfr.Records {
		slices.Sort(data)
		p.axfr.Records[k] = slices.Compact(data)
	}
	return p.axfr, nil
}

type axfrParser struct {
	*scanner
	axfr       *AXFR
	hasRecords bool
}

func (p *axfrParser) top(name []byte) (err error) {
	switch string(name) {
	case "Domain":
		p.axfr.Domain, err = p.text()
	case "Mname":
		p.axfr.Mname, err = p.text()
	case "RefreshSeconds":
		if p.Kind() != '0' { // no number
			return p.Skip()
		}
		n, err := p.Number()
		p.axfr.RefreshSeconds = int(min(max(n, 0), 86400))
		return err
	case "Records":
		if p.Kind() != '{' {
			return p.Skip()
		}
		p.hasRecords = true
		return p.Object(p.types)
	default:
		return p.Skip()
	}
	return err
}

func (p *axfrParser) types(name []byte) error {
	rtype := strings.TrimSuffix(string(name), "s")
	if !slices.Contains(types[:], rtype) || p.Kind() != '{' {
		return p.Skip()
	}
	return p.Object(func(owner []byte) error {
		if owner == nil {
			return errLongText
		}
		key := Key{string(owner), rtype}
		if err := p.count(); err != nil {
			return err
		}
		if p.Kind() != '[' {
			return p.Skip()
		}
		return p.Array(func() error {
			datum, err := p.text()
			if err == nil {
				err = p.count()
			}
			if err == nil {
				p.axfr.Records[key] = append(p.axfr.Records[key], datum)
			}
			return err
		})
	})
}
