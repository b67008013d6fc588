//go:build tools

// Package tools names the commands built here.
package tools

import (
	_ "sigs.k8s.io/metrics-server/cmd/metrics-server"
)
