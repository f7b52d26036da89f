// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"context"
	"fmt"

	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/otelx/sdk"
)

// Nothing is configured here, so nothing is exported, and a client can leave
// the observer out.
func Example() {
	ctx := context.Background()
	telemetry, err := sdk.Setup(ctx, sdk.Config{ServiceName: "shop"})
	if err != nil {
		panic(err)
	}
	observer, err := otelx.NewObserver(
		otelx.WithTracerProvider(telemetry.TracerProvider()),
		otelx.WithMeterProvider(telemetry.MeterProvider()),
	)
	if err != nil {
		panic(err)
	}
	fmt.Println(observer.Enabled(), telemetry.Shutdown(ctx))
	// Output: false <nil>
}
