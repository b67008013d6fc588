//go:build tools

// Package tools names the commands built here.
package tools

import (
	_ "github.com/prometheus/prometheus/cmd/promtool"
)
