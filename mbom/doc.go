// Package mbom answers what is in a model, and whether it may run here.
//
// [Build] reads a model directory once and returns its bill of materials: every file with its digest, the parameters
// counted from the tensor headers, architecture, licence, data sets and base models, and chat templates as components of
// their own. For each of these it says whether it was verified from bytes, declared by a file, inferred, or left open.
// [BOM.CycloneDX] writes the bill as CycloneDX; equal directories give equal bytes.
//
//	bom, err := mbom.Build(ctx, sign.DirFS(root), mbom.BuildOptions{}) // root: the directory, by os.OpenRoot
//	doc, err := bom.CycloneDX("1.7") // becomes mbom.cdx.json; then the directory is signed
//
// [Open] is the server's side. It binds the bill to the files that were signed (each is listed, with an equal digest, and
// nothing else is) and holds the model against a [Policy]: formats by content, licences, code that a loader would run, and
// chat templates. [WeightPolicy] checks tensors while they are loaded, in the pass that hashes them.
//
// # Threat model
//
// Whoever publishes a model can put anything into it; a signature makes it theirs, not harmless.
//
// What holds: files are judged by their bytes and by what a loader would do with their names, so a pickle under a harmless
// name is refused. Formats that nobody recognises are refused (docs/formats.md lists the usual files), and so is a bill that is
// stale or incomplete. Configurations in JSON and YAML are searched for what makes loaders run code: see
// [Policy].InsecureAllowRemoteCode.
//
// Open does not read files named *.safetensors and *.gguf, because that would mean reading the weights twice. They are held
// to their format, and the chat templates in a GGUF header to their digests, by the tap of [WeightPolicy], through which
// every byte must pass (package holdfast sees to it).
//
// What does not hold: a licence or data set is what the publisher declares; templates are compared by digest and never
// judged by their content; backdoors in finite weights look like weights; an adapter names a base model that this signature
// does not cover; and a loader that reads code from places this package does not know is not stopped by it.
package mbom
