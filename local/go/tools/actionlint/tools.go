//go:build tools

// Package tools names the commands built here.
package tools

import (
	_ "github.com/rhysd/actionlint/cmd/actionlint"
)
