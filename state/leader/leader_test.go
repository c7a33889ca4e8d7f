package leader

import (
	"slices"
	"testing"
)

func TestParseAddress(t *testing.T) {
	tests := []struct {
		in   string
		want Address // zero: refused
	}{
		{"10.0.0.1:5050", Address{Host: "10.0.0.1", Port: 5050}},
		{"master1.example:5050", Address{Host: "master1.example", Port: 5050}},
		{"[fd00::1]:5050", Address{Host: "fd00::1", Port: 5050}},
		{"[fe80::1%eth0]:5050", Address{Host: "fe80::1%eth0", Port: 5050}},
		{"m:1", Address{Host: "m", Port: 1}},
		{"m:65535", Address{Host: "m", Port: 65535}},

		{"", Address{}},
		{":", Address{}},
		{":5050", Address{}},
		{"10.0.0.1", Address{}},
		{"10.0.0.1:", Address{}},
		{"10.0.0.1:0", Address{}},
		{"10.0.0.1:65536", Address{}},
		{"10.0.0.1:-1", Address{}},
		{"10.0.0.1:http", Address{}},
		{"fd00::1:5050", Address{}}, // nobody can tell where the port begins
		{"[fd00::1]", Address{}},
		{"http://10.0.0.1:5050", Address{}},
	}
	for _, tt := range tests {
		got, err := ParseAddress(tt.in)
		if got != tt.want || (err != nil) != (tt.want == Address{}) {
			t.Errorf("ParseAddress(%q) = %+v, %v, want %+v", tt.in, got, err, tt.want)
		}
		if err == nil {
			if again, err := ParseAddress(got.String()); again != got || err != nil {
				t.Errorf("%+v is written %s, which is read as %+v, %v", got, got, again, err)
			}
		}
	}
}

func TestTheMasterThatLedLastIsAskedFirst(t *testing.T) {
	a, b, c := Address{Host: "a", Port: 5050}, Address{Host: "b", Port: 5050}, Address{Host: "c", Port: 5050}
	other := Address{Host: "a", Port: 5051} // another port is another master
	tests := []struct {
		what string
		led  []Address
		want []Address
	}{
		{"nobody led", nil, []Address{a, b, c}},
		{"the first led", []Address{a}, []Address{a, b, c}},
		{"the last led", []Address{c}, []Address{c, a, b}},
		{"only the newest leader counts", []Address{c, b}, []Address{b, a, c}},
		{"one that is not in the list", []Address{other}, []Address{other, a, b, c}},
		{"one that is not in the list, and then one that is", []Address{other, b}, []Address{b, a, c}},
	}
	for _, tt := range tests {
		masters := []Address{a, b, c}
		s := NewStatic(masters)
		for _, l := range tt.led {
			s.SetLeading(l)
		}
		if got := s.Candidates(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.what, got, tt.want)
		}
		if !slices.Equal(s.Masters(), []Address{a, b, c}) || !slices.Equal(masters, s.Masters()) {
			t.Errorf("%s: got masters %v, want the list as it was given", tt.what, s.Masters())
		}
	}
	if got := NewStatic(nil).Candidates(); len(got) != 0 {
		t.Errorf("without masters: got %v, want nothing", got)
	}
}
