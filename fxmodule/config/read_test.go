// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/penstock-go/penstock/fxmodule/config"
	"github.com/penstock-go/penstock/pool/milvus"
)

// fails fails the test if Load of the file does not return that error.
func fails(t *testing.T, name, want string) error {
	t.Helper()
	_, err := config.Load(name, options)
	if err == nil || err.Error() != "config: "+want {
		t.Errorf("Load = %v\nwant config: %s", err, want)
	}
	return err
}

func TestAFileThatCannotBeReadIsNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	err := fails(t, "nowhere.yaml", "nowhere.yaml: file does not exist: create the file, or correct its name")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v does not match fs.ErrNotExist", err)
	}
	if err := os.Mkdir("folder", 0o700); err != nil {
		t.Fatal(err)
	}
	fails(t, "folder", "folder: it is a directory: name a file")
	if err := os.Symlink("loop", "loop"); err != nil {
		t.Fatal(err)
	}
	fails(t, "loop", "loop: too many levels of symbolic links")
	if err := os.WriteFile("big.yaml", make([]byte, 10<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "\n \r\n"} {
		if err := os.WriteFile("empty.yaml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		fails(t, "empty.yaml", "empty.yaml: it is empty: write a setting, or a comment if all settings have their defaults")
	}
	fails(t, "big.yaml", "big.yaml: it has 10485760 bytes, and 1048576 are the most: is it the right file?")
}

// later is a file that was changed once more each time somebody asks.
type later struct {
	fs.FileInfo
	at time.Time
}

func (l later) ModTime() time.Time { return l.at }

func TestAFileThatChangesWhileItIsReadIsReadAgain(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("penstock.yaml", []byte("max_async: 3"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		changes int
		want    string
	}{
		{4, ""}, // two reads of two looks each
		{6, "config: penstock.yaml: it changed while it was read: write a new file, and rename it to this name"},
	} {
		t.Run("", func(t *testing.T) {
			looks := 0
			config.ReplaceStat(t, func(info fs.FileInfo) fs.FileInfo {
				looks++
				return later{info, time.Unix(int64(min(looks, row.changes)), 0)}
			})
			f, err := config.Load("penstock.yaml", options)
			if row.want != "" {
				if err == nil || err.Error() != row.want {
					t.Errorf("Load = %v, want %s", err, row.want)
				}
			} else if err != nil || f == nil {
				t.Errorf("Load = %v", err)
			}
		})
	}
	// The file grows between the two looks.
	config.ReplaceStat(t, func(info fs.FileInfo) fs.FileInfo { return shorter{info} })
	fails(t, "penstock.yaml", "penstock.yaml: it changed while it was read: write a new file, and rename it to this name")
}

type shorter struct{ fs.FileInfo }

func (s shorter) Size() int64 { return s.FileInfo.Size() - 1 }

func TestSecretsAreReadFromFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"unix": "hunter2\n", "dos": "hunter2\r\n", "bare": "hunter2", "space": " hunter2 \n\n", "empty": "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"unix": "hunter2", "dos": "hunter2", "bare": "hunter2", "space": " hunter2 \n"} {
		f, err := config.Load(file(t, "redis: {password_file: "+filepath.Join(dir, name)+"}"), config.Options{Sections: two})
		if err != nil {
			t.Fatal(err)
		}
		c, err := f.Client("")
		if err != nil {
			t.Fatal(err)
		}
		if redis, err := config.Section[cache](c, "redis"); err != nil || redis.Password != want {
			t.Errorf("%s: password %q, %v, want %q", name, redis.Password, err, want)
		}
	}
	empty := filepath.Join(dir, "empty")
	t.Setenv("PENSTOCK_REDIS_PASSWORD_FILE", empty)
	_, err := config.Load("", config.Options{Sections: two})
	if want := "config: PENSTOCK_REDIS_PASSWORD_FILE: " + empty + ": the file is empty: write the secret into it"; err == nil || err.Error() != want {
		t.Errorf("Load = %v, want %s", err, want)
	}
}

// A variable takes the place of a file that the configuration names, and the other way
// round.
func TestASecretReplacesTheOtherWayOfGivingIt(t *testing.T) {
	name := file(t, "milvus: {username: a, password_file: nowhere.txt}")
	t.Setenv("PENSTOCK_MILVUS_PASSWORD", "hunter2")
	cfg, _, err := load(name)
	if err != nil || cfg.Password != milvus.NewSecret("hunter2") || cfg.Credentials != nil {
		t.Errorf("Load = %v, %v, want the password of the variable", cfg, err)
	}
}

func TestAPasswordInAFileIsReadForEachDial(t *testing.T) {
	secret := file(t, "first\n")
	cfg, _, err := load(file(t, "milvus: {username: a, password_file: "+secret+"}"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"first", "second"} {
		if err := os.WriteFile(secret, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := cfg.Credentials(t.Context())
		if err != nil || c.Username != "a" || c.Password != milvus.NewSecret(text) {
			t.Errorf("Credentials = %v, %v, want the password that the file has now", c.Username, err)
		}
	}
}
