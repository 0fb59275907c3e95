// Package oci opens models that are stored as OCI artifacts in an image layout directory (OCI Image Format Specification
// v1.1: image-layout, image-index, manifest and descriptor), as registries' tools save them:
//
//	oci-layout               {"imageLayoutVersion": "1.0.0"}
//	index.json               which artifacts there are, with their tags
//	blobs/sha256/<digest>    manifests, configurations and layers
//
// [Open] selects one artifact by tag or digest and returns its files as a source for sign.Open and sign.Sign. Models of the
// ModelPack specification (application/vnd.cncf.model.…) and ModelKits of KitOps (application/vnd.kitops.modelkit.…) are
// known. A raw layer is one file, named by its annotation org.cncf.model.filepath; a tar layer is the files in it.
//
// # What vouches for what
//
// Index and tags are the storage's word. The manifest is what its digest says, and it lists every layer with digest and
// size: whoever knows the manifest's digest knows the model. A source need not be trusted for sign.Open, which holds every
// file against the signature, so layers are not read twice: their sizes are checked when they are opened, their bytes by
// the signature. Compressed layers have to be read to find their files, and their digests are checked then. Everyone else
// calls [Artifact.Verify], which holds all layers against their descriptors; sign.Sign takes what it hashes from [Artifact.VerifyFiles].
package oci
