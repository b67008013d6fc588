package main

import (
	"context"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	network "knative.dev/networking/pkg/config"
	"knative.dev/pkg/apis"
	"knative.dev/pkg/logging"
	"knative.dev/pkg/system"
	"knative.dev/serving/pkg/apis/config"
	knative "knative.dev/serving/pkg/apis/serving/v1"
	autoscaler "knative.dev/serving/pkg/autoscaler/config"
	"knative.dev/serving/pkg/deployment"
	"knative.dev/serving/pkg/observability"
	revision "knative.dev/serving/pkg/reconciler/revision/config"
	"knative.dev/serving/pkg/reconciler/revision/resources"
)

// serving is Knative Serving with its own defaults, apart from the features.
type serving struct {
	config revision.Config
}

func newServing(features map[string]string) (*serving, error) {
	if err := os.Setenv(system.NamespaceEnvKey, "knative-serving"); err != nil {
		return nil, err
	}
	flags, err := config.NewFeaturesConfigFromMap(features)
	if err != nil {
		return nil, err
	}
	defaults, err := config.NewDefaultsConfigFromMap(nil)
	if err != nil {
		return nil, err
	}
	scaling, err := autoscaler.NewConfigFromMap(nil)
	if err != nil {
		return nil, err
	}
	deployments, err := deployment.NewConfigFromMap(map[string]string{deployment.QueueSidecarImageKey: "queue"})
	if err != nil {
		return nil, err
	}
	observed, err := observability.NewFromMap(nil)
	if err != nil {
		return nil, err
	}
	return &serving{revision.Config{
		Config:        &config.Config{Defaults: defaults, Features: flags, Autoscaler: scaling},
		Deployment:    deployments,
		Logging:       &logging.Config{},
		Network:       &network.Config{},
		Observability: observed,
	}}, nil
}

// admit is Knative's webhook: it fills in defaults, then says why it refuses a service, if it does.
func (s *serving) admit(ctx context.Context, service *knative.Service) string {
	ctx = apis.WithinCreate(config.ToContext(ctx, s.config.Config))
	service.SetDefaults(ctx)
	// Warnings are told, and refuse nothing.
	if err := service.Validate(ctx).Filter(apis.ErrorLevel); err != nil {
		return err.Error()
	}
	return ""
}

// pod is what Knative makes of a service's first revision.
func (s *serving) pod(service *knative.Service) (*corev1.Pod, error) {
	first := &knative.Revision{ObjectMeta: *service.Spec.Template.ObjectMeta.DeepCopy(), Spec: service.Spec.Template.Spec}
	first.Name, first.Namespace = service.Name+"-00001", service.Namespace
	for _, container := range first.Spec.Containers {
		first.Status.ContainerStatuses = append(first.Status.ContainerStatuses, knative.ContainerStatus{Name: container.Name})
	}
	made, err := resources.MakeDeployment(first, &s.config)
	if err != nil {
		return nil, err
	}
	template := made.Spec.Template
	pod := &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Name, pod.Namespace = made.Name, made.Namespace
	return pod, nil
}
