//go:build tools

// Package tools names what this module builds: the proxy through which tests disturb connections.
package tools

import _ "github.com/Shopify/toxiproxy/v2/cmd/server"
