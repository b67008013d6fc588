package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/kserve/kserve/pkg/apis/serving/v1alpha1"
	"github.com/kserve/kserve/pkg/apis/serving/v1beta1"
	"github.com/kserve/kserve/pkg/constants"
	"github.com/kserve/kserve/pkg/controller/v1alpha1/inferencegraph"
	"github.com/kserve/kserve/pkg/controller/v1beta1/inferenceservice/components"
	podwebhook "github.com/kserve/kserve/pkg/webhook/admission/pod"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientset "k8s.io/client-go/kubernetes/fake"
	kinds "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	knative "knative.dev/serving/pkg/apis/serving/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// kserve is KServe's own code over a cluster that is a map in memory.
type kserve struct {
	client    client.Client
	clientset kubernetes.Interface
	scheme    *runtime.Scheme
	config    *corev1.ConfigMap
	models    []*v1beta1.InferenceService
	graphs    []*v1alpha1.InferenceGraph
}

func newKServe(settings map[string]string, raw []json.RawMessage) (*kserve, error) {
	k := &kserve{scheme: runtime.NewScheme(), config: configMap(constants.KServeNamespace, constants.InferenceServiceConfigMapName, settings)}
	for _, add := range []func(*runtime.Scheme) error{kinds.AddToScheme, v1alpha1.AddToScheme, v1beta1.AddToScheme, knative.AddToScheme} {
		if err := add(k.scheme); err != nil {
			return nil, err
		}
	}
	// KServe asks it whether a service may begin with no pod.
	autoscaler := configMap("knative-serving", "config-autoscaler", nil)
	objects := []client.Object{k.config, autoscaler}
	for _, each := range raw {
		object, err := k.decoded(each)
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	k.client = fake.NewClientBuilder().WithScheme(k.scheme).WithObjects(objects...).WithStatusSubresource(&v1alpha1.InferenceGraph{}).Build()
	k.clientset = clientset.NewSimpleClientset(k.config, autoscaler)
	return k, nil
}

func configMap(namespace, name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data}
}

// decoded reads an object by its kind; a field that the kind does not have is an error.
func (k *kserve) decoded(raw json.RawMessage) (client.Object, error) {
	var meta metav1.TypeMeta
	if err := json.Unmarshal(raw, &meta); err != nil {
		return nil, err
	}
	var object client.Object
	switch meta.Kind {
	case "InferenceService":
		model := &v1beta1.InferenceService{}
		k.models, object = append(k.models, model), model
	case "InferenceGraph":
		graph := &v1alpha1.InferenceGraph{}
		k.graphs, object = append(k.graphs, graph), graph
	case "ServingRuntime":
		object = &v1alpha1.ServingRuntime{}
	case "ClusterStorageContainer":
		object = &v1alpha1.ClusterStorageContainer{}
	default:
		return nil, fmt.Errorf("kind %q is none of InferenceService, InferenceGraph, ServingRuntime, ClusterStorageContainer", meta.Kind)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return object, decoder.Decode(object)
}

// services are the Knative Services that KServe makes of the models and the graphs.
func (k *kserve) services(ctx context.Context) ([]knative.Service, error) {
	settings, err := v1beta1.NewInferenceServicesConfig(k.config)
	if err != nil {
		return nil, err
	}
	for _, model := range k.models {
		model = model.DeepCopy()
		model.DefaultInferenceService(settings, &v1beta1.DeployConfig{DefaultDeploymentMode: string(constants.Knative)}, &v1beta1.SecurityConfig{}, nil, nil)
		if _, err := (&v1beta1.InferenceServiceValidator{}).ValidateCreate(ctx, model); err != nil {
			return nil, fmt.Errorf("KServe refuses InferenceService %s: %w", model.Name, err)
		}
		predictor := components.NewPredictor(k.client, k.clientset, k.scheme, settings, constants.Knative)
		if _, err := predictor.Reconcile(ctx, model); err != nil {
			return nil, fmt.Errorf("KServe makes nothing of InferenceService %s: %w", model.Name, err)
		}
	}
	if err := k.split(ctx); err != nil {
		return nil, err
	}
	var made knative.ServiceList
	err = k.client.List(ctx, &made)
	return made.Items, err
}

// split lets the controller of graphs work, which asks the API server whether there is Knative.
func (k *kserve) split(ctx context.Context) error {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		served := []metav1.APIResource{{Name: "services", Kind: constants.KnativeServiceKind, Namespaced: true}}
		_ = json.NewEncoder(w).Encode(metav1.APIResourceList{GroupVersion: knative.SchemeGroupVersion.String(), APIResources: served})
	}))
	defer server.Close()
	controller := &inferencegraph.InferenceGraphReconciler{
		Client: k.client, ClientConfig: &rest.Config{Host: server.URL}, Clientset: k.clientset, Log: ctrl.Log, Scheme: k.scheme,
		Recorder: record.NewFakeRecorder(len(k.graphs) * 8),
	}
	for _, graph := range k.graphs {
		if _, err := controller.Reconcile(ctx, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(graph)}); err != nil {
			return fmt.Errorf("KServe makes nothing of InferenceGraph %s: %w", graph.Name, err)
		}
	}
	return nil
}

// mutate is KServe's webhook for pods, which adds the storage initializer.
func (k *kserve) mutate(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	raw, err := json.Marshal(pod)
	if err != nil {
		return nil, err
	}
	webhook := &podwebhook.Mutator{Client: k.client, Clientset: k.clientset, Decoder: admission.NewDecoder(k.scheme)}
	asked := admissionv1.AdmissionRequest{Namespace: pod.Namespace, Object: runtime.RawExtension{Raw: raw}}
	answer := webhook.Handle(ctx, admission.Request{AdmissionRequest: asked})
	if !answer.Allowed {
		return nil, fmt.Errorf("KServe refuses the pod of %s: %s", pod.Name, answer.Result.Message)
	}
	text, err := json.Marshal(answer.Patches)
	if err != nil {
		return nil, err
	}
	patch, err := jsonpatch.DecodePatch(text)
	if err != nil {
		return nil, err
	}
	if raw, err = patch.Apply(raw); err != nil {
		return nil, err
	}
	mutated := &corev1.Pod{}
	return mutated, json.Unmarshal(raw, mutated)
}
