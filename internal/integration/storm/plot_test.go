// SPDX-License-Identifier: Apache-2.0

package storm_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/penstock-go/penstock/core/coretest"
)

// line is a line of the plot.
type line struct {
	name  string
	steps []coretest.Step
}

// The size of the plot in pixels, and the ranges of its axes.
const (
	plotWidth, plotHeight = 860, 400
	plotLeft, plotRight   = 70, 840
	plotTop, plotBottom   = 60, 340
	plotSeconds           = int((stormBefore + stormOutage + stormAfter) / time.Second)
	plotMost              = 100 // operations a second
)

func plotX(seconds float64) float64 {
	return plotLeft + seconds/float64(plotSeconds)*(plotRight-plotLeft)
}

func plotY(perSecond float64) float64 {
	return plotBottom - perSecond/plotMost*(plotBottom-plotTop)
}

// plot returns the goodput of each line over time, as an SVG document.
func plot(lines []line) string {
	var b strings.Builder
	put := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	text := func(x, y float64, attributes, s string) {
		put(`<text x="%.1f" y="%.1f" %s>%s</text>`, x, y, attributes, s)
	}
	rule := func(x1, y1, x2, y2 float64, attributes string) {
		put(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" %s/>`, x1, y1, x2, y2, attributes)
	}
	put(`<!-- SPDX-License-Identifier: Apache-2.0 -->`)
	put(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13" fill="#24292f">`, plotWidth, plotHeight)
	put(`<title>Goodput over time before, during and after an outage</title>`)
	put(`<rect width="%d" height="%d" fill="#ffffff"/>`, plotWidth, plotHeight)

	from, to := plotX(stormBefore.Seconds()), plotX((stormBefore + stormOutage).Seconds())
	put(`<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="#f0e3c4"/>`, from, plotTop, to-from, plotBottom-plotTop)
	text((from+to)/2, plotTop-6, `text-anchor="middle" font-size="12"`, "half of the capacity")

	for perSecond := 0.0; perSecond <= plotMost; perSecond += 20 {
		rule(plotLeft, plotY(perSecond), plotRight, plotY(perSecond), `stroke="#d8dee4"`)
		text(plotLeft-8, plotY(perSecond)+4, `text-anchor="end"`, fmt.Sprint(perSecond))
	}
	for seconds := 0.0; seconds <= float64(plotSeconds); seconds += 10 {
		rule(plotX(seconds), plotBottom, plotX(seconds), plotBottom+5, `stroke="#24292f"`)
		text(plotX(seconds), plotBottom+20, `text-anchor="middle"`, fmt.Sprint(seconds))
	}
	rule(plotLeft, plotBottom, plotRight, plotBottom, `stroke="#24292f"`)
	rule(plotLeft, plotTop, plotLeft, plotBottom, `stroke="#24292f"`)
	text((plotLeft+plotRight)/2, plotBottom+44, `text-anchor="middle"`, "time (s)")
	text(0, 0, fmt.Sprintf(`text-anchor="middle" transform="translate(22 %d) rotate(-90)"`, (plotTop+plotBottom)/2), "goodput (operations/s)")

	rule(plotLeft, plotY(stormOffered), plotRight, plotY(stormOffered), `stroke="#57606a" stroke-dasharray="5 4"`)
	// The first line is broad, so that it shows where the second one covers it.
	styles := []string{`stroke="#cf222e" stroke-width="5"`, `stroke="#0969da" stroke-width="2"`}
	legend := func(n int, style, name string) {
		x, y := plotLeft+float64(160*n), 24.0
		rule(x, y-4, x+26, y-4, style)
		text(x+34, y, "", name)
	}
	for i, l := range lines {
		var points []string
		for n, step := range l.steps[:plotSeconds] {
			// The point of a second is at its middle.
			points = append(points, fmt.Sprintf("%.1f,%.1f", plotX(float64(n)+0.5), plotY(float64(step.Succeeded))))
		}
		put(`<polyline fill="none" stroke-linejoin="round" %s points="%s"/>`, styles[i], strings.Join(points, " "))
		legend(i, styles[i], l.name)
	}
	legend(len(lines), `stroke="#57606a" stroke-dasharray="5 4"`, "offered")
	put(`</svg>`)
	return b.String()
}
