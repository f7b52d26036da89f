module github.com/penstock-go/penstock/internal/dashboards

go 1.26.0

require (
	github.com/grafana/grafana-foundation-sdk/go v0.0.22
	github.com/prometheus/otlptranslator v1.0.0
	go.yaml.in/yaml/v3 v3.0.6
)
