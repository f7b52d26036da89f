// SPDX-License-Identifier: Apache-2.0

package servers

// FreePorts is freePorts, for tests.
var FreePorts = freePorts

// ReadMilvusConfig returns the milvus.yaml and etcd.yaml made of a template.
func ReadMilvusConfig(template, dir string) (yaml, etcdYAML string, proxyPort int, err error) {
	c, err := newMilvusConfig(template, dir)
	return c.yaml, c.etcdYAML, c.proxyPort, err
}
