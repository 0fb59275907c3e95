package cyclonedx_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/mbom/cyclonedx"
)

// A bill is the publisher's text: what it costs to read is bounded by what real bills hold, however small its parts are.
func TestSmallPartsCostNoMore(t *testing.T) {
	const head, tail = `{"bomFormat":"CycloneDX","specVersion":"1.7","components":[`, `]}`
	nested := `{"components":[` + strings.TrimSuffix(strings.Repeat("null,", 100_000), ",") + `]},`
	for name, parts := range map[string]string{
		"empty objects": strings.Repeat("{},", 11_000_000),
		"nulls":         strings.Repeat("null,", 6_000_000),
		"nested nulls":  strings.Repeat(nested, 60),
	} {
		data := []byte(head + strings.TrimSuffix(parts, ",") + tail)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := cyclonedx.Decode(data)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, cyclonedx.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
		if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 64 {
			t.Errorf("%s: %d MiB for %d", name, mib, len(data)>>20)
		}
	}
}
