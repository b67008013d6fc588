// Command knative-pods prints what KServe and Knative make of a model's objects: the code of both judges them, and no cluster is needed.
//
// Input: one JSON object, {"kserve": <data of KServe's ConfigMap>, "features": <data of Knative's config-features>,
// "objects": [<InferenceService, InferenceGraph, ServingRuntime or ClusterStorageContainer>, ...]}, the services and the graph in Knative mode.
// Output: one JSON object a line for each Knative Service that KServe makes, {"service": string, "refused": string, "metadata": ..., "spec": ...}: why
// Knative's webhook refuses it, empty where it does not, and the pod of its first revision as KServe's pod webhook leaves it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

type input struct {
	KServe   map[string]string `json:"kserve"`
	Features map[string]string `json:"features"`
	Objects  []json.RawMessage `json:"objects"`
}

func main() {
	log.SetLogger(logr.Discard())
	if err := run(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "knative-pods:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, from io.Reader, to io.Writer) error {
	var given input
	if err := json.NewDecoder(from).Decode(&given); err != nil {
		return err
	}
	models, err := newKServe(given.KServe, given.Objects)
	if err != nil {
		return err
	}
	services, err := models.services(ctx)
	if err != nil {
		return err
	}
	serving, err := newServing(given.Features)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(to)
	for _, service := range services {
		refused := serving.admit(ctx, &service)
		pod, err := serving.pod(&service)
		if err != nil {
			return err
		}
		if pod, err = models.mutate(ctx, pod); err != nil {
			return err
		}
		line := map[string]any{"service": service.Name, "refused": refused, "metadata": pod.ObjectMeta, "spec": pod.Spec}
		if err := encoder.Encode(line); err != nil {
			return err
		}
	}
	return nil
}
