// SPDX-License-Identifier: Apache-2.0

// Package config loads the configuration of a Milvus client from a YAML file and
// the environment. It knows nothing of fx.
//
//	cfg, err := config.Load("penstock.yaml")
//	if err != nil {
//		return err
//	}
//	client, err := milvus.Open(ctx, cfg)
//
// The file holds, say,
//
//	address: milvus.internal:19530
//	operation_timeout: 30s
//	pool:
//	  max_size: 8
//	retry:
//	  max_retries: 2
//	  interval: 200ms
//
// and PENSTOCK_POOL_MAX_SIZE=16 overrides one of them. [Keys] are all there are;
// docs/configuration.md says what each means.
//
// What nobody sets has its default. An explicit 0 is refused, because it could
// mean the default, none or no limit: leave a setting out for its default, and
// switch a stage off with its "disabled".
package config
