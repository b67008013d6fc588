//go:build tools

// Package tools names the commands built here.
package tools

import (
	_ "github.com/cloudnative-pg/plugin-barman-cloud/cmd/manager"
)
