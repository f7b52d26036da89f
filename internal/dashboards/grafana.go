// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// board is one dashboard.
type board struct {
	uid, title, description string
	rows                    []panels
}

// panels is a row of panels.
type panels struct {
	title  string
	panels []panel
}

// panel is a graph, or a single figure.
type panel struct {
	title, description string
	unit               string // of Grafana
	single             bool   // the last value alone
	queries            []query
}

// query is an expression with placeholders, and the legend of its series.
type query struct{ expr, legend string }

// chosen limits an expression to what the variables of the dashboard select. A metric in
// an expression of a panel is written <name>, and followed by chosen.
const chosen = `{<job>=~"$job", <db.client.connection.pool.name>=~"$pool"}`

// source is the variable that selects the Prometheus.
var source = common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${source}")}

// json returns the dashboard as Grafana reads it.
func (b board) json(t table) ([]byte, error) {
	pools, err := t.promQL(`label_values(<db.client.connection.max>{<job>=~"$job"}, <db.client.connection.pool.name>)`)
	if err != nil {
		return nil, err
	}
	jobs, err := t.promQL(`label_values(<db.client.connection.max>, <job>)`)
	if err != nil {
		return nil, err
	}
	builder := dashboard.NewDashboardBuilder(b.title).
		Uid(b.uid).
		Description(b.description).
		Tags([]string{"penstock"}).
		Refresh("30s").
		Time("now-1h", "now").
		Timezone(common.TimeZoneBrowser).
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		WithVariable(dashboard.NewDatasourceVariableBuilder("source").Label("Prometheus").Type("prometheus")).
		WithVariable(selector("job", "Service", jobs)).
		WithVariable(selector("pool", "Pool", pools)).
		Link(dashboard.NewDashboardLinkBuilder("Penstock").Type(dashboard.DashboardLinkTypeDashboards).Tags([]string{"penstock"}).AsDropdown(true).KeepTime(true).IncludeVars(true))
	var faults []error
	for _, r := range b.rows {
		builder.WithRow(dashboard.NewRowBuilder(r.title))
		for _, p := range r.panels {
			made, err := p.build(t)
			if err != nil {
				faults = append(faults, fmt.Errorf("panel %q: %w", p.title, err))
				continue
			}
			builder.WithPanel(made)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	built, err := builder.Build()
	if err != nil {
		return nil, err
	}
	content, err := json.MarshalIndent(built, "", "  ")
	return append(content, '\n'), err
}

// selector is a variable with the values of a query, all of them by default.
func selector(name, label, values string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).Label(label).
		Datasource(source).
		Query(dashboard.StringOrMap{String: &values}).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortAlphabeticalAsc).
		Multi(true).IncludeAll(true).AllValue(".*")
}

func (p panel) build(t table) (cog.Builder[dashboard.Panel], error) {
	var targets []cog.Builder[variants.Dataquery]
	for i, q := range p.queries {
		expr, err := t.promQL(q.expr)
		if err != nil {
			return nil, err
		}
		target := prometheus.NewDataqueryBuilder().Datasource(source).Expr(expr).LegendFormat(q.legend).RefId(string(rune('A' + i)))
		if !p.single {
			target.Exemplar(true)
		}
		targets = append(targets, target)
	}
	if p.single {
		return stat.NewPanelBuilder().Title(p.title).Description(p.description).Datasource(source).Unit(p.unit).
			Height(4).Span(6).NoValue("0").Targets(targets), nil
	}
	return timeseries.NewPanelBuilder().Title(p.title).Description(p.description).Datasource(source).Unit(p.unit).Min(0).
		Height(8).Span(12).FillOpacity(8).ShowPoints(common.VisibilityModeNever).
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeTable).Placement(common.LegendPlacementBottom).
			ShowLegend(true).Calcs([]string{"lastNotNull", "max"})).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending)).
		Targets(targets), nil
}
