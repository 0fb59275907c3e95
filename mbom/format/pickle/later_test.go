package pickle_test

import (
	"testing"

	"github.com/holdfast-ai/holdfast/mbom/format/pickle"
)

// Loaders such as torch.load read several pickles in a row: the first may be as harmless as a number in digits.
func TestDetectLooksPastTheFirstStream(t *testing.T) {
	const code = "cposix\nsystem\n(S'id'\ntR."
	const torch = "L119547037146038801333356L\n.I1001\n.(d." // magic number, protocol and system of the older torch layout, as text
	for _, data := range []string{torch + code, "N." + code, "I1\n.N.N." + code, "S'a'\n." + code[:len(code)-1], torch + "cmymod\nf\n(S'x'\ntR."} {
		if !pickle.Detect([]byte(data), true) {
			t.Errorf("%q is no pickle", data)
		}
	}
	for _, prose := range []string{"N.B. this is a note, and no more.", "I agree.\nIt is so.\n", "Notes\n", "I\n.cold and warm\n(it says)\n", "N. cosine\nsimilarity\n"} {
		if pickle.Detect([]byte(prose), true) {
			t.Errorf("%q is a pickle", prose)
		}
	}
}
