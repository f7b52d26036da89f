// SPDX-License-Identifier: Apache-2.0

// Package config loads the configuration of a Milvus client from a YAML file and
// the environment. It knows nothing of fx.
//
//	server, settings, err := config.Load("penstock.yaml")
//	if err != nil {
//		return err
//	}
//	client, err := milvus.Open(ctx, server, settings)
//
// An example of a file:
//
//	address: milvus.internal:19530
//	operation_timeout: 30s
//	pool:
//	  max_size: 8
//	retry:
//	  max_retries: 2
//	  interval: 200ms
//
// The variable PENSTOCK_POOL_MAX_SIZE=16 overrides the file's 8. [Keys] returns
// all settings; docs/configuration.md says what each of them does.
//
// Variables that Kubernetes sets for a Service called penstock are ignored. Load is for
// one client; a program with several decodes the configuration structs itself.
//
// A setting that is left out has its default. An explicit 0 is refused, because 0
// could mean the default, none or no limit. To switch a stage off, set its
// "disabled" to true.
package config
