module ml-loop/tools/metrics-server

go 1.25.0

require sigs.k8s.io/metrics-server v0.8.0

require k8s.io/api v0.35.4

require k8s.io/apimachinery v0.35.4

require k8s.io/apiserver v0.35.4

require k8s.io/client-go v0.35.4

require k8s.io/component-base v0.35.4

require k8s.io/kms v0.35.4

require k8s.io/metrics v0.35.4

exclude github.com/davecgh/go-spew v1.1.2-0.20180830191138-d8f796af33cc

exclude github.com/go-openapi/jsonreference v0.21.0

exclude go.opentelemetry.io/otel/exporters/otlp/otlptrace v1.35.0

exclude go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc v1.35.0

exclude golang.org/x/exp v0.0.0-20250106191152-7588d65b2ba8

exclude golang.org/x/time v0.11.0
