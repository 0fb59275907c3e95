package snp

import (
	"fmt"
)

// Product is a line of processors with its own root key and TCB layout.
type Product string

// The known products.
const (
	Milan Product = "Milan"
	Genoa Product = "Genoa" // also Bergamo and Siena
	Turin Product = "Turin"
)

// productOf names the product of a CPUID family and model, as reports carry it from version 3 on; "" if unknown.
func productOf(family, model uint8) Product {
	switch {
	case family == 0x19 && model <= 0x0f:
		return Milan
	case family == 0x19 && (model>>4 == 1 || model>>4 == 0xa):
		return Genoa
	case family == 0x1a && model <= 0x11:
		return Turin
	}
	return ""
}

// TCB are the security patch levels of the parts that a report depends on.
type TCB struct {
	FMC        uint8 `json:"fmc"` // Turin only, 0 elsewhere
	Bootloader uint8 `json:"bootloader"`
	TEE        uint8 `json:"tee"`
	SNP        uint8 `json:"snp"`
	Microcode  uint8 `json:"microcode"`
}

// TCB splits a raw TCB_VERSION by the product's layout: Turin puts FMC first and SNP at byte 3.
func (p Product) TCB(raw uint64) TCB {
	at := func(i int) uint8 { return uint8(raw >> (8 * i)) }
	if p == Turin {
		return TCB{FMC: at(0), Bootloader: at(1), TEE: at(2), SNP: at(3), Microcode: at(7)}
	}
	return TCB{Bootloader: at(0), TEE: at(1), SNP: at(6), Microcode: at(7)}
}

// Raw is the inverse of [Product.TCB].
func (p Product) Raw(t TCB) uint64 {
	put := func(v uint8, i int) uint64 { return uint64(v) << (8 * i) }
	if p == Turin {
		return put(t.FMC, 0) | put(t.Bootloader, 1) | put(t.TEE, 2) | put(t.SNP, 3) | put(t.Microcode, 7)
	}
	return put(t.Bootloader, 0) | put(t.TEE, 1) | put(t.SNP, 6) | put(t.Microcode, 7)
}

// AtLeast reports whether every part of t is at or above the floor's.
func (t TCB) AtLeast(floor TCB) bool {
	return t.FMC >= floor.FMC && t.Bootloader >= floor.Bootloader && t.TEE >= floor.TEE && t.SNP >= floor.SNP && t.Microcode >= floor.Microcode
}

// String shows the levels in hexadecimal: FMC, bootloader, TEE, SNP, microcode.
func (t TCB) String() string {
	return fmt.Sprintf("%02x/%02x/%02x/%02x/%02x", t.FMC, t.Bootloader, t.TEE, t.SNP, t.Microcode)
}

// FloorsDate is the day to which [Floors] was compiled.
const FloorsDate = "2026-11-01"

// Floors returns the lowest TCBs without publicly known remedied attacks on reports: SNP and microcode levels that close
// CVE-2024-56161 (AMD-SB-3019). Turin has no entry: state a floor for it.
func Floors() map[Product]TCB {
	return map[Product]TCB{
		Milan: {SNP: 0x18, Microcode: 0xdb},
		Genoa: {SNP: 0x17, Microcode: 0x54},
	}
}
