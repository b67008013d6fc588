//go:build tools

// Package tools names the commands built here.
package tools

import (
	_ "github.com/argoproj/argo-workflows/v4/cmd/workflow-controller"
	_ "github.com/argoproj/argo-workflows/v4/cmd/argoexec"
	_ "github.com/argoproj/argo-workflows/v4/cmd/argo"
)
