//go:build tools

// Package tools names what this module builds: the linter of .github/workflows.
package tools

import _ "github.com/rhysd/actionlint/cmd/actionlint"
