// Command metrics-server is upstream's, with names for its models that clients of Kubernetes 1.35 ask for.
//
// Since 1.35 types name their own OpenAPI models; metrics-server 0.8 generated its models by the paths of their packages,
// and so would not start with libraries of 1.35.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	namer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/pkg/version"
	"k8s.io/component-base/logs"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/util"
	"sigs.k8s.io/metrics-server/cmd/metrics-server/app/options"
	"sigs.k8s.io/metrics-server/pkg/api"
	"sigs.k8s.io/metrics-server/pkg/api/generated/openapi"
)

func main() {
	logs.InitLogs()
	defer logs.FlushLogs()
	given := options.NewOptions()
	stop := genericapiserver.SetupSignalHandler()
	command := &cobra.Command{
		Use:          "metrics-server",
		SilenceUsage: true,
		RunE:         func(*cobra.Command, []string) error { return run(given, stop) },
	}
	for _, flags := range given.Flags().FlagSets {
		command.Flags().AddFlagSet(flags)
	}
	if err := command.Execute(); err != nil {
		os.Exit(1)
	}
}

// run serves until stop is closed.
func run(given *options.Options, stop <-chan struct{}) error {
	if given.ShowVersion {
		fmt.Println(version.Get().GitVersion)
		return nil
	}
	if wrong := given.Validate(); len(wrong) > 0 {
		return wrong[0]
	}
	config, err := given.ServerConfig()
	if err != nil {
		return err
	}
	name(config.Apiserver)
	server, err := config.Complete()
	if err != nil {
		return err
	}
	return server.RunUntil(stop)
}

// name has the models found by both names.
func name(config *genericapiserver.Config) {
	names := namer.NewDefinitionNamer(api.Scheme)
	v2, v3 := genericapiserver.DefaultOpenAPIConfig(models, names), genericapiserver.DefaultOpenAPIV3Config(models, names)
	v2.Info, v3.Info = config.OpenAPIConfig.Info, config.OpenAPIV3Config.Info
	config.OpenAPIConfig, config.OpenAPIV3Config = v2, v3
}

// models are upstream's, by both names.
func models(reference common.ReferenceCallback) map[string]common.OpenAPIDefinition {
	named := map[string]common.OpenAPIDefinition{}
	for path, model := range openapi.GetOpenAPIDefinitions(reference) {
		named[path] = model
		named[util.ToRESTFriendlyName(path)] = model
	}
	return named
}
