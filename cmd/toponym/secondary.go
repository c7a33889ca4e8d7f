package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"toponym/config"
	"toponym/internal/secondary"
	"toponym/internal/server"
)

// defaultDNSPort is the port of name servers (RFC 1035, section 4.2).
const defaultDNSPort = 53

// secondaryFlags are the flags of the command.
type secondaryFlags struct {
	config, primary, key, listen, dir, downstream string
	catalog                                       bool
}

// secondaryCommand is the command that prints the configuration of another DNS
// server that is to carry the zones.
func secondaryCommand(env environment) *cobra.Command {
	kinds := secondary.Kinds()
	c := &cobra.Command{
		Use: "secondary KIND [FLAGS]", Short: "print a configuration for a DNS server that carries copies of the zones",
		Long: "toponym secondary KIND prints a complete configuration for a server that carries copies of the zones: " +
			strings.Join(kinds, ", ") + ". It has the zones, addresses and keys of the settings in it, secrets included.",
		ValidArgs: kinds,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(kinds, args[0]) {
				return errors.New("want one of " + strings.Join(kinds, ", "))
			}
			return nil
		},
	}
	var o secondaryFlags
	flags := c.Flags()
	flags.StringVar(&o.config, "config", "config.json", configUsage)
	flags.StringVar(&o.primary, "primary", "", "`ADDRESSES` of Toponym's servers, each IP or IP:port, separated by commas; by default those that the settings listen on")
	flags.StringVar(&o.key, "key", "", "`NAME` of the key of tsigKeys that transfers are signed with; by default the only one, \"none\" for none")
	flags.StringVar(&o.listen, "listen", "0.0.0.0:53", "`ADDRESS`:PORT on which the secondary answers")
	flags.StringVar(&o.dir, "dir", "", "`DIRECTORY` for the files of the secondary; by default that of its package in Debian")
	flags.StringVar(&o.downstream, "downstream", "", "`ADDRESSES` of further secondaries that get the zones from this one, like -primary")
	flags.BoolVar(&o.catalog, "catalog", true, "read the list of zones from the catalog zone, if the settings have one and the server can")
	c.RunE = withStatus(func(_ context.Context, args []string) int { return writeSecondary(args[0], o, env) })
	return c
}

func writeSecondary(kind string, o secondaryFlags, env environment) int {
	c, warnings, err := config.Load(o.config, env.vars, server.ZoneFileCheck)
	printWarnings(env, warnings)
	if err != nil {
		reportErrors(env, err)
		return statusFailed
	}
	s, err := secondarySetup(c, o.primary, o.key, o.listen)
	if err == nil && o.downstream != "" {
		s.Downstream, err = addresses("-downstream", o.downstream)
	}
	if err == nil && strings.Contains(o.primary, ",") && c.PrimaryCount == 1 {
		fmt.Fprintln(env.stderr, "warning: if these addresses are those of several servers, give each its number with primaryNumber and primaryCount: otherwise their serials mean different contents")
	}
	if err == nil {
		s.Dir = o.dir
		if !o.catalog {
			s.Catalog = ""
		}
		if o.key == "" && !secondary.Signs(kind) {
			s.Key = nil
		}
		if s.Key == nil && !allowsByAddress(c) {
			fmt.Fprintln(env.stderr, "warning: every rule of transferAllow wants a key, but this server will not sign: add its address")
		}
		err = secondary.Write(env.stdout, kind, s)
	}
	if err != nil {
		fmt.Fprintln(env.stderr, "toponym secondary:", err)
		return statusFailed
	}
	return statusOK
}

// allowsByAddress reports whether any client may have the zones by its address alone.
func allowsByAddress(c *config.Config) bool {
	return slices.ContainsFunc(c.TransferAllow, func(r config.TransferRule) bool { return r.Key == "" && !r.TLS && r.Cert == "" })
}

// secondarySetup collects what settings and flags say.
func secondarySetup(c *config.Config, primary, keyName, listen string) (s secondary.Setup, err error) {
	if len(c.TransferAllow) == 0 {
		return s, errors.New("transferAllow is empty, so that no server may have the zones: add the address of the secondary, or a key of tsigKeys as key:NAME")
	}
	if s.Zones, err = server.TransferZones(c); err != nil {
		return s, err
	}
	if c.CatalogZone != "" {
		s.Catalog = c.CatalogZone + "."
	}
	if s.Listen, err = netip.ParseAddrPort(listen); err != nil {
		return s, fmt.Errorf("-listen %q is not IP:port", listen)
	}
	if s.Primaries, err = primaries(c, primary); err != nil {
		return s, err
	}
	s.Key, err = signingKey(c, keyName)
	return s, err
}

// primaries are the addresses that a flag names, or those that the settings listen
// on.
func primaries(c *config.Config, text string) (list []netip.AddrPort, err error) {
	if text == "" {
		addrs, err := server.Addresses(c)
		if err != nil {
			return nil, err
		}
		for _, a := range addrs {
			list = append(list, netip.AddrPortFrom(a, c.Port))
		}
		if len(list) == 0 {
			return nil, errors.New("this host has no address beside loopback: name the server's with -primary")
		}
		return list, nil
	}
	return addresses("-primary", text)
}

// addresses parses the value of a flag: IP or IP:port, separated by commas.
func addresses(flag, text string) (list []netip.AddrPort, err error) {
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		a, err := netip.ParseAddrPort(item)
		if err != nil {
			addr, err := netip.ParseAddr(item)
			if err != nil {
				return nil, fmt.Errorf("%s %q is neither an IP address nor IP:port", flag, item)
			}
			a = netip.AddrPortFrom(addr, defaultDNSPort)
		}
		list = append(list, a)
	}
	return list, nil
}

// signingKey is the key of a name, or the only one; nil for none.
func signingKey(c *config.Config, name string) (*secondary.Key, error) {
	names := slices.Sorted(maps.Keys(c.TSIGKeys))
	switch name = strings.ToLower(strings.TrimSuffix(name, ".")); {
	case name == "none" || name == "" && len(names) == 0:
		return nil, nil
	case name == "" && len(names) > 1:
		return nil, fmt.Errorf("tsigKeys has several keys: choose one with -key: %s", strings.Join(names, ", "))
	case name == "":
		name = names[0]
	}
	k, ok := c.TSIGKeys[name]
	if !ok {
		return nil, fmt.Errorf("tsigKeys has no key %q", name)
	}
	return &secondary.Key{Name: name + ".", Algorithm: k.Algorithm, Secret: []byte(k.Secret.Reveal())}, nil
}
