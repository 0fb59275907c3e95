package sign_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// A drawn model, how it was signed, and by what policy it is opened.
type drawn struct {
	src    fstest.MapFS // as signed
	signed []string     // names that the signature covers
	policy sign.Policy
	bundle []byte
}

var (
	lawPart    = rapid.SampledFrom([]string{"a", "b", "a-b", "a.txt", "c:0:8", "é", "模型", " ", "model.sig", ".git", "x"})
	lawContent = rapid.SliceOfN(rapid.Byte(), 0, 40)
)

// lawName draws a path, and not one that something in src makes impossible.
func lawName(t *rapid.T, src fstest.MapFS, label string) string {
	name := strings.Join(rapid.SliceOfN(lawPart, 1, 3).Draw(t, label), "/")
	for other := range src {
		if other == name || strings.HasPrefix(other, name+"/") || strings.HasPrefix(name, other+"/") {
			t.Skip("name is taken")
		}
	}
	return name
}

func lawFile(data []byte) *fstest.MapFile { return &fstest.MapFile{Data: data, Mode: 0o644} }

// ignored reports whether name is one of paths or lies below one.
func ignored(name string, paths []string) bool {
	return slices.ContainsFunc(paths, func(p string) bool { return name == p || strings.HasPrefix(name, p+"/") })
}

// TestLaw: sign anything, change anything, and either somebody notices or what changed is never served. Whatever is
// served at all is what was signed.
func TestLaw(t *testing.T) {
	key := signtest.Key(t)
	root := issue(t, nil, ca)
	leaf := issue(t, root, signer)
	rapid.Check(t, func(t *rapid.T) {
		d := drawModel(t, key, leaf, root)
		changed := maps.Clone(d.src)
		data := d.bundle
		victim := rapid.SampledFrom(d.signed).Draw(t, "victim")
		good := d.src[victim].Data
		hidden := false // the change is where nothing is served from
		switch how := rapid.SampledFrom([]string{"flip", "cut", "append", "remove", "rename", "swap", "add", "ignored", "bundle bit", "bundle byte", "payload"}).Draw(t, "how"); how {
		case "flip":
			if len(good) == 0 {
				t.Skip("nothing to flip")
			}
			bad := bytes.Clone(good)
			bad[rapid.IntRange(0, len(bad)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			changed[victim] = lawFile(bad)
		case "cut":
			if len(good) == 0 {
				t.Skip("nothing to cut")
			}
			changed[victim] = lawFile(good[:rapid.IntRange(0, len(good)-1).Draw(t, "to")])
		case "append":
			changed[victim] = lawFile(append(bytes.Clone(good), rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "more")...))
		case "remove":
			delete(changed, victim)
		case "rename":
			delete(changed, victim)
			changed[lawName(t, d.src, "new name")] = d.src[victim]
		case "swap":
			other := rapid.SampledFrom(d.signed).Draw(t, "other")
			if bytes.Equal(good, d.src[other].Data) {
				t.Skip("the same content")
			}
			changed[victim], changed[other] = d.src[other], d.src[victim]
		case "add":
			name := lawName(t, changed, "new name")
			changed[name] = lawFile(append(lawContent.Draw(t, "content"), 0)) // shards do not see empty files
			hidden = ignored(name, lawIgnore)
		case "ignored":
			changed[rapid.SampledFrom(lawIgnore).Draw(t, "where")+"/evil"] = lawFile(lawContent.Draw(t, "content"))
			hidden = true
		case "bundle bit", "bundle byte":
			data = bytes.Clone(data)
			at := rapid.IntRange(0, len(data)-1).Draw(t, "at")
			if how == "bundle bit" {
				data[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			} else {
				data = append(data[:at], append(rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "bytes"), data[min(len(data), at+1):]...)...)
			}
			hidden = true // of the key's hint, or white space
		case "payload":
			other := drawModel(t, key, leaf, root)
			data = withPayload(t, d.bundle, other.bundle)
			hidden = bytes.Equal(data, d.bundle)
		}
		m, err := sign.Open(t.Context(), changed, d.policy, sign.WithBundle(data), atWhen())
		if err != nil {
			return
		}
		noticed := m.VerifyAll(t.Context(), nil) != nil
		extra, err := m.Extra(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !noticed && len(extra) == 0 && !hidden {
			t.Fatal("nobody noticed")
		}
		served := 0
		for _, f := range m.Files() {
			if content, err := m.ReadFile(f.Name); err == nil {
				served++
				if !slices.Contains(d.signed, f.Name) || !bytes.Equal(content, d.src[f.Name].Data) {
					t.Fatalf("%q was served and not signed so", f.Name)
				}
			}
		}
		if !noticed && served != len(d.signed) {
			t.Fatalf("%d files served of %d", served, len(d.signed))
		}
	})
}

// withPayload gives the bundle a the payload of b, whose signature it does not have.
func withPayload(t *rapid.T, a, b []byte) []byte {
	from, to := payloadText(t, a), payloadText(t, b)
	return bytes.Replace(a, from, to, 1)
}

// payloadText cuts the payload, in base64, out of a bundle of ours.
func payloadText(t *rapid.T, data []byte) []byte {
	_, rest, ok := bytes.Cut(data, []byte(`"payload":"`))
	text, _, ok2 := bytes.Cut(rest, []byte(`"`))
	if !ok || !ok2 {
		t.Fatal("no payload")
	}
	return text
}

// lawIgnore are the paths that a drawn model leaves out, besides those that every model does.
var lawIgnore = []string{".git", ".holdfast", "model.sig", "left/out"}

func drawModel(t *rapid.T, key crypto.Signer, leaf, root *authority) drawn {
	d := drawn{src: fstest.MapFS{}, policy: sign.Policy{InsecureAnyModel: true}}
	o := sign.SignOptions{IgnorePaths: []string{"left/out"}}
	if rapid.Bool().Draw(t, "shards") {
		o.ShardSize = rapid.Int64Range(1, 50).Draw(t, "shard size")
	}
	for range rapid.IntRange(1, 5).Draw(t, "files") {
		name := lawName(t, d.src, "name")
		content := lawContent.Draw(t, "content")
		d.src[name] = lawFile(content)
		if !ignored(name, lawIgnore) && (o.ShardSize == 0 || len(content) > 0) {
			d.signed = append(d.signed, name)
		}
	}
	if len(d.signed) == 0 {
		t.Skip("nothing to sign")
	}
	if rapid.Bool().Draw(t, "certificate") {
		key, o.Chain = leaf.key, []*x509.Certificate{leaf.cert}
		d.policy.Roots, d.policy.Identities = []*x509.Certificate{root.cert}, []string{"release@example.org"}
	} else {
		d.policy.Keys = []crypto.PublicKey{key.Public()}
	}
	var err error
	if d.bundle, _, err = sign.Sign(t.Context(), d.src, key, o); err != nil {
		t.Fatal(err)
	}
	return d
}
