// Package docs holds the pages that the program shows parts of.
package docs

import _ "embed"

// Differences is the page differences.md. Its table rows that begin with an anchor,
// <a id="NAME"></a>, have the texts that toponym compare shows.
//
//go:embed differences.md
var Differences string
