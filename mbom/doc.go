// Package mbom answers what is in a model and whether it may run here.
//
// [Build] reads a model directory once and returns its bill of materials: every file with its digest, the parameters
// counted from the tensor headers, architecture, licence, data sets and base models, chat templates as components of
// their own, and for each of these whether it was verified from bytes, declared by a file, inferred or left open.
// [BOM.CycloneDX] writes it as CycloneDX; equal directories give equal bytes.
//
//	bom, err := mbom.Build(ctx, sign.DirFS(root), mbom.BuildOptions{}) // root: the directory, by os.OpenRoot
//	doc, err := bom.CycloneDX("1.7") // becomes mbom.cdx.json, then the directory is signed
//
// [Open] is the server's side. It binds the bill to the files that were signed (each listed, with equal digest, and
// nothing else) and holds the model against a [Policy]: formats by content, licences, code that a loader would run, and
// chat templates. [WeightPolicy] checks tensors while they are loaded, in the pass that hashes them.
//
// # Threat model
//
// Whoever publishes a model can put anything into it, and a signature makes it theirs, not harmless. What holds: files
// are gated by their bytes and by what a loader would do with their name, so a pickle under a harmless name is refused;
// formats that nobody recognises are refused; a stale or partial bill is refused. Files named *.safetensors and *.gguf
// are not read by Open, which would mean to read weights twice: they are held to their format, and the
// chat templates in a GGUF header to their digests, by the tap of [WeightPolicy], which must be in the way of every byte
// (package holdfast sees to it). What does not hold: a licence or data set is what the publisher
// declares; templates are compared by digest and never judged by content; backdoors in finite weights look like weights.
package mbom
