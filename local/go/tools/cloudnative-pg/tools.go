//go:build tools

// Package tools names the commands built here.
package tools

import (
	_ "github.com/cloudnative-pg/cloudnative-pg/cmd/manager"
)
