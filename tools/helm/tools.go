//go:build tools

// Package tools names what this module builds: the program that renders and checks the chart.
package tools

import _ "helm.sh/helm/v3/cmd/helm"
