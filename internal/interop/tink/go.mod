module github.com/holdfast-ai/holdfast/internal/interop/tink

go 1.26.0

require (
	github.com/google/tink/go v1.7.0
	github.com/holdfast-ai/holdfast v0.0.0
)

require (
	github.com/tink-crypto/tink-go/v2 v2.9.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace github.com/holdfast-ai/holdfast => ../../..
