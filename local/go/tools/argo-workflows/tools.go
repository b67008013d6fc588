//go:build tools

// Package tools names the commands built here.
package tools

import (
	_ "github.com/argoproj/argo-workflows/v3/cmd/workflow-controller"
	_ "github.com/argoproj/argo-workflows/v3/cmd/argoexec"
	_ "github.com/argoproj/argo-workflows/v3/cmd/argo"
)
