// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// evidenceKey is the attribute that a span of evidence has from its start.
const evidenceKey = attribute.Key("penstock.evidence")

// EvidenceSampler returns a sampler that takes every span of evidence, and asks base
// about every other span.
//
// Penstock writes an operation whose trace was not sampled, and which failed, was
// rejected or was slow, as spans with the attribute penstock.evidence. Their parent is
// remote, and its sampled flag is set. A sampler made by [sdktrace.ParentBased] takes
// these spans and needs no wrapping. A sampler that does not look at the parent, such
// as [sdktrace.TraceIDRatioBased], drops them unless it is wrapped. [Setup] wraps the
// sampler traceidratio of the environment.
func EvidenceSampler(base sdktrace.Sampler) sdktrace.Sampler { return evidenceSampler{base} }

type evidenceSampler struct{ base sdktrace.Sampler }

func (s evidenceSampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	for _, kv := range p.Attributes {
		if kv.Key == evidenceKey {
			return sdktrace.SamplingResult{
				Decision:   sdktrace.RecordAndSample,
				Tracestate: trace.SpanContextFromContext(p.ParentContext).TraceState(),
			}
		}
	}
	return s.base.ShouldSample(p)
}

func (s evidenceSampler) Description() string {
	return "EvidenceSampler{" + s.base.Description() + "}"
}

const (
	tracesSampler    = "OTEL_TRACES_SAMPLER"
	tracesSamplerArg = "OTEL_TRACES_SAMPLER_ARG"
)

// samplers are the values of OTEL_TRACES_SAMPLER.
var samplers = []string{
	"always_on", "always_off", "traceidratio",
	"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
}

// samplerFromEnv returns a sampler to use in place of the one that the SDK makes from
// the environment, nil if there is none. The SDK samples every trace if a variable is
// wrong; here that is an error.
func samplerFromEnv() (sdktrace.Sampler, error) {
	name := lower(tracesSampler)
	if err := oneOf(tracesSampler, name, samplers...); err != nil {
		return nil, err
	}
	if name != "traceidratio" && name != "parentbased_traceidratio" {
		// always_off stays off: its user wants no spans at all.
		return nil, nil
	}
	ratio := 1.0
	if arg := strings.TrimSpace(os.Getenv(tracesSamplerArg)); arg != "" {
		var err error
		// The comparison is false for NaN.
		if ratio, err = strconv.ParseFloat(arg, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
			return nil, fmt.Errorf("%s=%s is not a part of all traces: want a number from 0 to 1", tracesSamplerArg, arg)
		}
	}
	if name == "parentbased_traceidratio" {
		return nil, nil
	}
	return EvidenceSampler(sdktrace.TraceIDRatioBased(ratio)), nil
}
