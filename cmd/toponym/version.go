package main

import "runtime/debug"

// release is set when a release is built: -ldflags "-X main.release=1.2.3".
var release string

const projectURL = "https://toponym.example/toponym"

// version is the release, or what the toolchain knows of the source.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		for _, s := range settings(info) {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return "devel-" + s.Value[:12]
			}
		}
		return "devel"
	}
	return info.Main.Version
}

func settings(info *debug.BuildInfo) []debug.BuildSetting {
	if info == nil {
		return nil
	}
	return info.Settings
}
