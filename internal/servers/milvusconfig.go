// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// milvusConfig is the configuration of one Milvus: it has free ports, and all its
// files are below one directory. Milvus always listens on all interfaces; it
// registers itself as 127.0.0.1, so its parts connect to each other there.
type milvusConfig struct {
	yaml, etcdYAML         string
	proxyPort, metricsPort int
}

// placeholder matches {{ name }}, {{ name: default }} and {{ name(type): default }}.
var placeholder = regexp.MustCompile(`\{\{\s*(\w+)(?:\(\w+\))?\s*(?::\s*([^}]*?))?\s*\}\}`)

// newMilvusConfig fills in the server's own template.
func newMilvusConfig(template, dir string) (milvusConfig, error) {
	values := map[string]string{
		"etcd_data_dir":     strconv.Quote(filepath.Join(dir, "data", "etcd")),
		"local_storage_dir": strconv.Quote(filepath.Join(dir, "data", "storage")),
		"rocksmq_data_dir":  strconv.Quote(filepath.Join(dir, "data", "rocksmq")),
		"etcd_log_path":     "stdout",
		"system_log_path":   `""`, // stdout alone, which goes to server.log
	}
	names := []string{"metrics", "etcd_peer"}
	for _, match := range placeholder.FindAllStringSubmatch(template, -1) {
		if strings.HasSuffix(match[1], "_port") {
			names = append(names, match[1])
		}
	}
	free, err := freePorts("", len(names))
	if err != nil {
		return milvusConfig{}, err
	}
	ports := make(map[string]int, len(names))
	for i, name := range names {
		ports[name] = free[i]
		values[name] = strconv.Itoa(free[i])
	}
	for _, name := range []string{"proxy_port", "etcd_port"} {
		if ports[name] == 0 {
			return milvusConfig{}, fmt.Errorf("the template has no %s", name)
		}
	}

	text := placeholder.ReplaceAllStringFunc(template, func(s string) string {
		match := placeholder.FindStringSubmatch(s)
		if value, ok := values[match[1]]; ok {
			return value
		}
		return match[2]
	})
	for _, edit := range []struct{ old, new string }{
		// Without an address, the server registers the first one of the machine.
		{"\n  ip: #", "\n  ip: 127.0.0.1 #"},
		// The embedded etcd reads its addresses from a file of its own; without it,
		// the peer port is always 2380.
		{"\n  use:\n    embed: true", "\n  config:\n    path: " + strconv.Quote(filepath.Join(dir, "configs", "etcd.yaml")) + "\n  use:\n    embed: true"},
	} {
		if !strings.Contains(text, edit.old) {
			return milvusConfig{}, fmt.Errorf("the template has no line %q", strings.TrimSpace(edit.old))
		}
		text = strings.ReplaceAll(text, edit.old, edit.new)
	}

	return milvusConfig{
		yaml: text,
		etcdYAML: fmt.Sprintf(`name: penstock
listen-client-urls: http://%[1]s
advertise-client-urls: http://%[1]s
listen-peer-urls: http://%[2]s
initial-advertise-peer-urls: http://%[2]s
initial-cluster: penstock=http://%[2]s
`, local(ports["etcd_port"]), local(ports["etcd_peer"])),
		proxyPort:   ports["proxy_port"],
		metricsPort: ports["metrics"],
	}, nil
}
