package seal_test

import (
	"bytes"
	"crypto/fips140"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/streamingaead/aesctrhmac"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

const fipsFile = "HOLDFAST_TEST_FIPS_FILE" // set in the child: a sealed file of AES-CTR-HMAC

var fipsParams = aesctrhmac.ParametersOpts{
	DerivedKeySizeInBytes: 32, HkdfHashType: aesctrhmac.SHA256, HmacHashType: aesctrhmac.SHA256, HmacTagSizeInBytes: 32, SegmentSizeInBytes: 4096,
}

// With GODEBUG=fips140=only, which a process can only be started with, AES-CTR-HMAC files are read and AES-GCM-HKDF is
// refused with its reason.
func TestFIPSOnly(t *testing.T) {
	h := ctrKeyset(t, fipsParams, pattern("key", 32))
	file := filepath.Join(t.TempDir(), "sealed")
	if err := os.WriteFile(file, tinkSeal(t, h, []byte("ad"), pattern("plain", 10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestFIPSOnlyChild$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only", fipsFile+"="+file)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestFIPSOnlyChild")) {
		if strings.Contains(string(out), "not supported") { // a platform without the module
			t.Skipf("%s", out)
		}
		t.Errorf("%v\n%s", err, out)
	}
}

func TestFIPSOnlyChild(t *testing.T) {
	file := os.Getenv(fipsFile)
	if file == "" {
		t.Skip("run by TestFIPSOnly")
	}
	if !fips140.Enabled() {
		t.Fatal("not in FIPS mode")
	}
	ct, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	h := ctrKeyset(t, fipsParams, pattern("key", 32))
	for name, read := range readers {
		if got, err := read(t, h, []byte("ad"), ct); err != nil || !bytes.Equal(got, pattern("plain", 10_000)) {
			t.Errorf("AES-CTR-HMAC by %s: %v", name, err)
		}
	}
	gcm := keysetOf(t, pattern("key", 32), 32, 4096, aesgcmhkdf.SHA256)
	_, reading := seal.NewReaderAt(bytes.NewReader(append([]byte{40}, make([]byte, 99)...)), 100, gcm, nil)
	_, writing := seal.NewWriter(io.Discard, gcm, nil)
	_, dir := seal.Dir(t.Context(), t.TempDir()+"/x", model(), gcm, seal.Options{Name: "m"})
	for name, err := range map[string]error{"reading": reading, "writing": writing, "a directory": dir} {
		if !errors.Is(err, seal.ErrUnsupported) || !strings.Contains(err.Error(), "FIPS 140-only") {
			t.Errorf("AES-GCM-HKDF, %s: %v", name, err)
		}
	}
	sha1 := fipsParams
	sha1.HkdfHashType = aesctrhmac.SHA1
	if _, err := seal.NewReaderAt(bytes.NewReader(ct), int64(len(ct)), ctrKeyset(t, sha1, pattern("key", 32)), nil); !errors.Is(err, seal.ErrUnsupported) {
		t.Errorf("SHA-1: %v", err)
	}
}
