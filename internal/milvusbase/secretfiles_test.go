// SPDX-License-Identifier: Apache-2.0

package milvusbase_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/internal/milvusbase"
)

func TestASecretOfAFileIsTheOneOfThePresentFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "password")
	files := milvusbase.SecretFiles{Password: name}
	for text, want := range map[string]string{"hunter2\n": "hunter2", "hunter3\r\n": "hunter3", "hunter 4": "hunter 4", "hunter5\n\n": "hunter5\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := files.Read(milvusbase.Credentials{Username: "root"})
		if err != nil || c.Username != "root" || milvusbase.Reveal(c.Password) != want {
			t.Errorf("Read of %q = %q of %q, %v, want %q of root", text, milvusbase.Reveal(c.Password), c.Username, err, want)
		}
	}
}

func TestFaultsOfSecretFilesNameTheSetting(t *testing.T) {
	dir := t.TempDir()
	empty, full, nowhere := filepath.Join(dir, "empty"), filepath.Join(dir, "full"), filepath.Join(dir, "nowhere")
	for name, text := range map[string]string{empty: "\n", full: "hunter2"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	secret := milvusbase.NewSecret("hunter3")
	for _, row := range []struct {
		files milvusbase.SecretFiles
		of    milvusbase.Credentials
		want  string
	}{
		{milvusbase.SecretFiles{}, milvusbase.Credentials{Password: secret}, ""},
		{milvusbase.SecretFiles{Password: full}, milvusbase.Credentials{}, ""},
		{milvusbase.SecretFiles{Password: full}, milvusbase.Credentials{Password: secret}, "Password and PasswordFile are both set: leave one out"},
		{milvusbase.SecretFiles{APIKey: full}, milvusbase.Credentials{APIKey: secret}, "APIKey and APIKeyFile are both set: leave one out"},
		{milvusbase.SecretFiles{Password: empty}, milvusbase.Credentials{}, "PasswordFile: " + empty + " is empty: write the secret into it: correct the file or its name"},
		{milvusbase.SecretFiles{APIKey: nowhere}, milvusbase.Credentials{}, "APIKeyFile: open " + nowhere + ": no such file or directory: correct the file or its name"},
	} {
		present, faults := row.files.Check(row.of)
		if len(faults) > 1 || len(faults) == 0 && row.want != "" || len(faults) == 1 && faults[0].Error() != row.want {
			t.Errorf("%+v has the faults %q, want %q", row.files, faults, row.want)
		}
		if unread := strings.Contains(row.want, "correct the file"); unread != (present == milvusbase.Credentials{}) {
			t.Errorf("%+v: Check returns credentials: %t, want %t", row.files, unread, !unread)
		}
	}
}
