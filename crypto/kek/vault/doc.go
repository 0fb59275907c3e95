// Package vault wraps the keysets of sealed models with a key in the transit engine of HashiCorp Vault or OpenBao, through
// Tink's own integration. It is a module of its own, so that only those who use it link Vault's client; it needs nothing of
// Holdfast, and what it makes goes to kek.FromAEAD:
//
//	aead, err := vault.New(vault.Config{Address: "https://vault.example:8200", Key: "models", Token: token, HTTP: client})
//	k, err := kek.FromAEAD("vault", aead)
//
// Associated data travels as "associated_data", which binds a wrapped keyset to its model. A server that ignores it (an old
// one, or a key type without it) is found out when a keyset is wrapped, and refused.
//
// What binds the key to attested machines is the server's policy: grant "update" on transit/decrypt/KEY to identities that
// your attestation admits and to nobody else, and grant neither transit/rewrap, transit/export nor transit/datakey on it, with
// which an administrator would move keysets under a key that is not gated.
//
// Nothing is taken from the environment: Vault's client would read address, token, namespace, proxy and even whether to
// check certificates from variables, and the environment of a confidential guest belongs to its host.
package vault
